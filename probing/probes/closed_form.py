"""Ridge regression from sums alone: one decomposition serves every penalty and every target.

What ridge regression learns, and how well it does on other utterances, depends on the utterances only through their
number, sums and products. These are summed once for each group of utterances (fold, partition); leaving a fold out is a
subtraction, and hundreds of permuted labels cost no more than a product each.

Everything is float64. With a training part's states z, standardised by its own means and standard deviations, and
labels y about their mean, the coefficients minimise mean (y − zᵀw)² + α |w|².

Shape legend: B utterances of a chunk · D hidden size · T targets (dimensions, or permutations of their labels) ·
G penalties · X none, or further axes.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PENALTIES = tuple(10.0 ** (step / 2) for step in range(-8, 9))  # α, from 1e-4 to 1e4
_CHUNK = 4096  # utterances that are held in float64 at once
_CONSTANT = 1e-12  # of a feature's mean square: a variance that is only rounding
Places = NDArray[np.int64]


class LayerStates:
    """The pooled states of one layer, read in float64 chunks and put on one scale.

    The scale (mean and standard deviation of each feature) only keeps sums of products exact; each fit standardises by
    its own training part again.

    Args:
        states: [N, D] in float32.
        scaled_by: Places of the utterances that set the scale.
        device: PyTorch's name of a device.
    """

    def __init__(self, states: NDArray[np.float32], scaled_by: Places, device: str) -> None:
        self._x_ND = torch.from_numpy(np.ascontiguousarray(states)).to(device)
        self.mean_D = torch.zeros(states.shape[1], dtype=torch.float64, device=device)
        self.inverse_D = torch.ones_like(self.mean_D)
        self.mean_D = reduce(operator.add, [x_BD.sum(0) for _, x_BD in self.chunks(scaled_by)]) / len(scaled_by)
        squares = [x_BD.square().sum(0) for _, x_BD in self.chunks(scaled_by)]
        variance_D = reduce(operator.add, squares) / len(scaled_by)
        varies_D = variance_D > _CONSTANT * (variance_D + self.mean_D.square())
        self.inverse_D = torch.where(varies_D, variance_D, torch.inf).rsqrt()  # of a constant 0: it tells nothing

    def chunks(self, places: Places) -> Iterator[tuple[slice, Tensor]]:
        """Some utterances' states on the scale: where they are among `places`, and [B, D]."""
        index = torch.from_numpy(places).to(self._x_ND.device)
        for start in range(0, len(places), _CHUNK):
            part = slice(start, min(start + _CHUNK, len(places)))
            yield part, (self._x_ND[index[part]].double() - self.mean_D) * self.inverse_D

    def sums(self, places: Places) -> Sums:
        """Sums over some utterances' states."""
        width = len(self.mean_D)
        total = Sums(0, self.mean_D.new_zeros(width), self.mean_D.new_zeros(width, width))
        for _, x_BD in self.chunks(places):
            total = total + Sums(len(x_BD), x_BD.sum(0), x_BD.T @ x_BD)
        return total

    def label_sums(self, places: Places, labels_BT: NDArray[np.float64]) -> LabelSums:
        """Sums over some utterances' labels, and over their products with the states."""
        labels = torch.from_numpy(labels_BT).to(self.mean_D)
        products = [x_BD.T @ labels[part] for part, x_BD in self.chunks(places)]
        return LabelSums(labels.sum(0), labels.square().sum(0), reduce(operator.add, products))

    def predict(self, places: Places, coefficients: Tensor, intercepts: Tensor) -> NDArray[np.float64]:
        """Predictions [T, B] by coefficients [D, T] and intercepts [T] on this scale."""
        return torch.cat([x_BD @ coefficients + intercepts for _, x_BD in self.chunks(places)]).T.cpu().numpy()

    def on_raw_states(self, coefficients: Tensor, intercepts: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients [D, T] and intercepts [T] that give the same predictions of the states as they are."""
        raw_DT = coefficients * self.inverse_D[:, None]
        return raw_DT, intercepts - self.mean_D @ raw_DT


@dataclass(frozen=True)
class Sums:
    """Number of some utterances, sums of their states z [D], and of their products z zᵀ [D, D]."""

    count: int
    z_D: Tensor
    zz_DD: Tensor

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.count + other.count, self.z_D + other.z_D, self.zz_DD + other.zz_DD)

    def __sub__(self, other: Sums) -> Sums:
        return Sums(self.count - other.count, self.z_D - other.z_D, self.zz_DD - other.zz_DD)


@dataclass(frozen=True)
class LabelSums:
    """Sums of some utterances' labels y [T], of their squares [T], and of their products z yᵀ with the states."""

    y_T: Tensor
    yy_T: Tensor
    zy_DT: Tensor

    def __add__(self, other: LabelSums) -> LabelSums:
        return LabelSums(self.y_T + other.y_T, self.yy_T + other.yy_T, self.zy_DT + other.zy_DT)

    def __sub__(self, other: LabelSums) -> LabelSums:
        return LabelSums(self.y_T - other.y_T, self.yy_T - other.yy_T, self.zy_DT - other.zy_DT)

    def take(self, targets: NDArray[np.int64]) -> LabelSums:
        """Those of some targets; one may be taken several times."""
        index = torch.from_numpy(targets).to(self.y_T.device)
        return LabelSums(self.y_T[index], self.yy_T[index], self.zy_DT[:, index])


class Decomposition:
    """A training part, standardised and decomposed, from which every target is solved with every penalty.

    Args:
        train: Sums over the states of the training part.
    """

    def __init__(self, train: Sums) -> None:
        self.count = train.count
        self.mean_D = train.z_D / train.count
        covariance_DD = train.zz_DD / train.count - torch.outer(self.mean_D, self.mean_D)
        variance_D = covariance_DD.diagonal()
        # On the common scale a state's mean square is about 1; what hardly varies in this training part tells nothing.
        inverse_D = torch.where(variance_D > _CONSTANT, variance_D, torch.inf).rsqrt()
        values_D, vectors_DD = torch.linalg.eigh(covariance_DD * torch.outer(inverse_D, inverse_D))
        self.values_D = values_D.clamp_min(0)
        self.basis_DD = inverse_D[:, None] * vectors_DD  # (z − mean) @ basis are the principal components

    def solve(self, labels: LabelSums) -> Targets:
        """The targets' part of the solution."""
        mean_T = labels.y_T / self.count
        covariance_DT = labels.zy_DT / self.count - torch.outer(self.mean_D, mean_T)
        return Targets(self, self.basis_DD.T @ covariance_DT, mean_T)

    def project(self, sums: Sums) -> Projected:
        """Other utterances, seen in this training part's principal components."""
        shift_D = sums.z_D / sums.count - self.mean_D
        around_DD = sums.zz_DD / sums.count - torch.outer(self.mean_D, self.mean_D)
        around_DD = around_DD - torch.outer(shift_D, self.mean_D) - torch.outer(self.mean_D, shift_D)
        return Projected(sums.count, shift_D @ self.basis_DD, around_DD, self.basis_DD)


@dataclass(frozen=True)
class Projected:
    """Some utterances in the principal components of a training part.

    Args:
        count: Their number.
        mean_D: Means of the components.
        around_DD: Mean products of the states about the training part's means.
        basis_DD: What makes components of those states.
    """

    count: int
    mean_D: Tensor
    around_DD: Tensor
    basis_DD: Tensor

    @cached_property
    def product_DD(self) -> Tensor:
        """Mean products of the components."""
        return self.basis_DD.T @ self.around_DD @ self.basis_DD

    def mean_square(self, weights_XDT: Tensor) -> Tensor:
        """Mean squares of what weights of the components predict, [..., T]."""
        if weights_XDT.numel() < weights_XDT.shape[-2] ** 2 and "product_DD" not in vars(self):
            # Taking fewer columns than D back to the states costs less than turning the products once.
            on_states_XDT = times(self.basis_DD, weights_XDT)
            return (on_states_XDT * times(self.around_DD, on_states_XDT)).sum(-2)
        return (weights_XDT * times(self.product_DD, weights_XDT)).sum(-2)


@dataclass(frozen=True)
class Targets:
    """Targets that were solved: with penalty α the weights of principal component d are b_d / (s_d + α).

    Args:
        of: The training part.
        b_DT: Covariances of principal components and labels.
        mean_T: Mean labels.
    """

    of: Decomposition
    b_DT: Tensor
    mean_T: Tensor

    def weights(self, penalty: float | Tensor) -> Tensor:
        """Weights of the principal components, [D, T], with one penalty or one a target; [G, D, T] of [G, 1, 1]."""
        return self.b_DT / (self.of.values_D[:, None] + penalty)

    def path(self) -> Tensor:
        """Weights with each of the penalties, [G, D, T]."""
        return self.weights(self.mean_T.new_tensor(PENALTIES)[:, None, None])

    def take(self, targets: NDArray[np.int64]) -> Targets:
        """Some of them; one may be taken several times."""
        index = torch.from_numpy(targets).to(self.mean_T.device)
        return Targets(self.of, self.b_DT[:, index], self.mean_T[index])

    def coefficients(self, penalty_T: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients [D, T] and intercepts [T] on the states' common scale."""
        coefficients_DT = self.of.basis_DD @ self.weights(penalty_T)
        return coefficients_DT, self.mean_T - self.of.mean_D @ coefficients_DT


class Scorer:
    """How well targets do on other utterances, from sums alone.

    Weights [..., D, T] may be several sets, as with several penalties: then so are the scores, [..., T].

    Args:
        targets: What was solved.
        seen: The other utterances, in the principal components of the targets' training part.
        labels: Sums over their labels, of the same targets.
    """

    def __init__(self, targets: Targets, seen: Projected, labels: LabelSums) -> None:
        of = targets.of
        self._seen, y_T = seen, labels.y_T / seen.count
        # Labels about the training part's mean label, and their products with the principal components.
        self._y_T = y_T - targets.mean_T
        self._yy_T = labels.yy_T / seen.count - targets.mean_T * (y_T + self._y_T)
        around_DT = labels.zy_DT / seen.count - torch.outer(of.mean_D, y_T)
        self._zy_DT = of.basis_DD.T @ around_DT - torch.outer(seen.mean_D, targets.mean_T)

    def _products(self, weights_XDT: Tensor) -> tuple[Tensor, Tensor]:
        """Mean products of predictions with labels, and with themselves, [..., T]."""
        return (weights_XDT * self._zy_DT).sum(-2), self._seen.mean_square(weights_XDT)

    def squared_error(self, weights_XDT: Tensor, offset_XT: Tensor | float = 0.0) -> Tensor:
        """Mean squared error, [..., T], where an offset is added to the training part's mean label."""
        with_labels_XT, itself_XT = self._products(weights_XDT)
        p_XT = self._seen.mean_D @ weights_XDT
        return self.squared_error_of_mean(offset_XT) - 2 * with_labels_XT + itself_XT + 2 * offset_XT * p_XT

    def squared_error_of_mean(self, offset_XT: Tensor | float = 0.0) -> Tensor:
        """The same where that mean and the offset are all that is predicted."""
        return self._yy_T + offset_XT * (offset_XT - 2 * self._y_T)

    def ccc(self, weights_XDT: Tensor, owner_T: Tensor | None = None) -> Tensor:
        """CCC of all targets of an owner together; 0 where labels and predictions are constant, as in `statistics`.

        Args:
            weights_XDT: Of the principal components.
            owner_T: Numbers from 0, each at least once: the classes of a category have one owner, a dimension its own.
                None: each target is its own.

        Returns:
            2 Σ covariance / Σ (variances + squared difference of means) over the targets of each owner.
        """
        with_labels_XT, itself_XT = self._products(weights_XDT)
        p_XT = self._seen.mean_D @ weights_XDT
        covariance_XT = with_labels_XT - p_XT * self._y_T
        spread_XT = (itself_XT - p_XT**2) + (self._yy_T - self._y_T**2) + (p_XT - self._y_T) ** 2
        above, below = 2 * covariance_XT, spread_XT
        if owner_T is not None:
            above, below = owned(above, owner_T), owned(below, owner_T)
        return torch.where(below > _CONSTANT, above / below, 0.0)


def times(matrix_ED: Tensor, v_XDT: Tensor) -> Tensor:
    """A matrix times all vectors [..., D, T], as one product."""
    return torch.einsum("ed,...dt->...et", matrix_ED, v_XDT)


def owned(x: Tensor, owner_T: Tensor) -> Tensor:
    """Sums over the targets [..., T] of each owner, numbered from 0."""
    return x.new_zeros(*x.shape[:-1], int(owner_T.max()) + 1).index_add(-1, owner_T, x)
