"""Runs that are compared are finished, on one corpus, in an order and under names that no argument's order changes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from builders import entry_of, identity_of, write_evaluation, write_run

from probing.corpus.identity import Identity
from probing.corpus.transcripts import CORRUPTED, Words
from probing.errors import RunError
from probing.report import compared
from probing.report.compared import (
    BUILT_IN,
    corpus_title,
    dimensions_of,
    finished,
    may_be_one_corpus,
    model_name,
    names_of,
    paired,
    spread_of,
    systems,
)

VERSIONS = pytest.mark.parametrize("version", [1, 2])


def code_of(error: pytest.ExceptionInfo[RunError]) -> str:
    return error.value.code


@VERSIONS
def test_systems_stand_in_the_papers_order(tmp_path: Path, version: int) -> None:
    """By modality, the larger first, fine-tuned before frozen, controls last, whatever the arguments' order."""
    runs = [
        write_run(tmp_path, "small", "words", "FT⇒FRZ", version=version),
        write_run(tmp_path, "small", "words", version=version),
        write_run(tmp_path, None, "words", version=version),
        write_run(tmp_path, "small", version=version),
        write_run(tmp_path, "large", shuffled=True, version=version),
    ]
    for order in permutations(runs):
        assert [model_name(record) for record in systems(order)] == [
            "small",
            "words",
            "small+words",
            "small+words (FT⇒FRZ)",
            "large — control: permuted labels",
        ]


@VERSIONS
def test_two_corpora_of_one_name_are_two(tmp_path: Path, version: int) -> None:
    """Runs are told apart by what their corpora hold, not by their titles."""
    one = write_run(tmp_path, "large", version=version)
    entry = entry_of("made-up", 200, identity=identity_of("x"))
    other = write_run(tmp_path, "small", n=200, entry=entry, version=version)
    assert not may_be_one_corpus(one, other)
    for order in ([one, other], [other, one]):
        with pytest.raises(RunError) as caught:
            systems(order)
        assert code_of(caught) == "several-corpora"


def test_a_renamed_corpus_is_the_same(tmp_path: Path) -> None:
    """With the same digests the title is no matter."""
    renamed = entry_of("elsewhere", 240, identity=identity_of("made-up"))
    assert len(systems([write_run(tmp_path, "large"), write_run(tmp_path, "small", entry=renamed)])) == 2


def test_runs_of_both_versions_are_known_by_what_was_rated(tmp_path: Path) -> None:
    """0.1.0 wrote no digests: the same utterances with the same ratings are the same corpus, others are not."""
    old, new = write_run(tmp_path / "old", "large", version=1), write_run(tmp_path / "new", "small")
    assert may_be_one_corpus(old, new) and may_be_one_corpus(new, old)
    narrow = write_run(tmp_path / "narrow", "small", version=1, partitions=("test1",))
    assert narrow.configuration["labels"] == old.configuration["labels"] and may_be_one_corpus(narrow, old)
    other = write_run(tmp_path / "n", "small", n=200, version=1)
    assert not may_be_one_corpus(old, other) and not may_be_one_corpus(new, other)


def test_audio_and_text_systems_on_one_corpus_agree(tmp_path: Path) -> None:
    """What one run has not read cannot differ."""
    whole = identity_of("made-up")
    heard = write_run(tmp_path, "large", entry=entry_of("made-up", 240, identity=Identity(whole.labels, whole.audio)))
    other = write_run(tmp_path, "small", entry=entry_of("made-up", 240, identity=Identity(whole.labels, "other")))
    read = write_run(tmp_path, None, "words", entry=entry_of("made-up", 240, identity=Identity(whole.labels)))
    assert may_be_one_corpus(heard, read) and may_be_one_corpus(other, read) and not may_be_one_corpus(heard, other)


