"""Whether two encoders rank their layers alike, though they have different numbers of them.

Shape legend: L states of an encoder · G points of relative depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import spearmanr

from probing.statistics.curves import Curve

POINTS = 11  # of relative depth: 0, .1 … 1


@dataclass(frozen=True)
class Agreement:
    """Rank correlation of two curves over relative depth.

    Args:
        rho: Spearman's ρ; NaN where a curve is flat.
        low: The lowest that it is where any one speaker is left out; NaN where they share no speakers.
        high: The highest. These ends are no confidence interval: ranks jump, and a jackknife of them is not calibrated.
    """

    rho: float
    low: float
    high: float


def rank_agreement(one: Curve, other: Curve) -> Agreement:
    """Spearman's ρ between two curves at eleven points of relative depth, with its range over speakers left out.

    Between its states a curve is taken as straight, since the shallower encoder has fewer of them.
    """
    rho = float(_rho(one.value_L, other.value_L))
    shared = sorted({*one.speakers} & {*other.speakers})
    if len(shared) < 2:
        return Agreement(rho, np.nan, np.nan)
    places = [[curve.speakers.index(speaker) for speaker in shared] for curve in (one, other)]
    pairs = zip(one.left_out_CL[places[0]], other.left_out_CL[places[1]], strict=True)
    without = [_rho(own_L, other_L) for own_L, other_L in pairs]
    return Agreement(rho, float(np.min(without)), float(np.max(without)))


def at_depths(curve_L: ArrayLike, points: int = POINTS) -> NDArray[np.float64]:
    """A curve over L states at evenly spaced points of relative depth, 0 (first state) to 1 (last); [G].

    >>> at_depths([0.0, 1.0, 0.0], 5)
    array([0. , 0.5, 1. , 0.5, 0. ])
    """
    values = np.asarray(curve_L, np.float64)
    return np.interp(np.linspace(0, 1, points), np.linspace(0, 1, len(values)), values)


def _rho(one_L: NDArray[np.float64], other_L: NDArray[np.float64]) -> float:
    one, other = at_depths(one_L), at_depths(other_L)
    if not (np.ptp(one) > 0 and np.ptp(other) > 0):  # also NaN: a flat curve ranks nothing
        return np.nan
    # Equal points of a curve are ties, also where the last bits of an interpolation differ.
    return float(spearmanr(one.round(12), other.round(12)).statistic)
