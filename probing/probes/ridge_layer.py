"""Ridge probes of one layer: by train and development, cross-validated, and of permuted labels.

Shape legend: N utterances of the corpus · M those of train and development with a rating · K dimensions · T targets ·
R permutations · D hidden size · G penalties.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.errors import FitError
from probing.probes.closed_form import (
    PENALTIES,
    Decomposition,
    LabelSums,
    LayerStates,
    Places,
    Projected,
    Scorer,
    Sums,
    Targets,
)
from probing.probes.folds import speaker_folds
from probing.runs.scores import ratings
from probing.statistics.permutation import permuted, permuted_within_speakers

PERMUTED, BY_SPEAKER = "permuted", "by-speaker"
_Segment = tuple[str, int]  # partition and fold
_Summed = TypeVar("_Summed", Sums, LabelSums)
_TARGETS = 128  # that are solved at once: memory does not grow with the number of permutations


@dataclass(frozen=True)
class Plan:
    """Dimensions that the same utterances are rated on, and what becomes of those.

    Args:
        names: The K dimensions.
        labels_NK: Their ratings on the unit scale; NaN where there is none.
        members: Partition → places of its rated utterances; partitions without any are absent.
        folds_N: Each utterance's fold; −1 outside train and development.
        orders: `permuted` and `by-speaker` → the R permutations, [R, N]: whose label an utterance gets.
    """

    names: tuple[str, ...]
    labels_NK: NDArray[np.float64]
    members: Mapping[str, Places]
    folds_N: NDArray[np.int64]
    orders: Mapping[str, NDArray[np.int64]]

    @cached_property
    def known(self) -> Places:
        """Places of the M utterances of train and development, in the corpus's order."""
        return np.sort(np.concatenate([self.members[TRAIN], self.members[DEVELOPMENT]]))

    @cached_property
    def baseline_MK(self) -> NDArray[np.float64]:
        """Mean label of the training part of each utterance's fold."""
        own_M, labels_MK = self.folds_N[self.known], self.labels_NK[self.known]
        means = {fold: labels_MK[own_M != fold].mean(0) for fold in np.unique(own_M)}
        return np.stack([means[fold] for fold in own_M])

    def segments(self) -> Iterator[tuple[_Segment, Places]]:
        """(partition, fold) and their places: whatever is summed is a union of these."""
        for partition, places in self.members.items():
            for fold in np.unique(self.folds_N[places]):
                yield (partition, int(fold)), places[self.folds_N[places] == fold]


@dataclass(frozen=True)
class LayerResult:
    """What ridge probes of one layer found, for the K dimensions of a plan.

    Args:
        coefficients_KD: Of the probes of train; they act on the pooled states as they are.
        intercepts_K: Their intercepts.
        penalties_K: Their penalties.
        predictions_KN: Their predictions of all utterances.
        out_of_fold_KM: Cross-validated predictions of train and development.
        nulls: Kind of permutation and partition → CCC, [R, K].
    """

    coefficients_KD: NDArray[np.float64]
    intercepts_K: NDArray[np.float64]
    penalties_K: NDArray[np.float64]
    predictions_KN: NDArray[np.float64]
    out_of_fold_KM: NDArray[np.float64]
    nulls: Mapping[tuple[str, str], NDArray[np.float64]]


def plans_of(corpus: Corpus, dims: Sequence[str], permutations: int) -> list[Plan]:
    """One plan for all dimensions that the same utterances are rated on: mostly one in all.

    Raises:
        FitError: A dimension has fewer than two ratings in train or in development (code `too-few`).
    """
    labels_NK = ratings(corpus, dims)
    partitions = np.array([utterance.partition for utterance in corpus.utterances])
    rated_NK = np.isfinite(labels_NK)
    alike: dict[bytes, list[int]] = {}
    for column in range(len(dims)):
        alike.setdefault(rated_NK[:, column].tobytes(), []).append(column)
    plans = []
    for columns in alike.values():
        names = tuple(dims[column] for column in columns)
        rated_N = rated_NK[:, columns[0]]
        own = {name: np.flatnonzero(rated_N & (partitions == name)) for name in corpus.partitions}
        members = {name: places for name, places in own.items() if len(places)}
        _refuse_too_few(members, names, corpus.name)
        groups = [members[TRAIN], members[DEVELOPMENT]]
        folds_N = np.full(len(corpus), -1)
        known = np.sort(np.concatenate(groups))
        folds_N[known] = speaker_folds([corpus.utterances[place] for place in known])
        plans.append(Plan(names, labels_NK[:, columns], members, folds_N, _orders(corpus, groups, permutations)))
    return plans


