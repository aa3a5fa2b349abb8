"""`compare` sets runs of one corpus against each other, whatever the order of the arguments: all in one folder."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from builders import damaged_words, entry_of, identity_of, planted, write_evaluation, write_fit, write_run

from probing.errors import RunError
from probing.report.compare import compare, latest_fit
from probing.runs import scores
from probing.statistics import paired

VERSIONS = pytest.mark.parametrize("version", [1, 2])
STEMS = {"table1-x", "findings-x", "figure3-x", "comparison-x-owner--model"}


@VERSIONS
@pytest.mark.usefixtures("every_format")
def test_everything_is_written_and_equal_runs_give_equal_files(tmp_path: Path, version: int) -> None:
    """Tables, findings and figures; a second call, and another order of the runs, write the same bytes."""
    records = planted(tmp_path / "runs", small=0.5, small_text=0.2, version=version)
    write_fit(tmp_path / "runs", corpus="made-up", version=2)
    fit = write_fit(tmp_path / "fits")
    found = [
        compare(order, tmp_path / out, fit=fit if version == 2 else None, name="x")
        for order, out in ((records, "one"), (records[::-1], "two"))
    ]
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    stems = STEMS if version == 2 else STEMS - {"comparison-x-owner--model"}
    assert {name.rsplit(".", 1)[0] for name in names} == stems
    assert names == sorted(path.name for path in found[0].paths)
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    assert found[0].texts.keys() == {"table1-x.md", "table1-x.tex", "findings-x.md"}
    assert str(found[0]) == found[0].texts["table1-x.md"] + "\n" + found[0].texts["findings-x.md"]
    pd.testing.assert_frame_equal(found[0].table1, found[1].table1)


def test_nothing_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The caller has the tables and the paths."""
    compare([write_run(tmp_path, "large").folder], tmp_path / "out")
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == ""


def test_every_table_says_what_its_tests_share_with_training(tmp_path: Path) -> None:
    """Of any of the runs, in Markdown and in LaTeX."""
    entry = replace(entry_of("made-up", 240), leaks=("1 recording of test1 …",), seen={"test": (12, 20)})
    runs = [write_run(tmp_path, "large"), write_run(tmp_path, "small", entry=entry)]
    for name, text in compare(runs, tmp_path / "out").texts.items():
        assert "leak: 1 recording" in text and "12 of 20 speakers" in text, name


def test_other_runs_and_other_corpora_overwrite_nothing(tmp_path: Path) -> None:
    """Names carry the corpus's digest and one of the runs, unless the caller names them."""
    a, b = write_run(tmp_path, "large"), write_run(tmp_path, "small")
    twin = write_run(tmp_path, "large", folder="twin", entry=entry_of("made-up", 240, identity=identity_of("x")))
    found = [compare(runs, tmp_path / "out") for runs in ([a], [b], [a, b], [b, a], [twin])]
    paths = [{path.name for path in one.paths} for one in found]
    assert paths[2] == paths[3] and not paths[0] & paths[1] and not paths[0] & paths[2] and not paths[0] & paths[4]
    against = compare([a, b], tmp_path / "out", against=b)
    assert not {path.name for path in against.paths} & paths[2]
    roles = compare([a, b], tmp_path / "out", teacher="large", student="small")
    assert not {path.name for path in roles.paths} & paths[2]
    assert all(a.corpus.file_name in name for name in paths[0])


@VERSIONS
def test_two_runs_of_one_system_stand_in_every_table(tmp_path: Path, version: int) -> None:
    """In any order the same two rows, and no finding that depends on which of them is meant."""
    runs: list[Any] = [
        write_run(tmp_path, "large", noise=0.2, version=version),
        write_run(tmp_path, "small", noise=0.4, version=version),
        write_run(tmp_path, "small", noise=0.2, options={"lr": 0.1}, folder="twin", version=version),
    ]
    orders = [[run.folder for run in order] for order in permutations(runs)]
    found = [compare(own, tmp_path / "out", name="x", teacher="large", student="small") for own in orders]
    for other in found[1:]:
        pd.testing.assert_frame_equal(found[0].table1, other.table1)
        pd.testing.assert_frame_equal(found[0].findings, other.findings)
        assert found[0].texts == other.texts
    assert set(found[0].table1.run) == {run.folder.name for run in runs}
    assert set(found[0].findings.verdict) == {"undecided", "not tested"}


