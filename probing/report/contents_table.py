"""Curves over the layers from the table of a run of `probe layers`."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

SHARES, NUISANCE, ERASURE, INSIDE = "shares", "nuisance", "erasure", "inside"
SIMILARITY, DESCRIPTION = "similarity", "description"
LAYER, WORDS, SOUND = "layer", "words", "sound"
R2, SHARE, FALL, RANDOM, BITS, ACCURACY, CHANCE = "r2", "share", "fall", "random", "bits", "accuracy", "chance"
# What a layer's R² is made of, from the bottom of the picture, and how a reader calls it.
COMPONENTS = {
    "layer&words": "shared with words",
    "layer&words&sound": "shared with both",
    "layer&sound": "shared with sound",
    "layer": "the layer's own",
}
ENDS = ["value", "low", "high"]


def by_layer(
    table: pd.DataFrame, analysis: str, measure: str, target: str | None = None, part: str | None = None
) -> pd.DataFrame:
    """A curve: value, low and high, by the index of the layer.

    Args:
        table: As `probing.runs.contents.read_contents` gives it.
        analysis: Name of an analysis.
        measure: The number's kind.
        target: What is predicted; None: whatever it is.
        part: From what, or without what.
    """
    own = (table.analysis == analysis) & (table.measure == measure)
    if target is not None:
        own &= table.target == target
    if part is not None:
        own &= table.part == part
    return table[own].groupby("layer")[ENDS].first().reindex(sorted(set(table.layer[own])))


def level(table: pd.DataFrame, target: str, part: str) -> pd.Series[float] | None:
    """R² of what has no layer, such as words alone: value, low and high; None where it is not there."""
    own = by_layer(table, SHARES, R2, target, part)  # the same beside every layer
    return None if own.empty else own.iloc[0]


def dimensions_in(table: pd.DataFrame, dimensions: Sequence[str]) -> list[str]:
    """Those of a run's dimensions that its table has numbers of."""
    known = set(table.target[table.analysis.isin([SHARES, ERASURE, DESCRIPTION])])
    return [name for name in dimensions if name in known]


def components_in(table: pd.DataFrame) -> list[str]:
    """The shares that its R² is split into: fewer where words or sound were left out."""
    known = set(table.part[(table.analysis == SHARES) & (table.measure == SHARE)])
    return [part for part in COMPONENTS if part in known]


def concepts_in(table: pd.DataFrame, analysis: str = ERASURE) -> list[str]:
    """What was erased, in the order of the table."""
    return list(dict.fromkeys(table.part[(table.analysis == analysis) & (table.measure == FALL)]))


def nuisances_in(table: pd.DataFrame) -> list[tuple[str, str]]:
    """What else was predicted, and by which measure, in the order of the table."""
    own = table[(table.analysis == NUISANCE) & table.measure.isin([R2, ACCURACY])]
    return list(dict.fromkeys(zip(own.target, own.measure, strict=True)))


def layers_in(table: pd.DataFrame, *analyses: str) -> list[int]:
    """Indices of the layers that some analyses have numbers of."""
    own = table[table.analysis.isin(analyses) & (table.measure != CHANCE)]  # what belongs to no layer
    return sorted(set(own.layer))


def drawn_of(table: pd.DataFrame, dimensions: Sequence[str]) -> pd.DataFrame:
    """The rows that the figure of contents shows, and the unions of which its shares are made."""
    own = table[table.analysis.isin([SHARES, NUISANCE, ERASURE, INSIDE, DESCRIPTION])]
    own = own[(own.analysis == NUISANCE) | own.target.isin(dimensions)]
    return own[own.measure != "bits-each"].reset_index(drop=True)
