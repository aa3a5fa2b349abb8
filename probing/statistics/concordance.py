"""Concordance correlation: the score and the loss (section 3.3, equation 3).

Shape legend: N utterances · B those of a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probing.errors import ScoreError

if TYPE_CHECKING:
    from torch import Tensor

_EPSILON = 1e-8  # keeps the loss's gradient finite where prediction and truth are both constant
_ROUNDING = 1e-24  # of the squared means: what the moments of two constants differ by, whose mean is rounded


def ccc(truth: ArrayLike, prediction: ArrayLike, weight: ArrayLike | None = None) -> NDArray[np.float64]:
    """Concordance correlation coefficient with population moments, in float64 (section 3.3, equation 3).

    CCC = 2 cov(y, ŷ) / (var y + var ŷ + (mean y − mean ŷ)²), between −1 and 1.

    Args:
        truth: Labels y, [..., N].
        prediction: Estimates ŷ, [..., N]; leading indices are broadcast against those of the labels.
        weight: How often each utterance counts, [..., N], not negative; by default once.

    Returns:
        One coefficient for each leading index. It is 0 where both are constant (also for N = 1): a constant shows
        no concordance, and the formula says 0/0 or 0.

    Raises:
        ScoreError: N is 0 (code `no-utterances`), N differs between the two (`unequal-lengths`), or a number is NaN or
            infinite (`not-finite`).

    >>> float(ccc([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]))
    1.0
    >>> float(ccc([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])).__round__(4)
    0.5714
    """
    y, p = checked_pair(truth, prediction)
    if weight is None:
        y_mean, p_mean = y.mean(-1, keepdims=True), p.mean(-1, keepdims=True)
        covariance = ((y - y_mean) * (p - p_mean)).mean(-1)
        spread = y.var(-1) + p.var(-1) + np.square(y_mean - p_mean)[..., 0]
    else:
        counts = np.asarray(weight, np.float64)
        share = counts / counts.sum(-1, keepdims=True)
        y_mean, p_mean = (share * y).sum(-1, keepdims=True), (share * p).sum(-1, keepdims=True)
        covariance = (share * (y - y_mean) * (p - p_mean)).sum(-1)
        spread = (share * (np.square(y - y_mean) + np.square(p - p_mean))).sum(-1) + np.square(y_mean - p_mean)[..., 0]
    around = (np.square(y_mean) + np.square(p_mean))[..., 0]
    return np.divide(2 * covariance, spread, out=np.zeros_like(spread), where=spread > _ROUNDING * around)


def checked_pair(truth: ArrayLike, prediction: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Labels and estimates in float64, broadcast against each other.

    Raises:
        ScoreError: As `ccc`.
    """
    y, p = np.asarray(truth, np.float64), np.asarray(prediction, np.float64)
    lengths = y.shape[-1:], p.shape[-1:]
    if lengths[0] != lengths[1] or lengths[0] == ():
        why = "an estimate belongs to each label"
        raise ScoreError(f"labels {y.shape} and estimates {p.shape}", why, code="unequal-lengths")
    if y.shape[-1] == 0:
        raise ScoreError("CCC of no utterances", "it is not defined", code="no-utterances")
    for name, numbers in (("a label", y), ("an estimate", p)):
        if not np.isfinite(numbers).all():
            raise ScoreError(f"{name} is NaN or infinite", "such numbers have no score", code="not-finite")
    y, p = np.broadcast_arrays(y, p)
    return y, p


def ccc_loss(prediction: Tensor, truth: Tensor, weight: Tensor | None = None) -> Tensor:
    """1 − CCC along the last dimension (section 3.3), to be minimised.

    Args:
        prediction: Estimates [..., B]; computed in float32 at least.
        truth: Labels [..., B].
        weight: How often each utterance counts, [..., B], not negative; by default once. With weights from a resample
            the loss is that of the resampled batch.

    Returns:
        One loss for each leading index, between 0 and 2; finite, with a finite gradient, also for constants.

    Raises:
        ScoreError: B differs between the two (code `unequal-lengths`), is 0 (`no-utterances`), or the loss is not
            finite (`not-finite`).
    """
    if prediction.shape[-1:] != truth.shape[-1:]:
        why, what = "an estimate belongs to each label", f"labels {tuple(truth.shape)}"
        raise ScoreError(f"{what}, estimates {tuple(prediction.shape)}", why, code="unequal-lengths")
    if prediction.shape[-1] == 0:
        raise ScoreError("CCC of no utterances", "it is not defined", code="no-utterances")
    loss = ccc_losses(prediction, truth, weight)
    if not bool(loss.isfinite().all()):
        raise ScoreError("the loss is not finite", "a label or an estimate is NaN or too large", code="not-finite")
    return loss


def ccc_losses(prediction: Tensor, truth: Tensor, weight: Tensor | None = None) -> Tensor:
    """The same, unchecked: to see whether a number is finite, a processor has to wait for a GPU."""
    p, y = prediction.float(), truth.float()
    if weight is None:
        p_mean, y_mean = p.mean(-1, keepdim=True), y.mean(-1, keepdim=True)
        covariance = ((y - y_mean) * (p - p_mean)).mean(-1)
        spread = (y - y_mean).square().mean(-1) + (p - p_mean).square().mean(-1) + (y_mean - p_mean).square()[..., 0]
    else:
        share = weight / weight.sum(-1, keepdim=True).clamp_min(1e-12)  # of a batch that counts nothing: zeros
        p_mean, y_mean = (share * p).sum(-1, keepdim=True), (share * y).sum(-1, keepdim=True)
        covariance = (share * (y - y_mean) * (p - p_mean)).sum(-1)
        spread = (share * ((y - y_mean).square() + (p - p_mean).square())).sum(-1) + (y_mean - p_mean).square()[..., 0]
    return 1 - 2 * covariance / (spread + _EPSILON)
