"""`probe report` writes one page, by default on the latest fit, and prints where it is."""

from __future__ import annotations

from pathlib import Path

from builders import write_run
from commands import done, probe, refused
from ridge_fits import write_ridge_fit


def test_the_latest_fit_is_the_default(here: Path) -> None:
    """One path on stdout, with the name that was asked for; nothing else is written."""
    write_ridge_fit(here / "runs", dims=("valence",), states=2)
    write_ridge_fit(here / "runs", "owner/model@random", ("valence",), 2)
    assert done("report", "--out", "there", "--name", "mine").paths == ["there/report-mine.html"]
    assert [path.name for path in Path("there").iterdir()] == ["report-mine.html"]
    assert "1 fit, 1 control" in Path("there/report-mine.html").read_text("utf-8")


def test_what_it_cannot_report_is_refused(here: Path) -> None:
    """No run at all, a folder that is none, and an encoder that no run has."""
    refused(probe("report"), "no-run")
    refused(probe("report", "nowhere"), "no-run")
    run = write_run(here / "runs", "large")
    refused(probe("report", run.folder, "--teacher", "huge"), "no-such-encoder", status=2)
    assert not Path("figures").exists()
