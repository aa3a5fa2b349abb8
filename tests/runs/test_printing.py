"""Scores and runs as text: what is not there is left out, and a line says which run it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import entry_of, write_fit, write_run

from probing.runs.printing import (
    crossed,
    ends,
    heading,
    line,
    markdown_table,
    printed,
    seeds_of,
    signed,
    spread,
    titled,
)
from probing.runs.records import Score

NAN = float("nan")


def test_numbers_have_three_digits_and_what_is_missing_is_said_or_left_out() -> None:
    """Means with their spread, ends of intervals, differences with a sign."""
    assert (spread(0.1234), spread(None), spread(NAN)) == (" ± 0.123", "", "")
    assert ends(0.1, 0.25) == "[0.100, 0.250]"
    assert ends(None, None) == ends(NAN, NAN) == ends(0.1, None) != ends(0.1, 0.2)
    assert signed(0.1, -0.05, 0.2) == "+0.100 [-0.050, +0.200]"
    assert signed(-0.1, NAN, NAN).startswith("-0.100 ")


def test_test_partitions_are_called_as_in_the_paper() -> None:
    """Development is said to be selected on; others keep their names."""
    assert [titled(name) for name in ("test1", "test2", "test3", "development")] == [
        "seen",
        "unseen",
        "test3",
        "development (selected on)",
    ]
    assert (seeds_of(1), seeds_of(2)) == ("one seed", "2 seeds")


def test_scores_are_crossed_with_partitions() -> None:
    """A line for each dimension, a column for each partition in its order; what was not scored is a dash."""
    rows = [("arousal", "test2", 0.5, 0.4, 0.6), ("arousal", "test1", 0.7, NAN, NAN), ("joy", "test1", -0.1, -0.2, 0.0)]
    table = pd.DataFrame(rows, columns=["dimension", "partition", "ccc", "low", "high"])
    header, arousal, joy = crossed(table, {"dimension": 12}).splitlines()
    assert header.split() == ["dimension", "test2", "test1"]
    assert arousal.startswith("arousal") and "0.500 [ 0.400,  0.600]" in arousal and "0.700" in arousal
    assert joy.split()[:2] == ["joy", "—"] and "-0.100 [-0.200,  0.000]" in joy
    assert arousal.index("0.700") - joy.index("-0.100") in (0, 1)  # one below the other


def test_scores_are_crossed_with_every_key() -> None:
    """A line for each kind of probe."""
    rows = [("d", kind, "test1", 0.1 * n, NAN, NAN) for n, kind in enumerate(("weighted", "shuffled"))]
    table = pd.DataFrame(rows, columns=["dimension", "probe", "partition", "ccc", "low", "high"])
    header, *lines = crossed(table, {"dimension": 10, "probe": 12}).splitlines()
    assert header.split() == ["dimension", "probe", "test1"]
    assert [text.split()[:2] for text in lines] == [["d", "weighted"], ["d", "shuffled"]]


def test_scores_of_seeds_are_printed_as_their_mean() -> None:
    """With the interval of the mean."""
    scores = pd.DataFrame(
        {
            "dimension": "arousal",
            "partition": "test1",
            "seed": [0, 1],
            "n": 9,
            "ccc": [0.4, 0.6],
            "mean_low": 0.3,
            "mean_high": 0.7,
        }
    )
    assert "0.500 [ 0.300,  0.700]" in printed(scores)


def test_a_run_is_a_line(tmp_path: Path) -> None:
    """Date, command, corpus with its digest, encoder, test scores and folder."""
    entry = entry_of("labels", 9)
    scores = [
        Score("valence", "test2", 0.25, probe="weighted"),
        Score("valence", "test2", 0.99, probe="best layer: 3"),
        Score("valence", "development", 0.98, probe="weighted"),
    ]
    record = write_fit(tmp_path, "owner/model", entry=entry, scores=tuple(scores))
    text = line(record)
    facts = ("2026-01-01 00:00", "fit", f"labels ({entry.identity.short})", "owner/model", "valence test2 0.250")
    assert all(fact in text for fact in (*facts, str(record.folder)))
    assert "0.99" not in text and "0.98" not in text and "\n" not in text


def test_a_fit_without_a_weighted_sum_shows_its_best_layer(tmp_path: Path) -> None:
    """That of the probes that were trained, which estimate for it, or else of its ridge probes."""
    ridge, trained = Score("joy", "held-out", 0.125, probe="ridge, layer 4"), "best layer: 3"
    single = Score("joy", "held-out", 0.25, probe=trained)
    record = write_fit(tmp_path, "owner/model")
    for scores, shown in (
        ((ridge, single), "joy held-out 0.250 (best layer: 3)"),
        ((ridge,), "0.125 (ridge, layer 4)"),
    ):
        text = line(replace(record, scores=(Score("joy", "development", 0.5, probe=trained), *scores)))
        assert shown in text and "0.500" not in text and text.count("joy") == 1


def test_a_system_s_scores_are_in_its_line(tmp_path: Path) -> None:
    """They have no kind of probe."""
    run = write_run(tmp_path, "large", "words")
    run = replace(run, scores=(Score("valence", "test1", 0.125),))
    assert "valence test1 0.125" in line(run) and "large+words" in line(run)


@pytest.mark.parametrize(("seeds", "said"), [(1, "1 seed "), (3, "3 seeds ")])
def test_a_heading_says_what_of_what_on_what(tmp_path: Path, seeds: int, said: str) -> None:
    """Of a fit also from which store."""
    fit, run = write_fit(tmp_path, "owner/model"), write_run(tmp_path, "large")
    assert all(fact in heading(fit, seeds) for fact in (said, "owner/model", "made-up", "pooled"))
    assert all(fact in heading(run, seeds) for fact in (said, "large", "made-up")) and "pooled" not in heading(run, 1)


def test_a_markdown_table_keeps_to_its_columns() -> None:
    """Whatever the cells contain."""
    frame = pd.DataFrame({"a|b": ["x|y", "line\nbreak"], "n": [1, np.nan]})
    lines = markdown_table(frame).splitlines()
    assert len(lines) == 4
    assert all(text.replace(r"\|", "").count("|") == 3 for text in lines)
