"""What runs score on other corpora: fits and systems, each in a row, each corpus in a column."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from builders import damaged_words, entry_of, write_evaluation, write_fit, write_run

from probing.errors import RunError
from probing.report.compare import compare
from probing.report.cross_corpus import cross_table, markdown
from probing.runs.records import CategoryScore, FinetuneRecord, Score
from probing.runs.store import read_kind, write_record

OTHER = entry_of("other", 50, ("all",))


def test_own_and_other_corpora_stand_side_by_side(tmp_path: Path) -> None:
    """The run's own test partitions and every partition of the other corpus, the newest evaluation of it alone."""
    run = write_run(tmp_path, "large")
    write_evaluation(run, "old", corpus=OTHER, date="2026-01-02T00:00:00")
    new = write_evaluation(run, "new", corpus=OTHER, date="2026-01-03T00:00:00")
    write_evaluation(run, "noisy", corpus=OTHER, snr=10.0, date="2026-01-04T00:00:00")
    write_evaluation(run, "own")
    table = cross_table([run])
    assert set(table.test) == {"", new.folder.name} and set(table.tested_on) == {"made-up", "other"}
    own = table[table.own]
    assert set(own.partition) == {"test1", "test2"} and set(own.trained_on) == {"made-up"}
    expected = {(s.dimension, s.partition): s.ccc for s in run.scores}
    assert all(row.score == pytest.approx(expected[row.target, row.partition]) for row in own.itertuples())
    text = markdown(table)
    assert "### valence: CCC" in text and "| other, unseen |" in text and "made-up, seen" in text


def test_a_fit_is_known_by_the_probes_that_stand_for_it(tmp_path: Path) -> None:
    """Those with learned layer weights, and neither single layers nor permuted labels; categories by their UAR."""
    scores = (
        Score("valence", "test2", 0.5, probe="weighted"),
        Score("valence", "test2", 0.4, probe="best layer: 3"),
        Score("valence", "test2", 0.0, probe="shuffled"),
    )
    named = (CategoryScore("emotion", "test2", 0.7, 0.6, 0.8, n=9, classes=4, probe="weighted"),)
    fit = write_fit(tmp_path, scores=scores)
    classes = ["angry", "calm", "happy", "sad"]
    told = {"partition": "test2", "speaker": "s", "category": "emotion", "truth": classes, "weighted-seed0": classes}
    pd.DataFrame({"id": classes, **told}).to_csv(fit.folder / "categories.csv", index=False)
    fit = write_record(replace(fit, category_scores=named), fit.folder, [*(fit.files or {}), "categories.csv"])
    assert cross_table([fit]).empty
    run = write_run(tmp_path, "large")
    write_evaluation(run, "other", corpus=OTHER)
    table = cross_table([fit, run])
    own = table[table.run == fit.folder.name]
    assert [(r.target, r.measure, r.score) for r in own.itertuples()] == [
        ("emotion", "UAR", 0.7),
        ("valence", "CCC", 0.5),
    ]


def test_uars_of_other_classes_are_set_apart(tmp_path: Path) -> None:
    """Each says of how many classes it is, what guessing reaches, and how many utterances it leaves out."""
    run = write_run(tmp_path, "large")
    system = replace(run.system, categories={"emotion": ("angry", "calm", "happy", "sad")})
    own = CategoryScore("emotion", "test2", 0.7, 0.6, 0.8, n=run.corpus.utterances["test2"], classes=4)
    few = CategoryScore("emotion", "all", 0.7, 0.6, 0.8, n=30, classes=2)
    for record, score in ((run, own), (write_evaluation(run, "other", corpus=OTHER), few)):
        files = ["categories.csv", "category_scores.csv"]
        for name in files:
            (record.folder / name).write_text("id\n")
        changed = replace(record, system=system, category_scores=(score,))
        write_record(changed, record.folder, [*(record.files or {}), *files])
    run = read_kind(run.folder, FinetuneRecord)
    table = cross_table([run])
    of_classes = table[table.measure == "UAR"].set_index("tested_on")
    assert of_classes.classes.to_dict() == {"made-up": 4, "other": 2}
    assert of_classes.chance.to_dict() == {"made-up": 0.25, "other": 0.25}
    assert of_classes.left_out.to_dict() == {"made-up": 0, "other": 20}
    text = markdown(table)
    assert "2 classes, chance 0.250; 20 of 50 left out" in text and "4 classes, chance 0.250 |" in text
    assert table[table.measure == "CCC"].chance.isna().all()


def test_runs_on_several_corpora_are_compared_by_that_alone(tmp_path: Path) -> None:
    """With an evaluation, a table; without one it is said what is lacking, and nothing is written."""
    here, there = write_run(tmp_path, "large"), write_run(tmp_path, "large", corpus="other", n=120)
    with pytest.raises(RunError) as caught:
        compare([here, there], tmp_path / "out")
    assert caught.value.code == "several-corpora"
    with pytest.raises(RunError) as caught:
        compare([write_fit(tmp_path)], tmp_path / "out")
    assert caught.value.code == "no-evaluation" and not (tmp_path / "out").exists()
    write_evaluation(here, "other", corpus=there.corpus)
    found = compare([here, there], tmp_path / "out", name="x")
    assert sorted(path.name for path in found.paths) == ["crosscorpus-x.csv", "crosscorpus-x.md"]
    assert found.table1.empty and {*zip(found.crossed.trained_on, found.crossed.tested_on, strict=True)} == {
        ("made-up", "made-up"),
        ("made-up", "other"),
        ("other", "other"),
    }
    one = compare([here], tmp_path / "out", name="y")
    assert len(one.table1) and len(one.crossed) and "crosscorpus-y.md" in one.texts


@pytest.mark.parametrize("version", [1, 2])
def test_the_own_corpus_of_an_old_run_is_no_other_one(tmp_path: Path, version: int) -> None:
    """Version 0.1.0 wrote no digests; the same utterances with the same ratings are its own corpus, scored again."""
    run = write_run(tmp_path, "large", version=1)
    own = replace(run.corpus, identity=entry_of("made-up", 240).identity) if version == 2 else run.corpus
    write_evaluation(run, "again", version=version, corpus=own)
    assert cross_table([run]).empty and compare([run], tmp_path / "out").crossed.empty
    write_evaluation(run, "other", corpus=OTHER)
    assert set(cross_table([run]).test) == {"", "other"}


def test_tests_of_one_name_have_columns_of_their_own(tmp_path: Path) -> None:
    """One corpus with its own and with other words, and two corpora whose old records do not tell them apart."""
    run = write_run(tmp_path, "large", version=1)
    write_evaluation(run, "own-words", corpus=OTHER)
    write_evaluation(run, "damaged", corpus=OTHER, words=damaged_words(0.2))
    old = write_evaluation(run, "old", version=1).folder
    table = pd.read_csv(old / "predictions.csv")
    table.assign(truth=table.truth + 0.5).to_csv(old / "predictions.csv", index=False)
    heading = markdown(cross_table([run])).splitlines()[4]
    names = [name.strip() for name in heading.strip("|").split("|")]
    assert len(names) == len(set(names)) == 3 + 4 * 2
    assert "made-up, seen" in names and "made-up, seen, old" in names
    assert f"other ({damaged_words(0.2).title}), seen" in names and "other, seen" in names
