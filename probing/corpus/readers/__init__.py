"""Readers, one file a format: `table`, `msp_podcast`, `iemocap`, `msp_improv`.

The last three share `release` (finding an unpacked release and its files) and `folds` (splits by session). `sexes`
reads the column of the speakers' sex.
"""
