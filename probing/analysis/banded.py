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
_ROUNDING = 1e-14  # of a kernel's largest eigenvalue


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
        self._bases: dict[str, _Basis] = {}
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
        p = self._projection(penalties)
        p_MM, missed_MK = p.whole(), p.times(self._y_MK)
        return torch.stack([self._without(p_MM, missed_MK, self._folds[fold]) for fold in folds])

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
        """P, as what one block takes from the identity and what the others take from that."""
        count = len(self._y_MK)
        if not penalties:
            return _Projection(self._y_MK.new_full((count, 1), count**-0.5))
        (name, penalty), others = penalties[0], penalties[1:]
        if (name, penalty) not in self._inverses:
            if name not in self._bases:
                self._bases[name] = _Basis.of(self._blocks, name)
            self._inverses[name, penalty] = self._bases[name].inverse(penalty)
        inverse = self._inverses[name, penalty]
        taken_MQ, sums_M = inverse.taken(others), inverse.sums_M
        if others:
            sums_M = sums_M - taken_MQ @ taken_MQ.sum(0)
        mean_M1 = (sums_M / sums_M.sum().sqrt())[:, None]
        return _Projection(torch.cat([inverse.root_MR, taken_MQ, mean_M1], dim=1))


@dataclass(frozen=True)
class _Basis:
    """Where one block's kernel is diagonal: one decomposition gives the inverse for every penalty.

    Args:
        u_MR: Eigenvectors of x xᵀ that are not 0 but for rounding.
        values_R: Their eigenvalues.
        places: Of each other block's features among all of them.
        x_MQ: All features of the other blocks.
    """

    u_MR: Tensor
    values_R: Tensor
    places: Mapping[str, slice]
    x_MQ: Tensor

    @classmethod
    def of(cls, blocks: Mapping[str, Tensor], name: str) -> _Basis:
        """Decompose the smaller of x xᵀ and xᵀ x of one of some blocks."""
        x_MD = blocks[name]
        few = x_MD.shape[1] < len(x_MD)
        values_R, vectors = torch.linalg.eigh(x_MD.T @ x_MD if few else x_MD @ x_MD.T)
        kept_R = values_R > _ROUNDING * values_R.max()
        values_R, vectors = values_R[kept_R], vectors[:, kept_R]
        u_MR = x_MD @ (vectors * values_R.rsqrt()) if few else vectors
        places, start = {}, 0
        others = {other: own_MD for other, own_MD in blocks.items() if other != name}
        for other, own_MD in others.items():
            places[other] = slice(start, start + own_MD.shape[1])
            start = places[other].stop
        x_MQ = torch.cat([x_MD[:, :0], *others.values()], dim=1)
        return cls(u_MR, values_R, places, x_MQ)

    def inverse(self, penalty: float) -> _Inverse:
        """G = (x xᵀ / (M α) + 1)⁻¹ = 1 − u v / (v + M α) uᵀ, by the root of what is taken from 1."""
        root_MR = self.u_MR * (self.values_R / (self.values_R + len(self.u_MR) * penalty)).sqrt()
        through_MQ = self.x_MQ - root_MR @ (root_MR.T @ self.x_MQ)
        return _Inverse(root_MR, 1 - root_MR @ root_MR.sum(0), self.places, through_MQ, self.x_MQ.T @ through_MQ)


@dataclass(frozen=True)
class _Inverse:
    """G of one block, and what it takes to add others.

    Args:
        root_MR: G is 1 − root rootᵀ.
        sums_M: Its sums.
        places: Of each other block's features among all of them.
        through_MQ: G x, of the other blocks' features x.
        middle_QQ: xᵀ G x.
    """

    root_MR: Tensor
    sums_M: Tensor
    places: Mapping[str, slice]
    through_MQ: Tensor
    middle_QQ: Tensor

    def taken(self, penalties: Penalties) -> Tensor:
        """Q, such that G − Q Qᵀ is the inverse with other blocks added, [M, Q].

        (A + Φ Φᵀ)⁻¹ = A⁻¹ − A⁻¹ Φ (1 + Φᵀ A⁻¹ Φ)⁻¹ Φᵀ A⁻¹, by the root of what is in the middle.
        """
        if not penalties:
            return self.through_MQ[:, :0]
        parts = [(self.places[name], (len(self.sums_M) * penalty) ** -0.5) for name, penalty in penalties]
        scale_Q = torch.cat([self.sums_M.new_full((part.stop - part.start,), scale) for part, scale in parts])
        at_Q = torch.cat([torch.arange(part.start, part.stop, device=self.sums_M.device) for part, _ in parts])
        middle_QQ = self.middle_QQ[at_Q[:, None], at_Q] * torch.outer(scale_Q, scale_Q)
        middle_QQ.diagonal().add_(1.0)
        root_QQ = torch.linalg.cholesky(middle_QQ)
        return torch.linalg.solve_triangular(root_QQ, (self.through_MQ[:, at_Q] * scale_Q).T, upper=False).T


@dataclass(frozen=True)
class _Projection:
    """P = 1 − T Tᵀ."""

    taken_MT: Tensor

    def times(self, y_MK: Tensor) -> Tensor:
        """P y."""
        return y_MK - self.taken_MT @ (self.taken_MT.T @ y_MK)

    def block(self, own: Tensor) -> Tensor:
        """P of some utterances among themselves."""
        return _apart(self.taken_MT[own])

    def whole(self) -> Tensor:
        """All of P."""
        return _apart(self.taken_MT)


def _apart(taken_BT: Tensor) -> Tensor:
    """1 − T Tᵀ."""
    eye_BB = torch.eye(len(taken_BT), dtype=taken_BT.dtype, device=taken_BT.device)
    return eye_BB.addmm_(taken_BT, taken_BT.T, alpha=-1)


def _padded(groups_M: NDArray[np.int64], count: int) -> tuple[Tensor, Tensor]:
    """Places of each group's members, [C, R], filled up with 0; and where they are places."""
    own = [np.flatnonzero(groups_M == group) for group in range(count)]
    members_CR = np.zeros((count, max(map(len, own))), np.int64)
    there_CR = np.zeros(members_CR.shape, bool)
    for group, places in enumerate(own):
        members_CR[group, : len(places)], there_CR[group, : len(places)] = places, True
    return torch.from_numpy(members_CR), torch.from_numpy(there_CR)