def _refuse_too_few(members: Mapping[str, Places], names: Sequence[str], corpus: str) -> None:
    for partition in (TRAIN, DEVELOPMENT):
        count = len(members.get(partition, ()))
        if count < 2:
            raise FitError(
                f"partition {partition} of corpus {corpus} has {count} ratings of {', '.join(names)}",
                "a CCC needs at least two",
                "check the labels with `probe check`, or name another --dim",
                code="too-few",
            )


def _orders(corpus: Corpus, groups: Sequence[Places], permutations: int) -> dict[str, NDArray[np.int64]]:
    """Whose label an utterance gets in each permutation, [R, N]; all dimensions are permuted alike."""
    speakers = [utterance.speaker for utterance in corpus.utterances]
    own = np.arange(len(corpus), dtype=np.float64)
    freely = [permuted(own, groups, seed) for seed in range(permutations)]
    within = [permuted_within_speakers(own, groups, speakers, seed) for seed in range(permutations)]
    shape = (permutations, len(corpus))
    return {PERMUTED: np.reshape(freely, shape).astype(int), BY_SPEAKER: np.reshape(within, shape).astype(int)}


@dataclass(frozen=True)
class _Part:
    """A partition seen by the probes of train: its states, and the sums over its labels."""

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
        _cross_validate(layer, plan, sums, labels),
        _nulls(layer, plan, train, parts),
    )


def _best_by_ccc(targets: Targets, part: _Part) -> Tensor:
    """The penalty with which each target has the highest CCC, [T]."""
    scorer = Scorer(targets, part.seen, part.labels)
    ccc_GT = torch.stack([scorer.ccc(targets.weights(penalty)) for penalty in PENALTIES])
    return ccc_GT.new_tensor(PENALTIES)[ccc_GT.argmax(0)]


def _cross_validate(
    layer: LayerStates, plan: Plan, sums: Mapping[_Segment, Sums], labels: Mapping[_Segment, LabelSums]
) -> NDArray[np.float64]:
    """Predictions [K, M] of each fold by probes of the others."""
    folds = sorted({fold for _, fold in sums if fold >= 0})
    own_sums = {fold: _total([own for (_, other), own in sums.items() if other == fold]) for fold in folds}
    own_labels = {fold: _total([own for (_, other), own in labels.items() if other == fold]) for fold in folds}
    all_sums, all_labels = _total([*own_sums.values()]), _total([*own_labels.values()])
    solved, errors = [], []
    for fold in folds:
        training = Decomposition(all_sums - own_sums[fold])
        targets = training.solve(all_labels - own_labels[fold])
        scorer = Scorer(targets, training.project(own_sums[fold]), own_labels[fold])
        error_GK = torch.stack([scorer.squared_error(targets.weights(penalty)) for penalty in PENALTIES])
        solved.append(targets)
        errors.append(own_sums[fold].count * error_GK)
    error_FGK = torch.stack(errors)
    others_FGK = error_FGK.sum(0) - error_FGK
    penalty_FK = error_FGK.new_tensor(PENALTIES)[others_FGK.argmin(1)]
    found_KM = np.empty((len(plan.names), len(plan.known)))
    for fold, targets, penalty_K in zip(folds, solved, penalty_FK, strict=True):
        own_M = plan.folds_N[plan.known] == fold
        found_KM[:, own_M] = layer.predict(plan.known[own_M], *targets.coefficients(penalty_K))
    return found_KM


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
