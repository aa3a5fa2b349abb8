"""The paper's findings: planted ones are found, absent ones are denied, untested and ambiguous ones are not claimed."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import planted, write_run
from scipy import stats
from spreads import spread_by_hand

from probing.report.findings import SELECTED_ON, findings, markdown, system_findings
from probing.runs.records import FinetuneRecord
from probing.statistics.verdicts import FAILS, HOLDS, OPEN, UNTESTED

LOST = {"arousal": 0.2, "valence": 0.5, "dominance": 0.3}
ON_PAR = "with text the distilled is on par with the full in all three dimensions"


def judged(records: list[FinetuneRecord]) -> pd.DataFrame:
    return findings(records, "large", "small")


def verdicts(records: list[FinetuneRecord]) -> dict[str, str]:
    found = judged(records)
    own = found[found.partition == "test2"]
    return dict(zip(own.finding, own.verdict, strict=True))


@pytest.mark.parametrize("version", [1, 2])
def test_findings_that_are_planted_hold(tmp_path: Path, version: int) -> None:
    """Each of them, in both versions of the record; all three dimensions at once are another test's."""
    found = verdicts(planted(tmp_path, small=0.5, small_text=0.2, version=version))
    assert set(found) - {ON_PAR} == {name for name, verdict in found.items() if verdict == HOLDS}


def test_findings_that_are_absent_are_denied(tmp_path: Path) -> None:
    """A distilled system that keeps valence, gains nothing from text and is beaten by its frozen form."""
    found = verdicts(planted(tmp_path, small=0.15, small_text=0.35, large_text=0.2, frozen=0.1))
    assert found.pop("the distilled keeps arousal") == HOLDS
    assert set(found.values()) == {FAILS}


def test_no_difference_is_undecided(tmp_path: Path) -> None:
    """A number near the bound decides nothing."""
    assert verdicts(planted(tmp_path, small=0.25, small_text=0.2))["the distilled loses valence"] == OPEN


def test_one_seed_decides_nothing(tmp_path: Path) -> None:
    """However large the difference is; the number stands there all the same."""
    found = judged(planted(tmp_path, small=0.5, small_text=0.2, seeds=1))
    assert set(found.verdict) == {OPEN} and set(found.note) == {"one seed"} and found.value.notna().all()
    text = markdown(found, "x")
    assert text.count(f"**{OPEN}**") == len(found) and text.count("; one seed") == len(found)


def test_verdicts_are_corrected_for_all_claims_on_all_partitions(tmp_path: Path) -> None:
    """Holm's p-values by a second implementation, and the verdicts that follow from them and from the side."""
    found = judged(planted(tmp_path, small=0.3, small_text=0.22))
    order = found.p.sort_values().index
    by_hand = (found.p[order] * np.arange(len(found), 0, -1)).clip(upper=1).cummax()
    pd.testing.assert_series_equal(found.adjusted, by_hand.sort_index(), check_names=False)
    right = (found.value > found.bound) == found.above
    expected = right.map({True: HOLDS, False: FAILS}).where(found.adjusted <= 0.05, OPEN)
    assert (found.verdict == expected).all() and len(set(expected)) > 1 and (~found.above).sum() == 2
    assert f"{len(found)} claims" in markdown(found, "x")


def test_a_finding_is_the_test_that_it_says(tmp_path: Path) -> None:
    """The loss of valence, by a jackknife and Satterthwaite's formula in plain loops, from the files."""
    records = planted(tmp_path, small=0.28, small_text=0.2, seeds=2, speakers=6)
    row = judged(records).set_index(["finding", "partition"]).loc[("the distilled loses valence", "test2")]
    tables = [pd.read_csv(record.folder / "predictions.csv") for record in (records[1], records[0])]
    own = [t[(t.dimension == "valence") & (t.partition == "test2")] for t in tables]

    def scores(table: pd.DataFrame) -> np.ndarray:
        found = []
        for seed in ("seed0", "seed1"):
            moments = np.cov(table.truth, table[seed], ddof=0)
            apart = (table.truth.mean() - table[seed].mean()) ** 2
            found.append(2 * moments[0, 1] / (moments[0, 0] + moments[1, 1] + apart))
        return np.array(found)

    speakers = sorted(set(own[0].speaker))
    left = [np.stack([scores(table[table.speaker != s]) for s in speakers], axis=1) for table in own]
    trainings = [(scores(table), without) for table, without in zip(own, left, strict=True)]
    variance, df = spread_by_hand(left[0].mean(0) - left[1].mean(0), [1] * 6, trainings)
    value = scores(own[0]).mean() - scores(own[1]).mean()
    assert row.value == pytest.approx(value, abs=1e-6)
    assert row.p == pytest.approx(2 * stats.t.sf(abs(value) / np.sqrt(variance), df), rel=1e-3)
    assert row.high == pytest.approx(value + stats.t.ppf(0.975, df) * np.sqrt(variance), abs=1e-5)


