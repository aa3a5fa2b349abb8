"""Read a table of any format that is one file; its ending says which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from probing.corpus.readers.tables import json_table, parquet
from probing.corpus.readers.tables.cells import Cells, read_cells
from probing.corpus.readers.tables.columns import KNOWN, demand_columns
from probing.corpus.readers.tables.separated import SEPARATORS


def is_table(name: str) -> bool:
    """Whether a file is a table by its name, in lower case.

    >>> is_table("train.csv"), is_table("train.jsonl"), is_table("train.txt")
    (True, True, False)
    """
    return Path(name).suffix in (*SEPARATORS, *json_table.ENDINGS, parquet.ENDING)


def read(path: Path, known: Sequence[str] = KNOWN, needed: Sequence[str] = ()) -> Cells:
    """Read a table.

    Args:
        path: Its file.
        known: Column names to be recognised whatever their case; other columns keep their spelling.
        needed: Those of them that must be there. Where JSON has an object for each row, by its name, the first of them
            is what the names are a column of.

    Raises:
        CorpusError: As the reader of its format says; a file of another ending is read as separated text. It lacks a
            needed column (code `column-missing`), or has one twice (`column-repeated`).
    """
    ending = path.suffix.lower()
    if ending not in (*json_table.ENDINGS, parquet.ENDING):
        return read_cells(path, known, needed)
    cells = parquet.read(path) if ending == parquet.ENDING else json_table.read(path, *needed[:1])
    spelling = {name.lower(): name for name in known}
    header = [spelling.get(name.lower(), name) for name in cells.columns]
    demand_columns(header, needed, path)
    return replace(cells, columns=dict(zip(header, cells.columns.values(), strict=True)))
