"""Intervals of medians of repeated measurements."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from probing.statistics.medians import median_interval


@pytest.mark.parametrize("n", [1, 5, 6, 9, 20])
def test_the_interval_holds_the_median_as_often_as_it_says(n: int) -> None:
    """By trials on a skewed distribution; of fewer than six values it is all that was seen."""
    draws = np.random.default_rng(n).exponential(size=(4000, n))
    ends = np.array([median_interval(list(row)) for row in draws])
    if n < 6:
        assert np.array_equal(ends, np.stack([draws.min(1), draws.max(1)], 1))
    else:
        assert 0.945 < np.mean((ends[:, 0] <= np.log(2)) & (np.log(2) <= ends[:, 1])) < 0.985


def test_the_interval_is_the_narrowest_by_brute_force() -> None:
    """Counting all ways in which n numbers lie about the median gives the same pair of order statistics."""
    for n in range(6, 13):
        below = [sum(signs) for signs in itertools.product((0, 1), repeat=n)]
        wide_enough = [k for k in range(1, n // 2 + 1) if np.mean([k <= b <= n - k for b in below]) >= 0.95]
        assert median_interval([*range(1, n + 1)]) == (max(wide_enough), n + 1 - max(wide_enough))
