"""Banded ridge probes of large corpora, from sums of products alone.

The errors of `banded.Kernels`, but after one pass nothing grows with M: a fold, and a group beside it, are left out by
subtracting their sums. A system as large as all features is solved for each, so groups are few: the folds themselves.

Shape legend: M utterances · K dimensions · F folds, which are the groups too · D features of all blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from probing.analysis.banded import Penalties, Task


@dataclass(frozen=True)
class _Moments:
    """Number of some utterances, and sums over their features x, labels y and products."""

    count: int
    x_D: Tensor
    y_K: Tensor
    xx_DD: Tensor
    xy_DK: Tensor
    yy_K: Tensor

    def __add__(self, other: _Moments) -> _Moments:
        own, others = vars(self).values(), vars(other).values()
        return _Moments(*(a + b for a, b in zip(own, others, strict=True)))

    def __sub__(self, other: _Moments) -> _Moments:
        own, others = vars(self).values(), vars(other).values()
        return _Moments(*(a - b for a, b in zip(own, others, strict=True)))


def by_fold(task: Task) -> Task:
    """The same task with folds for groups; a single group stays one, since who else there could be is not known."""
    if len(task.sizes_C) < 2:
        return task
    groups_M = np.searchsorted(task.folds, task.folds_M)
    return replace(task, groups_M=groups_M, sizes_C=np.bincount(groups_M).astype(float))


class FoldSums:
    """Cross-validated errors of banded ridge probes; what grows with M is one product a block.

    Args:
        blocks: Name → standardised features [M, D].
        task: What is to be predicted; its groups are its folds, or there is one (`by_fold`).
    """

    def __init__(self, blocks: Mapping[str, Tensor], task: Task) -> None:
        self._blocks, self._task = dict(blocks), task
        self._places: dict[str, Tensor] = {}
        self._moments: list[_Moments] = []

    def errors(self, penalties: Penalties) -> Tensor:
        """Squared errors by fold, of probes of the other folds, [F, K]."""
        total, folds = self._summed()
        return torch.stack([self._error(total - own, own, penalties) for own in folds])

    def without_groups(self, penalties: Penalties, folds: Sequence[int]) -> Tensor:
        """Squared errors of some folds where each other one is not learned from either, [folds, C, K]; its own is 0.

        NaN where nobody is left to learn from.
        """
        total, every = self._summed()
        if len(self._task.sizes_C) < 2:
            return total.y_K.new_full((len(folds), 1, len(total.y_K)), torch.nan)
        found = torch.zeros(len(folds), len(every), len(total.y_K), dtype=total.y_K.dtype, device=total.y_K.device)
        for row, fold in enumerate(folds):
            for group, other in enumerate(every):
                if group != fold:
                    found[row, group] = self._error(total - every[fold] - other, every[fold], penalties)
        return found

    def _summed(self) -> tuple[_Moments, list[_Moments]]:
        """Moments of all utterances and of each fold."""
        if not self._moments:
            names = list(self._blocks)
            widths = [self._blocks[name].shape[1] for name in names]
            ends = np.cumsum([0, *widths])
            starts_ends = zip(names, ends[:-1].tolist(), ends[1:].tolist(), strict=True)
            self._places = {name: torch.arange(start, end) for name, start, end in starts_ends}
            labels_MK = torch.from_numpy(self._task.labels_MK)
            for fold in self._task.folds:
                own = torch.from_numpy(np.flatnonzero(self._task.folds_M == fold))
                x_BD = torch.cat([self._blocks[name][own.to(self._blocks[name].device)] for name in names], dim=1)
                y_BK = labels_MK[own].to(x_BD)
                self._moments.append(
                    _Moments(len(own), x_BD.sum(0), y_BK.sum(0), x_BD.T @ x_BD, x_BD.T @ y_BK, y_BK.square().sum(0))
                )
        total = self._moments[0]
        for other in self._moments[1:]:
            total = total + other
        return total, self._moments

    def _error(self, train: _Moments, seen: _Moments, penalties: Penalties) -> Tensor:
        """Squared errors [K] of some utterances by probes of others; NaN if there are no others."""
        if not train.count:
            return torch.full_like(train.y_K, torch.nan)
        mean_y_K = train.y_K / train.count
        around_K = seen.yy_K - 2 * mean_y_K * seen.y_K + seen.count * mean_y_K.square()
        if not penalties:
            return around_K
        at = torch.cat([self._places[name] for name, _ in penalties]).to(train.x_D.device)
        penalty_D = torch.cat([train.x_D.new_full((len(self._places[name]),), alpha) for name, alpha in penalties])
        mean_D = train.x_D[at] / train.count
        left_DD = train.xx_DD[at][:, at] - train.count * torch.outer(mean_D, mean_D)
        # The penalty counts for all utterances, as in `Kernels`, whoever is left out.
        left_DD.diagonal().add_(penalty_D * len(self._task.folds_M))
        right_DK = train.xy_DK[at] - train.count * torch.outer(mean_D, mean_y_K)
        w_DK = torch.cholesky_solve(right_DK, torch.linalg.cholesky(left_DD))
        # Σ (y − ȳ − (x − x̄)ᵀ w)² = Σ (y − ȳ)² − 2 wᵀ Σ (x − x̄)(y − ȳ) + wᵀ Σ (x − x̄)(x − x̄)ᵀ w
        cross_DK = seen.xy_DK[at] - torch.outer(seen.x_D[at], mean_y_K)
        cross_DK = cross_DK - torch.outer(mean_D, seen.y_K - seen.count * mean_y_K)
        sums_D = seen.x_D[at]
        square_DD = seen.xx_DD[at][:, at] - torch.outer(sums_D, mean_D) - torch.outer(mean_D, sums_D)
        square_DD = square_DD + seen.count * torch.outer(mean_D, mean_D)
        return around_K - 2 * (w_DK * cross_DK).sum(0) + (w_DK * (square_DD @ w_DK)).sum(0)
