"""Cross-validation with one speaker left out altogether: of the evaluation, and of what the probes learned from.

An interval of a cross-validated R² must hold two kinds of chance: which speakers are predicted, and which speakers the
probes have learned from. Leaving a speaker out of both shows both. No probe is decomposed again: the equations without
a speaker differ from those with it by that speaker's products alone, so conjugate gradients that start from the known
solution end within a few steps. Penalties and the scale of the features stay as they are.

Shape legend: C groups (speakers) that are left out in turn · R rows that stand for a group · D hidden size ·
K dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probing.probes.closed_form import LabelSums, LayerStates, Places, Projected, Scorer, Targets, times

_STEPS, _ENOUGH = 200, 1e-7  # of conjugate gradients, and the residual at which they end


@dataclass(frozen=True)
class Groups:
    """Speakers' states and labels, to be left out in turn.

    Args:
        rows_CRD: Rows whose products sum to the group's: its states, with zeros below; where it has more utterances
            than features, the root of the sum of their products.
        count_C: Utterances.
        z_CD: Sums of states.
        y_CK: Sums of labels.
        zy_CDK: Sums of their products.
    """

    rows_CRD: Tensor
    count_C: Tensor
    z_CD: Tensor
    y_CK: Tensor
    zy_CDK: Tensor

    def take(self, groups: NDArray[np.int64]) -> Groups:
        """Some of them."""
        index = torch.from_numpy(groups).to(self.z_CD.device)
        parts = (self.rows_CRD, self.count_C, self.z_CD, self.y_CK, self.zy_CDK)
        return Groups(*(part[index] for part in parts))


def groups_of(layer: LayerStates, members: Sequence[Places], labels_NK: NDArray[np.float64]) -> Groups:
    """The groups' states in one layer.

    Args:
        layer: Its states.
        members: Places of each group's utterances.
        labels_NK: Labels of all utterances.
    """
    sums = [layer.label_sums(places, labels_NK[places]) for places in members]
    width = len(layer.mean_D)
    rows = max(min(len(places), width) for places in members)
    rows_CRD, z_CD = layer.mean_D.new_zeros(len(members), rows, width), layer.mean_D.new_zeros(len(members), width)
    for place, places in enumerate(members):
        x_BD = torch.cat([chunk_BD for _, chunk_BD in layer.chunks(places)])
        z_CD[place] = x_BD.sum(0)
        short_BD = x_BD if len(x_BD) <= rows else torch.linalg.qr(x_BD, mode="r").R
        rows_CRD[place, : len(short_BD)] = short_BD
    count_C = layer.mean_D.new_tensor([len(places) for places in members])
    return Groups(rows_CRD, count_C, z_CD, torch.stack([s.y_T for s in sums]), torch.stack([s.zy_DT for s in sums]))


class _Without:
    """The equations of a training part without each group, in its principal components.

    Args:
        targets: The training part, solved.
        penalty_K: Its penalties.
        groups: Groups of the training part.
    """

    def __init__(self, targets: Targets, penalty_K: Tensor, groups: Groups) -> None:
        self._of, self._groups, self._penalty_K = targets.of, groups, penalty_K
        of, count_C = targets.of, groups.count_C
        # Of a training part of one group nothing is left; its probe then stays as it is.
        self._stays_C = count_C >= of.count
        self._left_C = (of.count - count_C).clamp_min(1)
        around_CD = groups.z_CD - count_C[:, None] * of.mean_D
        self._mean_CD = -(around_CD @ of.basis_DD) / self._left_C[:, None]
        labels_CK = groups.y_CK - count_C[:, None] * targets.mean_T
        # About the mean label of the whole training part.
        self.mean_label_CK = torch.where(self._stays_C[:, None], 0.0, -labels_CK / self._left_C[:, None])
        products_CDK = groups.zy_CDK - groups.z_CD[:, :, None] * targets.mean_T
        products_CDK = times(of.basis_DD.T, products_CDK - of.mean_D[:, None] * labels_CK[:, None])
        cross_CDK = (of.count * targets.b_DT - products_CDK) / self._left_C[:, None, None]
        self._right_CDK = cross_CDK - self._mean_CD[:, :, None] * self.mean_label_CK[:, None]

    def solve(self, start_DK: Tensor) -> tuple[Tensor, Tensor]:
        """Weights of the principal components without each group, [C, D, K], and offsets [C, K].

        A prediction is the training part's mean label, the offset, and the components times the weights.
        """
        around_DK = 1 / (self._of.values_D[:, None] + self._penalty_K)  # solves what is nearly the same
        w_CDK = start_DK.expand_as(self._right_CDK).clone()
        residual_CDK = self._right_CDK - self._left_hand(w_CDK)
        z_CDK = around_DK * residual_CDK
        p_CDK, size_CK = z_CDK, (residual_CDK * z_CDK).sum(1)
        enough_CK = _ENOUGH**2 * (self._right_CDK * around_DK * self._right_CDK).sum(1)
        for _ in range(_STEPS):
            if bool((size_CK <= enough_CK).all()):
                break
            image_CDK = self._left_hand(p_CDK)
            step_CK = _ratio(size_CK, (p_CDK * image_CDK).sum(1))
            w_CDK = w_CDK + step_CK[:, None] * p_CDK
            residual_CDK = residual_CDK - step_CK[:, None] * image_CDK
            z_CDK = around_DK * residual_CDK
            before_CK, size_CK = size_CK, (residual_CDK * z_CDK).sum(1)
            p_CDK = z_CDK + _ratio(size_CK, before_CK)[:, None] * p_CDK
        offset_CK = self.mean_label_CK - (self._mean_CD[:, :, None] * w_CDK).sum(1)
        w_CDK = torch.where(self._stays_C[:, None, None], start_DK, w_CDK)
        return w_CDK, torch.where(self._stays_C[:, None], 0.0, offset_CK)

    def _left_hand(self, v_CDK: Tensor) -> Tensor:
        """The left-hand side of the equations times some weights."""
        of, groups = self._of, self._groups
        x_CDK = times(of.basis_DD, v_CDK)
        about_CK = of.mean_D @ x_CDK
        scores_CRK = groups.rows_CRD @ x_CDK
        own_CDK = groups.rows_CRD.transpose(1, 2) @ scores_CRK - groups.z_CD[:, :, None] * about_CK[:, None]
        sums_CK = (groups.z_CD[:, :, None] * x_CDK).sum(1) - groups.count_C[:, None] * about_CK
        own_CDK = times(of.basis_DD.T, own_CDK - of.mean_D[:, None] * sums_CK[:, None])
        all_CDK = of.count * of.values_D[:, None] * v_CDK
        mean_CDK = self._mean_CD[:, :, None]
        shift_CDK = mean_CDK * (mean_CDK * v_CDK).sum(1, keepdim=True)
        return (all_CDK - own_CDK) / self._left_C[:, None, None] - shift_CDK + self._penalty_K * v_CDK


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    """Quotients; 0 where the equations are solved already."""
    return torch.where(below > 0, above / below, 0.0)


def errors_without(
    targets: Targets, penalty_K: Tensor, groups: Groups, seen: Projected, labels: LabelSums
) -> tuple[Tensor, Tensor]:
    """Squared errors on a fold by the probes of the others, without each group of those.

    Args:
        targets: The other folds, solved.
        penalty_K: Their penalties.
        groups: Groups of the other folds.
        seen: The fold, in the principal components of the others.
        labels: Sums over the fold's labels.

    Returns:
        Sums over the fold's utterances [C, K]: of the probes, and of the mean label that is left.
    """
    without = _Without(targets, penalty_K, groups)
    w_CDK, offset_CK = without.solve(targets.weights(penalty_K))
    scorer = Scorer(targets, seen, labels)
    probes_CK = scorer.squared_error(w_CDK, offset_CK)
    return seen.count * probes_CK, seen.count * scorer.squared_error_of_mean(without.mean_label_CK)
