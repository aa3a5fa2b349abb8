"""Batches of a system: what is in a bucket, what an epoch sees, and that latents stand for waveforms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probing.training.datasets import Buckets, by_length


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


def test_batches_hold_utterances_of_like_length() -> None:
    """Sorting within pools leaves far less padding than chance, while batches come in any order."""
    lengths = np.random.default_rng(0).integers(1, 1000, 1600)
    batches = lengths[list(Buckets(lengths.tolist(), 16, seed=0))].reshape(-1, 16)
    chance = np.random.default_rng(1).permutation(lengths).reshape(-1, 16)
    assert np.ptp(batches, axis=1).mean() < np.ptp(chance, axis=1).mean() / 10
    assert abs(np.corrcoef(np.arange(100), batches.mean(1))[0, 1]) < 0.4


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    """A sampler made anew in the third epoch goes on as the old one would; other epochs and seeds differ."""

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


@pytest.mark.parametrize("places", [[2, 0, 1], []])
def test_the_longest_come_first(places: list[int]) -> None:
    assert by_length([5, 9, 7], places) == sorted(places, key=lambda place: -[5, 9, 7][place])
