"""Corpus × encoder → cache.

plan       which utterances go into which batch and part
inputs     what an encoder is given of an utterance
pooling    what a cache keeps of one utterance's hidden states
cost       what an extraction will take
extract    the extraction itself
verify     whether a cache is what it should be
"""
