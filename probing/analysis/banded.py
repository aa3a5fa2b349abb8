"""Ridge regression from several blocks of features, each with a penalty of its own, cross-validated in closed form.

One penalty for joined blocks lets the larger one drown the smaller, and shares of R² then leave [0, 1]; with a penalty
a block (banded ridge regression: Nunez-Elizalde et al., 2019) a union is at least as good as its parts. The
coefficients minimise mean (y − b − Σ_b z_b w_b)² + Σ_b α_b |w_b|², with an intercept b that is not penalised.

With kernel K = Σ_b z_b z_bᵀ / (M α_b), G = (K + 1)⁻¹ and P = G − G 1 1ᵀ G / 1ᵀ G 1, what a probe that has not seen
the utterances A misses by is (P_AA)⁻¹ (P y)_A: one inverse gives every fold, and every speaker left out beside it.

Shape legend: M utterances · K dimensions · F folds · C groups (speakers) · D features of a block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        blocks: Name → standardised features [M, D]; the kernel of the first is inverted, the others are added to it.
        task: What is to be predicted.
    """

    def __init__(self, blocks: Mapping[str, Tensor], task: Task) -> None:
        self._blocks = dict(blocks)
        self._y_MK = torch.from_numpy(task.labels_MK).to(next(iter(blocks.values())))
        device = self._y_MK.device
        self._folds = [torch.from_numpy(np.flatnonzero(task.folds_M == fold)).to(device) for fold in task.folds]
        self._groups_M = torch.from_numpy(task.groups_M).to(device)
        self._members_CR, self._there_CR = (x.to(device) for x in _padded(task.groups_M, len(task.sizes_C)))
        self._inverses: dict[tuple[str, float], _Inverse] = {}

    def errors(self, penalties: Penalties) -> Tensor:
        """Squared errors by fold, of probes of the other folds, [F, K]."""
        p = self._projection(penalties)
        missed_MK = p.times(self._y_MK)
        found = [torch.cholesky_solve(missed_MK[own], torch.linalg.cholesky(p.block(own))) for own in self._folds]
        return torch.stack([missed_BK.square().sum(0) for missed_BK in found])

    def without_groups(self, penalties: Penalties, folds: Sequence[int]) -> Tensor:
        """Squared errors of some folds where each group in turn is neither predicted nor learned from.

        Args:
            penalties: Of the blocks.
            folds: Places of folds among the folds.

        Returns:
            [folds, C, K]; NaN where a fold and a group are everybody, so that nobody is left to learn from.
        """
        p_MM = self._projection(penalties).whole()
        return torch.stack([self._without(p_MM, p_MM @ self._y_MK, self._folds[fold]) for fold in folds])

    def _without(self, p_MM: Tensor, missed_MK: Tensor, own: Tensor) -> Tensor:
        """Squared errors of a fold's utterances without each group, [C, K]."""
        rows_BM = p_MM[own]
        factor = torch.linalg.cholesky(rows_BM[:, own])
        here_BK = torch.cholesky_solve(missed_MK[own], factor)
        through_BM = torch.cholesky_solve(rows_BM, factor)  # (P_ff)⁻¹ P_f·
        # The equations of the fold and a group together, with those of the fold eliminated: one small system a group.
        members_CR, there_CR = self._members_CR, self._there_CR & ~torch.isin(self._members_CR, own)
        nobody_C = there_CR.sum(1) + len(own) == len(p_MM)
        there_CR = there_CR & ~nobody_C[:, None]
        rows, columns = members_CR[:, :, None], members_CR[:, None, :]
        through_BCR = through_BM[:, members_CR]
        left_CRR = p_MM[rows, columns] - torch.einsum("bcr,bcs->crs", rows_BM[:, members_CR], through_BCR)
        left_CRR = torch.where(there_CR[:, :, None] & there_CR[:, None, :], left_CRR, 0.0)
        left_CRR = left_CRR + torch.diag_embed((~there_CR).to(left_CRR))
        right_MK = missed_MK - rows_BM.T @ here_BK
        right_CRK = torch.where(there_CR[:, :, None], right_MK[members_CR], 0.0)
        gone_CRK = torch.linalg.solve(left_CRR, right_CRK)  # what probes that have not seen the group miss it by
        change_BCK = torch.einsum("bcr,crk->bck", through_BCR, gone_CRK)
        squared_BCK = (here_BK[:, None] - change_BCK).square()
        predicted_BC = self._groups_M[own][:, None] != torch.arange(len(members_CR), device=own.device)
        errors_CK = (squared_BCK * predicted_BC[:, :, None]).sum(0)
        return torch.where(nobody_C[:, None], torch.nan, errors_CK)

    def _projection(self, penalties: Penalties) -> _Projection:
        """P, as an inverse that is kept and what the other blocks take from it."""
        if not penalties:
            eye_MM = torch.eye(len(self._y_MK)).to(self._y_MK)
            return _Projection(eye_MM, eye_MM.new_full((len(eye_MM), 1), len(eye_MM) ** -0.5))
        (name, penalty), others = penalties[0], penalties[1:]
        if (name, penalty) not in self._inverses:
            self._inverses[name, penalty] = _Inverse.of(self._blocks, name, penalty)
        inverse = self._inverses[name, penalty]
        taken_MQ, sums_M = inverse.taken(others), inverse.sums_M
        if others:
            sums_M = sums_M - taken_MQ @ taken_MQ.sum(0)
        return _Projection(inverse.g_MM, torch.cat([taken_MQ, (sums_M / sums_M.sum().sqrt())[:, None]], dim=1))


