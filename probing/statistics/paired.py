"""Scores of several systems set against each other, on the same speakers, with the spread over training seeds.

Shape legend: S training seeds · N utterances · C clusters (speakers) · K systems.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from probing.errors import ScoreError
from probing.statistics.concordance import ccc
from probing.statistics.jackknife import (
    Spread,
    counted_twice,
    left_out_ccc,
    over_seeds,
    over_speakers,
    p_value,
    score_interval,
    t_interval,
    t_reach,
    with_seeds,
)


@dataclass(frozen=True, eq=False)
class Sample:
    """A system's estimates of one dimension on one partition; its scores are computed once.

    Args:
        ids: The N utterances, sorted.
        truth_N: Their ratings.
        estimates_SN: Estimates of each training seed.
        seeds: The S training seeds.
        clusters: What is left out in turn: each utterance's speaker, or the utterance itself.
        training: What tells one training from another; samples of one training (on two partitions, or under two
            conditions) are paired by seed. By default each sample is a training of its own.
    """

    ids: tuple[str, ...]
    truth_N: NDArray[np.float64]
    estimates_SN: NDArray[np.float64]
    seeds: tuple[int, ...]
    clusters: tuple[str, ...]
    training: str = ""

    @cached_property
    def scores_S(self) -> NDArray[np.float64]:
        """CCC of each training seed."""
        return ccc(self.truth_N, self.estimates_SN)

    @property
    def score(self) -> float:
        """CCC, the mean over training seeds."""
        return float(self.scores_S.mean())

    @cached_property
    def left_out_SC(self) -> NDArray[np.float64]:
        """CCC of each seed without each speaker."""
        return self._left_out[0]

    @property
    def sizes_C(self) -> NDArray[np.float64]:
        """Utterances of each speaker."""
        return self._left_out[1]

    @property
    def speakers_C(self) -> NDArray[np.str_]:
        """The speakers, sorted."""
        return self._left_out[2]

    @cached_property
    def _left_out(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]]:
        return left_out_ccc(self.truth_N, self.estimates_SN, self.clusters)

    def interval(self) -> tuple[float, float]:
        """95 % interval of the score; NaN for one speaker."""
        low, high = score_interval(self.scores_S, self.left_out_SC, self.sizes_C)
        return float(low), float(high)


@dataclass(frozen=True)
class Contrast:
    """A linear combination of scores, each the mean over training seeds, with its 95 % interval.

    Args:
        value: The combination.
        low: Lower end; NaN where there is none (one speaker).
        high: Upper end.
        seeds: Training seeds of the system that has the fewest.
        n: Utterances.
        spread: Its variance and their degrees of freedom.
    """

    value: float
    low: float
    high: float
    seeds: int
    n: int
    spread: Spread

    def p_value(self, bound: float = 0.0) -> float:
        """Two-sided p-value of the test that the true value is the bound."""
        return p_value(self.value, self.spread, bound)


def contrast(samples: Sequence[Sample], coefficients: Sequence[float]) -> Contrast:
    """Combine systems' scores: Σ coefficient · CCC.

    The variance is that over speakers, by the jackknife, and that over training seeds, which are independent between
    trainings; what both hold is counted once. The interval is Student's with Satterthwaite's degrees of freedom.

    Args:
        samples: Estimates of K systems: of the same utterances, or of two partitions (a fall from seen to unseen).
        coefficients: One for each; (1, −1) is a difference.

    Raises:
        ScoreError: Trainings to be paired have other seeds (code `unequal-lengths`).
    """
    weights = np.asarray(coefficients, np.float64)
    value = float(sum(w * sample.score for w, sample in zip(weights, samples, strict=True)))
    spread = _spread(samples, weights)
    low, high = t_interval(value, spread)
    n = len({id_ for sample in samples for id_ in sample.ids})
    return Contrast(value, float(low), float(high), min(len(s.seeds) for s in samples), n, spread)


def ratio(numerator: Sample, denominator: Sample) -> tuple[float, float, float]:
    """How many times the denominator's score the numerator's is, with its 95 % interval (Fieller, 1954).

    The interval holds the ratios ρ for which numerator − ρ · denominator may be 0. It is NaN where the denominator may
    be 0 itself: no ratio can be excluded then.

    Returns:
        The ratio, its low and its high end.
    """
    top, bottom = numerator.score, denominator.score
    if bottom == 0:
        return np.nan, np.nan, np.nan
    value, both = top / bottom, [numerator, denominator]
    variances = [float(contrast([sample], [1]).spread.variance) for sample in both]
    covariance = (sum(variances) - float(contrast(both, [1, -1]).spread.variance)) / 2
    reach = float(t_reach(contrast(both, [1, -value]).spread.df)) ** 2
    # (top − ρ bottom)² ≤ reach · its variance, as a quadratic in ρ
    a, b, c = bottom**2 - reach * variances[1], top * bottom - reach * covariance, top**2 - reach * variances[0]
    if not a > 0:  # also NaN, of one speaker
        return value, np.nan, np.nan
    root = np.sqrt(max(b**2 - a * c, 0.0))
    return value, float((b - root) / a), float((b + root) / a)


def fall(seen: Sample, unseen: Sample) -> Contrast:
    """How much higher a system's CCC is on unseen than on seen material (below 0: it falls)."""
    return contrast([unseen, seen], [1, -1])


