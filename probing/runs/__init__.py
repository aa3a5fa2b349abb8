"""Runs on disk: one folder a run, with one record.json.

owned        a run's own files: in its folder, and what the run wrote
scores       estimates and CCC of every partition as tables; predictions read back
categories   the same for classes: UAR, macro-F1, accuracy; classes read back
folds        what the runs of all folds tested, pooled
entries      the parts of a record: corpus, encoder, cache, system, scores, files
published    what names a published model, and what an evaluation records of it
records      what a record says, typed and versioned
version1     records of version 0.1.0 in today's form
there        whether a folder holds a finished run
store        records: written, sealed, read by one reader; runs complete or not, listed
folders      folders of new runs
pooling      what pooled runs have in common: members, notes, how they are found again
printing     scores and runs as text
"""
