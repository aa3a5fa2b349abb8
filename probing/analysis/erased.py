"""Ridge probes of an erased layer, from the sums of the layer as it was.

An eraser takes R directions u, orthonormal in the whitened space, from the principal components c, whose covariance is
diag(l): c' = c − √l u uᵀ c / √l. The covariance of c' is diag(l) − √l u uᵀ √l, so that the equations of ridge
regression change by R directions alone (Woodbury), and the solution acts on c itself:

    w = (diag(l + α) − √l u uᵀ √l)⁻¹ b',    b' = b − √l u uᵀ b / √l,    w_c = w − u / √l · (√l u)ᵀ w

No state is read again and no matrix decomposed: twenty random subspaces cost next to nothing. Features keep the scale
that they had before: standardised anew, a feature of which nearly all was erased would be blown up to be as large as
the others.

Shape legend: D hidden size · R directions · T targets · E erasures · B utterances · G penalties.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probing.analysis.leace import Whitened
from probing.probes.closed_form import PENALTIES, LabelSums, Places, Projected, Scorer, Targets


def erased_weights(whitened: Whitened, targets: Targets, directions_DR: Tensor, penalty: float) -> Tensor:
    """Weights [D, T] of the principal components as they were, of ridge probes of the erased ones.

    Args:
        whitened: The layer.
        targets: Solved on its training part.
        directions_DR: What was erased.
        penalty: Of the ridge.
    """
    if not directions_DR.shape[1]:
        return targets.weights(penalty)
    left_DR, right_DR = whitened.root_D[:, None] * directions_DR, whitened.inverse_D[:, None] * directions_DR
    b_DT = targets.b_DT - left_DR @ (right_DR.T @ targets.b_DT)
    around_D1 = 1 / (targets.of.values_D[:, None] + penalty)
    start_DT = around_D1 * b_DT
    # uᵀ u − uᵀ l / (l + α) u, without the subtraction, in which a small α would be lost.
    inner_RR = directions_DR.T @ (penalty * around_D1 * directions_DR)
    w_DT = start_DT + (around_D1 * left_DR) @ torch.linalg.solve(inner_RR, left_DR.T @ start_DT)
    return w_DT - right_DR @ (left_DR.T @ w_DT)


def best_weights(
    whitened: Whitened, targets: Targets, erased: Sequence[Tensor], development: tuple[Projected, LabelSums]
) -> Tensor:
    """Weights [D, E · T] of probes after each erasure, with the penalty of the highest CCC on development.

    Args:
        whitened: The layer.
        targets: T dimensions, solved on its training part.
        erased: Directions [D, R] of each of E erasures.
        development: Its states in the layer's principal components, and the sums over its labels.
    """
    columns = np.tile(np.arange(len(targets.mean_T)), len(erased))
    scorer = Scorer(targets.take(columns), development[0], development[1].take(columns))
    weights_GDT = torch.stack(
        [torch.cat([erased_weights(whitened, targets, own, penalty) for own in erased], 1) for penalty in PENALTIES]
    )
    best_T = torch.stack([scorer.ccc(weights_DT) for weights_DT in weights_GDT]).argmax(0)
    return weights_GDT[best_T, :, torch.arange(len(best_T), device=best_T.device)].T


def estimates_of(whitened: Whitened, targets: Targets, weights_DT: Tensor, places: Places) -> NDArray[np.float64]:
    """Estimates [E, T, B] of some utterances by the weights of E erasures, [D, E · T]."""
    coefficients_DT = targets.of.basis_DD @ weights_DT
    count = weights_DT.shape[1] // len(targets.mean_T)
    intercepts_T = targets.mean_T.repeat(count) - targets.of.mean_D @ coefficients_DT
    return whitened.layer.predict(places, coefficients_DT, intercepts_T).reshape(count, -1, len(places))
