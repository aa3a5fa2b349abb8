"""Weights by which all classes of a category count alike in a loss, however many utterances each has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def balanced(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """A weight for each class, n / (K · its utterances), as scikit-learn's `compute_class_weight("balanced", …)`.

    Args:
        counts: Utterances of train of each class, [..., K].

    Returns:
        The weights, [..., K]; 0 of a class that train lacks, which is none of the K.
    """
    there = counts > 0
    each = counts.sum(-1, keepdims=True) / there.sum(-1, keepdims=True).clip(1)
    return np.divide(each, counts, out=np.zeros_like(counts), where=there)
