"""Claims about layers: whether a dimension is carried, where it is, and which of two lies deeper (section 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from probing.statistics.curves import Curve
from probing.statistics.verdicts import Finding

CARRIED_LEVEL = 0.01  # of a false "carried" on each of two partitions
CLAIMS_LEVEL = 0.03  # of a false verdict among the claims about layers: the rest of 5 %


@dataclass(frozen=True)
class LayerSummary:
    """Where one dimension is.

    Args:
        dimension: Its name.
        carried: The verdict on whether any layer carries it (on test2, else on test1).
        best_layer: The layer of the highest R².
        confidence_set: Layers of which the best could be one, with 95 % confidence.
        centre: Centre of the curve as relative depth, 0 (first state) to 1 (last); None where nothing is above 0.
        low: Lower end of its 95 % interval; None where there is none.
        high: Upper end.
    """

    dimension: str
    carried: str
    best_layer: int
    confidence_set: tuple[int, ...] = ()
    centre: float | None = None
    low: float | None = None
    high: float | None = None


def carried_findings(observed: pd.DataFrame, nulls: pd.DataFrame) -> list[Finding]:
    """Whether some layer carries each dimension, on each test partition.

    Args:
        observed: CCC of ridge probes: dimension, layer, partition, ccc.
        nulls: As nulls.csv; only rows of the kind `ridge` count.

    Returns:
        A finding for each dimension and test partition, with its verdict: `holds` or `undecided`.
    """
    raise NotImplementedError


def layer_findings(curves: Mapping[str, Curve], carried: Sequence[Finding], above: str) -> list[Finding]:
    """Claims about where arousal and valence are, with their verdicts.

    Args:
        curves: Dimension → its curve.
        carried: What `carried_findings` found.
        above: What the curves are above: `0`, or `random encoders`.
    """
    raise NotImplementedError


def layer_summaries(curves: Mapping[str, Curve], carried: Sequence[Finding]) -> dict[str, LayerSummary]:
    """Dimension → where it is."""
    raise NotImplementedError
