"""Scores of several systems set against each other: the same resampled speakers and training seeds for all.

Shape legend: S training seeds · N utterances · R resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from probing.statistics.bootstrap import bootstrap_ccc, interval
from probing.statistics.concordance import ccc

Combine = Callable[..., NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Sample:
    """A system's estimates of one dimension on one partition; its resamples are drawn once.

    Args:
        ids: The N utterances, sorted.
        truth_N: Their ratings.
        estimates_SN: Estimates of each training seed.
        seeds: The S training seeds.
        clusters: What is resampled: each utterance's speaker, or the utterance itself.
    """

    ids: tuple[str, ...]
    truth_N: NDArray[np.float64]
    estimates_SN: NDArray[np.float64]
    seeds: tuple[int, ...]
    clusters: tuple[str, ...]

    @cached_property
    def score(self) -> float:
        """CCC, the mean over training seeds."""
        return float(ccc(self.truth_N, self.estimates_SN).mean())

    @cached_property
    def draws(self) -> NDArray[np.float64]:
        """Resampled scores [R]; two samples of the same utterances and seeds draw the same ones, and so are paired."""
        return _mean_draws(self, seed=0)

    @cached_property
    def independent_draws(self) -> NDArray[np.float64]:
        """Resampled scores [R] with other speakers than `draws`, for a difference to another partition."""
        return _mean_draws(self, seed=1)


@dataclass(frozen=True)
class Contrast:
    """A number that several systems' scores give, with its 95 % interval.

    Args:
        value: From the scores, each the mean over training seeds.
        low: Lower end; NaN where there is none (one speaker).
        high: Upper end.
        seeds: Training seeds of the system that has the fewest.
        n: Utterances.
    """

    value: float
    low: float
    high: float
    seeds: int
    n: int


def contrast(samples: Sequence[Sample], combine: Combine) -> Contrast:
    """Combine systems' scores; in each resample speakers and training seeds are drawn for all alike.

    Args:
        samples: Estimates of the same utterances.
        combine: From a CCC for each system to one number, elementwise: `np.subtract`.
    """
    low, high = interval(combine(*(sample.draws for sample in samples)))
    value = float(combine(*(sample.score for sample in samples)))
    seeds = min(len(sample.seeds) for sample in samples)
    return Contrast(value, float(low), float(high), seeds, len(samples[0].ids))


def fall(seen: Sample, unseen: Sample) -> Contrast:
    """How much higher a system's CCC is on unseen than on seen material (below 0: it falls).

    The two partitions' speakers are drawn independently, the training seeds alike.
    """
    low, high = interval(unseen.draws - seen.independent_draws)
    value = unseen.score - seen.score
    return Contrast(value, float(low), float(high), len(seen.seeds), len(seen.ids) + len(unseen.ids))


def _mean_draws(sample: Sample, seed: int) -> NDArray[np.float64]:
    """Resampled mean CCC over training seeds [R]: in each draw speakers and training seeds are drawn again.

    One training seed alone stays; one speaker alone gives NaN, since drawn again and again it tells nothing.
    """
    draws_SR = bootstrap_ccc(sample.truth_N, sample.estimates_SN, sample.clusters, seed=seed)
    if len(set(sample.clusters)) < 2:
        return np.full(draws_SR.shape[1], np.nan)
    chosen_SR = np.random.default_rng([1, *sample.seeds]).integers(len(sample.seeds), size=draws_SR.shape)
    return np.asarray(np.take_along_axis(draws_SR, chosen_SR, axis=0).mean(0))
