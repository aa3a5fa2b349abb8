"""The paper's findings: planted ones are found, absent ones are denied, untested ones are not claimed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from builders import planted, write_run

from probing.report.findings import FAILS, HOLDS, OPEN, UNTESTED, findings, markdown
from probing.runs.records import Record


def verdicts(records: list[Record]) -> dict[str, str]:
    found = findings(records)
    own = found[found.partition == "test2"]
    return dict(zip(own.finding, own.verdict, strict=True))


def test_findings_that_are_planted_hold(tmp_path: Path) -> None:
    assert set(verdicts(planted(tmp_path, small=0.5, small_text=0.2)).values()) == {HOLDS}


def test_findings_that_are_absent_are_denied(tmp_path: Path) -> None:
    """A distilled system that keeps valence, gains nothing from text and is beaten by its frozen form."""
    found = verdicts(planted(tmp_path, small=0.15, small_text=0.35, large_text=0.2, frozen=0.1))
    assert found.pop("the distilled keeps arousal") == HOLDS
    assert set(found.values()) == {FAILS}


def test_no_difference_is_undecided(tmp_path: Path) -> None:
    assert verdicts(planted(tmp_path, small=0.25, small_text=0.2))["the distilled loses valence"] == OPEN


def test_what_is_not_among_the_runs_is_not_tested(tmp_path: Path) -> None:
    """Audio systems alone test what is said of them, and controls count for nothing."""
    records = planted(tmp_path, small=0.5, small_text=0.2)[:2]
    control = write_run(tmp_path, "small", "words", noise=0.01, shuffled=True)
    found = findings([*records, control])
    assert set(found.verdict[found.finding.str.contains("text|FRZ")]) == {UNTESTED}
    assert set(found.verdict[~found.finding.str.contains("text|FRZ")]) == {HOLDS}
    text = markdown(found, "made-up")
    assert text.count(UNTESTED) == int((found.verdict == UNTESTED).sum()) and "3 seeds" in text


def test_verdicts_follow_from_the_intervals(tmp_path: Path) -> None:
    """Every verdict can be told from its row alone."""
    found = findings(planted(tmp_path, small=0.3, small_text=0.22))
    below = found.finding == "the distilled loses valence"
    beyond = (found.low > found.bound).where(~below, found.high < found.bound)
    other = (found.high < found.bound).where(~below, found.low > found.bound)
    expected = pd.Series(OPEN, found.index).mask(beyond, HOLDS).mask(other, FAILS)
    assert (found.verdict == expected).all()
