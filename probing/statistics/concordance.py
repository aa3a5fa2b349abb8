"""Concordance correlation: the score, the loss, and intervals that respect speakers.

Shape legend: N utterances · P probes or systems · C clusters (speakers).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from torch import Tensor

FEW_SPEAKERS = 20  # below this many clusters a bootstrap interval is too narrow (nominal 95 % covers about 81 % at 4)
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


def bootstrap_ccc(
    truth: ArrayLike, prediction: ArrayLike, clusters: Sequence[str], draws: int = 1000, seed: int = 0
) -> NDArray[np.float64]:
    """CCC of resamples in which whole clusters (speakers) are drawn with replacement.

    Two systems scored with the same clusters and seed see the same resamples, so that the difference of their draws
    is a paired bootstrap.

    Args:
        truth: Labels [N].
        prediction: Estimates [..., N].
        clusters: Each utterance's cluster, N names.
        draws: Number of resamples.
        seed: Of the resampling.

    Returns:
        Draws [..., draws].
    """
    y = np.asarray(truth, np.float64)
    p = np.asarray(prediction, np.float64)
    centre = y.mean()  # moments about a common centre do not cancel
    y, p = y - centre, p - centre
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    y = np.broadcast_to(y, p.shape)
    moments = np.stack([np.ones_like(p), y, p, y * y, p * p, y * p], axis=-1)  # [..., N, 6]
    order = np.argsort(member, kind="stable")
    starts = np.searchsorted(member[order], np.arange(len(names)))
    sums = np.add.reduceat(moments[..., order, :], starts, axis=-2)  # [..., C, 6]
    times = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    total = times @ sums  # [..., draws, 6]
    count = total[..., 0]
    my, mp, myy, mpp, myp = np.moveaxis(total[..., 1:] / count[..., None], -1, 0)
    spread = (myy - my**2) + (mpp - mp**2) + (my - mp) ** 2
    return np.divide(2 * (myp - my * mp), spread, out=np.zeros_like(spread), where=spread > 1e-12)


def interval(draws: NDArray[np.float64], level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile interval of bootstrap draws [..., draws]: its low and high ends [...]."""
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=-1)
    return low, high
