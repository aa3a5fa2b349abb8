"""CSV that we wrote and that may be damaged: its size is bounded before pandas is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from probing.files.cells import texts_of
from probing.files.formulas import from_text
from probing.files.reading import demand_regular

_MOST_CELLS = 100_000_000  # 8 bytes each; all probes of a fit on MSP-Podcast's utterances have some 60 million
_MOST_COLUMNS = 20_000  # pandas takes some thousand bytes for each, however short
_BLOCK = 1 << 22  # bytes read at a time


def read_table(path: Path, words: Sequence[str] | None, blank: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table.

    Args:
        path: A file that `to_csv` wrote.
        words: Columns of texts; all others are numbers, truth values, or what pandas makes of them. None: all columns.
        blank: Columns in which a blank cell is missing; in others it is an empty text. None: in all.

    Raises:
        OSError: It is not there, or cannot be read.
        ValueError: It is no such table.
    """
    _demand_bounded(path)
    missing = [""] if blank is None else {name: [""] for name in blank}
    try:
        # pandas would take a speaker "NA" or an id "null" for missing too.
        kinds = str if words is None else dict.fromkeys(words, str)
        table = pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values=missing)
    except OverflowError as error:
        raise ValueError(str(error)) from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too much in a row for an index
        raise ValueError("a row is longer than the header")
    for word in table.columns if words is None else table.columns.intersection(list(words)):
        table[word] = texts_of(table[word])
    return table.rename(columns=from_text)


def _demand_bounded(path: Path) -> None:
    """Raise a ValueError where a file has more cells than memory, or bytes that are in no text."""
    demand_regular(path)
    cells, separators = 0, b",\n"
    with path.open("rb") as file:
        columns = file.readline(_BLOCK).count(b",")
        if columns >= _MOST_COLUMNS or file.tell() >= _BLOCK:
            raise ValueError("its header has no end")
        file.seek(0)
        while block := file.read(_BLOCK):
            cells += sum(map(block.count, separators))
            if cells > _MOST_CELLS:
                raise ValueError(f"it has more than {_MOST_CELLS:,} cells")
            if b"\0" in block:
                raise ValueError("it has bytes that are in no text")
