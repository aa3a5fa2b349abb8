"""Ridge probes of one layer: by train and development, cross-validated, and of permuted labels.

Shape legend: N utterances of the corpus · M those of train and development with a rating · K dimensions · T targets ·
R permutations · C groups of speakers · D hidden size · G penalties.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probing.corpus.model import DEVELOPMENT, TRAIN
from probing.probes.closed_form import (
    PENALTIES,
    Decomposition,
    LabelSums,
    LayerStates,
    Projected,
    Scorer,
    Sums,
    Targets,
)
from probing.probes.left_out import errors_without, groups_of
from probing.probes.ridge_plan import Plan, Segment

_Summed = TypeVar("_Summed", Sums, LabelSums)
_CONSTANT = 1e-12  # share of the labels' sum of squares that is only rounding
_TARGETS = 128  # that are solved at once: memory does not grow with the number of permutations


@dataclass(frozen=True)
class LayerResult:
    """What ridge probes of one layer found, for the K dimensions of a plan.

    Args:
        coefficients_KD: Of the probes of train; they act on the pooled states as they are.
        intercepts_K: Their intercepts.
        penalties_K: Their penalties.
        predictions_KN: Their predictions of all utterances.
        out_of_fold_KM: Cross-validated predictions of train and development.
        left_out_CK: R² of those without each group of speakers; NaN where there is one, or where the labels of all
            others are what is predicted without features.
        nulls: Kind of permutation and partition → CCC, [R, K].
    """

    coefficients_KD: NDArray[np.float64]
    intercepts_K: NDArray[np.float64]
    penalties_K: NDArray[np.float64]
    predictions_KN: NDArray[np.float64]
    out_of_fold_KM: NDArray[np.float64]
    left_out_CK: NDArray[np.float64]
    nulls: Mapping[tuple[str, str], NDArray[np.float64]]


@dataclass(frozen=True)
class _Part:
    """A partition seen by the probes of train: its states, and the sums over its labels."""

    seen: Projected
    labels: LabelSums


@dataclass(frozen=True)
class _Fold:
    """A fold, and the others, from which its probes learn.

    Args:
        number: Of the fold.
        targets: The others, solved.
        seen: The fold, in the principal components of the others.
        labels: Sums over its labels.
    """

    number: int
    targets: Targets
    seen: Projected
    labels: LabelSums


def look_at(layer: LayerStates, plan: Plan) -> LayerResult:
    """Fit and score the ridge probes of one layer."""
    segments = dict(plan.segments())
    sums = {key: layer.sums(places) for key, places in segments.items()}
    labels = {key: layer.label_sums(places, plan.labels_NK[places]) for key, places in segments.items()}
    train = Decomposition(_total([own for (name, _), own in sums.items() if name == TRAIN]))
    targets = train.solve(_total([own for (name, _), own in labels.items() if name == TRAIN]))
    parts = {
        partition: _Part(
            train.project(_total([own for (name, _), own in sums.items() if name == partition])),
            _total([own for (name, _), own in labels.items() if name == partition]),
        )
        for partition in plan.members
        if partition != TRAIN
    }
    penalty_K = _best_by_ccc(targets, parts[DEVELOPMENT])
    coefficients_DK, intercepts_K = targets.coefficients(penalty_K)
    raw_DK, raw_K = layer.on_raw_states(coefficients_DK, intercepts_K)
    return LayerResult(
        _numpy(raw_DK.T),
        _numpy(raw_K),
        _numpy(penalty_K),
        layer.predict(np.arange(len(plan.labels_NK)), coefficients_DK, intercepts_K),
        *_cross_validate(layer, plan, sums, labels),
        _nulls(layer, plan, train, parts),
    )


def _best_by_ccc(targets: Targets, part: _Part) -> Tensor:
    """The penalty with which each target has the highest CCC, [T]."""
    scorer = Scorer(targets, part.seen, part.labels)
    ccc_GT = torch.stack([scorer.ccc(targets.weights(penalty)) for penalty in PENALTIES])
    return ccc_GT.new_tensor(PENALTIES)[ccc_GT.argmax(0)]


def _cross_validate(
    layer: LayerStates, plan: Plan, sums: Mapping[Segment, Sums], labels: Mapping[Segment, LabelSums]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predictions [K, M] of each fold by probes of the others, and R² without each group, [C, K]."""
    names = sorted({fold for _, fold in sums if fold >= 0})
    own_sums = {fold: _total([own for (_, other), own in sums.items() if other == fold]) for fold in names}
    own_labels = {fold: _total([own for (_, other), own in labels.items() if other == fold]) for fold in names}
    all_sums, all_labels = _total([*own_sums.values()]), _total([*own_labels.values()])
    folds, errors = [], []
    for fold in names:
        training = Decomposition(all_sums - own_sums[fold])
        targets = training.solve(all_labels - own_labels[fold])
        folds.append(_Fold(fold, targets, training.project(own_sums[fold]), own_labels[fold]))
        scorer = Scorer(targets, folds[-1].seen, own_labels[fold])
        error_GK = torch.stack([scorer.squared_error(targets.weights(penalty)) for penalty in PENALTIES])
        errors.append(own_sums[fold].count * error_GK)
    error_FGK = torch.stack(errors)
    others_FGK = error_FGK.sum(0) - error_FGK
    penalty_FK = error_FGK.new_tensor(PENALTIES)[others_FGK.argmin(1)]
    found_KM = np.empty((len(plan.names), len(plan.known)))
    for one, penalty_K in zip(folds, penalty_FK, strict=True):
        own_M = plan.folding.folds_N[plan.known] == one.number
        found_KM[:, own_M] = layer.predict(plan.known[own_M], *one.targets.coefficients(penalty_K))
    return found_KM, _left_out(layer, plan, folds, penalty_FK, found_KM)


