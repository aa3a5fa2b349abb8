"""Ridge probes of one layer: by train and development, cross-validated, and of permuted labels.

Shape legend: N utterances of the corpus · M those of train and development with a label · K columns of labels (of each
dimension one, of each class of a category one) · Q targets (dimensions and categories) · T columns that are solved at
once · R permutations · C groups of speakers · D hidden size · G penalties.
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
from probing.probes.classes import Recall, decided
from probing.probes.closed_form import (
    PENALTIES,
    Decomposition,
    LabelSums,
    LayerStates,
    Projected,
    Scorer,
    Sums,
    Targets,
    owned,
)
from probing.probes.left_out import errors_without, groups_of
from probing.probes.penalties import best_penalties, owners_of
from probing.probes.ridge_plan import Plan, Segment

_Summed = TypeVar("_Summed", Sums, LabelSums)
_CONSTANT = 1e-12  # share of the labels' sum of squares that is only rounding
_TARGETS = 128  # that are solved at once: memory does not grow with the number of permutations


@dataclass(frozen=True)
class LayerResult:
    """What ridge probes of one layer found, for the K columns and Q targets of a plan.

    Args:
        coefficients_KD: Of the probes of train; they act on the pooled states as they are.
        intercepts_K: Their intercepts.
        penalties_K: Their penalties.
        predictions_KN: Their predictions of all utterances.
        out_of_fold_KM: Cross-validated predictions of train and development.
        left_out_CQ: R² of those without each group of speakers; NaN where there is one, or where the labels of all
            others are what is predicted without features.
        nulls: Kind of permutation and partition → CCC of dimensions and UAR of categories, [R, Q].
    """

    coefficients_KD: NDArray[np.float64]
    intercepts_K: NDArray[np.float64]
    penalties_K: NDArray[np.float64]
    predictions_KN: NDArray[np.float64]
    out_of_fold_KM: NDArray[np.float64]
    left_out_CQ: NDArray[np.float64]
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


def look_at(layer: LayerStates, plan: Plan, balanced: bool = False) -> LayerResult:
    """Fit and score the ridge probes of one layer.

    Args:
        layer: Its states.
        plan: What is learned, of whom.
        balanced: Whether all classes of a category count alike (`classes.decided`).
    """
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
    development = parts[DEVELOPMENT]
    penalty_K = best_penalties(targets, development.seen, development.labels, plan, balanced)
    coefficients_DK, intercepts_K = targets.coefficients(penalty_K)
    raw_DK, raw_K = layer.on_raw_states(coefficients_DK, intercepts_K)
    return LayerResult(
        _numpy(raw_DK.T),
        _numpy(raw_K),
        _numpy(penalty_K),
        layer.predict(np.arange(len(plan.labels_NK)), coefficients_DK, intercepts_K),
        *_cross_validate(layer, plan, sums, labels),
        _nulls(layer, plan, train, parts, balanced),
    )


def _cross_validate(
    layer: LayerStates, plan: Plan, sums: Mapping[Segment, Sums], labels: Mapping[Segment, LabelSums]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predictions [K, M] of each fold by probes of the others, and R² without each group, [C, Q]."""
    names = sorted({fold for _, fold in sums if fold >= 0})
    own_sums = {fold: _total([own for (_, other), own in sums.items() if other == fold]) for fold in names}
    own_labels = {fold: _total([own for (_, other), own in labels.items() if other == fold]) for fold in names}
    all_sums, all_labels = _total([*own_sums.values()]), _total([*own_labels.values()])
    folds, errors = [], []
    for fold in names:
        training = Decomposition(all_sums - own_sums[fold])
        targets = training.solve(all_labels - own_labels[fold])
        folds.append(_Fold(fold, targets, training.project(own_sums[fold]), own_labels[fold]))
        error_GK = Scorer(targets, folds[-1].seen, own_labels[fold]).squared_error(targets.path())
        errors.append(own_sums[fold].count * error_GK)
    owner_K = torch.from_numpy(plan.owner_K).to(layer.mean_D.device)
    error_FGQ = owned(torch.stack(errors), owner_K)
    others_FGQ = error_FGQ.sum(0) - error_FGQ
    penalty_FK = error_FGQ.new_tensor(PENALTIES)[others_FGQ.argmin(1)][:, owner_K]
    found_KM = np.empty((len(plan.owner_K), len(plan.known)))
    for one, penalty_K in zip(folds, penalty_FK, strict=True):
        own_M = plan.folding.folds_N[plan.known] == one.number
        found_KM[:, own_M] = layer.predict(plan.known[own_M], *one.targets.coefficients(penalty_K))
    return found_KM, _left_out(layer, plan, folds, penalty_FK, found_KM)


