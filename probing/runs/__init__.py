"""Runs on disk: one folder a run, with one record.json.

scores       estimates and CCC of every partition as tables; predictions read back
records      what a record says, typed and versioned; the one reader
version1     records of version 0.1.0 as those of today
store        folders of runs: begun, written, finished, listed
printing     scores and runs as text
"""
