"""Categories as what a linear probe can learn: a column of zeros and ones for each class, and the class of the largest.

Shape legend: N utterances · B those of a chunk · K classes of a category · R permutations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probing.corpus.model import Corpus
from probing.runs.categories import coded
from probing.runs.scores import ratings

Classes = tuple[str, ...]  # names of a category's classes; none: a dimension


def categories_of(corpus: Corpus, targets: Sequence[str]) -> dict[str, Classes]:
    """Those of some targets that are categories, each with its classes; the others are dimensions."""
    known = corpus.categories
    return {name: corpus.classes(name) for name in targets if name in known}


def columns_of(corpus: Corpus, target: str, classes: Classes) -> NDArray[np.float64]:
    """What is learned of a target: its ratings on the unit scale [N, 1], or whether each class is there [N, K].

    NaN where there is no label.
    """
    if not classes:
        return ratings(corpus, [target])
    codes_N = coded(corpus, target)
    columns_NK = np.eye(len(classes))[codes_N]
    columns_NK[codes_N < 0] = np.nan
    return columns_NK


def decided(estimates: Tensor, share: Tensor, balanced: bool) -> Tensor:
    """The class that is estimated.

    Estimates are those of probabilities, and the most probable class is right most often. Recall that all classes have
    an equal part in is highest for the class whose probability is the largest multiple of its share of the training
    part. Estimates of one penalty sum to 1, so that a class that the training part lacks, whose estimate is 0, is never
    the largest.

    Args:
        estimates: Of each class, [..., K].
        share: Of the training part that is of each class, [..., K].
        balanced: Whether all classes count alike, rather than all utterances.

    Returns:
        Numbers of classes, [...].
    """
    if balanced:
        estimates = torch.where(share > 0, estimates / share.clamp_min(torch.finfo(share.dtype).tiny), 0.0)
    return estimates.argmax(-1)


class Recall:
    """UAR of R fits, added up chunk by chunk.

    Args:
        fits: R.
        classes: K.
        device: PyTorch's name of a device.
    """

    def __init__(self, fits: int, classes: int, device: torch.device) -> None:
        self._right_RK = torch.zeros(fits, classes, dtype=torch.float64, device=device)
        self._there_RK = torch.zeros_like(self._right_RK)

    def add(self, estimated_BR: Tensor, columns_BRK: Tensor) -> None:
        """Count a chunk.

        Args:
            estimated_BR: Estimated classes.
            columns_BRK: Whether each class is there; [B, 1, K] where that is the same for all fits.
        """
        right_BR = estimated_BR == columns_BRK.argmax(-1)
        self._right_RK += (columns_BRK * right_BR[..., None]).sum(0)
        self._there_RK += columns_BRK.sum(0)  # the same for all fits, or of each its own

    def uar(self) -> NDArray[np.float64]:
        """Mean recall of the classes that are there, [R]."""
        there_RK = self._there_RK > 0
        recall_RK = torch.where(there_RK, self._right_RK / self._there_RK.clamp_min(1), 0.0)
        found: NDArray[np.float64] = (recall_RK.sum(-1) / there_RK.sum(-1)).cpu().numpy()
        return found
