"""What all tables of estimates have: a column for each training seed, and an id in each row."""

from __future__ import annotations

import re

import pandas as pd

SEED = "seed"  # begins the name of a training seed's column
_SEEDS = re.compile(rf"{SEED}(0|[1-9][0-9]{{0,19}})")  # 64 bits have up to twenty digits


def seed_of(column: str) -> int | None:
    """The training seed of a system whose estimates a column holds; None of other columns.

    >>> seed_of("seed12"), seed_of("seed012"), seed_of("weighted-seed0")
    (12, None, None)
    """
    found = _SEEDS.fullmatch(column)
    return None if found is None else int(found[1])


def demand_ids(table: pd.DataFrame, target: str) -> None:
    """Raise a ValueError unless each row has an id, and of each target another one.

    Args:
        table: As of `predictions.csv` or `categories.csv`.
        target: The column that names what is estimated.
    """
    if table.id.isna().any() or (table.id == "").any():
        raise ValueError("an utterance has no id")
    if table[["id", target]].duplicated().any():
        raise ValueError("an utterance is estimated twice")