def test_on_par_is_all_three_dimensions_or_none(tmp_path: Path) -> None:
    """The least favourable one decides, and is named; one that is clearly lost denies it."""
    close = [write_run(tmp_path / "close", name, "words", noise=0.12, n=480) for name in ("large", "small")]
    assert verdicts(close)[ON_PAR] == HOLDS
    runs = [write_run(tmp_path, "large", "words", noise=0.2, n=480)]
    runs += [write_run(tmp_path, "small", "words", noise={"arousal": 0.2, "valence": 0.2, "dominance": 0.5}, n=480)]
    row = judged(runs).set_index(["finding", "partition"]).loc[(ON_PAR, "test2")]
    assert row.verdict == FAILS and "dominance decides" in row.measure and row.value < -0.05
    assert verdicts(runs)["with text the distilled is on par with the full"] == HOLDS


def test_what_is_not_among_the_runs_is_not_tested(tmp_path: Path) -> None:
    """Audio systems alone test what is said of them; controls, with permuted labels or random weights, do not."""
    records = planted(tmp_path, small=0.5, small_text=0.2)[:2]
    control = write_run(tmp_path, "small", "words", noise=0.01, shuffled=True)
    random = write_run(tmp_path, "large@random", noise=3.0)
    found = judged([*records, control, random])
    assert set(found.verdict[found.finding.str.contains("text|FRZ")]) == {UNTESTED}
    assert set(found.verdict[~found.finding.str.contains("text|FRZ")]) == {HOLDS}
    text = markdown(found, "made-up")
    assert text.count(UNTESTED) == int((found.verdict == UNTESTED).sum()) and "3 seeds" in text
    assert f"{int((found.verdict != UNTESTED).sum())} claims" in text


def test_without_teacher_and_student_the_options_are_named(tmp_path: Path) -> None:
    """The larger of two is nobody's teacher for that; what is said of each encoder alone is tested."""
    found = findings(planted(tmp_path, small=0.5, small_text=0.2))
    alone = found.finding.str.contains("FRZ")
    assert set(found.verdict[~alone]) == {UNTESTED} and UNTESTED not in set(found.verdict[alone])
    assert all("--student" in note and "--teacher" in note for note in found.note[~alone])
    assert "corrected for the" not in markdown(found[~alone], "x")


def test_a_role_that_two_runs_could_fill_decides_nothing(tmp_path: Path) -> None:
    """Whatever the order of the arguments: the findings that need the role are undecided and name both runs."""
    records = planted(tmp_path, small=0.5, small_text=0.2)
    twin = write_run(tmp_path, "small", noise=LOST, n=480, options={"lr": 0.1}, folder="twin")
    tables = [judged(order) for order in permutations([*records[:4], twin])]
    for found in tables:
        pd.testing.assert_frame_equal(found, tables[0])
    found = tables[0].set_index(["finding", "partition"])
    ambiguous = found.loc["the distilled loses valence"]
    assert set(ambiguous.verdict) == {OPEN} and ambiguous.value.isna().all()
    assert all("small, lr 0.1" in note and "small, lr default" in note for note in ambiguous.note)
    clear = found.loc["with text the distilled is on par with the full"]
    assert set(clear.verdict) == {HOLDS} and set(clear.note) == {""}
    assert "small, lr 0.1 or small, lr default" in markdown(tables[0], "made-up")


def test_findings_on_development_say_that_it_was_selected_on(tmp_path: Path) -> None:
    """Where there is no test partition; what is not tested says nothing of it."""
    audio = [write_run(tmp_path, name, partitions=("development",)) for name in ("large", "small")]
    found = judged(audio)
    assert set(found.partition) == {"development"}
    assert (found.note.str.contains(SELECTED_ON) == (found.verdict != UNTESTED)).all()
    assert "development (selected on)" in markdown(found, "x")


def test_one_speaker_decides_nothing(tmp_path: Path) -> None:
    """There is no interval, and no p-value that others would be corrected for."""
    found = judged([write_run(tmp_path, name, speakers=1, noise=LOST) for name in ("large", "small")])
    tested = found[found.value.notna()]
    assert set(tested.verdict) == {OPEN} and tested.adjusted.isna().all() and "no interval" in markdown(found, "x")


def test_the_table_is_the_findings(tmp_path: Path) -> None:
    """A row for each of them, under the names that earlier tables had."""
    records = planted(tmp_path, small=0.5, small_text=0.2)
    table, own = judged(records), system_findings(records, "large", "small")
    assert list(table.finding) == [one.claim for one in own] and list(table.partition) == [one.on for one in own]
    assert list(table.verdict) == [one.verdict for one in own] and table.systems[0] == own[0].of == "small · large"
