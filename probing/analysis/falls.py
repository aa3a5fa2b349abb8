"""How far a CCC falls when something is erased: 1 − after / before, with an interval over speakers.

Before and after are of the same utterances, so the jackknife leaves a speaker out of both. A fall of nothing is not a
number: where the interval of the CCC before includes 0, the fall is NaN.

Shape legend: B held-out utterances · S training seeds (1 of closed-form probes) · R random subspaces · C speakers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probing.statistics.concordance import ccc
from probing.statistics.jackknife import left_out_ccc, over_speakers, score_interval, t_interval

Ends = tuple[float, float]
UNKNOWN = (np.nan, np.nan)


@dataclass(frozen=True)
class Falls:
    """What became of one CCC, a mean over training seeds.

    Args:
        before: With everything.
        before_ends: Its 95 % interval over speakers, and seeds.
        after: Without the concept.
        after_ends: Its interval.
        fall: 1 − after / before; NaN where the interval before includes 0.
        fall_ends: Its interval over speakers; it is of these trainings, whose spread over seeds is not in it.
        randoms: Falls of random subspaces of the same rank.
    """

    before: float
    before_ends: Ends
    after: float
    after_ends: Ends
    fall: float
    fall_ends: Ends
    randoms: tuple[float, ...] = ()

    def rows(self, rank: int) -> list[dict[str, object]]:
        """Measure, value and interval, one row each; of random subspaces the ends are the smallest and the largest."""
        rows = [
            _row("before", self.before, self.before_ends),
            _row("after", self.after, self.after_ends),
            _row("fall", self.fall, self.fall_ends),
        ]
        if self.randoms:
            rows.append(_row("random", float(np.mean(self.randoms)), (min(self.randoms), max(self.randoms))))
        return [*rows, _row("rank", float(rank), UNKNOWN)]


def fall_of(
    truth_B: NDArray[np.float64],
    before_SB: NDArray[np.float64],
    after_SB: NDArray[np.float64],
    randoms_RSB: NDArray[np.float64],
    clusters: Sequence[str],
) -> Falls:
    """Compare estimates before and after.

    Args:
        truth_B: Ratings.
        before_SB: Estimates with everything.
        after_SB: Without the concept.
        randoms_RSB: Without random subspaces.
        clusters: Each utterance's speaker.

    Raises:
        ScoreError: As `ccc`.
    """
    scores_2S = ccc(truth_B, np.stack([before_SB, after_SB]))
    left_2SC, sizes_C, _ = left_out_ccc(truth_B, np.stack([before_SB, after_SB]), clusters)
    low_2, high_2 = score_interval(scores_2S, left_2SC, sizes_C)
    (before, after), left_2C = scores_2S.mean(-1), left_2SC.mean(1)
    ends = [(float(low), float(high)) for low, high in zip(low_2, high_2, strict=True)]
    if ends[0][0] <= 0 or before <= 0:  # of a single speaker the ends are NaN, and the fall has no interval
        return Falls(float(before), ends[0], float(after), ends[1], np.nan, UNKNOWN)
    fall = 1 - after / before
    # Without some speaker nothing may be left to fall; then the fall has no interval.
    kept_C = np.divide(left_2C[1], left_2C[0], out=np.full_like(left_2C[0], np.nan), where=left_2C[0] > 0)
    low, high = t_interval(fall, over_speakers(1 - kept_C, sizes_C))
    random_R = 1 - ccc(truth_B, randoms_RSB).mean(-1) / before
    return Falls(float(before), ends[0], float(after), ends[1], float(fall), (float(low), float(high)), tuple(random_R))


def notes_on(falls: Mapping[tuple[int, str, str], Falls]) -> tuple[str, ...]:
    """Where there is nothing to fall."""
    nothing: dict[str, list[int]] = {}
    for (layer, dim, _), own in falls.items():
        if np.isnan(own.fall):
            nothing.setdefault(dim, []).append(layer)
    return tuple(
        f"{dim}: no drop is given at layer {', '.join(map(str, dict.fromkeys(layers)))}, where the interval of the CCC "
        "before includes 0"
        for dim, layers in nothing.items()
    )


def _row(measure: str, value: float, ends: Ends) -> dict[str, object]:
    return {"measure": measure, "value": value, "low": ends[0], "high": ends[1]}
