"""Ridge regression from several blocks of features, each with a penalty of its own, cross-validated in closed form.

One penalty for joined blocks lets the larger one drown the smaller, and shares of R² then leave [0, 1]; with a penalty
a block (banded ridge regression: Nunez-Elizalde et al., 2019) a union is at least as good as its parts. The
coefficients minimise mean (y − b − Σ_b z_b w_b)² + Σ_b α_b |w_b|², with an intercept b that is not penalised.

With kernel K = Σ_b z_b z_bᵀ / (M α_b), G = (K + 1)⁻¹ and P = G − G 1 1ᵀ G / 1ᵀ G 1, what a probe that has not seen
the utterances A misses by is (P_AA)⁻¹ (P y)_A: one inverse gives every fold, and every speaker left out beside it.

Shape legend: M utterances · K dimensions · F folds · C groups (speakers) · D features of a block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probing.probes.folds import Folding

Penalties = tuple[tuple[str, float], ...]  # block and α, in the order of the blocks
_CONSTANT = 1e-12  # of a feature's mean square: a variance that is only rounding


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be predicted, and who is predicted and left out together.

    Args:
        labels_MK: Labels on the unit scale.
        folds_M: Each utterance's fold.
        groups_M: Each utterance's group, of one fold.
        sizes_C: Utterances of each group.
    """

    labels_MK: NDArray[np.float64]
    folds_M: NDArray[np.int64]
    groups_M: NDArray[np.int64]
    sizes_C: NDArray[np.float64]

    @classmethod
    def of(cls, labels_NK: NDArray[np.float64], folding: Folding, places: NDArray[np.int64]) -> Task:
        """The task of some utterances of a corpus."""
        folds_M, groups_M = folding.folds_N[places], folding.groups_N[places]
        sizes_C = np.bincount(groups_M, minlength=len(folding.names)).astype(float)
        return cls(labels_NK[places], folds_M, groups_M, sizes_C)

    @property
    def folds(self) -> NDArray[np.int64]:
        """The F folds, sorted."""
        return np.unique(self.folds_M)


def standardised(features_MD: NDArray[np.floating], device: str = "cpu") -> Tensor:
    """Features of mean 0 and standard deviation 1 in float64, [M, D]; a constant one is 0: it tells nothing."""
    x_MD = torch.from_numpy(np.ascontiguousarray(features_MD)).to(device, torch.float64)
    mean_D = x_MD.mean(0)
    x_MD = x_MD - mean_D
    variance_D = x_MD.square().mean(0)
    varies_D = variance_D > _CONSTANT * (variance_D + mean_D.square())
    return x_MD * torch.where(varies_D, variance_D, torch.inf).rsqrt()


class Kernels:
    """Cross-validated errors of banded ridge probes, whatever the number of features: the work grows with M³.

    Args:
        blocks: Name → standardised features [M, D].
        task: What is to be predicted.
    """

    def __init__(self, blocks: Mapping[str, Tensor], task: Task) -> None:
        some = next(iter(blocks.values()))
        self._kernels = {name: x_MD @ x_MD.T / len(x_MD) for name, x_MD in blocks.items()}
        self._y_MK = torch.from_numpy(task.labels_MK).to(some)
        self._folds = [torch.from_numpy(np.flatnonzero(task.folds_M == fold)).to(some.device) for fold in task.folds]
        self._groups_M = torch.from_numpy(task.groups_M).to(some.device)
        members_CR, there_CR = _padded(task.groups_M, len(task.sizes_C))
        self._members_CR, self._there_CR = members_CR.to(some.device), there_CR.to(some.device)

    def with_block(self, name: str, x_MD: Tensor) -> Kernels:
        """The same with one more block, or another of its name; the other blocks are shared."""
        other = object.__new__(Kernels)
        vars(other).update(vars(self))
        other._kernels = {**self._kernels, name: x_MD @ x_MD.T / len(x_MD)}
        return other

    def errors(self, penalties: Penalties) -> Tensor:
        """Squared errors by fold, of probes of the other folds, [F, K]."""
        p_MM = self._projection(penalties)
        missed_MK = p_MM @ self._y_MK
        return torch.stack([_missed(p_MM, missed_MK, own).square().sum(0) for own in self._folds])

    def without_groups(self, penalties: Penalties, fold: int) -> Tensor:
        """Squared errors of a fold where each group in turn is neither predicted nor learned from.

        Args:
            penalties: Of the blocks.
            fold: Place of the fold among the folds.

        Returns:
            [C, K].
        """
        p_MM = self._projection(penalties)
        own, missed_MK = self._folds[fold], p_MM @ self._y_MK
        factor = torch.linalg.cholesky(p_MM[own][:, own])
        here_BK = torch.cholesky_solve(missed_MK[own], factor)
        through_BM = torch.cholesky_solve(p_MM[own], factor)  # (P_ff)⁻¹ P_f·
        # The equations of the fold and a group together, with those of the fold eliminated: one small system a group.
        left_MM, right_MK = p_MM - p_MM[:, own] @ through_BM, missed_MK - p_MM[:, own] @ here_BK
        members_CR, there_CR = self._members_CR, self._there_CR & ~torch.isin(self._members_CR, own)
        left_CRR = left_MM[members_CR[:, :, None], members_CR[:, None, :]]
        left_CRR = torch.where(there_CR[:, :, None] & there_CR[:, None, :], left_CRR, 0.0)
        left_CRR = left_CRR + torch.diag_embed((~there_CR).to(left_CRR))
        right_CRK = torch.where(there_CR[:, :, None], right_MK[members_CR], 0.0)
        gone_CRK = torch.linalg.solve(left_CRR, right_CRK)  # what probes that have not seen the group miss it by
        change_BCK = torch.einsum("bcr,crk->bck", through_BM[:, members_CR], gone_CRK)
        squared_BCK = (here_BK[:, None] - change_BCK).square()
        predicted_BC = self._groups_M[own][:, None] != torch.arange(len(members_CR), device=own.device)
        return (squared_BCK * predicted_BC[:, :, None]).sum(0)

    def _projection(self, penalties: Penalties) -> Tensor:
        """P, [M, M]."""
        total = torch.eye(len(self._y_MK), dtype=self._y_MK.dtype, device=self._y_MK.device)
        for name, penalty in penalties:
            total.add_(self._kernels[name], alpha=1 / penalty)
        g_MM = torch.cholesky_inverse(torch.linalg.cholesky(total))
        sums_M = g_MM.sum(0)
        return g_MM - torch.outer(sums_M, sums_M) / sums_M.sum()


def _missed(p_MM: Tensor, missed_MK: Tensor, own: Tensor) -> Tensor:
    """What probes that have not seen some utterances miss those by."""
    return torch.cholesky_solve(missed_MK[own], torch.linalg.cholesky(p_MM[own][:, own]))


def _padded(groups_M: NDArray[np.int64], count: int) -> tuple[Tensor, Tensor]:
    """Places of each group's members, [C, R], filled up with 0; and where they are places."""
    own = [np.flatnonzero(groups_M == group) for group in range(count)]
    members_CR = np.zeros((count, max(map(len, own))), np.int64)
    there_CR = np.zeros(members_CR.shape, bool)
    for group, places in enumerate(own):
        members_CR[group, : len(places)], there_CR[group, : len(places)] = places, True
    return torch.from_numpy(members_CR), torch.from_numpy(there_CR)
