"""Systems set against each other: paired resamples of speakers and seeds, against a plain second implementation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from probing.statistics import paired
from probing.statistics.concordance import ccc
from probing.statistics.paired import Sample, contrast, fall


def sample(noise: float, seeds: int = 3, speakers: int = 24, n: int = 240, name: int = 1, truth: int = 0) -> Sample:
    """Estimates that are the truth and noise; the same utterances for the same `truth`."""
    y = np.random.default_rng(truth).uniform(1, 7, n)
    p = y + 6 * noise * np.random.default_rng(name).standard_normal((seeds, n))
    return Sample(tuple(map(str, range(n))), y, p, tuple(range(seeds)), tuple(f"s{i % speakers:02d}" for i in range(n)))


def by_hand(first: Sample, second: Sample, draws: int = 1500) -> np.ndarray:
    """A paired bootstrap in plain loops: speakers drawn, their utterances gathered, seeds drawn, CCC taken."""
    rng = np.random.default_rng(5)
    names = sorted(set(first.clusters))
    rows = {name: np.flatnonzero(np.array(first.clusters) == name) for name in names}
    found = []
    for _ in range(draws):
        chosen = np.concatenate([rows[names[i]] for i in rng.integers(len(names), size=len(names))])
        drawn = rng.integers(len(first.seeds), size=len(first.seeds))
        scores = [
            np.mean([float(ccc(own.truth_N[chosen], own.estimates_SN[seed][chosen])) for seed in drawn])
            for own in (first, second)
        ]
        found.append(scores[0] - scores[1])
    return np.quantile(found, [0.025, 0.975])


def point(own: Sample) -> float:
    return float(np.mean([ccc(own.truth_N, estimate) for estimate in own.estimates_SN]))


def test_a_paired_difference_is_that_of_a_second_implementation() -> None:
    """The point is the difference of mean scores; the interval's ends agree with a bootstrap in plain loops."""
    a, b = sample(0.2), sample(0.3, name=2)
    found = contrast([a, b], np.subtract)
    assert found.value == pytest.approx(point(a) - point(b))
    low, high = by_hand(a, b)
    width = high - low
    assert found.low == pytest.approx(low, abs=0.15 * width) and found.high == pytest.approx(high, abs=0.15 * width)
    assert found.seeds == 3 and found.n == 240


def test_a_system_against_itself_differs_by_nothing() -> None:
    """Pairing is exact: the same resamples of speakers and of seeds, also where they are drawn twice."""
    found = contrast([sample(0.3), sample(0.3)], np.subtract)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_seeds_that_differ_widen_the_interval() -> None:
    """A system whose seeds disagree has a wider interval than the mean of its draws alone would give."""
    own = sample(0.3)
    estimates = np.stack([own.truth_N, np.full(240, 4.0), 4.0 + 0.1 * (own.truth_N - 4)])
    apart = replace(own, estimates_SN=estimates)
    alone = replace(own, estimates_SN=estimates[:1], seeds=(0,))
    assert np.std(apart.draws) > 5 * np.std(alone.draws)


def test_the_fewest_seeds_are_counted() -> None:
    """A contrast rests on the system that has the fewest."""
    assert contrast([sample(0.2, seeds=5), sample(0.2, seeds=2)], np.subtract).seeds == 2


def test_the_fall_is_unseen_minus_seen() -> None:
    """With other speakers drawn in either partition, so that a partition against itself still has a spread."""
    seen, unseen = sample(0.2), sample(0.4, name=2, truth=3)
    found = fall(seen, unseen)
    assert found.value == pytest.approx(point(unseen) - point(seen)) and found.low < found.value < found.high < 0
    assert found.n == 480 and fall(seen, seen).low < 0 < fall(seen, seen).high


def test_one_speaker_has_no_interval_and_no_speaker_means_utterances() -> None:
    """Drawn again and again, one cluster tells nothing; as many clusters as utterances tell of utterances."""
    assert np.isnan(contrast([sample(0.3, speakers=1)], np.asarray).low)
    found = contrast([sample(0.3, speakers=240)], np.asarray)
    assert found.low < found.value < found.high


def test_resamples_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many contrasts a sample stands in."""
    drawn: list[int] = []
    bootstrap = paired.bootstrap_ccc

    def counted(truth: np.ndarray, found: np.ndarray, clusters: Sequence[str], seed: int) -> np.ndarray:
        drawn.append(seed)
        return bootstrap(truth, found, clusters, seed=seed)

    monkeypatch.setattr(paired, "bootstrap_ccc", counted)
    a, b = sample(0.2), sample(0.3, name=2)
    for _ in range(3):
        contrast([a, b], np.subtract)
        contrast([a], np.asarray)
        fall(a, b)
    assert sorted(drawn) == [0, 0, 1]
