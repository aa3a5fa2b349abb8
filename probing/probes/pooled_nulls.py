"""What ridge probes of permuted labels reach over all folds of a split: the null of pooled scores.

Labels are permuted once over the whole corpus, and then every fold is fitted, its penalty chosen and its test scored
with the labels that its utterances would have. So true labels are one more permutation where the states tell nothing,
and what folds have in common, who is learned from in most of them, is in the null too.

Shape legend: N utterances of the corpus · M those with a label, B those of a fold · K columns of labels (of each
dimension one, of each class of a category one) · R permutations · T = R · K columns that are solved at once.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from probing.corpus.model import TEST1, Corpus
from probing.probes.classes import decided
from probing.probes.closed_form import Decomposition, LabelSums, LayerStates, Sums
from probing.probes.penalties import best_penalties
from probing.probes.ridge import RIDGE
from probing.probes.ridge_plan import BY_SPEAKER, PERMUTED, Plan
from probing.statistics.classification import tally
from probing.statistics.concordance import ccc
from probing.statistics.permutation import permuted_between_speakers, permuted_within_speakers


@dataclass(frozen=True)
class Pooled:
    """Which fold tests what, and by how many permutations chance is measured.

    Args:
        corpus: The N utterances, each of the partition that its fold calls its test.
        folds_N: The fold that tests each utterance, from 1.
        development: Of each fold, the first one first, the fold whose utterances are its development partition.
        permutations: R, of the kind that the partition asks for: between speakers, within them on test1.
        balanced: Whether all classes of a category count alike (`classes.decided`).
    """

    corpus: Corpus
    folds_N: NDArray[np.int64]
    development: tuple[int, ...]
    permutations: int
    balanced: bool = False

    @property
    def partition(self) -> str:
        """The test partition."""
        return self.corpus.utterances[0].partition

    @property
    def labels(self) -> str:
        """The kind of permutation."""
        return BY_SPEAKER if self.partition == TEST1 else PERMUTED

    def orders(self, known: NDArray[np.int64]) -> NDArray[np.int64]:
        """Whose labels each of M utterances gets, [R, M], as places in the corpus."""
        speakers, own = [u.speaker for u in self.corpus.utterances], np.arange(len(self.corpus), dtype=np.float64)
        permuted = permuted_within_speakers if self.labels == BY_SPEAKER else permuted_between_speakers
        orders = [permuted(own, [known], speakers, seed)[known] for seed in range(self.permutations)]
        return np.array(orders, np.int64)


@dataclass(frozen=True)
class _Permuted:
    """The permuted labels of a plan's targets.

    Args:
        plan: Whose.
        folds_M: The fold that tests each utterance that has a label.
        development: As of `Pooled`.
        orders_RM: Whose labels each utterance gets.
    """

    plan: Plan
    folds_M: NDArray[np.int64]
    development: tuple[int, ...]
    orders_RM: NDArray[np.int64]

    @cached_property
    def labels_MT(self) -> NDArray[np.float64]:
        """The labels; the columns of one permutation are neighbours."""
        return self.plan.labels_NK[self.orders_RM].transpose(1, 0, 2).reshape(len(self.folds_M), -1)


def pooled_nulls(
    tests: Pooled, states: NDArray[np.float32], plans: Sequence[Plan], first_layer: int = 0, device: str = "cpu"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """CCC and UAR over the pooled tests of all folds, of ridge probes of permuted labels.

    Args:
        tests: What is tested.
        states: The utterances' pooled states, [N, L, D].
        plans: Targets, those that the same utterances have labels of together.
        first_layer: Index of the first state.
        device: PyTorch's name of a device.

    Returns:
        dimension, kind, labels, permutation, layer, partition, ccc; and the same with category and uar.
    """
    device = "cpu" if torch.device(device).type == "mps" else device  # Apple's has no float64
    tables: dict[str, list[pd.DataFrame]] = {"ccc": [], "uar": []}
    for plan in plans if tests.permutations else ():
        own = _Permuted(plan, tests.folds_N[plan.known], tests.development, tests.orders(plan.known))
        for place in range(states.shape[1]):
            found = _of_layer(LayerStates(states[:, place], plan.known, device), own, tests.balanced)
            known: dict[str, Any] = {"kind": RIDGE, "labels": tests.labels, "permutation": range(tests.permutations)}
            known |= {"layer": first_layer + place, "partition": tests.partition}
            for name, classes, score_R in zip(plan.names, plan.classes, found, strict=True):
                named, score = ("category", "uar") if classes else ("dimension", "ccc")
                tables[score].append(pd.DataFrame({named: name, **known, score: score_R}))
    return _table(tables["ccc"], "dimension", "ccc"), _table(tables["uar"], "category", "uar")


def _table(tables: Sequence[pd.DataFrame], named: str, score: str) -> pd.DataFrame:
    columns = [named, "kind", "labels", "permutation", "layer", "partition", score]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _of_layer(layer: LayerStates, permuted: _Permuted, balanced: bool) -> list[NDArray[np.float64]]:
    """Each target's score of one layer, [R]."""
    plan, fits = permuted.plan, len(permuted.orders_RM)
    members = {int(fold): np.flatnonzero(permuted.folds_M == fold) for fold in np.unique(permuted.folds_M)}
    sums = {fold: layer.sums(plan.known[own]) for fold, own in members.items()}
    everything = reduce(operator.add, sums.values()), layer.label_sums(plan.known, permuted.labels_MT)
    found_MRK = np.empty((len(plan.known), fits, len(plan.owner_K)))
    for fold, own in members.items():
        tested, development = (
            (sums[one], layer.label_sums(plan.known[members[one]], permuted.labels_MT[members[one]]))
            for one in (fold, permuted.development[fold - 1])
        )
        found_MRK[own] = _of_fold(layer, plan.known[own], everything, tested, development, permuted, balanced)
    return [_scores(permuted, found_MRK[..., own], own) for own in plan.columns]


