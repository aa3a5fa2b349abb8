"""Every way in which a system was tested on its own corpus is found, once, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import damaged_words, entry_of, identity_of, write_evaluation, write_run

from probing.corpus.transcripts import RECOGNISED
from probing.report.conditions import conditions, on_own_words
from probing.runs.records import FinetuneRecord
from probing.runs.store import write_record

VERSIONS = pytest.mark.parametrize("version", [1, 2])


def under_conditions(run: FinetuneRecord, version: int) -> None:
    """A run under five conditions: two word error rates, two noises, and its own words again."""
    for rate in (0.2, 0.6):
        write_evaluation(run, f"corrupted-{rate}", 4 * rate, damaged_words(rate), version=version)
    write_evaluation(run, "own", version=version)
    for snr in (0.0, 20.0):
        write_evaluation(run, f"snr{snr:g}", 2 - snr / 20, snr=snr, version=version)


@VERSIONS
def test_every_way_of_testing_is_found_once(tmp_path: Path, version: int) -> None:
    """The run itself, other words, noise; its own words again are the run itself."""
    human = write_run(tmp_path, "small", "words", noise=0.1, version=version)
    under_conditions(human, version)
    made = damaged_words(0.25, method=RECOGNISED, rate=None, file="/w.csv", sha256="a" * 64, asr="whisper-tiny")
    recognised = write_run(tmp_path / "more", "small", "words", words=made, version=version)
    found = conditions([human, recognised])
    shown = [(c.run is human, c.matched, c.snr, round(c.wer("test1"), 4)) for c in found]
    assert sorted(shown, key=str) == sorted(
        [
            (True, True, None, 0.0),
            (True, False, None, 0.19),
            (True, False, None, 0.57),
            (True, True, 0.0, 0.0),
            (True, True, 20.0, 0.0),
            (False, True, None, 0.2375),
        ],
        key=str,
    )
    assert on_own_words([human, recognised]) == [human]


@VERSIONS
def test_another_corpus_of_the_same_name_is_no_condition(tmp_path: Path, version: int) -> None:
    """An evaluation elsewhere is told apart by what it holds."""
    run = write_run(tmp_path, "small", "words", version=version)
    elsewhere = entry_of("made-up", 240, identity=identity_of("elsewhere"))
    other = write_evaluation(run, "other", words=damaged_words(0.2), corpus=elsewhere, version=version)
    if version == 1:  # which is known by its estimates alone
        table = (other.folder / "predictions.csv").read_text().replace("test1-0,", "test1-x,")
        (other.folder / "predictions.csv").write_text(table)
    assert len(conditions([run])) == 1


def test_an_evaluation_by_version_2_of_a_run_of_version_1_counts(tmp_path: Path) -> None:
    """An older run need not be trained again."""
    run = write_run(tmp_path, "small", "words", version=1)
    write_evaluation(run, "corrupted", words=damaged_words(0.2), corpus=replace(run.corpus, identity=identity_of("x")))
    assert len(conditions([run])) == 2


@VERSIONS
@pytest.mark.parametrize("change", [{"run_signature": "another"}, {"seeds": (0, 1)}])
def test_an_evaluation_of_an_earlier_training_is_skipped(
    tmp_path: Path, version: int, change: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its folder and the command to rerun are named on stderr."""
    run = write_run(tmp_path, "small", "words", version=version)
    write_evaluation(run, "old", words=damaged_words(0.2), version=version, **change)
    assert len(conditions([run])) == 1
    error = capsys.readouterr().err
    assert "evaluations/old" in error and f"probe evaluate {run.folder}" in error


def test_an_evaluation_of_weights_that_have_changed_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same configuration may give other weights; where the evaluation was repeated, nothing need be said."""
    run = write_run(tmp_path, "small", "words")
    assert run.files
    names = [f"seed{seed}/model.safetensors" for seed in run.seeds]
    now = {name: run.files[name].sha256 for name in names}

    def scored(folder: str, systems: dict[str, str | None]) -> None:
        old = write_evaluation(run, folder, words=damaged_words(0.2))
        write_record(replace(old, configuration={"systems": systems}), old.folder, ["predictions.csv", "scores.csv"])

    scored("old", now | {names[-1]: "0" * 64})
    assert len(conditions([run])) == 1 and "evaluations/old" in capsys.readouterr().err
    scored("new", now | {names[0]: None})  # of a run of version 0.1.0 no digest is known
    assert [c.tested.folder.name for c in conditions([run])[1:]] == ["new"]
    assert capsys.readouterr().err == ""


def test_of_two_evaluations_under_one_condition_the_newer_counts(tmp_path: Path) -> None:
    """A condition is one point, however often it was tested."""
    run = write_run(tmp_path, "small", "words")
    for name, date in (("b", "2026-03-01T00:00:00"), ("a", "2026-02-01T00:00:00")):
        write_evaluation(run, name, words=damaged_words(0.2), date=date)
    assert [c.tested.folder.name for c in conditions([run])[1:]] == ["b"]


def test_word_errors_that_were_not_counted_are_not_zero(tmp_path: Path) -> None:
    """Unknown is unknown; human words have none."""
    run = write_run(tmp_path, "small", "words")
    write_evaluation(run, "uncounted", words=damaged_words(0.2, wer={}))
    own, other = conditions([run])
    assert own.wer("test1") == 0.0 and other.wer("test1") != other.wer("test1")


@pytest.mark.parametrize("name", ["record.json", "predictions.csv"])
def test_a_damaged_evaluation_does_not_stop_the_others(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named on stderr; one byte is enough."""
    run = write_run(tmp_path, "large", "words")
    bad, good = (write_evaluation(run, f"c{rate}", words=damaged_words(rate)) for rate in (0.1, 0.2))
    raw = bytearray((bad.folder / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (bad.folder / name).write_bytes(raw)
    assert [one.tested.folder for one in conditions([run])] == [run.folder, good.folder]
    assert str(bad.folder) in capsys.readouterr().err
