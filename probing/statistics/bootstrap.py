"""Intervals that respect speakers: resamples in which whole clusters are drawn.

Shape legend: N utterances · C clusters (speakers) · R resamples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEW_SPEAKERS = 20  # below this many clusters a bootstrap interval is too narrow (nominal 95 % covers about 81 % at 4)


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