_Seen = tuple[Sums, LabelSums]


def _of_fold(
    layer: LayerStates,
    places: NDArray[np.int64],
    everything: _Seen,
    tested: _Seen,
    development: _Seen,
    permuted: _Permuted,
    balanced: bool,
) -> NDArray[np.float64]:
    """Estimates of what a fold tests, by probes of the rest with the penalties that are best on development.

    All columns of a category are 0 but that of the predicted class.

    Returns:
        [B, R, K].
    """
    plan = permuted.plan
    train = Decomposition(everything[0] - tested[0] - development[0])
    targets = train.solve(everything[1] - tested[1] - development[1])
    penalty_T = best_penalties(targets, train.project(development[0]), development[1], plan, balanced)
    estimates = torch.from_numpy(layer.predict(places, *targets.coefficients(penalty_T)).T)
    estimates_BRK = estimates.reshape(len(places), -1, len(plan.owner_K))
    share_RK = targets.mean_T.cpu().reshape(-1, len(plan.owner_K))
    for own, classes in zip(plan.columns, plan.classes, strict=True):
        if classes:
            estimates_BRK[..., own] = _one_hot(decided(estimates_BRK[..., own], share_RK[:, own], balanced), classes)
    return estimates_BRK.numpy()


def _one_hot(codes_BR: Tensor, classes: Sequence[str]) -> Tensor:
    return torch.nn.functional.one_hot(codes_BR, len(classes)).double()


def _scores(permuted: _Permuted, found_MRK: NDArray[np.float64], own: slice) -> NDArray[np.float64]:
    """A target's score of each permutation, [R], with the labels that the permutation gives."""
    plan = permuted.plan
    truth_MRK = permuted.labels_MT.reshape(len(found_MRK), -1, len(plan.owner_K))[..., own]
    pairs = zip(truth_MRK.swapaxes(0, 1), found_MRK.swapaxes(0, 1), strict=True)
    if not plan.classes[plan.columns.index(own)]:
        return np.array([ccc(truth_MK[:, 0], found_MK[:, 0]) for truth_MK, found_MK in pairs])
    count = found_MRK.shape[-1]
    return np.array([tally(t_MK.argmax(1), f_MK.argmax(1)[None], count).uar[0] for t_MK, f_MK in pairs])
