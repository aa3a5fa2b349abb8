"""Read a table of any format that is one file; its ending says which."""

from __future__ import annotations

from pathlib import Path

from probing.corpus.readers.tables import json_table, parquet
from probing.corpus.readers.tables.cells import Cells, read_cells
from probing.corpus.readers.tables.columns import KNOWN
from probing.corpus.readers.tables.separated import SEPARATORS


def is_table(name: str) -> bool:
    """Whether a file is a table by its name, in lower case.

    >>> is_table("train.csv"), is_table("train.jsonl"), is_table("train.txt")
    (True, True, False)
    """
    return Path(name).suffix in (*SEPARATORS, *json_table.ENDINGS, parquet.ENDING)


def read(path: Path) -> Cells:
    """Read a table.

    Raises:
        CorpusError: As the reader of its format says; a file of another ending is read as separated text.
    """
    ending = path.suffix.lower()
    if ending in json_table.ENDINGS:
        return json_table.read(path)
    return parquet.read(path) if ending == parquet.ENDING else read_cells(path, KNOWN, ())
