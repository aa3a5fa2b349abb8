"""Who is rated, learned from, predicted, left out and permuted: what ridge probes of every layer have in common.

Shape legend: N utterances of the corpus · M those of train and development with a rating · K dimensions ·
R permutations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.errors import FitError
from probing.probes.closed_form import Places
from probing.probes.folds import Folding, folding_of
from probing.runs.scores import ratings
from probing.statistics.permutation import permuted_between_speakers, permuted_within_speakers

PERMUTED, BY_SPEAKER = "permuted", "by-speaker"
Segment = tuple[str, int]  # partition and fold


@dataclass(frozen=True)
class Plan:
    """Dimensions that the same utterances are rated on, and what becomes of those.

    Args:
        names: The K dimensions.
        labels_NK: Their ratings on the unit scale; NaN where there is none.
        members: Partition → places of its rated utterances; partitions without any are absent.
        folding: Who of train and development is predicted, and who is left out, together.
        orders: `permuted` and `by-speaker` → the R permutations, [R, N]: whose label an utterance gets.
    """

    names: tuple[str, ...]
    labels_NK: NDArray[np.float64]
    members: Mapping[str, Places]
    folding: Folding
    orders: Mapping[str, NDArray[np.int64]]

    @cached_property
    def known(self) -> Places:
        """Places of the M utterances of train and development, in the corpus's order."""
        return np.sort(np.concatenate([self.members[TRAIN], self.members[DEVELOPMENT]]))

    @cached_property
    def baseline_MK(self) -> NDArray[np.float64]:
        """Mean label of the training part of each utterance's fold."""
        own_M, labels_MK = self.folding.folds_N[self.known], self.labels_NK[self.known]
        means = {fold: labels_MK[own_M != fold].mean(0) for fold in np.unique(own_M)}
        return np.stack([means[fold] for fold in own_M])

    def segments(self) -> Iterator[tuple[Segment, Places]]:
        """(partition, fold) and their places: whatever is summed is a union of these."""
        for partition, places in self.members.items():
            for fold in np.unique(self.folding.folds_N[places]):
                yield (partition, int(fold)), places[self.folding.folds_N[places] == fold]


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
    everybody = folding_of(corpus, np.flatnonzero(np.isin(partitions, (TRAIN, DEVELOPMENT))))
    plans = []
    for columns in alike.values():
        names = tuple(dims[column] for column in columns)
        rated_N = rated_NK[:, columns[0]]
        own = {name: np.flatnonzero(rated_N & (partitions == name)) for name in corpus.partitions}
        members = {name: places for name, places in own.items() if len(places)}
        _refuse_too_few(members, names, corpus.name)
        groups = [members[TRAIN], members[DEVELOPMENT]]
        orders = _orders(corpus, groups, permutations)
        plans.append(Plan(names, labels_NK[:, columns], members, _folding(corpus, everybody, groups), orders))
    return plans


def _folding(corpus: Corpus, everybody: Folding, groups: Sequence[Places]) -> Folding:
    """The folding of everybody, so that dimensions are paired speaker by speaker, for those who are rated.

    Where all of those are in one fold, which leaves nobody to learn from, they are folded by themselves.
    """
    rated = np.sort(np.concatenate(groups))
    if len(np.unique(everybody.folds_N[rated])) < 2:
        return folding_of(corpus, rated)
    folds_N, groups_N = np.full(len(corpus), -1), np.full(len(corpus), -1)
    folds_N[rated] = everybody.folds_N[rated]
    kept, groups_N[rated] = np.unique(everybody.groups_N[rated], return_inverse=True)
    names = tuple(everybody.names[group] for group in kept)
    return Folding(folds_N, groups_N, names, everybody.speakers_C[kept])


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
    """Whose label an utterance gets in each permutation, [R, N]; all dimensions are permuted alike.

    `permuted` exchanges speakers, too: labels permuted one by one hide that ratings of a voice are alike. Where layers
    told nothing but voices, something was carried on test2 in 4 % of planted worlds, instead of 1 %.
    """
    speakers = [utterance.speaker for utterance in corpus.utterances]
    own = np.arange(len(corpus), dtype=np.float64)
    between = [permuted_between_speakers(own, groups, speakers, seed) for seed in range(permutations)]
    within = [permuted_within_speakers(own, groups, speakers, seed) for seed in range(permutations)]
    shape = (permutations, len(corpus))
    return {PERMUTED: np.reshape(between, shape).astype(int), BY_SPEAKER: np.reshape(within, shape).astype(int)}
