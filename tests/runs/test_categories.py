"""Estimated classes and their scores as tables, and classes read back: whatever they are called, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from corpora import refusal
from sklearn import metrics

from probing.corpus.model import Corpus, Utterance
from probing.errors import RunError
from probing.files.cells import to_csv
from probing.runs.categories import (
    CATEGORIES,
    ClassPredictions,
    categories_table,
    category_scores_table,
    category_summary,
    classes_of,
    coded,
)
from probing.runs.entries import CategoryScore
from probing.runs.scores import Estimator, score_rows

NAMES = ("NA", "null", "=anger", "3")  # what a reader of tables would take for something else


@pytest.fixture
def corpus() -> Corpus:
    """Sixty utterances of twelve speakers; one has no class, test3 has none at all."""
    rng = np.random.default_rng(0)
    utterances = []
    for number in range(60):
        partition = ("train", "test1", "test3")[number % 3]
        known = partition != "test3" and number != 1
        categories = {"emotion": str(rng.choice(NAMES))} if known else {}
        speaker = None if number == 3 else f"s{number % 12}"
        utterances.append(Utterance(f"u{number:02d}", None, partition, speaker, categories=categories))
    return Corpus("c", (0.0, 1.0), tuple(utterances))


@pytest.fixture
def estimates(corpus: Corpus) -> dict[str, dict[Estimator, np.ndarray]]:
    """Two training seeds' estimates, right more often than not."""
    rng = np.random.default_rng(1)
    truth = classes_of(corpus, "emotion")
    found = [np.where((rng.random(60) < 0.6) & (truth != ""), truth, rng.choice(NAMES, 60)) for _ in range(2)]
    return {"emotion": {Estimator(f"seed{seed}", seed): own for seed, own in enumerate(found)}}


def test_classes_are_numbered_in_the_corpus_s_order(corpus: Corpus) -> None:
    """Sorted by name; −1 where there is none."""
    names, codes = classes_of(corpus, "emotion"), coded(corpus, "emotion")
    assert corpus.classes("emotion") == tuple(sorted(NAMES))
    assert [sorted(NAMES)[code] if code >= 0 else "" for code in codes] == names.tolist()


def test_scores_are_scikit_learns_on_each_partition(corpus: Corpus, estimates: dict) -> None:
    """Of the utterances that have a class; a partition without any has no row."""
    table = category_scores_table(corpus, estimates)
    assert set(table.partition) == {"train", "test1"} and "kind" not in table and "layer" not in table
    truth = classes_of(corpus, "emotion")
    for row in table.itertuples():
        own = [i for i, u in enumerate(corpus.utterances) if u.partition == row.partition and u.categories]
        found = estimates["emotion"][Estimator(f"seed{row.seed}", row.seed)]
        assert row.n == len(own) == (19 if row.partition == "test1" else 20)
        assert np.isclose(row.uar, metrics.balanced_accuracy_score(truth[own], found[own]))
        assert np.isclose(row.macro_f1, metrics.f1_score(truth[own], found[own], average="macro"))
        assert np.isclose(row.accuracy, metrics.accuracy_score(truth[own], found[own]))
        assert 0 < row.low < row.uar < row.high < 1
        assert row.classes == len(set(truth[own]))


def test_a_summary_is_what_a_record_says(corpus: Corpus, estimates: dict) -> None:
    """Means over seeds, and the spread of recall."""
    table = category_scores_table(corpus, estimates)
    for row in category_summary(table).to_dict("records"):
        own = table[table.partition == row["partition"]]
        said = CategoryScore(**row)
        assert np.isclose(said.uar, own.uar.mean()) and np.isclose(said.sd or 0, own.uar.std())
        assert said.low == own.mean_low.iloc[0]


def test_names_are_read_back_as_they_were(corpus: Corpus, estimates: dict, tmp_path: Path) -> None:
    """Classes that look like missing values, formulas or numbers are names; who has none is left out."""
    to_csv(categories_table(corpus, estimates), tmp_path / CATEGORIES)
    sample = ClassPredictions(tmp_path / CATEGORIES).sample("emotion", "train")
    own = sorted((u.id, u.categories["emotion"], i) for i, u in enumerate(corpus.utterances) if u.partition == "train")
    assert sample.ids == tuple(id_ for id_, _, _ in own)
    assert [sample.classes[int(code)] for code in sample.truth_N] == [name for _, name, _ in own]
    for seed in range(2):
        found = estimates["emotion"][Estimator(f"seed{seed}", seed)]
        assert [sample.classes[int(code)] for code in sample.estimates_SN[seed]] == [found[i] for _, _, i in own]
    assert sample.clusters[1] == "utterance:u03"
    table = category_scores_table(corpus, estimates)
    np.testing.assert_allclose(sample.scores_S, table.uar[table.partition == "train"])


@pytest.mark.parametrize(
    ("category", "partition", "columns"),
    [("gender", "train", ("seed0",)), ("emotion", "test3", ("seed0",)), ("emotion", "train", ("layer3",))],
)
def test_what_was_not_estimated_is_refused(
    category: str, partition: str, columns: tuple[str, ...], corpus: Corpus, estimates: dict, tmp_path: Path
) -> None:
    """Another category, a partition without classes, a column that there is not."""
    to_csv(categories_table(corpus, estimates), tmp_path / CATEGORIES)
    read = ClassPredictions(tmp_path / CATEGORIES)
    refusal(RunError, "no-estimates", read.sample_of, columns, category, partition)


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        ("", ["u1,train,s1,emotion"]),
        (",truth,seed0,seed1", ["u00,train,s0,emotion,a,a,a", "u00,train,s0,emotion,a,a,a"]),
        (",truth,seed0,seed1", [",train,s0,emotion,a,a,a"]),
    ],
)
def test_a_damaged_file_is_refused(columns: str, lines: list[str], tmp_path: Path) -> None:
    """A missing column, an utterance twice, one without an id."""
    (tmp_path / CATEGORIES).write_text("\n".join([f"id,partition,speaker,category{columns}", *lines]) + "\n")
    refusal(RunError, "run-damaged", ClassPredictions(tmp_path / CATEGORIES).sample, "emotion", "train")


def test_a_seed_of_thousands_of_digits_is_none(tmp_path: Path) -> None:
    """A column that no training wrote is not estimated from, and ends no command."""
    header = f"id,partition,speaker,category,truth,seed0,seed{'9' * 5000}"
    (tmp_path / CATEGORIES).write_text(f"{header}\nu0,train,s0,emotion,a,a,b\nu1,train,s1,emotion,b,b,a\n")
    sample = ClassPredictions(tmp_path / CATEGORIES).sample("emotion", "train")
    assert sample.seeds == (0,) and sample.scores_S.tolist() == [1.0]


def test_a_perfect_recall_has_no_interval(corpus: Corpus, estimates: dict) -> None:
    """From no error there is no telling how rare errors are; the summary says None."""
    perfect = {"emotion": {one: classes_of(corpus, "emotion") for one in estimates["emotion"]}}
    table = category_scores_table(corpus, perfect)
    assert (table.uar == 1).all() and table[["low", "high", "mean_low", "mean_high"]].isna().all(axis=None)
    for row in score_rows(category_summary(table)):
        assert row["low"] is None and row["high"] is None