def _left_out(
    layer: LayerStates, plan: Plan, folds: Sequence[_Fold], penalty_FK: Tensor, predictions_KM: NDArray[np.float64]
) -> NDArray[np.float64]:
    """R² without each group, [C, Q]: neither predicted nor learned from; NaN where nothing is left to explain."""
    count, groups_M = len(plan.folding.names), plan.folding.groups_N[plan.known]
    if count < 2:
        return np.full((count, len(plan.names)), np.nan)
    starts = [own.start for own in plan.columns]
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
    error_CQ, around_CQ = (np.add.reduceat(x_CK, starts, axis=1) for x_CK in (left_error_CK, left_around_CK))
    # Where only the group that is left out has other labels than its fold's mean, nothing is left to explain.
    told_CQ = around_CQ > _CONSTANT * np.add.reduceat(around_CK.sum(0), starts)
    return 1 - np.divide(error_CQ, around_CQ, out=np.full_like(error_CQ, np.nan), where=told_CQ)


def _by_group(numbers_MK: NDArray[np.float64], groups_M: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Sums over each group, [C, K]."""
    return np.stack([np.bincount(groups_M, own_M, count) for own_M in numbers_MK.T], axis=1)


def _nulls(
    layer: LayerStates, plan: Plan, train: Decomposition, parts: Mapping[str, _Part], balanced: bool
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Scores of probes of permuted labels: kind of permutation and partition → [R, Q].

    A permuted fit does what the real one does: it learns from permuted labels of train, and takes the penalty that is
    best with permuted labels of development. Where the states tell nothing, true labels are one more permutation, and
    so are their scores if each fit is scored with the labels that it would have: on development the permuted ones, by
    which its penalty was chosen, and elsewhere the true ones, which no permutation touches.
    """
    found: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    count, owners = len(plan.owner_K), len(plan.names)
    at_once = max(1, _TARGETS // count)
    for kind, orders_RN in plan.orders.items():
        for start in range(0, len(orders_RN), at_once):
            chunk = orders_RN[start : start + at_once]
            taught = {name: _permuted_labels(plan, chunk, name) for name in (TRAIN, DEVELOPMENT)}
            targets = train.solve(layer.label_sums(plan.members[TRAIN], taught[TRAIN]))
            own = layer.label_sums(plan.members[DEVELOPMENT], taught[DEVELOPMENT])
            owner_T = owners_of(plan, count * len(chunk), train.mean_D.device)
            penalty_T = best_penalties(targets, parts[DEVELOPMENT].seen, own, plan, balanced)
            weights_DT = targets.weights(penalty_T)
            columns = np.tile(np.arange(count), len(chunk))
            for name, part in parts.items():
                labels = own if name == DEVELOPMENT else part.labels.take(columns)
                scores_RQ = _numpy(Scorer(targets, part.seen, labels).ccc(weights_DT, owner_T))
                scores_RQ = scores_RQ.reshape(len(chunk), owners)
                shown_NT = taught[name] if name == DEVELOPMENT else plan.labels_NK[plan.members[name]]
                for target, recall_R in _recalls(layer, plan, targets, penalty_T, (name, shown_NT), balanced).items():
                    scores_RQ[:, target] = recall_R
                found.setdefault((kind, name), []).append(scores_RQ)
    return {key: np.concatenate(values) for key, values in found.items()}


def _recalls(
    layer: LayerStates,
    plan: Plan,
    targets: Targets,
    penalty_T: Tensor,
    part: tuple[str, NDArray[np.float64]],
    balanced: bool,
) -> dict[int, NDArray[np.float64]]:
    """UAR of some fits on a partition: the number of each category → [R].

    It is the only score that is not a function of sums: every utterance is predicted.

    Args:
        layer: The states.
        plan: What is learned.
        targets: R times its K columns, solved.
        penalty_T: Their penalties.
        part: A partition, and its labels: [N, R · K], or [N, K] where they are the same for all fits.
        balanced: As in `look_at`.
    """
    categories = [number for number, own in enumerate(plan.classes) if own]
    if not categories:
        return {}
    (name, labels_NT), count = part, len(plan.owner_K)
    coefficients_DT, intercepts_T = targets.coefficients(penalty_T)
    fits = len(penalty_T) // count
    found = {number: Recall(fits, len(plan.classes[number]), penalty_T.device) for number in categories}
    share_RK = targets.mean_T.reshape(fits, count)
    for rows, x_BD in layer.chunks(plan.members[name]):
        estimates_BRK = (x_BD @ coefficients_DT + intercepts_T).reshape(-1, fits, count)
        labels_BRK = torch.from_numpy(labels_NT[rows]).to(estimates_BRK).reshape(len(x_BD), -1, count)
        for number, recall in found.items():
            own = plan.columns[number]
            recall.add(decided(estimates_BRK[..., own], share_RK[:, own], balanced), labels_BRK[..., own])
    return {number: recall.uar() for number, recall in found.items()}


def _permuted_labels(plan: Plan, orders_RN: NDArray[np.int64], partition: str) -> NDArray[np.float64]:
    """A partition's labels in some permutations, [N, R · K]; the dimensions of one permutation are neighbours."""
    labels_RNK = plan.labels_NK[orders_RN[:, plan.members[partition]]]
    return labels_RNK.transpose(1, 0, 2).reshape(labels_RNK.shape[1], -1)


def _total(parts: Sequence[_Summed]) -> _Summed:
    """Sums over all of some groups of utterances."""
    return reduce(operator.add, parts)


def _numpy(tensor: Tensor) -> NDArray[np.float64]:
    return tensor.cpu().numpy()