def test_each_table_is_read_and_each_speaker_left_out_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six runs: six tables of estimates, and one jackknife for each run, partition and dimension."""
    folders = [record.folder for record in planted(tmp_path, small=0.5, small_text=0.2)]
    read: list[str] = []
    done: list[int] = []
    table, left_out = pd.read_csv, paired.left_out_ccc

    def counted(path: Any, *args: Any, **kwargs: Any) -> pd.DataFrame:
        read.append(str(path))
        return table(path, *args, **kwargs)

    def counted_jackknife(*args: Any) -> Any:
        done.append(1)
        return left_out(*args)

    monkeypatch.setattr(scores.pd, "read_csv", counted)
    monkeypatch.setattr(paired, "left_out_ccc", counted_jackknife)
    compare(folders, tmp_path / "out", against=folders[0], fit=write_fit(tmp_path / "fits").folder)
    estimates = [path for path in read if path.endswith("predictions.csv")]
    assert sorted(estimates) == sorted(str(folder / "predictions.csv") for folder in folders)
    assert len(done) == 6 * 3 * 2  # test1 and test2


def test_runs_on_other_words_have_a_table_of_their_own(tmp_path: Path) -> None:
    """Table 1 holds what was trained on human words; Table 2 is written where there are others."""
    human = write_run(tmp_path, "small", "words", noise=0.1)
    write_evaluation(human, "corrupted", 1.0, damaged_words(0.2))
    damaged = write_run(tmp_path, "small", "words", folder="damaged", words=damaged_words(0.25))
    found = compare([human.folder, damaged.folder], tmp_path / "out", name="x")
    assert set(found.table1.run) == {human.folder.name} and set(found.table2.run) == {human.folder.name, "damaged"}
    assert (tmp_path / "out/table2-x.csv").is_file() and found.texts["table2-x.md"] in str(found)
    alone = compare([damaged], tmp_path / "out", name="y")
    assert set(alone.table1.run) == {"damaged"}


def test_a_run_that_is_still_training_is_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The others are compared, and stderr names it."""
    write_run(tmp_path, "large")
    training = tmp_path / "finetune-made-up-small"
    training.mkdir()
    (training / "configuration.json").write_text("{}")
    found = compare(sorted(tmp_path.glob("finetune-*")), tmp_path / "out")
    assert set(found.table1.model) == {"large"} and str(training) in capsys.readouterr().err


@VERSIONS
def test_the_latest_fit_is_one_on_the_same_corpus(tmp_path: Path, version: int) -> None:
    """A later fit on another folder's table of the same name is never drawn, nor one on random weights or in pieces."""
    system = write_run(tmp_path, "large", n=9)
    own = write_fit(tmp_path, folder="own", date="2026-01-01T00:00:00")
    write_fit(tmp_path, "owner/model@random", folder="random", date="2026-01-02T00:00:00")
    twin = entry_of("made-up", 9, identity=identity_of("another folder's"))
    other = {"entry": twin} if version == 2 else {"configuration": {"labels": "x", "options": {}}}
    write_fit(tmp_path, folder="twin", date="2026-01-03T00:00:00", version=version, **other)
    broken = write_fit(tmp_path, folder="broken", date="2026-01-04T00:00:00")
    (broken.folder / "weights.csv").unlink()
    found = latest_fit(system, tmp_path)
    assert found is not None and found.folder == own.folder
    assert latest_fit([system, write_run(tmp_path, "small", n=9)], tmp_path).folder == own.folder
    assert latest_fit(write_run(tmp_path / "e", "large", corpus="elsewhere"), tmp_path) is None


def test_runs_or_a_fit_of_another_corpus_are_refused(tmp_path: Path) -> None:
    """Of the same name too; nothing is written."""
    own = write_run(tmp_path, "large")
    twin = entry_of("made-up", 240, identity=identity_of("another folder's"))
    other = write_run(tmp_path, "small", entry=twin)
    for arguments in ({"runs": [own, other]}, {"runs": [own], "against": other}):
        with pytest.raises(RunError) as caught:
            compare(**arguments, out=tmp_path / "out")
        assert caught.value.code == "several-corpora" and not (tmp_path / "out").exists()
    with pytest.raises(RunError) as caught:
        compare([own], tmp_path / "out", fit=write_fit(tmp_path, entry=twin))
    assert caught.value.code == "several-corpora" and not (tmp_path / "out").exists()


def test_a_demo_number_is_never_printed_as_another_corpuss(tmp_path: Path) -> None:
    """Every text says that the built-in world is synthetic, and the paper's numbers stand under their own heading."""
    found = compare(planted(tmp_path, small=0.5, small_text=0.2, corpus="demo"), tmp_path / "out", name="demo")
    for text in found.texts.values():
        assert "synthetic" in text.split("as published")[0] and "MSP" not in text.split("## Table 1 as published")[0]
    assert set(found.table1.corpus) == {"demo"}
