"""Texts in tables that a spreadsheet will open: no cell is a formula, and each is read back as it was.

A spreadsheet takes a cell that begins with =, @, + or - for a formula, which may start programs or send cells away. It
takes one that begins with an apostrophe for text. So such a text is written with an apostrophe before it, which our
readers take off again. Of + and - only what has a call or a reference in it can do anything: an id like -3g5yACwYnA
stays as it is, so that other programs find it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pandas as pd
from pandas.api.types import is_object_dtype, is_string_dtype

# Behind apostrophes too, so that what is taken off is what was put before it; full-width signs count in some languages.
_FORMULA = re.compile(r"'*\s*(?:[=@＝＠]|[-+－＋].*[(|!])", re.DOTALL)


def as_text(cell: str) -> str:
    """A text as it stands in a table.

    >>> as_text("=1+1"), as_text("'=1"), as_text("-cmd|x"), as_text("-3g5y"), as_text("'cause")
    ("'=1+1", "''=1", "'-cmd|x", '-3g5y', "'cause")
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def from_text(cell: str) -> str:
    """The text of a cell that `as_text` made, or of any other.

    >>> from_text("'=1+1"), from_text("''=1"), from_text("'cause"), from_text("=1")
    ('=1+1', "'=1", "'cause", '=1')
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def to_csv(table: pd.DataFrame, target: Path | TextIO, form: str | None = None) -> None:
    """Write a table as CSV without its index; no cell of it is a formula.

    Args:
        table: The table.
        target: The file.
        form: How numbers are written, as in `"%.6g"`.
    """
    header = [as_text(str(name)) for name in table.columns]
    safe = table.copy(deep=False)
    for place in range(table.shape[1]):
        safe.isetitem(place, _each(table.iloc[:, place], as_text))
    # A file name that is not UTF-8 has lone surrogates, which are written as escapes.
    safe.to_csv(target, index=False, header=header, float_format=form, errors="backslashreplace")


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
