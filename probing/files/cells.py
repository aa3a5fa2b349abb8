"""Tables that a spreadsheet will open: no cell is a formula (see `formulas`), and each is read back as it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_object_dtype, is_string_dtype

from probing.files.formulas import as_text, from_text

_SPECIAL = re.compile('[,"\r\n]')  # what is quoted in CSV
_ROWS = 4096  # formatted at a time
_Column = NDArray[np.float64] | list[str]


def to_csv(table: pd.DataFrame, target: Path | TextIO, form: str | None = None) -> None:
    """Write a table as CSV without its index; no cell of it is a formula.

    What is written is what pandas writes, which takes four times as long for numbers in a form: it asks of each cell
    what it is, where here whole rows are formatted at once.

    Args:
        table: The table.
        target: The file.
        form: How numbers are written, as in `"%.6g"`; by default so that the same float64 is read back.
    """
    columns = [_column(table.iloc[:, place]) for place in range(table.shape[1])]
    with _opened(target) as file:
        file.write(",".join(_quoted(as_text(str(name))) for name in table.columns) + "\n")
        for start in range(0, len(table), _ROWS):  # the numbers of a block at a time are Python's, of 24 bytes each
            cells = [_written(column[start : start + _ROWS], form or "%r") for column in columns]
            row = ",".join(mark for mark, _ in cells) + "\n"
            file.writelines(map(row.__mod__, zip(*(own for _, own in cells), strict=True)))


def _opened(target: Path | TextIO) -> AbstractContextManager[TextIO]:
    if not isinstance(target, Path):
        return nullcontext(target)
    # A file name that is not UTF-8 has lone surrogates, which are written as escapes.
    return target.open("w", encoding="utf-8", errors="backslashreplace", newline="")


def _column(column: pd.Series) -> _Column:
    """Numbers as an array, NaN where there is none; of anything else the cells, quoted where that is needed."""
    if column.dtype.kind == "f":
        return column.to_numpy(np.float64, na_value=np.nan)
    cells = column.astype(object).where(column.notna(), "").tolist()
    known = {cell: _quoted(as_text(cell)) for cell in {*cells} if isinstance(cell, str)}
    return [known[cell] if isinstance(cell, str) else str(cell) for cell in cells]


def _written(column: _Column, form: str) -> tuple[str, list[float] | list[str]]:
    """How the cells of a block's column are formatted, and the cells; a missing number is blank."""
    if isinstance(column, list):
        return "%s", column
    if np.isnan(column).any():
        return "%s", ["" if cell != cell else form % cell for cell in column.tolist()]
    return form, column.tolist()


def _quoted(cell: str) -> str:
    """A text as a cell of CSV (RFC 4180)."""
    return '"' + cell.replace('"', '""') + '"' if _SPECIAL.search(cell) else cell


def texts_of(column: pd.Series) -> pd.Series:
    """A column as it was before `to_csv` wrote it."""
    return _each(column, from_text)


def _each(column: pd.Series, change: Callable[[str], str]) -> pd.Series:
    """A column with its texts changed; most columns have none to change, and keep their very values."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if not (is_object_dtype(column.dtype) or is_string_dtype(column.dtype)):
        return column
    texts = (cell for cell in column.unique() if isinstance(cell, str))
    changed = {cell: new for cell in texts if (new := change(cell)) != cell}
    return column.map(lambda cell: changed.get(cell, cell)) if changed else column
