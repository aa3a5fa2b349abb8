"""The numbers printed in the paper's tables, as CSV beside the figures (`figures/published/`)."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from probing.errors import ProbingError
from probing.files.checked_csv import read_table
from probing.runs.entries import CorpusEntry

RELEASE = "MSP-Podcast v1.10"  # what they were measured on
SAID = (
    f"Published by de Oliveira, Raj Prabhu and Gerkmann (Interspeech 2023) on {RELEASE}; to be compared with no other "
    "corpus and no other release."
)
_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE / "published", _PACKAGE.parent / "figures" / "published")  # of an installation, of a checkout
_UTTERANCES = {"train": 63_076, "development": 10_999, "test1": 16_903, "test2": 13_289}  # of that release


def published(table: str) -> pd.DataFrame:
    """A table of the paper.

    Args:
        table: `table1` or `table2`.

    Raises:
        ProbingError: It is not in this installation (code `published-missing`).
    """
    for place in _PLACES:
        if (place / f"{table}.csv").is_file():
            return read_table(place / f"{table}.csv", ())
    raise ProbingError(
        f"the published {table} is not in this installation",
        f"{table}.csv is in none of {', '.join(map(str, _PLACES))}",
        "install the package again",
        code="published-missing",
    )


def on_the_papers_release(corpus: CorpusEntry) -> bool:
    """Whether a corpus is the release that the paper's numbers are of, told from what it holds, not from its name.

    Utterances that --allow-missing left out may be missing. Of an MSP-Podcast folder that holds other numbers of
    utterances it is said on stderr that its release is not the paper's, or not known.
    """
    lacking = [count - corpus.utterances.get(name, 0) for name, count in _UTTERANCES.items()]
    if min(lacking) >= 0 and sum(lacking) <= len(corpus.left_out):
        return True
    if corpus.spec.prefix == "msp-podcast":
        counts = ", ".join(f"{name} {corpus.utterances.get(name, 0):,}" for name in _UTTERANCES)
        said = f"{corpus.full_title} is not {RELEASE}, or of an unknown release ({counts})"
        print(f"{said}: published points are left out", file=sys.stderr)
    return False