@dataclass(frozen=True)
class _Inverse:
    """G of one block, and what it takes to add others.

    Args:
        g_MM: (K + 1)⁻¹ of the block.
        sums_M: Its sums.
        places: Of each other block's features among all of them.
        through_MQ: G x, of the other blocks' features x.
        middle_QQ: xᵀ G x.
    """

    g_MM: Tensor
    sums_M: Tensor
    places: Mapping[str, slice]
    through_MQ: Tensor
    middle_QQ: Tensor

    @classmethod
    def of(cls, blocks: Mapping[str, Tensor], name: str, penalty: float) -> _Inverse:
        """Invert the kernel of one of some blocks."""
        x_MD = blocks[name]
        kernel_MM = torch.eye(len(x_MD)).to(x_MD).addmm_(x_MD, x_MD.T, alpha=1 / (len(x_MD) * penalty))
        g_MM = torch.cholesky_inverse(torch.linalg.cholesky(kernel_MM))
        others = {other: own_MD for other, own_MD in blocks.items() if other != name}
        places, start = {}, 0
        for other, own_MD in others.items():
            places[other] = slice(start, start + own_MD.shape[1])
            start = places[other].stop
        x_MQ = torch.cat([x_MD[:, :0], *others.values()], dim=1)
        through_MQ = g_MM @ x_MQ
        return cls(g_MM, g_MM.sum(0), places, through_MQ, x_MQ.T @ through_MQ)

    def taken(self, penalties: Penalties) -> Tensor:
        """Q, such that G − Q Qᵀ is the inverse with other blocks added, [M, Q].

        (A + Φ Φᵀ)⁻¹ = A⁻¹ − A⁻¹ Φ (1 + Φᵀ A⁻¹ Φ)⁻¹ Φᵀ A⁻¹, by the root of what is in the middle.
        """
        if not penalties:
            return self.through_MQ[:, :0]
        parts = [(self.places[name], (len(self.g_MM) * penalty) ** -0.5) for name, penalty in penalties]
        scale_Q = torch.cat([self.g_MM.new_full((part.stop - part.start,), scale) for part, scale in parts])
        at_Q = torch.cat([torch.arange(part.start, part.stop, device=self.g_MM.device) for part, _ in parts])
        middle_QQ = self.middle_QQ[at_Q[:, None], at_Q] * torch.outer(scale_Q, scale_Q)
        middle_QQ.diagonal().add_(1.0)
        root_QQ = torch.linalg.cholesky(middle_QQ)
        return torch.linalg.solve_triangular(root_QQ, (self.through_MQ[:, at_Q] * scale_Q).T, upper=False).T


@dataclass(frozen=True)
class _Projection:
    """P = G − Q Qᵀ."""

    g_MM: Tensor
    taken_MQ: Tensor

    def times(self, y_MK: Tensor) -> Tensor:
        """P y."""
        return self.g_MM @ y_MK - self.taken_MQ @ (self.taken_MQ.T @ y_MK)

    def block(self, own: Tensor) -> Tensor:
        """P of some utterances among themselves."""
        taken_BQ = self.taken_MQ[own]
        return self.g_MM[own[:, None], own] - taken_BQ @ taken_BQ.T

    def whole(self) -> Tensor:
        """All of P."""
        return torch.addmm(self.g_MM, self.taken_MQ, self.taken_MQ.T, alpha=-1)


def _padded(groups_M: NDArray[np.int64], count: int) -> tuple[Tensor, Tensor]:
    """Places of each group's members, [C, R], filled up with 0; and where they are places."""
    own = [np.flatnonzero(groups_M == group) for group in range(count)]
    members_CR = np.zeros((count, max(map(len, own))), np.int64)
    there_CR = np.zeros(members_CR.shape, bool)
    for group, places in enumerate(own):
        members_CR[group, : len(places)], there_CR[group, : len(places)] = places, True
    return torch.from_numpy(members_CR), torch.from_numpy(there_CR)
