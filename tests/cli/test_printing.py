"""What the commands print is built from records: every score with its interval, every note, every path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import entry_of, write_evaluation, write_fit, write_run

from probing.cli.printing import evaluated, scores_of, system_sizes, trained
from probing.cli.printing_fit import fitted
from probing.runs.records import Score
from probing.statistics.layers import LayerSummary
from probing.statistics.verdicts import Finding

SCORES = (
    Score("valence", "test2", 0.4, 0.1, None, None, 8, "best layer: 3"),
    Score("valence", "test2", 0.3, None, 0.21, 0.39, 8, "ridge, layer 4"),
    Score("valence", "test2", 0.5, 0.1, 0.47, 0.54, 8, "weighted"),
)


def test_a_fit_shows_the_weighted_sum_first_and_the_trained_layer_last(tmp_path: Path) -> None:
    """One line for each dimension and probe, the scores to three digits, with their interval; then where it is."""
    where = {"valence": LayerSummary("valence", "holds", 4, (4, 5), 0.6, 0.5, 0.7)}
    claims = (Finding("valence lies deeper than arousal", "train+development", "depth", value=0.2, verdict="holds"),)
    written = write_fit(tmp_path, dims=("valence",), scores=SCORES, notes=("remember this",))
    record = replace(written, layers=where, findings=claims)
    text = fitted(record).splitlines()
    start = next(number for number, line in enumerate(text) if line.startswith("dimension"))
    heading = " ".join(line.strip() for line in text[:start])
    assert "3 seeds" in heading and record.title in heading and text[start].split()[:2] == ["dimension", "probe"]
    lines = text[start + 1 :]
    assert [line.split()[1] for line in lines[:3]] == ["weighted", "ridge,", "best"]
    assert "0.500 [ 0.470,  0.540]" in lines[0] and "0.300 [ 0.210,  0.390]" in lines[1]
    assert lines[3].startswith("valence: best layer 4") and "4, 5" in lines[3]
    assert "valence lies deeper than arousal: holds" in lines[4] and "0.200" in lines[4]
    assert lines[5] == "note: remember this"
    assert lines[6:] == [
        f"{record.folder}/{name}"
        for name in ("record.json", "weights.csv", "scores.csv", "predictions.csv", "probes.safetensors")
    ]


def test_a_training_says_how_large_it_is_and_how_it_learned(tmp_path: Path) -> None:
    """Parameters and regime stand in the heading; one seed is one seed."""
    record = write_run(tmp_path, "small", "words", "FT⇒FRZ", seeds=1)
    text = trained(record)
    assert "mean over 1 seed [" in text and "34 M parameters, FT⇒FRZ" in text
    assert text.splitlines()[-1] == f"{record.folder}/seed0"


def test_an_evaluation_names_the_run_as_it_was_typed(tmp_path: Path) -> None:
    """The record knows the run by its place; the user knows it by what was typed."""
    run = write_run(tmp_path, "large")
    record = write_evaluation(run, "made-up-snr10", snr=10.0)
    assert "(runs/mine)" in evaluated(record, Path("runs/mine")).splitlines()[0]


def test_development_is_said_to_be_selected_on_where_it_was(tmp_path: Path) -> None:
    """By a fit, a training and its evaluation; another corpus's development partition has selected nothing."""
    run = write_run(tmp_path, "large")
    marked = "development (selected on)"
    fit = write_fit(tmp_path, scores=(Score("valence", "development", 0.5, probe="weighted"),))
    assert marked in trained(run) and marked in fitted(fit)
    assert marked in evaluated(write_evaluation(run, "own", snr=10.0), run.folder)
    elsewhere = evaluated(write_evaluation(run, "other", corpus=entry_of("other", 240)), run.folder)
    assert marked not in elsewhere and "development" in elsewhere


def test_who_was_left_out_is_said_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A result without some utterances is not printed as if it were of all."""
    from dataclasses import replace

    record = write_fit(tmp_path, scores=SCORES)
    fitted(replace(record, corpus=replace(record.corpus, left_out=("u1", "u2"))))
    assert "u1, u2" in capsys.readouterr().err


def test_scores_without_an_interval_are_numbers_all_the_same(tmp_path: Path) -> None:
    """What a record does not know is NaN in a table, and said in words when it is printed."""
    record = write_fit(tmp_path, scores=SCORES)
    table = scores_of(record)
    assert table.low.dtype == np.float64 and list(table.low.isna()) == [True, False, False]
    assert "0.400 [no interval]" in fitted(record)


def test_systems_are_set_beside_the_largest() -> None:
    """Two of a list, the second half as large."""
    table = pd.DataFrame({"system": ["a", "b"], "parameters": [4e6, 2e6], "trainable": [2e6, 1e6]})
    assert [line.split() for line in system_sizes(table).splitlines()[1:]] == [
        ["a", "4.0", "M", "2.0", "M", "100.0%"],
        ["b", "2.0", "M", "1.0", "M", "50.0%"],
    ]
