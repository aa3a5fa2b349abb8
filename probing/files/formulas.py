"""Texts that a spreadsheet would take for formulas, as they stand in a table, and read back.

A spreadsheet takes a cell that begins with =, @, + or - for a formula, which may start programs or send cells away. It
takes one that begins with an apostrophe for text. So such a text is written with an apostrophe before it, which our
readers take off again. Of + and - only what has a call or a reference in it can do anything: an id like -3g5yACwYnA
stays as it is, so that other programs find it.
"""

from __future__ import annotations

import re

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
