"""Readers, one file a format: `table`, `msp_podcast`, `iemocap`, `msp_improv`.

Tables, and label files that are tables, share `cells` (what is written, strictly), `columns` (what their names mean),
`ratings` (their numbers) and `sexes` (the column of the speakers' sex). The last three readers share `release` (finding
an unpacked release and its files), `answers` (what single raters said) and `folds` (splits by session).
"""
