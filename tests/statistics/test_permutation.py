"""Labels are permuted within their groups, whole rows at a time, the same for the same seed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from probing.statistics.permutation import permuted


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 1000))
def test_every_group_keeps_its_labels(first: int, second: int, seed: int) -> None:
    """No label leaves its group, and what is in no group stays where it is."""
    labels = np.arange(float(first + second + 3))
    groups = [range(first), range(first, first + second)]
    found = permuted(labels, groups, seed)
    for places in groups:
        assert sorted(found[list(places)]) == sorted(labels[list(places)])
    assert list(found[first + second :]) == list(labels[first + second :])
    assert list(labels) == list(range(first + second + 3))  # the caller's stay as they are


def test_rows_stay_whole() -> None:
    """All dimensions of an utterance move together."""
    labels = np.arange(20.0).reshape(10, 2)
    found = permuted(labels, [range(10)], seed=0)
    assert {tuple(row) for row in found} == {tuple(row) for row in labels} and not np.array_equal(found, labels)


def test_a_seed_is_a_permutation() -> None:
    """The same again for the same seed, another for another, whatever kind of places is given."""
    labels = np.arange(50.0)
    one, again = permuted(labels, [range(50)], 1), permuted(labels, [np.arange(50)], 1)
    assert np.array_equal(one, again) and not np.array_equal(one, permuted(labels, [range(50)], 2))


def test_nothing_is_left_of_what_labels_and_estimates_had_in_common() -> None:
    """Over many seeds, permuted labels correlate with their own places no more than chance."""
    labels = np.arange(40.0)
    found = [np.corrcoef(labels, permuted(labels, [range(40)], seed))[0, 1] for seed in range(300)]
    assert abs(np.mean(found)) < 3 / np.sqrt(300 * 39)
