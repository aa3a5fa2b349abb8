"""Systems of categories in a table of their own: scikit-learn's scores, paired differences, and no CCC among them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import entry_of, write_run
from sklearn.metrics import balanced_accuracy_score, f1_score, recall_score

from probing.corpus.model import Corpus, Utterance
from probing.report.classified import class_table, markdown
from probing.report.compare import compare
from probing.report.page import write_page
from probing.runs.entries import SystemEntry
from probing.runs.records import FinetuneRecord
from probing.runs.store import write_record
from probing.training.tables import write_tables

CLASSES = ("angry", "calm", "sad")
TRUTH = np.random.default_rng(0).integers(0, 3, 240)


def write_classifier(root: Path, audio: str, right: float, dimensions: tuple[str, ...] = ()) -> FinetuneRecord:
    """A finetune run of two seeds that is right about a share of 240 emotions, and guesses the others."""
    base = write_run(root, audio, seeds=2, partitions=("test2",), n=240)
    utterances = tuple(
        Utterance(f"test2-{i}", None, "test2", f"s{i % 12}", categories={"emotion": CLASSES[place]})
        for i, place in enumerate(TRUTH)
    )
    corpus = Corpus("made-up", (1.0, 7.0), utterances)
    rng = np.random.default_rng(len(audio))
    found = {}
    for seed in (0, 1):
        guessed = np.where(rng.uniform(size=240) < right, TRUTH, rng.integers(0, 3, 240))
        found[seed] = np.eye(3)[guessed]
    old: SystemEntry = base.system
    system = replace(old, dimensions=(), categories={"emotion": CLASSES})
    tables = write_tables(corpus, found, system, base.folder)
    kept = replace(system, dimensions=dimensions) if dimensions else system
    scores = base.scores if dimensions else ()
    record = replace(base, system=kept, scores=scores, category_scores=tables.category_scores)
    own = [name for name in base.files or {} if dimensions or name not in ("scores.csv", "predictions.csv")]
    return write_record(record, base.folder, [*own, *tables.files])


def test_a_table_has_scikit_learn_s_scores_and_paired_differences(tmp_path: Path) -> None:
    """Of each run the mean over its seeds; a difference is that of the two means, with an interval about it."""
    good, poor = write_classifier(tmp_path, "large", 0.8), write_classifier(tmp_path, "small", 0.3)
    table = class_table([poor, good]).set_index("model")
    for record in (good, poor):
        own = record.classes.table
        for name, expected in (
            ("uar", balanced_accuracy_score),
            ("macro_f1", lambda y, p: f1_score(y, p, average="macro")),
        ):
            mean = np.mean([expected(own.truth, own[column]) for column in ("seed0", "seed1")])
            assert table.loc[record.title, name] == pytest.approx(mean, abs=1e-6)
    row = table.loc["small"]
    assert row.difference == pytest.approx(row.uar - table.uar["large"], abs=1e-6) and row.against == "large"
    assert row.difference_low < row.difference < row.difference_high < 0
    text = markdown(table.reset_index(), "made-up")
    assert "0.333 (emotion)" in text and f"{row.uar:.3f}" in text and "CCC" not in text


def test_what_guessing_reaches_is_said_of_each_partition(tmp_path: Path) -> None:
    """With as many guesses as a system has classes, of which a partition may lack some: simulated."""
    base = write_classifier(tmp_path, "large", 0.8)
    (score,) = base.category_scores
    two = replace(score, partition="test1", classes=2)
    text = markdown(class_table([replace(base, category_scores=(two, score))]), "made-up")
    truth = TRUTH[TRUTH < 2]
    guesses = np.random.default_rng(1).integers(0, 3, (400, len(truth)))
    reached = np.mean([recall_score(truth, own, labels=[0, 1], average="macro") for own in guesses])
    assert reached == pytest.approx(1 / 3, abs=0.01) and "0.333 (emotion)" in text
    wider = {"emotion": (*CLASSES, "new", "other")}
    more = replace(base, system=replace(base.system, categories=wider), folder=base.folder)
    assert "0.200 (emotion)" in markdown(class_table([more]), "made-up")
    four = replace(score, partition="test1", classes=4)
    both = class_table([replace(base, category_scores=(four, score))])
    assert "0.250 on seen, 0.333 on test2" in markdown(both, "made-up").replace("unseen", "test2")


def test_runs_of_categories_alone_are_compared(tmp_path: Path) -> None:
    """There is no Table 1 to write, and no finding."""
    found = compare([write_classifier(tmp_path, name, 0.5) for name in ("large", "small")], tmp_path / "out", name="x")
    assert sorted(path.name for path in found.paths) == ["categories-x.csv", "categories-x.md"]
    assert found.table1.empty and len(found.categories) == 2 and str(found) == found.texts["categories-x.md"]


def test_a_page_shows_categories(tmp_path: Path) -> None:
    """The systems' table and its differences; nothing is said of CCC."""
    records = [write_classifier(tmp_path, name, share) for name, share in (("large", 0.9), ("small", 0.3))]
    text = write_page(records, tmp_path, controls=False).read_text("utf-8")
    (score,) = records[0].category_scores
    assert f"{score.uar:.3f}" in text and "macro-F1" in text and "Paired differences of UAR to large" in text
    assert "Table 1" not in text


def test_categories_stand_beside_dimensions_and_not_among_them(tmp_path: Path) -> None:
    """Table 1 has the systems of dimensions, the other table those of categories; one system is in both."""
    both = write_classifier(tmp_path, "large", 0.8, dimensions=("valence",))
    alone = write_classifier(tmp_path, "small", 0.8)
    entry = entry_of("made-up", 240)
    found = compare([both, alone], tmp_path / "out", name="x")
    assert both.corpus.identity == entry.identity and set(found.table1.model) == {"large"}
    assert set(found.categories.model) == {"large", "small"} and set(found.table1.dimension) == {"valence"}
    assert "UAR" not in found.texts["table1-x.md"] and "CCC" not in found.texts["categories-x.md"]
