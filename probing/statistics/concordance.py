"""Concordance correlation: the score and the loss (section 3.3, equation 3).

Shape legend: N utterances · B those of a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from torch import Tensor

_EPSILON = 1e-8  # keeps the loss's gradient finite where prediction and truth are both constant


def ccc(truth: ArrayLike, prediction: ArrayLike) -> NDArray[np.float64]:
    """Concordance correlation coefficient with population moments, in float64 (section 3.3, equation 3).

    CCC = 2 cov(y, ŷ) / (var y + var ŷ + (mean y − mean ŷ)²), between −1 and 1.

    Args:
        truth: Labels y, [..., N].
        prediction: Estimates ŷ, [..., N], broadcast against the labels.

    Returns:
        One coefficient for each leading index. It is 0 where both are constant (also for N = 1): a constant shows
        no concordance, and the formula says 0/0 or 0.

    Raises:
        ValueError: N is 0.

    >>> float(ccc([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]))
    1.0
    >>> float(ccc([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])).__round__(4)
    0.5714
    """
    y, p = np.broadcast_arrays(np.asarray(truth, np.float64), np.asarray(prediction, np.float64))
    if y.shape[-1] == 0:
        raise ValueError("CCC of no utterances is not defined")
    y_mean, p_mean = y.mean(-1, keepdims=True), p.mean(-1, keepdims=True)
    covariance = ((y - y_mean) * (p - p_mean)).mean(-1)
    spread = y.var(-1) + p.var(-1) + np.square(y_mean - p_mean)[..., 0]
    return np.divide(2 * covariance, spread, out=np.zeros_like(spread), where=spread > 0)


def ccc_loss(prediction: Tensor, truth: Tensor) -> Tensor:
    """1 − CCC along the last dimension (section 3.3), to be minimised.

    Args:
        prediction: Estimates [..., B]; computed in float32 at least.
        truth: Labels [..., B].

    Returns:
        One loss for each leading index, between 0 and 2; finite, with a finite gradient, also for constants.
    """
    p, y = prediction.float(), truth.float()
    p_mean, y_mean = p.mean(-1, keepdim=True), y.mean(-1, keepdim=True)
    covariance = ((y - y_mean) * (p - p_mean)).mean(-1)
    spread = (y - y_mean).square().mean(-1) + (p - p_mean).square().mean(-1) + (y_mean - p_mean).square()[..., 0]
    return 1 - 2 * covariance / (spread + _EPSILON)
