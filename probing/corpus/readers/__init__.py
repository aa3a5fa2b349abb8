"""Readers, one file a format. Each gives cells, of which `table` makes a corpus, or a corpus whose labels it knows.

Which reader reads a table or a folder is told in `formats`: `separated` (CSV, TSV), `json_table`, `parquet`; folders of
recordings whose names follow a `pattern`, of `kaldi`, audformat or the library datasets; and public corpora, whose
file names are documented (`coded`). What cells become: `renamed` (columns are called as ours), `columns` (near names
are offered), `targets` (ratings, classes, what `raters` said), `ratings` (numbers), `sexes`, `segments` (their times).

`msp_podcast`, `iemocap` and `msp_improv` read releases as they are unpacked. They share `release` (finding its files),
`answers` (what single raters said) and `folds` (splits by session).
"""
