"""How far raters agree: Krippendorff's alpha.

Krippendorff (2011), Computing Krippendorff's Alpha-Reliability: 1 − observed over expected disagreement, 1 where all
raters agree, 0 where they answer as if by chance, of any number of raters who may each have left out utterances.

Shape legend: N answers of all utterances together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Reliability:
    """Agreement of raters on one dimension or category.

    Args:
        alpha: Krippendorff's alpha, at most 1; NaN where no utterance has two answers, or all answers are the same.
        utterances: Those with two answers or more, which alone can show agreement.
        answers: How many answers they have, all together.
    """

    alpha: float
    utterances: int
    answers: int


def reliability(answers: Sequence[Sequence[float] | Sequence[str]]) -> Reliability:
    """Krippendorff's alpha of what several raters said of each utterance.

    Args:
        answers: For each utterance what its raters said, in no particular order: ratings, which differ by their squared
            distance (interval alpha), or names of classes, which differ or do not (nominal alpha).

    Returns:
        Alpha in time and memory linear in the answers, whatever the number of different ones: a sum over all pairs of
        answers is one of squared deviations from a mean, also for names (of their 0/1 indicators). The library
        krippendorff, with which it agrees, holds a matrix over pairs of different values for each utterance.

    >>> reliability([(1, 1), (2, 2), (4, 5)]).alpha.__round__(3)
    0.938
    >>> reliability([("sad", "sad"), ("happy", "angry"), ("happy",)]).alpha
    0.4
    """
    paired = [said for said in answers if len(said) > 1]
    sizes = np.fromiter(map(len, paired), np.int64, len(paired))
    n = int(sizes.sum())
    if not n:
        return Reliability(np.nan, 0, 0)
    said_N = np.array([answer for said in paired for answer in said])
    owner_N = np.repeat(np.arange(len(paired)), sizes)
    if said_N.dtype.kind == "U":
        values, said_N = np.unique(said_N, return_inverse=True)
        within, total = _of_names(said_N, owner_N, sizes, len(values))
    else:
        within, total = _of_numbers(said_N.astype(np.float64), owner_N, sizes)
    if not total > 0:
        return Reliability(np.nan, len(paired), n)
    observed = float((within * sizes / (sizes - 1)).sum()) / n
    return Reliability(1 - observed * (n - 1) / total, len(paired), n)


def _of_numbers(
    said_N: NDArray[np.float64], owner_N: NDArray[np.int64], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], float]:
    """Squared deviations of ratings, summed within each utterance, and over all."""
    centred_N = said_N - said_N.mean()  # else the squares of a far-off scale would cancel
    mean = np.bincount(owner_N, centred_N) / sizes
    within = np.bincount(owner_N, np.square(centred_N - mean[owner_N])).astype(np.float64)
    return within, 0.0 if np.ptp(said_N) == 0 else float(np.square(centred_N).sum())


def _of_names(
    said_N: NDArray[np.int64], owner_N: NDArray[np.int64], sizes: NDArray[np.int64], names: int
) -> tuple[NDArray[np.float64], float]:
    """The same of the names' indicators: m − Σ n²/m, where n of an utterance's m raters gave a name."""
    cells, counts = np.unique(owner_N * names + said_N, return_counts=True)
    agreeing = np.bincount(cells // names, np.square(counts), minlength=len(sizes))
    everywhere = np.bincount(said_N, minlength=names)
    return np.asarray(sizes - agreeing / sizes, np.float64), len(said_N) - float(np.square(everywhere).sum()) / len(
        said_N
    )