def _left_out(
    layer: LayerStates, plan: Plan, folds: Sequence[_Fold], penalty_FK: Tensor, predictions_KM: NDArray[np.float64]
) -> NDArray[np.float64]:
    """R² without each group, [C, K]: neither predicted nor learned from; NaN where nothing is left to explain."""
    count, groups_M = len(plan.folding.names), plan.folding.groups_N[plan.known]
    if count < 2:
        return np.full((count, len(plan.names)), np.nan)
    truth_MK = plan.labels_NK[plan.known]
    error_CK = _by_group(np.square(truth_MK - predictions_KM.T), groups_M, count)
    around_CK = _by_group(np.square(truth_MK - plan.baseline_MK), groups_M, count)
    members = [plan.known[groups_M == group] for group in range(count)]
    groups = groups_of(layer, members, plan.labels_NK)
    fold_C = np.array([plan.folding.folds_N[own[0]] for own in members])
    left_error_CK, left_around_CK = np.zeros_like(error_CK), np.zeros_like(around_CK)
    for fold, penalty_K in zip(folds, penalty_FK, strict=True):
        own, others = np.flatnonzero(fold_C == fold.number), np.flatnonzero(fold_C != fold.number)
        left_error_CK[own] += error_CK[own].sum(0) - error_CK[own]
        left_around_CK[own] += around_CK[own].sum(0) - around_CK[own]
        learned = errors_without(fold.targets, penalty_K, groups.take(others), fold.seen, fold.labels)
        left_error_CK[others] += _numpy(learned[0])
        left_around_CK[others] += _numpy(learned[1])
    # Where only the group that is left out has other labels than its fold's mean, nothing is left to explain.
    told_CK = left_around_CK > _CONSTANT * around_CK.sum(0)
    return 1 - np.divide(left_error_CK, left_around_CK, out=np.full_like(left_error_CK, np.nan), where=told_CK)


def _by_group(numbers_MK: NDArray[np.float64], groups_M: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Sums over each group, [C, K]."""
    return np.stack([np.bincount(groups_M, own_M, count) for own_M in numbers_MK.T], axis=1)


def _nulls(
    layer: LayerStates, plan: Plan, train: Decomposition, parts: Mapping[str, _Part]
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """CCC of probes of permuted labels: kind of permutation and partition → [R, K].

    A permuted fit does what the real one does: it learns from permuted labels of train, and takes the penalty that is
    best with permuted labels of development. Where the states tell nothing, true labels are one more permutation, and
    so are their scores if each fit is scored with the labels that it would have: on development the permuted ones, by
    which its penalty was chosen, and elsewhere the true ones, which no permutation touches.
    """
    found: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    count = len(plan.names)
    at_once = max(1, _TARGETS // count)
    for kind, orders_RN in plan.orders.items():
        for start in range(0, len(orders_RN), at_once):
            chunk = orders_RN[start : start + at_once]
            taught = {name: _permuted_labels(plan, chunk, name) for name in (TRAIN, DEVELOPMENT)}
            targets = train.solve(layer.label_sums(plan.members[TRAIN], taught[TRAIN]))
            own = layer.label_sums(plan.members[DEVELOPMENT], taught[DEVELOPMENT])
            development = _Part(parts[DEVELOPMENT].seen, own)
            weights_DT = targets.weights(_best_by_ccc(targets, development))
            columns = np.tile(np.arange(count), len(chunk))
            for name, part in parts.items():
                labels = own if name == DEVELOPMENT else part.labels.take(columns)
                ccc_T = Scorer(targets, part.seen, labels).ccc(weights_DT)
                found.setdefault((kind, name), []).append(_numpy(ccc_T).reshape(len(chunk), count))
    return {key: np.concatenate(values) for key, values in found.items()}


def _permuted_labels(plan: Plan, orders_RN: NDArray[np.int64], partition: str) -> NDArray[np.float64]:
    """A partition's labels in some permutations, [N, R · K]; the dimensions of one permutation are neighbours."""
    labels_RNK = plan.labels_NK[orders_RN[:, plan.members[partition]]]
    return labels_RNK.transpose(1, 0, 2).reshape(labels_RNK.shape[1], -1)


def _total(parts: Sequence[_Summed]) -> _Summed:
    """Sums over all of some groups of utterances."""
    return reduce(operator.add, parts)


def _numpy(tensor: Tensor) -> NDArray[np.float64]:
    return tensor.cpu().numpy()
