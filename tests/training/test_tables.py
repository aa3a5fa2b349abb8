"""Estimates of systems as tables: of dimensions and of categories, of classes that a system knows and of others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from probing.corpus.model import Corpus, Utterance
from probing.errors import FitError
from probing.runs.entries import SystemEntry
from probing.statistics.concordance import ccc
from probing.training.tables import demand_labels, write_tables


def test_tables_hold_estimates_on_the_corpus_s_scale_and_their_scores(tmp_path: Path) -> None:
    """Dimensions that the corpus does not rate are left out; the truth scores 1, over the whole partition."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 5, 24)
    utterances = tuple(
        Utterance(f"u{i}", None, "test1" if i % 2 else "test2", f"s{i % 6}", {"valence": float(value)})
        for i, value in enumerate(truth)
    )
    corpus = Corpus("made-up", (1, 5), utterances)
    unit = (truth - 1) / 4
    noisy = unit + rng.normal(0, 0.1, 24)
    found = {seed: np.stack([np.zeros(24), estimate], axis=1) for seed, estimate in ((0, unit), (3, noisy))}
    system = SystemEntry("a", "a", None, "audio", 1, 1, (), "FT", ("joy", "valence"))
    scores = write_tables(corpus, found, system, tmp_path).scores
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    assert list(predictions.columns) == ["id", "partition", "speaker", "dimension", "truth", "seed0", "seed3"]
    np.testing.assert_allclose(predictions.seed0, truth, rtol=1e-6)
    table = pd.read_csv(tmp_path / "scores.csv").set_index(["partition", "seed"])
    assert set(table.dimension) == {"valence"} and table.loc[("test1", 0), "ccc"] == pytest.approx(1)
    own = float(ccc(truth[1::2], 1 + 4 * noisy[1::2]))
    assert table.loc[("test1", 3), "ccc"] == pytest.approx(own)
    (mean,) = [score for score in scores if score.partition == "test1"]
    assert mean.ccc == pytest.approx((1 + own) / 2, abs=1e-6) and mean.n == 12 and mean.probe is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["predictions.csv", "scores.csv"]


def named(classes: list[str], partition: str = "test1") -> tuple[Utterance, ...]:
    """Utterances of six speakers with an emotion each; an empty name is none."""
    return tuple(
        Utterance(f"{partition}{i}", None, partition, f"s{i % 6}", categories={"emotion": name} if name else {})
        for i, name in enumerate(classes)
    )


def of_categories(classes: tuple[str, ...]) -> SystemEntry:
    """A system that estimates valence and an emotion."""
    return SystemEntry("a", "a", None, "audio", 1, 1, (), "FT", ("valence",), categories={"emotion": classes})


def test_tables_of_categories_hold_scikit_learn_s_scores(tmp_path: Path) -> None:
    """The class with the highest output is estimated; the record's scores are means over seeds."""
    rng = np.random.default_rng(1)
    classes = ("angry", "calm", "sad")
    truth = [classes[i] for i in rng.integers(0, 3, 40)] + [""]
    corpus = Corpus("named", (0, 1), named(truth))
    found = {seed: rng.normal(size=(41, 4)) for seed in (0, 2)}
    written = write_tables(corpus, found, of_categories(classes), tmp_path)
    assert written.files == ("categories.csv", "category_scores.csv") and written.scores == () and written.notes == ()
    table = pd.read_csv(tmp_path / "categories.csv")
    assert list(table.columns) == ["id", "partition", "speaker", "category", "truth", "seed0", "seed2"]
    estimates = {seed: [classes[i] for i in own[:40, 1:].argmax(1)] for seed, own in found.items()}
    assert list(table.seed2[:40]) == estimates[2] and table.truth.isna().sum() == 1
    (score,) = written.category_scores
    assert (score.category, score.partition, score.n, score.classes) == ("emotion", "test1", 40, 3)
    for name, expected in (
        ("uar", balanced_accuracy_score),
        ("accuracy", accuracy_score),
        ("macro_f1", lambda y, p: f1_score(y, p, average="macro")),
    ):
        mean = np.mean([expected(truth[:40], own) for own in estimates.values()])
        assert getattr(score, name) == pytest.approx(mean, abs=1e-6)
    assert score.low is not None and score.low < score.uar < (score.high or 0)


def test_a_class_that_the_system_does_not_know_is_not_scored(tmp_path: Path) -> None:
    """It is noted with its number of utterances; a corpus with no other classes is refused."""
    system = of_categories(("angry", "sad"))
    corpus = Corpus("other", (0, 1), named(["angry", "sad", "bored", "sad", "bored", "angry"]))
    outputs = np.array([[0, 1, 0], [0, 0, 1], [0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]], float)
    written = write_tables(corpus, {0: outputs}, system, tmp_path)
    (score,) = written.category_scores
    assert (score.n, score.uar, score.accuracy) == (4, 0.75, 0.75)
    assert len(written.notes) == 1 and "2 utterances" in written.notes[0] and "bored" in written.notes[0]
    with pytest.raises(FitError) as caught:
        demand_labels(Corpus("strange", (0, 1), named(["bored", "bored"])), system)
    assert caught.value.code == "no-ratings"
