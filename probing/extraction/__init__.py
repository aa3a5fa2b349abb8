"""Corpus × encoder → cache.

options    options of extract and verify, and which cache to read (loads without torch)
commands   the `probe extract` command as the user types it (loads without torch and h5py)
plan       which utterances go into which batch and part
inputs     what an encoder is given of an utterance
pooling    what a cache keeps of one utterance's hidden states
cost       what an extraction will take: hours, bytes; timing: how long
matching   how far a cache is a corpus's own
locate     where a corpus's cache is
ahead      work that threads do before it is needed
parts      decode, encode, write: one process's share
extract    the extraction itself
measured   the table of measured numbers in a cache folder
acoustics  corpus → acoustic measures of every utterance
verify     whether a cache is what it should be
"""
