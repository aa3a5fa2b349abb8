"""What a system is trained on: batches of utterances of similar length, and labels, permuted for a control.

Shape legend: N utterances · K dimensions of emotion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from probing.corpus.audit import fewer_folds
from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.errors import FitError, number_of
from probing.runs.scores import places
from probing.statistics.permutation import permuted
from probing.systems.batches import Collate, Item

_POOL = 50  # batches that are drawn together before they are sorted by length


@dataclass(frozen=True)
class Material:
    """What a training reads.

    Args:
        items: One for each utterance.
        ids: The utterances.
        lengths: Their lengths, in any unit.
        members: Partition, `train` and `development` → places of its utterances.
        collate: Puts items together.
    """

    items: Dataset[Item]
    ids: Sequence[str]
    lengths: Sequence[int]
    members: Mapping[str, Sequence[int]]
    collate: Collate


class Buckets(Sampler[int]):
    """An order in which every `batch` consecutive utterances are of similar length (section 3.2).

    It depends on the seed and the epoch alone, so that a resumed training gets the batches that it would have got.
    Those utterances that fill no batch, others in every epoch, wait for the next.

    Args:
        lengths: Of each utterance, in any unit.
        batch: Utterances in a batch; all of them where there are fewer.
        seed: Of the order.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self._lengths, self._batch, self._seed = np.asarray(lengths), min(batch, len(lengths)), seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch that begins."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths) // self._batch * self._batch

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng((self._seed, self.epoch))
        order = rng.permutation(len(self._lengths))[: len(self)]
        pools = np.split(order, range(_POOL * self._batch, len(order), _POOL * self._batch))
        ordered = np.concatenate([pool[np.argsort(self._lengths[pool], kind="stable")] for pool in pools])
        yield from rng.permutation(ordered.reshape(-1, self._batch)).ravel().tolist()


def learned_and_scored(corpus: Corpus) -> dict[str, list[int]]:
    """Places of the utterances to train on and of those to stop by.

    Raises:
        FitError: One of the two partitions has fewer than two utterances (code `too-few`).
    """
    members = {partition: places(corpus, partition).tolist() for partition in (TRAIN, DEVELOPMENT)}
    for partition, own in members.items():
        if len(own) < 2:
            raise FitError(
                f"partition {partition} of corpus {corpus.title} has {number_of(len(own), 'utterance')}",
                "a score needs at least two",
                f"its partitions are {', '.join(corpus.partitions)}; train is learned from, development stops training"
                f"{fewer_folds(corpus)}",
                code="too-few",
            )
    return members


def labels_to_learn(
    labels_NK: NDArray[np.float64], members: Mapping[str, Sequence[int]], shuffled: bool, seed: int
) -> NDArray[np.float64]:
    """The labels [N, K] or, for a control, the same permuted within train and within development."""
    return permuted(labels_NK, list(members.values()), seed) if shuffled else labels_NK
