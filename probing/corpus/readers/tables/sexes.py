"""Read the sex of speakers from a column of a table, in the spellings that occur."""

from __future__ import annotations

from collections.abc import Sequence

from probing.corpus.model import FEMALE, MALE
from probing.errors import first_names, number_of

COLUMNS = ("sex", "gender")  # names of the column, in any case of letters
_SPELLINGS = {FEMALE: FEMALE, "f": FEMALE, "woman": FEMALE, MALE: MALE, "m": MALE, "man": MALE}


def sex_column(columns: Sequence[str]) -> str | None:
    """The column that gives the speakers' sex; None where there is none.

    >>> sex_column(["id", "Gender"]), sex_column(["gender", "Sex"]), sex_column(["id"])
    ('Gender', 'Sex', None)
    """
    spelling = {column.lower(): column for column in reversed(columns)}
    return next((spelling[name] for name in COLUMNS if name in spelling), None)


def read_sexes(cells: Sequence[str], column: str) -> tuple[list[str | None], list[str]]:
    """The sex of each row's speaker, and a note on cells that are neither blank nor a spelling of female or male.

    Args:
        cells: Of the column, without spaces around them.
        column: Its name, for the note.

    >>> read_sexes(["F", "male", "", "Unknown"], "Gender")
    (['female', 'male', None, None], ['column Gender: 1 cell is neither female nor male: Unknown'])
    """
    sexes = [_SPELLINGS.get(cell.lower()) for cell in cells]
    others = [cell for cell, sex in zip(cells, sexes, strict=True) if cell and sex is None]
    if not others:
        return sexes, []
    named = first_names(list(dict.fromkeys(others)))
    return sexes, [
        f"column {column}: {number_of(len(others), 'cell is', 'cells are')} neither female nor male: {named}"
    ]
