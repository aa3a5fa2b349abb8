"""A system tested on recognised, damaged or noisy material stands in Table 2 and on the curves, and nowhere twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders import rows, write_run

from probing.errors import ProbingError
from probing.report import curves, table2
from probing.report import table1 as tables
from probing.report.compare import run as compare
from probing.report.conditions import conditions, on_own_words
from probing.runs.records import Record, read_record
from probing.statistics.concordance import ccc

WHISPER = {"method": "recognised", "file": "w.csv", "asr": "whisper-tiny", "parameters": 39_000_000, "rate": None}


def words(rate: float, **other: Any) -> dict[str, Any]:
    """Words damaged at a rate, of which somewhat fewer are counted."""
    wer = {partition: {"wer": 0.95 * rate} for partition in ("development", "test1", "test2")}
    made = {"method": "corrupted", "file": None, "asr": None, "parameters": None, "rate": rate, "counted": "jiwer"}
    return {**made, "wer": wer, **other}


def change(folder: Path, **changes: Any) -> Record:
    path = folder / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return read_record(folder)


def evaluated(run: Record, name: str, noise: float, **changes: Any) -> None:
    """An evaluation of a run whose estimates are worse."""
    folder = run.folder / "evaluations" / name
    folder.mkdir(parents=True)
    table = pd.read_csv(run.folder / "predictions.csv")
    for seed in ("seed0", "seed1", "seed2"):
        table[seed] += noise * np.random.default_rng(1).standard_normal(len(table))
    table.to_csv(folder / "predictions.csv", index=False)
    shutil.copy(run.folder / "record.json", folder)
    plain = {"command": "evaluate", "configuration": {"run": run["signature"]}, "transcripts": None, "snr": None}
    change(folder, typed="probe evaluate", **plain | changes)


@pytest.fixture
def human(tmp_path: Path) -> Record:
    run = write_run(tmp_path, "small", "words", noise=0.1)
    run = change(run.folder, signature="s", transcripts={"method": "human"}, seeds=[0, 1, 2])
    for rate in (0.2, 0.6):
        evaluated(run, f"made-up-corrupted-{rate}", 4 * rate, transcripts=words(rate))
    evaluated(run, "made-up", 0.0, transcripts={"method": "human"})
    evaluated(run, "other", 9.0, corpus={"title": "other", "name": "other"})
    for snr in (0.0, 20.0):
        evaluated(run, f"made-up-snr{snr:g}", 2 - snr / 20, transcripts={"method": "human"}, snr=snr)
    return run


@pytest.fixture
def recognised(tmp_path: Path, human: Record) -> Record:
    run = write_run(tmp_path / "more", "small", "words", noise=0.12)
    made = words(0.25) | WHISPER
    return change(run.folder, signature="w", transcripts=made, seeds=[0, 1, 2])


def test_every_way_of_testing_is_found_once(human: Record, recognised: Record) -> None:
    found = conditions([human, recognised])
    shown = [(c.run["signature"], c.matched, c.snr, round(c.wer("test1"), 4)) for c in found]
    assert sorted(shown, key=str) == sorted(
        [
            ("s", True, None, 0.0),
            ("s", False, None, 0.19),
            ("s", False, None, 0.57),
            ("s", True, 0.0, 0.0),
            ("s", True, 20.0, 0.0),
            ("w", True, None, 0.2375),
        ],
        key=str,
    )
    assert on_own_words([human, recognised]) == [human]


def test_an_evaluation_of_an_earlier_training_is_passed_over(human: Record, capsys: pytest.CaptureFixture[str]) -> None:
    again = change(human.folder, signature="another")
    assert len(conditions([again])) == 1
    assert "type `probe evaluate` again" in capsys.readouterr().err


def test_table_2_holds_the_numbers_of_the_predictions(human: Record, recognised: Record) -> None:
    table = table2.table2([recognised, human])
    own = table[(table.partition == "test1") & (table.dimension == "valence")]
    assert list(zip(own.trained_on, own.tested_on, strict=True)) == [
        ("human", "human"),
        ("whisper-tiny", "whisper-tiny"),
        ("human", "corrupted at 20 %"),
        ("human", "corrupted at 60 %"),
    ]
    assert list(own.wer) == pytest.approx([0, 0.2375, 0.19, 0.57])
    assert own.asr_parameters_M.iloc[1] == 39 and own.asr_parameters_M.isna().sum() == 3
    damaged = read_record(human.folder / "evaluations/made-up-corrupted-0.6")

    def score(record: Record) -> float:
        truth = rows(record, "valence", "test1")
        return float(np.mean([ccc(truth.truth, truth[f"seed{s}"]) for s in range(3)]))

    last = own.iloc[-1]
    assert last.ccc == pytest.approx(score(damaged))
    assert last.difference == pytest.approx(score(damaged) - score(human)) and last.difference_high < 0
    assert np.isnan(own.difference.iloc[0])


def test_there_is_no_table_2_where_all_words_are_human(tmp_path: Path) -> None:
    run = write_run(tmp_path, "small", "words")
    assert table2.table2([change(run.folder, transcripts={"method": "human"}, signature="s")]).empty


def test_compare_keeps_other_words_out_of_table_1(human: Record, recognised: Record, tmp_path: Path) -> None:
    said = compare([human.folder, recognised.folder], tmp_path / "figures")
    first = pd.read_csv(tmp_path / "figures/table1-made-up.csv")
    assert set(first.run) == {human.folder.name} and "| human | corrupted at 20 % | – | 19.0% |" in said
    assert "Whisper tiny | 39 | 24.1% | 0.618 | 0.524 | 0.510 |" in said
    assert (tmp_path / "figures/table2-made-up.csv").is_file()
    assert "whisper-tiny" in tables.model_name(recognised)


def test_the_curves_go_through_what_was_counted(human: Record, recognised: Record) -> None:
    drawn = curves.points([human, recognised], "wer")
    own = drawn[drawn.partition == "test2"].set_index("series")
    assert list(own.loc[curves.HUMAN_ONLY].x) == pytest.approx([0, 0.19, 0.57])
    assert own.loc[curves.HUMAN_ONLY].value.is_monotonic_decreasing
    assert list(own.loc[curves.SAME].x) == pytest.approx([0, 0.2375])
    noisy = curves.points([human], "snr")
    assert list(noisy[noisy.partition == "test1"].x) == [0, 20, np.inf]
    assert noisy[noisy.partition == "test1"].value.is_monotonic_increasing


def test_published_points_stand_only_on_the_papers_corpus(
    human: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = []
    monkeypatch.setattr(curves, "_mark_published", lambda ax, dimension: marked.append(dimension))
    assert len(curves.curve([human], "wer", tmp_path)) == 4 and not marked
    for spec, count in (("msp-podcast:/data/MSP-PODCAST-1.11", 0), ("msp-podcast:/data/MSP-PODCAST-1.10", 1)):
        run = change(human.folder, corpus={"name": "made-up", "title": "made-up", "spec": spec, "scale": [1, 7]})
        curves.curve([run], "wer", tmp_path)
        assert len(marked) == count


def test_one_point_is_no_curve(tmp_path: Path) -> None:
    run = write_run(tmp_path, "small", "words")
    run = change(run.folder, signature="s", transcripts={"method": "human"})
    with pytest.raises(ProbingError, match="--corrupt-words"):
        curves.curve([run], "wer", tmp_path)
    with pytest.raises(ProbingError, match="--snr"):
        curves.curve([run], "snr", tmp_path)
