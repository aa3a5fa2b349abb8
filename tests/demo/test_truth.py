"""The best score that any listener could reach, known in closed form, is met by drawing and by fitting."""

from __future__ import annotations

import numpy as np
import pytest

from probing.demo import script
from probing.demo.language import sentence_firmness
from probing.demo.truth import bounds, expected_rating, report
from probing.statistics.concordance import ccc


def test_expected_ratings_are_what_many_raters_give() -> None:
    """Mean and variance in closed form equal those of 20,000 drawn ratings, at the ends of the scale too."""
    latent, rng = np.array([0.02, 0.3, 0.5, 0.77, 0.98]), np.random.default_rng(0)
    drawn = np.array([[script.rate(value, rng) for value in latent] for _ in range(20_000)])
    mean, variance = expected_rating(latent)
    assert drawn.mean(0) == pytest.approx(mean, abs=0.01)
    assert drawn.var(0) == pytest.approx(variance, rel=0.05)


def test_no_prediction_from_what_a_listener_knows_beats_the_bound_and_the_best_one_meets_it() -> None:
    """Bins of the latent values, fitted to the very ratings, reach the bound and no more."""
    lines = script.plan({"train": 6000})
    best = bounds(lines)
    known = {
        ("arousal", "prosody"): [line.arousal for line in lines],
        ("valence", "words"): [line.valence for line in lines],
        ("dominance", "prosody"): [line.voice_dominance for line in lines],
        ("dominance", "words"): [sentence_firmness(line.words) for line in lines],
        ("dominance", "both"): [line.dominance for line in lines],
    }
    for (dimension, by), values in known.items():
        rated = np.array([line.ratings[("arousal", "valence", "dominance").index(dimension)] for line in lines])
        edges = np.unique(np.quantile(values, np.linspace(0, 1, 41)[1:-1]))
        place = np.digitize(values, edges)
        fitted = np.array([rated[place == bin_].mean() for bin_ in range(len(edges) + 1) if (place == bin_).any()])
        fitted = fitted[np.unique(place, return_inverse=True)[1]]
        stretched = rated.mean() + (fitted - rated.mean()) * rated.std() / fitted.std()
        assert ccc(stretched, rated) == pytest.approx(best[dimension][by], abs=0.02)


def test_what_a_listener_cannot_know_gives_nothing() -> None:
    """Words say nothing of arousal, prosody nothing of valence; both together are at least as good as each."""
    best = bounds(script.plan())
    assert best["arousal"]["words"] == best["valence"]["prosody"] == 0
    assert all(scores["both"] >= max(scores.values()) for scores in best.values())


def test_the_truth_is_printed_for_every_partition() -> None:
    """The table that `probe check demo` prints has a row a partition, with nine numbers each."""
    lines = script.plan()
    rows = report(lines).splitlines()[3:]
    assert [row.split()[0] for row in rows] == list(script.COUNTS)
    known = bounds([line for line in lines if line.partition == "test2"])
    assert [float(number) for number in rows[-1].split()[1:]] == pytest.approx(
        [score for scores in known.values() for score in scores.values()], abs=6e-4
    )
