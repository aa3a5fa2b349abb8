"""Tables: their cells, and the corpus that these become.

table_file   a table of any format that is one file, by its ending: `separated` text (`cells`), `json_table`, `parquet`
stacked      several tables as one
renamed      columns are called as ours; `columns`: near names are offered; `absent`: what a missing value is written as
table        cells → corpus: `targets` (ratings, classes, what `raters` said), `ratings`, `sexes`, `segments` (times)
"""