def _spread(samples: Sequence[Sample], weights: NDArray[np.float64]) -> Spread:
    """Variance of a combination: over speakers for each set of them, over seeds for each training."""
    speakers = [
        over_speakers(left_out_SC[0], sizes_C)
        for left_out_SC, sizes_C in _without_each(samples, weights, lambda scores: scores.mean(0, keepdims=True))
    ]
    seeds, twice = [], []
    for places in _by_training(samples):
        own, own_weights = [samples[place] for place in places], weights[places]
        scores_S = sum(weight * sample.scores_S for weight, sample in zip(own_weights, own, strict=True))
        seeds.append(over_seeds(np.asarray(scores_S)))
        twice.append(sum(counted_twice(left_out_SC) for left_out_SC, _ in _without_each(own, own_weights, np.asarray)))
    return with_seeds(speakers, seeds, twice)


def _by_training(samples: Sequence[Sample]) -> list[list[int]]:
    """Places of each training's samples, which are paired by seed."""
    trainings = [sample.training or f"sample {place}" for place, sample in enumerate(samples)]
    found = []
    for training in dict.fromkeys(trainings):
        own = [place for place, other in enumerate(trainings) if other == training]
        if len({samples[place].seeds for place in own}) > 1:
            raise ScoreError(f"estimates of {training}", "they are of other seeds", code="unequal-lengths")
        found.append(own)
    return found


def _without_each(
    samples: Sequence[Sample],
    weights: NDArray[np.float64],
    of_seeds: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Combinations without each speaker in turn, and the speakers' sizes, for each set of samples that share some.

    A speaker is left out of all samples at once; a sample that lacks one keeps its score.

    Args:
        samples: Estimates of K systems.
        weights: Their coefficients [K].
        of_seeds: What is taken of scores of each seed, [S, C]: their mean [1, C], or themselves.
    """
    found = []
    for group in _by_speakers(samples):
        names = np.unique(np.concatenate([samples[place].speakers_C for place in group]))
        left_out, sizes_C = np.zeros((1, len(names))), np.zeros(len(names))
        for place in group:
            sample = samples[place]
            own_SC = np.repeat(sample.scores_S[:, None], len(names), axis=1)
            columns = np.searchsorted(names, sample.speakers_C)
            own_SC[:, columns] = sample.left_out_SC
            left_out = left_out + weights[place] * of_seeds(own_SC)
            sizes_C[columns] = np.maximum(sizes_C[columns], sample.sizes_C)
        found.append((left_out, sizes_C))
    return found


def _by_speakers(samples: Sequence[Sample]) -> list[list[int]]:
    """Places of the samples that share speakers, directly or through others."""
    speakers = [frozenset(sample.speakers_C.tolist()) for sample in samples]
    groups: list[list[int]] = []
    for place, own in enumerate(speakers):
        sharing = [group for group in groups if any(speakers[other] & own for other in group)]
        groups = [group for group in groups if group not in sharing]
        groups.append([*(other for group in sharing for other in group), place])
    return groups