def test_a_run_that_is_still_training_is_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named on stderr; a lock beside it is no run, and a folder named twice is one run."""
    record = write_run(tmp_path, "large")
    training = tmp_path / "finetune-made-up-small"
    training.mkdir()
    (training / "configuration.json").write_text("{}")
    (tmp_path / "finetune-made-up-small.lock").touch()
    found = finished([*sorted(tmp_path.iterdir()), record.folder, record])
    assert [run.folder for run in found] == [record.folder]
    assert capsys.readouterr().err.count(training.name) == 1
    with pytest.raises(RunError) as caught:
        finished([training])
    assert code_of(caught) == "no-run"


@VERSIONS
def test_an_incomplete_or_damaged_run_is_an_error(tmp_path: Path, version: int) -> None:
    """Nothing is left out without a word."""
    record = write_run(tmp_path / "runs", "large", version=version)
    for name, code in (("predictions.csv", "run-incomplete"), ("record.json", "run-damaged")):
        copy = tmp_path / name
        shutil.copytree(record.folder, copy)
        (copy / name).unlink() if code == "run-incomplete" else (copy / name).write_text('{"command": ')
        with pytest.raises(RunError) as caught:
            finished([record.folder, copy])
        assert code_of(caught) == code
    own = write_evaluation(record, "own", version=version)
    for folder, code in ((own.folder, "run-kind"), (tmp_path / "nothing", "no-run")):
        with pytest.raises(RunError) as caught:
            finished([record.folder, folder])
        assert code_of(caught) == code


def test_runs_of_one_system_are_told_apart_by_what_differs(tmp_path: Path) -> None:
    """By options where they differ, and else by the folder's name; the only run of a system keeps its short name."""
    runs = [
        write_run(tmp_path, "large", options={"lr": 0.001, "freeze": []}, folder="a"),
        write_run(tmp_path, "large", options={"lr": None, "freeze": []}, folder="b"),
        write_run(tmp_path, "large", options={"lr": 0.001, "freeze": []}, seeds=1, folder="c"),
        write_run(tmp_path, "small", folder="d"),
    ]
    for order in permutations(runs):
        names = names_of(order)
        assert [names[run.folder] for run in runs] == [
            "large, 3 seeds, lr 0.001",
            "large, 3 seeds, lr default",
            "large, one seed, lr 0.001",
            "small",
        ]
    twins = [write_run(tmp_path / place, "large", folder=name) for place, name in (("x", "a"), ("x", "b"), ("y", "b"))]
    for order in permutations(twins):
        names = names_of(order)
        assert names[twins[0].folder] == "large, a"
        assert len(set(names.values())) == 3 and names[twins[1].folder].startswith("large, b, ")


def test_runs_on_other_words_share_a_name_where_words_are_not_named(tmp_path: Path) -> None:
    """They are points of one curve, and rows of one system."""
    human = write_run(tmp_path, "small", "words")
    damaged = write_run(tmp_path, "small", "words", folder="damaged", words=Words(CORRUPTED, rate=0.2))
    assert set(names_of([human, damaged], words=False).values()) == {"small+words"}
    assert names_of([human, damaged])[damaged.folder] == "small+words (corrupted at 20 %)"


def test_only_what_all_runs_have_is_compared(tmp_path: Path) -> None:
    """Partitions and dimensions in common; development where there is no test; nothing in common is an error."""
    first = write_run(tmp_path, "large")
    second = write_run(tmp_path, "small", partitions=("development", "test2"))
    assert compared.tests_of([first, second]) == ["test2"] == compared.tests_of([second, first])
    alone = write_run(tmp_path / "d", "large", partitions=("development",))
    assert compared.tests_of([alone]) == ["development"]
    assert dimensions_of([first, second]) == ["arousal", "valence", "dominance"]
    odd = replace(second, system=replace(second.system, dimensions=("joy",)))
    with pytest.raises(RunError) as caught:
        dimensions_of([first, odd])
    assert code_of(caught) == "no-common-dimension"


def test_other_utterances_cannot_be_paired(tmp_path: Path) -> None:
    """Ids and ratings must be the same, and the estimates must be there."""
    a, b = write_run(tmp_path, "large"), write_run(tmp_path, "small", n=200)
    for runs, dimension, code in (([a, b], "valence", "other-utterances"), ([a], "joy", "no-estimates")):
        with pytest.raises(RunError) as caught:
            paired(runs, [1] * len(runs), dimension, "test1")
        assert code_of(caught) == code


@VERSIONS
def test_the_built_in_world_is_always_called_synthetic(tmp_path: Path, version: int) -> None:
    """Only the built-in corpus is; a table of the same name is what it is called."""
    own = write_run(tmp_path, "large", corpus="demo", version=version)
    table = write_run(tmp_path, "small", entry=entry_of("demo", 240, identity=identity_of("x")))
    assert corpus_title(own) == BUILT_IN and "synthetic" in BUILT_IN and corpus_title(table) == "demo"


def test_the_spread_is_the_records(tmp_path: Path) -> None:
    """Over seeds; one seed has none."""
    many, one = write_run(tmp_path, "large"), write_run(tmp_path, "small", seeds=1)
    (row,) = (s for s in many.scores if (s.dimension, s.partition) == ("valence", "test1"))
    assert spread_of(many, "valence", "test1") == row.sd is not None
    assert spread_of(one, "valence", "test1") is None


def test_a_corpus_is_titled_with_what_its_tests_share_with_training(tmp_path: Path) -> None:
    """Leaks and seen speakers stand wherever its numbers do: in the title of every table and figure."""
    entry = replace(entry_of("made-up", 240), leaks=("1 recording …",), seen={"test": (12, 20)})
    run = write_run(tmp_path, "large", entry=entry)
    said = "made-up (leak: 1 recording …; test, seen: 12 of 20 speakers)"
    silent = write_run(tmp_path, None, "words")
    assert corpus_title(run) == corpus_title(silent, run) == said and corpus_title(silent) == "made-up"
