"""Who is rated, learned from, predicted, left out and permuted: what ridge probes of every layer have in common.

Shape legend: N utterances of the corpus · M those of train and development with a label · Q targets (dimensions and
categories) · K columns: one of each dimension, one of each class of a category · R permutations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.errors import FitError
from probing.probes.classes import Classes, categories_of, columns_of
from probing.probes.closed_form import Places
from probing.probes.folds import Folding, folding_of
from probing.statistics.permutation import numbered, permuted_between_speakers, permuted_within_speakers

PERMUTED, BY_SPEAKER = "permuted", "by-speaker"
Segment = tuple[str, int]  # partition and fold


@dataclass(frozen=True)
class Plan:
    """Targets that the same utterances have labels of, and what becomes of those.

    Args:
        names: The Q targets.
        classes: Of each target; none of a dimension.
        labels_NK: Ratings on the unit scale, and whether each class is there; NaN where there is no label.
        members: Partition → places of its rated utterances; partitions without any are absent.
        folding: Who of train and development is predicted, and who is left out, together.
        orders: `permuted` and `by-speaker` → the R permutations, [R, N]: whose label an utterance gets.
    """

    names: tuple[str, ...]
    classes: tuple[Classes, ...]
    labels_NK: NDArray[np.float64]
    members: Mapping[str, Places]
    folding: Folding
    orders: Mapping[str, NDArray[np.int64]]

    @cached_property
    def owner_K(self) -> NDArray[np.int64]:
        """The number of each column's target."""
        return np.repeat(np.arange(len(self.names)), [len(own) or 1 for own in self.classes])

    @property
    def columns(self) -> tuple[slice, ...]:
        """The columns of each target."""
        ends = np.cumsum([len(own) or 1 for own in self.classes]).tolist()
        return tuple(slice(start, end) for start, end in zip([0, *ends], ends, strict=False))

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
    """One plan for all targets that the same utterances have labels of: mostly one in all.

    Args:
        corpus: The N utterances.
        dims: Dimensions and categories.
        permutations: R.

    Raises:
        FitError: A target has fewer than two labels in train or in development (code `too-few`).
    """
    known = categories_of(corpus, dims)
    classes = {name: known.get(name, ()) for name in dims}
    labels = {name: columns_of(corpus, name, own) for name, own in classes.items()}
    partitions = np.array([utterance.partition for utterance in corpus.utterances])
    alike: dict[bytes, list[str]] = {}
    for name, own_NK in labels.items():
        alike.setdefault(np.isfinite(own_NK[:, 0]).tobytes(), []).append(name)
    everybody = folding_of(corpus, np.flatnonzero(np.isin(partitions, (TRAIN, DEVELOPMENT))))
    plans = []
    for names in map(tuple, alike.values()):
        rated_N = np.isfinite(labels[names[0]][:, 0])
        own = {name: np.flatnonzero(rated_N & (partitions == name)) for name in corpus.partitions}
        members = {name: places for name, places in own.items() if len(places)}
        _refuse_too_few(members, names, corpus.name)
        groups = [members[TRAIN], members[DEVELOPMENT]]
        orders = _orders(corpus, groups, permutations)
        labels_NK = np.concatenate([labels[name] for name in names], axis=1)
        folding = _folding(corpus, everybody, groups)
        plans.append(Plan(names, tuple(classes[name] for name in names), labels_NK, members, folding, orders))
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
                f"partition {partition} of corpus {corpus} has {count} labels of {', '.join(names)}",
                "a score needs at least two",
                "check the labels with `probe check`, or name another --dim",
                code="too-few",
            )


def _orders(corpus: Corpus, groups: Sequence[Places], permutations: int) -> dict[str, NDArray[np.int64]]:
    """Whose label an utterance gets in each permutation, [R, N]; all dimensions are permuted alike.

    `permuted` exchanges speakers, too: labels permuted one by one hide that ratings of a voice are alike. Where layers
    told nothing but voices, something was carried on test2 in 4 % of planted worlds, instead of 1 %.
    """
    speakers = numbered(utterance.speaker for utterance in corpus.utterances)
    own = np.arange(len(corpus), dtype=np.float64)
    between = [permuted_between_speakers(own, groups, speakers, seed) for seed in range(permutations)]
    within = [permuted_within_speakers(own, groups, speakers, seed) for seed in range(permutations)]
    shape = (permutations, len(corpus))
    return {PERMUTED: np.reshape(between, shape).astype(int), BY_SPEAKER: np.reshape(within, shape).astype(int)}
