"""Releases as they are unpacked, each read into a corpus.

msp_podcast   with `msp_labels` (its label files) and `msp_releases` (which release it is)
iemocap, msp_improv
release       what they share: finding a release and its files
answers       what single raters said
folds         splits by session
"""
