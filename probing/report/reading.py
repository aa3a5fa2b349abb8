"""A fit's tables, read whole or refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from probing.errors import RunError
from probing.files.checked_csv import read_table
from probing.runs.owned import REMEDY, own_file
from probing.runs.records import FitRecord

_WORDS = (
    "id",
    "partition",
    "speaker",
    "dimension",
    "category",
    "class",
    "kind",
    "labels",
)  # columns that are not numbers
_WHOLE = ("layer", "seed", "refit", "permutation", "n", "classes", "speakers", "utterances")  # columns of whole numbers
_BLANK = ("speaker", "low", "high")  # where a blank cell says something; so it does where a name begins like:
_LAYER = "layer"
_YES_OR_NO = "in_set"
_DEEPEST = 999  # index of a layer: a figure of more would fill the memory


def has(record: FitRecord, name: str) -> bool:
    """Whether a run wrote a file, by its record or, in version 0.1.0, because it is there."""
    return name in record.files if record.files is not None else (record.folder / name).is_file()


def read(record: FitRecord, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """One of a run's tables.

    Args:
        record: The run.
        name: Name of the file.
        columns: Columns that it must have, with something in every cell but those that may be blank.

    Raises:
        RunError: The file is missing or is not what the run wrote (code `run-incomplete`), or it is damaged
            (`run-damaged`): a column is missing, or holds a word or a blank where a number is due.
    """
    path = own_file(record.folder, name, record.files)
    try:
        table = read_table(path, _WORDS)
        _demand_sound(table, columns)
    except ValueError as error:  # pandas' own errors are ValueErrors
        raise damaged(record, name, str(error)) from error
    return table


def damaged(record: FitRecord, name: str, why: str) -> RunError:
    """What to raise where a run's file does not hold what it must."""
    return RunError(f"{record.folder / name}", f"it is damaged ({why})", REMEDY, code="run-damaged")


def _demand_sound(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise a ValueError where a table lacks columns, or holds something else than they promise."""
    if lacking := set(columns).difference(table.columns):
        raise ValueError(f"no column {', '.join(sorted(lacking))}")
    if table.empty:  # of no rows the columns have no types
        return
    for name in columns:
        if table[name].isna().any() and not (name in _BLANK or name.startswith(_LAYER)):
            raise ValueError(f"a cell of {name} is blank")
    for name in table.columns.difference(_WORDS):
        own = table[name]
        if not is_numeric_dtype(own) or (name == _YES_OR_NO) != is_bool_dtype(own):
            raise ValueError(f"{name} holds what does not belong there")
        if np.isinf(own).any() or (name in _WHOLE and (own.dropna() % 1 != 0).any()):
            raise ValueError(f"{name} holds a number that cannot be")
        if name == _LAYER and not own.dropna().between(-1, _DEEPEST).all():
            raise ValueError("a layer is none")
