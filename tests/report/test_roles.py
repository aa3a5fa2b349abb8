"""Who is full and who is distilled is what the user says or what is known of the encoders, never a matter of size."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import write_run

from probing.errors import OptionError
from probing.report.findings import findings
from probing.report.roles import roles
from probing.statistics.verdicts import OPEN


def test_known_students_find_their_teachers(tmp_path: Path) -> None:
    """By a preset's name or its repository's; an encoder that is larger still has no role."""
    runs = [write_run(tmp_path, name) for name in ("large", "facebook/hubert-base-ls960", "distilhubert")]
    who = roles(runs)
    assert (who.full, who.distilled, who.unknown) == (("facebook/hubert-base-ls960",), ("distilhubert",), {})


def test_the_user_has_the_last_word(tmp_path: Path) -> None:
    """Also against what is known; either option may stand alone where the other can be told."""
    runs = [write_run(tmp_path, name) for name in ("large", "hubert-base", "distilhubert", "small")]
    assert roles(runs, "large", "small").full == ("large",)
    assert roles(runs, "hubert-base").distilled == ("distilhubert",)
    assert roles(runs, student="distilhubert").full == ("hubert-base",)
    assert roles(runs, "large", "distilhubert").full == ("large",)
    assert roles(runs, student="small").full == () and "--teacher" in roles(runs, student="small").unknown["full"]
    assert roles(runs, "large").distilled == () and "--student" in roles(runs, "large").unknown["distilled"]


def test_a_teacher_that_is_not_among_the_runs_is_named(tmp_path: Path) -> None:
    """What is said of the distilled one alone can still be tested."""
    who = roles([write_run(tmp_path, "distilhubert"), write_run(tmp_path, "large")])
    assert who.distilled == ("distilhubert",) and who.full == () and "hubert-base" in who.unknown["full"]


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ({"teacher": "elsewhere"}, "no-such-encoder"),
        ({"student": "large@random"}, "no-such-encoder"),
        ({"teacher": "large", "student": "large"}, "same-encoder"),
    ],
)
def test_names_that_cannot_be_meant_are_refused(tmp_path: Path, named: dict[str, str], code: str) -> None:
    """An encoder that no run has, a control's, and one that is both."""
    runs = [write_run(tmp_path, name) for name in ("large", "large@random")]
    with pytest.raises(OptionError) as caught:
        roles(runs, **named)
    assert caught.value.code == code


def test_two_pairs_decide_nothing_until_one_is_named(tmp_path: Path) -> None:
    """Both could be meant, and the options say which."""
    names = ("hubert-base", "distilhubert", "demo-hubert", "demo-distilhubert")
    runs = [write_run(tmp_path, name) for name in names]
    row = findings(runs).set_index(["finding", "partition"]).loc[("the distilled keeps arousal", "test2")]
    assert row.verdict == OPEN and "--student" in row.note
    assert roles(runs, student="demo-distilhubert").full == ("demo-hubert",)
