"""Table 2 holds what word errors cost each system, one row a run and its test, beside human words."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import damaged_words, rows, write_evaluation, write_run

from probing.corpus.transcripts import RECOGNISED
from probing.report.table2 import markdown, table2
from probing.runs.records import FinetuneRecord, Record
from probing.statistics.concordance import ccc

WHISPER = {"method": RECOGNISED, "rate": None, "file": "/w.csv", "sha256": "a" * 64, "asr": "whisper-tiny"}


@pytest.fixture(params=[1, 2])
def runs(tmp_path: Path, request: pytest.FixtureRequest) -> list[FinetuneRecord]:
    """A system on human words, tested on damaged ones, and one trained on recognised words."""
    version = request.param
    human = write_run(tmp_path, "small", "words", noise=0.1, version=version)
    for rate in (0.2, 0.6):
        write_evaluation(human, f"corrupted-{rate}", 4 * rate, damaged_words(rate), version=version)
    write_evaluation(human, "noisy", 1.0, snr=0.0, version=version)
    made = damaged_words(0.25, **WHISPER, parameters=39_000_000)
    return [human, write_run(tmp_path / "more", "small", "words", noise=0.12, words=made, version=version)]


def score(record: Record) -> float:
    own = rows(record, "valence", "test1")
    return float(np.mean([ccc(own.truth, own[f"seed{s}"]) for s in range(3)]))


def test_it_holds_the_numbers_of_the_predictions(runs: list[FinetuneRecord]) -> None:
    """Human words first, then the same words in training and test, then others by word error rate; no noise."""
    for order in permutations(runs):
        table = table2(order)
        own = table[(table.partition == "test1") & (table.dimension == "valence")]
        assert list(zip(own.trained_on, own.tested_on, strict=True)) == [
            ("human", "human"),
            ("whisper-tiny", "whisper-tiny"),
            ("human", "corrupted at 20 %"),
            ("human", "corrupted at 60 %"),
        ]
        assert list(own.wer) == pytest.approx([0, 0.2375, 0.19, 0.57])
        assert own.asr_parameters_M.iloc[1] == 39 and own.asr_parameters_M.isna().sum() == 3
        estimates = pd.read_csv(runs[0].folder / "evaluations/corrupted-0.6/predictions.csv")
        one = estimates[(estimates.dimension == "valence") & (estimates.partition == "test1")]
        damaged = float(np.mean([ccc(one.truth, one[f"seed{s}"]) for s in range(3)]))
        last = own.iloc[-1]
        assert last.ccc == pytest.approx(damaged) and np.isnan(own.difference.iloc[0])
        assert last.difference == pytest.approx(damaged - score(runs[0])) and last.difference_high < 0


def test_two_tables_of_one_recogniser_are_two_rows(tmp_path: Path) -> None:
    """Transcripts of one name are told apart by the runs that read them."""
    human = write_run(tmp_path, "small", "words")
    others = [
        write_run(tmp_path, "small", "words", folder=name, words=damaged_words(0.2, **WHISPER | {"sha256": name * 64}))
        for name in "bc"
    ]
    for order in permutations([human, *others]):
        text = markdown(table2(order), "made-up").split("###")[0]
        assert text.count("| whisper-tiny | whisper-tiny |") == 2


def test_a_difference_is_to_the_run_itself(tmp_path: Path) -> None:
    """Of two trainings on human words each is the reference of its own tests, and of nothing that could be either's."""
    runs = [write_run(tmp_path, "small", "words", noise=noise, folder=f"run{noise}") for noise in (0.1, 0.3)]
    for run in runs:
        write_evaluation(run, "corrupted", 1.0, damaged_words(0.2))
    third = write_run(tmp_path, "small", "words", folder="third", words=damaged_words(0.3))
    for order in permutations([*runs, third]):
        table = table2(order).query("partition == 'test1' and dimension == 'valence'").set_index(["run", "test"])
        for run in runs:
            own = table.loc[(run.folder.name, "corrupted")]
            assert own.difference == pytest.approx(own.ccc - score(run))
        assert np.isnan(table.loc[("third", "")].difference)


def test_there_is_no_table_where_all_words_are_human(tmp_path: Path) -> None:
    """Nor where no system takes words."""
    assert table2([write_run(tmp_path, "small", "words")]).empty
    assert table2([write_run(tmp_path, "small")]).empty


def test_published_numbers_stand_apart(runs: list[FinetuneRecord]) -> None:
    """With the corpus and the release that they were measured on."""
    own, paper = markdown(table2(runs), "made-up").split("## Table 2 as published")
    assert "| human | corrupted at 20 % | – | 19.0% |" in own and "Whisper tiny" not in own
    assert "Whisper tiny | 39 | 24.1% | 0.618 | 0.524 | 0.510 |" in paper and "MSP-Podcast v1.10" in paper
