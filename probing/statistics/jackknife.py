"""Intervals that respect speakers: leave one speaker out at a time, then Student's t.

The utterances of a speaker are not independent samples. The delete-one-speaker jackknife takes the spread of a score
over speakers from the scores without each of them; the effective number of speakers of unequal size (Kish, 1965)
settles the degrees of freedom. Training seeds, or random encoders, are a second source of spread; what a training
happens to make of the speakers of one corpus is in both, and counted once, as in an analysis of variance with two
random factors. Degrees of freedom of sums of variances are Satterthwaite's (1946).

Shape legend: N utterances · C clusters (speakers) · S training seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from probing.errors import ScoreError
from probing.statistics.concordance import checked_pair

FEW_SPEAKERS = 8  # the fewest for which the coverage of the intervals has been measured
_HIGHEST = 1 - 1e-12  # of a CCC whose Fisher's z is finite
_ROUNDING = 1e-9  # differences of CCC up to this are none
Clusters = Sequence[str] | NDArray[np.int64]


@dataclass(frozen=True)
class Spread:
    """A variance and its degrees of freedom, as numbers or arrays [...]."""

    variance: NDArray[np.float64]
    df: NDArray[np.float64]


def left_out_ccc(
    truth: ArrayLike, prediction: ArrayLike, clusters: Clusters
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[Any]]:
    """CCC without the utterances of each cluster in turn.

    Args:
        truth: Labels [N].
        prediction: Estimates [..., N].
        clusters: Each utterance's cluster, N names or numbers.

    Returns:
        Scores [..., C]; the clusters' sizes [C]; their names [C], sorted. Without any of a single cluster nothing is
        left, and the score is NaN.

    Raises:
        ScoreError: As `ccc`; or there are not as many names as labels (code `unequal-lengths`).
    """
    y, p = checked_pair(truth, prediction)
    if len(clusters) != y.shape[-1]:
        what, why = f"{y.shape[-1]} labels and {len(clusters)} speakers' names", "one belongs to each label"
        raise ScoreError(what, why, code="unequal-lengths")
    centre = y.mean()  # moments about a common centre do not cancel
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    left = np.full((*y.shape[:-1], len(names)), np.nan)
    if len(names) > 1:
        for index in np.ndindex(y.shape[:-1]):  # one by one: what all of them need at once is some ten times as much
            left[index] = _left_out(y[index] - centre, p[index] - centre, member)
    return left, np.bincount(member).astype(float), names


def _left_out(y: NDArray[np.float64], p: NDArray[np.float64], member: NDArray[np.intp]) -> NDArray[np.float64]:
    """CCC of estimates p of labels y, [N], without each of at least two clusters, [C]."""
    moments = (np.ones_like(y), y, p, y * y, p * p, y * p)
    sums = np.stack([np.bincount(member, moment) for moment in moments], axis=-1)  # [C, 6]
    left = sums.sum(0) - sums
    my, mp, myy, mpp, myp = (left[:, 1:] / left[:, :1]).T
    spread = (myy - my**2) + (mpp - mp**2) + (my - mp) ** 2
    scores = np.divide(2 * (myp - my * mp), spread, out=np.zeros_like(spread), where=spread > 1e-12)
    return np.clip(scores, -1, 1)


def effective_number(sizes: ArrayLike) -> float:
    """Kish's effective number of clusters, (Σ n)² / Σ n²: their number where they are of one size, else less.

    >>> effective_number([5, 5, 5]), effective_number([10, 1, 1]).__round__(2)
    (3.0, 1.41)
    """
    n = np.asarray(sizes, np.float64)
    return float(n.sum() ** 2 / np.square(n).sum())


def over_speakers(left_out: NDArray[np.float64], sizes: ArrayLike) -> Spread:
    """Variance of a statistic over speakers: (C − 1)/C Σ (θ₍₋c₎ − mean)², with Kish's number − 1 degrees of freedom.

    Args:
        left_out: The statistic without each speaker, [..., C].
        sizes: Utterances of each speaker, [C].

    Returns:
        Variances [...], NaN for a single speaker.
    """
    count = left_out.shape[-1]
    if count < 2:
        return Spread(np.full(left_out.shape[:-1], np.nan), np.asarray(1.0))
    deviations = left_out - left_out.mean(-1, keepdims=True)
    variance = (count - 1) / count * np.square(deviations).sum(-1)
    return Spread(variance, np.asarray(max(effective_number(sizes) - 1, 1.0)))


def over_seeds(values: NDArray[np.float64]) -> Spread:
    """Variance of a mean over training seeds [..., S]; 0 for a single one, which shows none."""
    count = values.shape[-1]
    if count < 2:
        return Spread(np.zeros(values.shape[:-1]), np.asarray(1.0))
    return Spread(values.var(-1, ddof=1) / count, np.asarray(count - 1.0))


def combined(spreads: Sequence[Spread]) -> Spread:
    """Sum of independent variances, with Satterthwaite's degrees of freedom: (Σ v)² / Σ (v² / df)."""
    total = sum((s.variance for s in spreads), start=np.zeros(()))
    below = sum((np.square(s.variance) / s.df for s in spreads), start=np.zeros(()))
    # Of nothing but zeros any number of degrees of freedom is right: the interval is a point.
    df = np.divide(np.square(total), below, out=np.ones_like(total), where=below > 0)
    return Spread(total, np.asarray(df))


