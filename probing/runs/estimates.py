"""Tables of estimates read back: what predictions.csv and categories.csv have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from probing.errors import RunError
from probing.files.checked_csv import read_table
from probing.files.recorded import File
from probing.runs.owned import REMEDY, own_file

SEED = "seed"  # begins the name of a training seed's column
_SEEDS = re.compile(rf"{SEED}(0|[1-9][0-9]{{0,19}})")  # 64 bits have up to twenty digits


def seed_of(column: str) -> int | None:
    """The training seed of a system whose estimates a column holds; None of other columns.

    >>> seed_of("seed12"), seed_of("seed012"), seed_of("weighted-seed0")
    (12, None, None)
    """
    found = _SEEDS.fullmatch(column)
    return None if found is None else int(found[1])


def read_estimates(
    path: Path, files: Mapping[str, File] | None, needed: Sequence[str], target: str, words: Sequence[str] | None
) -> pd.DataFrame:
    """A run's table of estimates.

    Args:
        path: Its file.
        files: What the run's record says of all its files; None for a run of version 0.1.0.
        needed: Columns that it must have.
        target: The column that names what is estimated.
        words: Columns that are not numbers; None: all of them.

    Raises:
        RunError: It is missing or has changed (code `run-incomplete`), or is damaged (`run-damaged`).
    """
    own = own_file(path.parent, path.name, files)
    try:
        table = read_table(own, words)
        if absent := [name for name in needed if name not in table]:
            raise ValueError(f"there is no column {', '.join(absent)}")
        numbers = [] if words is None else table.columns.difference(words)
        table = table.astype(dict.fromkeys(numbers, float))
        if np.isinf(table[numbers]).to_numpy(float).any():
            raise ValueError("a number is infinite")
        _demand_ids(table, target)
        return table
    except ValueError as error:  # pandas' own errors are ValueErrors too
        raise RunError(f"{own}", f"it is damaged ({error})", REMEDY, code="run-damaged") from error


def _demand_ids(table: pd.DataFrame, target: str) -> None:
    """Raise a ValueError unless each row has an id, and of each target another one."""
    if table.id.isna().any() or (table.id == "").any():
        raise ValueError("an utterance has no id")
    if table[["id", target]].duplicated().any():
        raise ValueError("an utterance is estimated twice")
