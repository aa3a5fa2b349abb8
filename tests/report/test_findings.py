"""The paper's findings: planted ones are found, absent ones are denied, untested and ambiguous ones are not claimed."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pandas as pd
import pytest
from builders import planted, write_run

from probing.report.findings import FAILS, HOLDS, OPEN, UNTESTED, findings, markdown
from probing.runs.records import FinetuneRecord

LOST = {"arousal": 0.2, "valence": 0.5, "dominance": 0.3}


def verdicts(records: list[FinetuneRecord]) -> dict[str, str]:
    found = findings(records)
    own = found[found.partition == "test2"]
    return dict(zip(own.finding, own.verdict, strict=True))


@pytest.mark.parametrize("version", [1, 2])
def test_findings_that_are_planted_hold(tmp_path: Path, version: int) -> None:
    """All of them, in both versions of the record."""
    assert set(verdicts(planted(tmp_path, small=0.5, small_text=0.2, version=version)).values()) == {HOLDS}


def test_findings_that_are_absent_are_denied(tmp_path: Path) -> None:
    """A distilled system that keeps valence, gains nothing from text and is beaten by its frozen form."""
    found = verdicts(planted(tmp_path, small=0.15, small_text=0.35, large_text=0.2, frozen=0.1))
    assert found.pop("the distilled keeps arousal") == HOLDS
    assert set(found.values()) == {FAILS}


def test_no_difference_is_undecided(tmp_path: Path) -> None:
    """An interval that covers the bound decides nothing."""
    assert verdicts(planted(tmp_path, small=0.25, small_text=0.2))["the distilled loses valence"] == OPEN


def test_what_is_not_among_the_runs_is_not_tested(tmp_path: Path) -> None:
    """Audio systems alone test what is said of them; controls, with permuted labels or random weights, do not."""
    records = planted(tmp_path, small=0.5, small_text=0.2)[:2]
    control = write_run(tmp_path, "small", "words", noise=0.01, shuffled=True)
    random = write_run(tmp_path, "large@random", noise=3.0)
    found = findings([*records, control, random])
    assert set(found.verdict[found.finding.str.contains("text|FRZ")]) == {UNTESTED}
    assert set(found.verdict[~found.finding.str.contains("text|FRZ")]) == {HOLDS}
    text = markdown(found, "made-up")
    assert text.count(UNTESTED) == int((found.verdict == UNTESTED).sum()) and "3 seeds" in text


def test_systems_of_one_size_are_neither_full_nor_distilled(tmp_path: Path) -> None:
    """What is largest must be larger than something."""
    same = [write_run(tmp_path, name) for name in ("one", "another")]
    assert set(findings(same).verdict) == {UNTESTED}


def test_verdicts_follow_from_the_intervals(tmp_path: Path) -> None:
    """Every verdict can be told from its row alone: the bound, and the side of it on which the finding holds."""
    found = findings(planted(tmp_path, small=0.3, small_text=0.22))
    beyond = (found.low > found.bound).where(found.above, found.high < found.bound)
    other = (found.high < found.bound).where(found.above, found.low > found.bound)
    expected = pd.Series(OPEN, found.index).mask(beyond, HOLDS).mask(other, FAILS)
    assert (found.verdict == expected).all() and (~found.above).sum() == 2
    sides = ["below" if not above else "above" for above in found.above]
    assert [line.rsplit("holds ", 1)[1].split()[0] for line in markdown(found, "x").splitlines()[1:]] == sides


def test_a_role_that_two_runs_could_fill_decides_nothing(tmp_path: Path) -> None:
    """Whatever the order of the arguments: the findings that need the role are undecided and name both runs."""
    records = planted(tmp_path, small=0.5, small_text=0.2)
    twin = write_run(tmp_path, "small", noise=LOST, n=480, options={"lr": 0.1}, folder="twin")
    tables = [findings(order) for order in permutations([*records[:4], twin])]
    for found in tables:
        pd.testing.assert_frame_equal(found, tables[0])
    found = tables[0].set_index(["finding", "partition"])
    ambiguous = found.loc["the distilled loses valence"]
    assert set(ambiguous.verdict) == {OPEN} and ambiguous.value.isna().all()
    assert all("small, lr 0.1" in note and "small, lr default" in note for note in ambiguous.note)
    clear = found.loc["with text the distilled is on par with the full"]
    assert set(clear.verdict) == {HOLDS} and set(clear.note) == {""}
    assert "small, lr 0.1 or small, lr default" in markdown(tables[0], "made-up")


def test_two_encoders_of_one_size_could_both_be_the_distilled(tmp_path: Path) -> None:
    """The smaller of two is not the one that is typed first."""
    runs = [write_run(tmp_path, name) for name in ("large", "tiny", "minute")]  # the latter two are of one size
    tables = [findings(order) for order in permutations(runs)]
    for found in tables:
        pd.testing.assert_frame_equal(found, tables[0])
    arousal = tables[0].set_index("finding").loc["the distilled keeps arousal"]
    assert set(arousal.verdict) == {OPEN} and all("minute or tiny" in note for note in arousal.note)
