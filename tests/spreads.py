"""A second implementation of the spread over speakers and training seeds, in plain loops, for tests to compare with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def spread_by_hand(
    mean_C: Sequence[float], sizes: Sequence[int], trainings: Sequence[tuple[Sequence[float], np.ndarray]]
) -> tuple[float, float]:
    """Variance and degrees of freedom of a number, the mean over seeds.

    Args:
        mean_C: The number without each of the C speakers.
        sizes: Utterances of each.
        trainings: For each training what its S seeds add to the number, [S], and the same without each speaker, [S, C].
    """
    count = len(sizes)
    speakers = (count - 1) / count * sum((value - np.mean(mean_C)) ** 2 for value in mean_C)
    kish = sum(sizes) ** 2 / sum(size**2 for size in sizes) - 1
    before, after = [(speakers, kish)], [(speakers, kish)]
    for scores, left in trainings:
        seeds = len(scores)
        if seeds == 1:
            continue
        variance = sum((score - np.mean(scores)) ** 2 for score in scores) / (seeds - 1) / seeds
        both = 0.0  # the interaction of an analysis of variance: what neither a seed nor a speaker alone explains
        for s in range(seeds):
            for c in range(count):
                rest = left[s, c] - left[s].mean() - left[:, c].mean() + left.mean()
                both += rest**2 * (count - 1) / count / (seeds - 1) / seeds
        before.append((variance, seeds - 1))
        after.append((max(variance - both, 0.0), seeds - 1))
    df = min(_satterthwaite(before), _satterthwaite(after))
    return sum(variance for variance, _ in after), df


def _satterthwaite(parts: Sequence[tuple[float, float]]) -> float:
    return sum(variance for variance, _ in parts) ** 2 / sum(variance**2 / df for variance, df in parts)
