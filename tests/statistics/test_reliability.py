"""Krippendorff's alpha against its author's examples, the library krippendorff, and its own definition."""

from __future__ import annotations

import itertools

import krippendorff
import numpy as np
import pytest

from probing.statistics.reliability import Reliability, reliability

# Krippendorff (2011), example C: four observers, twelve units, . where an observer gave no value.
OBSERVERS = ("12332141 2...", "123322412 5.3", ".33323422 51.", "12332441 251.")
OBSERVERS_OF_UNITS = [
    [int(value) for value in unit if value != "."]
    for unit in zip(*(row.replace(" ", "") for row in OBSERVERS), strict=True)
]


def test_the_author_s_example_has_the_author_s_alphas():
    """.849 as interval data, .743 as names; one unit has a single value and counts for neither."""
    found = reliability(OBSERVERS_OF_UNITS)
    assert found.alpha == pytest.approx(0.849, abs=5e-4)
    assert (found.utterances, found.answers) == (11, 40)
    names = [[f"class {value}" for value in unit] for unit in OBSERVERS_OF_UNITS]
    assert reliability(names).alpha == pytest.approx(0.743, abs=5e-4)


@pytest.mark.parametrize("seed", range(20))
def test_it_agrees_with_the_library(seed):
    """On random ratings of two to nine raters with gaps, as numbers and as names."""
    rng = np.random.default_rng(seed)
    table = rng.integers(1, rng.integers(3, 8), (rng.integers(2, 10), rng.integers(4, 40))).astype(float)
    table[rng.random(table.shape) < 0.4] = np.nan
    table[:2, :2] = [[1, 2], [1, 2]]
    units = [[float(value) for value in unit if not np.isnan(value)] for unit in table.T]
    for level, said in (("interval", units), ("nominal", [[f"{value}" for value in unit] for unit in units])):
        assert reliability(said).alpha == pytest.approx(krippendorff.alpha(table, level_of_measurement=level), abs=1e-9)


def test_it_is_the_ratio_of_disagreements_within_and_over_all_pairs():
    """By its definition, in loops, for ratings that are no integers and far from 0."""
    rng = np.random.default_rng(0)
    units = [1e6 + rng.normal(size=rng.integers(2, 5)) for _ in range(12)]
    everything = np.concatenate(units)
    n = len(everything)
    observed = sum(sum((a - b) ** 2 for a, b in itertools.permutations(u, 2)) / (len(u) - 1) for u in units) / n
    expected = sum((a - b) ** 2 for a, b in itertools.permutations(everything, 2)) / (n * (n - 1))
    assert reliability(units).alpha == pytest.approx(1 - observed / expected, rel=1e-6)


def test_perfect_agreement_is_one_and_systematic_disagreement_below_zero():
    """Agreement beyond chance is what it measures."""
    assert reliability([(1, 1), (5, 5), (3, 3)]).alpha == 1
    assert reliability([("a", "b"), ("b", "a"), ("a", "b")]).alpha < 0


@pytest.mark.parametrize(
    ("answers", "expected"),
    [([], (0, 0)), ([(1.0,), ()], (0, 0)), ([(0.1, 0.1), (0.1, 0.1)], (2, 4)), ([("a", "a")], (1, 2))],
)
def test_where_nothing_can_differ_there_is_no_alpha(answers, expected):
    """NaN, not an error: no two answers to one utterance, or all answers the same."""
    found = reliability(answers)
    assert np.isnan(found.alpha)
    assert (found.utterances, found.answers) == expected


def test_a_large_corpus_of_free_names_takes_no_matrix():
    """20,000 utterances with thousands of different names: some megabytes, and not utterances × names²."""
    rng = np.random.default_rng(1)
    said = [[f"{name}" for name in names] for names in rng.integers(0, 5000, (20_000, 3))]
    found = reliability(said)
    assert isinstance(found, Reliability) and abs(found.alpha) < 0.01
