"""What a system is trained on: buckets of similar length, and labels permuted for a control."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probing.corpus.opening import open_corpus
from probing.errors import FitError
from probing.training.datasets import Buckets, labels_to_learn, learned_and_scored


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=200), st.integers(2, 20), st.integers(0, 5))
def test_an_epoch_sees_each_utterance_once_but_for_those_that_fill_no_batch(
    lengths: list[int], batch: int, epoch: int
) -> None:
    """No utterance comes twice, and fewer than a batch are left for another epoch."""
    buckets = Buckets(lengths, batch, seed=0)
    buckets.set_epoch(epoch)
    order = list(buckets)
    assert len(order) == len(set(order)) == len(buckets)
    assert len(lengths) - len(order) < min(batch, len(lengths)) or not order


def test_batches_hold_utterances_of_similar_length() -> None:
    """Sorting within pools leaves far less padding than chance, while batches come in any order."""
    lengths = np.random.default_rng(0).integers(1, 1000, 1600)
    batches = lengths[list(Buckets(lengths.tolist(), 16, seed=0))].reshape(-1, 16)
    chance = np.random.default_rng(1).permutation(lengths).reshape(-1, 16)
    assert np.ptp(batches, axis=1).mean() < np.ptp(chance, axis=1).mean() / 10
    assert abs(np.corrcoef(np.arange(100), batches.mean(1))[0, 1]) < 0.4


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    """A sampler made anew in the third epoch continues as the old one would; other epochs and seeds differ."""

    def order(seed: int, epoch: int) -> list[int]:
        buckets = Buckets(list(range(100)), 8, seed)
        buckets.set_epoch(epoch)
        return list(buckets)

    assert order(0, 3) == order(0, 3)
    assert order(0, 3) != order(0, 4) and order(0, 3) != order(1, 3)


def test_the_utterances_that_wait_are_others_in_every_epoch() -> None:
    """Nobody is left out for ever."""
    buckets = Buckets(list(range(19)), 16, seed=0)
    left = set()
    for epoch in range(40):
        buckets.set_epoch(epoch)
        left |= set(range(19)) - set(buckets)
    assert left == set(range(19))


def test_permuted_labels_stay_within_their_partition() -> None:
    """The control's labels are the same rows in another order, in train and in development apart."""
    labels = np.arange(20.0).reshape(10, 2)
    members = {"train": [0, 1, 2, 3, 4, 5], "development": [6, 7, 8]}
    found = labels_to_learn(labels, members, shuffled=True, seed=0)
    assert sorted(found[:6, 0]) == sorted(labels[:6, 0]) and sorted(found[6:9, 0]) == sorted(labels[6:9, 0])
    assert (found[9] == labels[9]).all() and (found[:, 1] - found[:, 0] == 1).all() and (found != labels).any()
    assert labels_to_learn(labels, members, shuffled=False, seed=0) is labels
    order = np.random.default_rng([0, 1]).permutation([0, 1, 2, 3, 4, 5])  # as version 0.1.0 drew it
    np.testing.assert_array_equal(found[:6], labels[order])


def test_a_corpus_without_development_cannot_be_learned(table: Path) -> None:
    """There is nothing to stop by; this is said before any work."""
    corpus = open_corpus(str(table))
    assert {name: len(own) for name, own in learned_and_scored(corpus).items()} == {"train": 14, "development": 6}
    with pytest.raises(FitError) as caught:
        learned_and_scored(corpus.select(["train", "test1"]))
    assert caught.value.code == "too-few"
