"""Erase a concept from a layer: LEACE, and random subspaces to hold it against.

LEACE (least-squares concept erasure: Belrose et al., 2023, theorem 4.3) is the affine map r(x) = x − W⁺ P W (x − μ)
after which no linear probe can tell the concept z better than a constant, and which of all such maps changes x the
least, in any norm. W = Σ^(−1/2) whitens x, and P projects onto the column space of W Cov(x, z).

Everything is computed in the principal components of the standardised states, where whitening is a division: the
result does not depend on the coordinates (LEACE commutes with invertible affine maps), and rounding is smallest. A
principal component with less than 1e-12 of the largest one's variance is rounding and counts as constant; so does a
direction whose correlation with the concept is below 1e-9.

A random subspace of the same rank is drawn evenly in the whitened space and removed in the same way. There every
direction has variance 1, so that LEACE and chance differ in nothing but which directions they take; in the space of
the states themselves a random direction would mostly have the variance of a few large components.

Shape legend: N utterances · D hidden size · K numbers of the concept · R directions that are removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probing.probes.closed_form import Decomposition, LayerStates, Places, Targets

_ROUNDING = 1e-12  # of the largest principal component's variance
_UNCORRELATED = 1e-9


@dataclass(frozen=True)
class Eraser:
    """The map x ↦ x − left rightᵀ (x − mean) on a layer's states as they are, in float64.

    Args:
        left_DR: W⁺ times the directions.
        right_DR: W times the directions.
        mean_D: Mean of the states that it was fitted on; it stays where it is.
    """

    left_DR: Tensor
    right_DR: Tensor
    mean_D: Tensor

    @property
    def rank(self) -> int:
        """R; 0 changes nothing."""
        return self.left_DR.shape[1]

    def to(self, device: str) -> Eraser:
        """The same on another device."""
        return Eraser(self.left_DR.to(device), self.right_DR.to(device), self.mean_D.to(device))

    def __call__(self, x: Tensor) -> Tensor:
        """Erase the concept from states [..., D]; they keep their number format."""
        away = (x.double() - self.mean_D) @ self.right_DR
        return (x.double() - away @ self.left_DR.T).to(x.dtype)


class Whitened:
    """A layer in the principal components of its standardised training part.

    Directions in the whitened space are columns of [D, R], orthonormal, and 0 where a component does not vary.

    Args:
        layer: The layer's states.
        train: Places of the utterances that erasers and probes are fitted on.

    Attributes:
        layer: The layer's states.
        train: The training part, decomposed.
        root_D: Standard deviations of the components; 0 where that is only rounding.
        inverse_D: Their inverses; 0 there.
    """

    def __init__(self, layer: LayerStates, train: Places) -> None:
        self.layer, self._places = layer, train
        self.train = Decomposition(layer.sums(train))
        values_D = self.train.values_D
        varies_D = values_D > _ROUNDING * values_D.max()
        self.root_D = torch.where(varies_D, values_D, 0.0).sqrt()
        self.inverse_D = torch.where(varies_D, values_D, torch.inf).rsqrt()

    @property
    def nothing(self) -> Tensor:
        """No direction, [D, 0]."""
        return self.root_D.new_empty(len(self.root_D), 0)

    def solve(self, labels_NK: NDArray[np.float64]) -> Targets:
        """Labels of all utterances, solved on the training part."""
        return self.train.solve(self.layer.label_sums(self._places, labels_NK[self._places]))

    def correlations(self, concept_NK: NDArray[np.float64]) -> Tensor:
        """Correlations of the whitened components with each number of a concept, [D, K]; 0 for a constant one."""
        own_MK = concept_NK[self._places]
        spread_K = own_MK.std(0)
        constant_K = spread_K <= np.sqrt(_ROUNDING) * np.abs(own_MK).max(0, initial=0.0)
        scaled_NK = (concept_NK - own_MK.mean(0)) / np.where(constant_K, np.inf, spread_K)
        return self.inverse_D[:, None] * self.solve(scaled_NK).b_DT

    def directions(self, concept_NK: NDArray[np.float64]) -> Tensor:
        """The directions [D, R] that LEACE removes; R is K or less."""
        return spanned(self.correlations(concept_NK))

    def random(self, rank: int, seed: Sequence[int]) -> Tensor:
        """As many random directions [D, R], or as many as there are."""
        generator = np.random.default_rng(seed)
        drawn_DR = torch.from_numpy(generator.standard_normal((len(self.root_D), rank))).to(self.root_D)
        return spanned(drawn_DR * (self.root_D > 0)[:, None])

    def eraser(self, directions_DR: Tensor) -> Eraser:
        """The map that removes some directions, on the states as they are."""
        scale_D, basis_DD = self.layer.inverse_D, self.train.basis_DD
        # A component is (z − mean) @ basis, where the states on the common scale are z = (x − layer.mean) · scale.
        right_DR = scale_D[:, None] * (basis_DD @ (self.inverse_D[:, None] * directions_DR))
        mean_D = self.layer.mean_D + _divided(self.train.mean_D, scale_D)
        # Covariance (of x with the whitened directions) = W⁺ directions; the columns of basis are V / s, V orthonormal.
        deviation_D = basis_DD.square().sum(1).sqrt()  # 1 / s on the common scale, as V has rows of length 1
        back_DD = basis_DD * _divided(torch.ones_like(deviation_D), deviation_D.square() * scale_D)[:, None]
        return Eraser(back_DD @ (self.root_D[:, None] * directions_DR), right_DR, mean_D)


def leace(states_ND: NDArray[np.float32], concept_NK: NDArray[np.float64], device: str = "cpu") -> Eraser:
    """The eraser of a concept.

    Args:
        states_ND: Of the utterances that it is fitted on.
        concept_NK: Their numbers of the concept, on any scale.
        device: PyTorch's name of a device with float64.
    """
    everybody = np.arange(len(states_ND))
    whitened = Whitened(LayerStates(states_ND, everybody, device), everybody)
    return whitened.eraser(whitened.directions(concept_NK))


def spanned(columns_DK: Tensor) -> Tensor:
    """An orthonormal basis [D, R] of what some columns span."""
    left_DK, sizes_K, _ = torch.linalg.svd(columns_DK, full_matrices=False)
    return left_DK[:, sizes_K > _UNCORRELATED]


def _divided(above_D: Tensor, below_D: Tensor) -> Tensor:
    """Quotients; 0 for a constant feature, which is not touched."""
    return torch.where(below_D > 0, above_D / below_D, 0.0)
