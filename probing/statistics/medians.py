"""Medians of repeated measurements, whatever their distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """The interval of a median: the narrowest symmetric pair of order statistics that holds it so often at least.

    How many of n values lie below the median is binomial. With fewer than six no pair holds it in 95 % of cases, and
    the smallest and the largest are given.

    Args:
        values: Independent measurements, at least one.
        confidence: From 0 to 1.

    >>> median_interval([9, 1, 8, 2, 7, 3, 6, 4, 5])
    (2, 8)
    """
    ordered, n = sorted(values), len(values)
    below, outside = 0, 2 / 2**n  # the chance that the median is outside the smallest and the largest
    while below + 1 < n // 2 and outside + 2 * math.comb(n, below + 1) / 2**n <= 1 - confidence:
        below += 1
        outside += 2 * math.comb(n, below) / 2**n
    return ordered[below], ordered[n - 1 - below]
