"""The numbers printed in the paper's tables, as CSV beside the figures (`figures/published/`)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from probing.errors import ProbingError

CORPUS = "MSP-Podcast v1.10"  # what they were measured on
SAID = (
    f"Published by de Oliveira, Raj Prabhu and Gerkmann (Interspeech 2023) on {CORPUS}; to be compared with no other "
    "corpus and no other release."
)
_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE / "published", _PACKAGE.parent / "figures" / "published")  # of an installation, of a checkout


def published(table: str) -> pd.DataFrame:
    """A table of the paper.

    Args:
        table: `table1` or `table2`.

    Raises:
        ProbingError: It is not in this installation.
    """
    for place in _PLACES:
        if (place / f"{table}.csv").is_file():
            return pd.read_csv(place / f"{table}.csv")
    raise ProbingError(f"published {table} is not in this installation", "", "install the package again")
