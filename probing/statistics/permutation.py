"""Labels permuted within groups, for controls: what is learned from nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def permuted(
    labels: NDArray[np.float64], groups: Iterable[Sequence[int] | NDArray[np.int64]], seed: int
) -> NDArray[np.float64]:
    """Labels whose rows are permuted within each of some groups.

    Args:
        labels: [N] or [N, K].
        groups: Places of the utterances of each group, train and development for example.
        seed: Of the permutation.

    >>> sorted(permuted(np.arange(4.0), [[0, 1], [2, 3]], seed=0)[:2].tolist())
    [0.0, 1.0]
    """
    shuffled = labels.copy()
    for places in groups:
        order = np.random.default_rng([seed, 1]).permutation(len(places))
        index = np.asarray(places, np.int64)  # also of a group of nobody
        shuffled[index] = labels[index[order]]
    return shuffled