def t_interval(
    value: ArrayLike, spread: Spread, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Student's interval: value ± t · √variance, [...]; NaN where the variance is NaN."""
    reach = t_reach(spread.df, level) * np.sqrt(spread.variance)
    return np.asarray(value) - reach, np.asarray(value) + reach


def counted_twice(left_out: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance of a mean over seeds that the jackknife over speakers and the spread over seeds both hold.

    It is the interaction of seeds and speakers, MS / (S · C) in an analysis of variance.

    Args:
        left_out: The statistic of each seed without each speaker, [..., S, C].

    Returns:
        Variances [...]: 0 for a single seed, NaN for a single speaker.
    """
    seeds, count = left_out.shape[-2:]
    if seeds < 2:
        return np.zeros(left_out.shape[:-2])
    apart = left_out - left_out.mean(-2, keepdims=True)
    own = over_speakers(apart, np.ones(count)).variance
    return np.asarray(own.sum(-1) / (seeds - 1) / seeds)


def with_seeds(
    speakers: Sequence[Spread], seeds: Sequence[Spread], twice: Sequence[NDArray[np.float64] | float]
) -> Spread:
    """Variance over speakers and seeds, with what both hold counted once.

    Args:
        speakers: Of independent sets of speakers.
        seeds: Of independent trainings.
        twice: What of each training's variance is among that of the speakers too (`counted_twice`).

    Returns:
        The variance, never below that over speakers; with the fewer of the degrees of freedom before and after what
        is counted twice was taken off, since a difference of estimates is less certain than they are.
    """
    once = [Spread(np.maximum(s.variance - own, 0.0), s.df) for s, own in zip(seeds, twice, strict=True)]
    before, after = combined([*speakers, *seeds]), combined([*speakers, *once])
    return Spread(after.variance, np.minimum(before.df, after.df))


def t_reach(df: NDArray[np.float64], level: float = 0.95) -> NDArray[np.float64]:
    """How many standard errors Student's interval reaches to either side."""
    return np.asarray(stdtrit(df, 0.5 + level / 2))


def p_value(value: float, spread: Spread, bound: float = 0.0) -> float:
    """Two-sided p-value of Student's test that the true value is the bound; NaN where the variance is NaN."""
    error, away = float(np.sqrt(spread.variance)), abs(value - bound)
    if away <= _ROUNDING:  # two constant systems differ by rounding errors, which no standard error must magnify
        return float("nan") if np.isnan(error) else 1.0
    if error == 0:
        return 0.0
    return float(2 * stdtr(float(spread.df), -away / error))


def score_interval(
    scores: NDArray[np.float64], left_out: NDArray[np.float64], sizes: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % interval of a mean CCC over training seeds, by Student's t on Fisher's z = artanh CCC.

    Args:
        scores: CCC of each seed, [..., S].
        left_out: CCC of each seed without each speaker, [..., S, C].
        sizes: Utterances of each speaker, [C].

    Returns:
        Low and high ends [...], between −1 and 1; NaN for a single speaker, who tells nothing of the others.
    """
    speakers = over_speakers(_z(left_out.mean(-2)), sizes)
    spread = with_seeds([speakers], [over_seeds(_z(scores))], [counted_twice(_z(left_out))])
    low, high = t_interval(_z(scores.mean(-1)), spread)
    return np.tanh(low), np.tanh(high)


def _z(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fisher's transformation, finite also for ±1."""
    return np.arctanh(np.clip(scores, -_HIGHEST, _HIGHEST))
