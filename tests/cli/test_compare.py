"""`probe compare` prints tables and paths of finetune runs; --name names the files."""

from __future__ import annotations

from pathlib import Path

from builders import planted
from commands import done, probe, refused


def test_runs_are_compared_and_all_files_are_named(here: Path) -> None:
    """Table 1 and the findings on stdout, then every path, in the folder asked for."""
    folders = [record.folder for record in planted(here / "runs", 0.6, 0.25)]
    result = done("compare", *folders, "--out", "there", "--name", "mine")
    assert result.paths and all(Path(path).is_file() for path in result.paths)
    assert {"there/table1-mine.csv", "there/table1-mine.md", "there/findings-mine.csv"} <= set(result.paths)
    assert Path("there/table1-mine.md").read_text().strip() in result.stdout


def test_two_sets_of_runs_have_files_of_their_own(here: Path) -> None:
    """Without --name a digest of the runs tells them apart; their order is no matter."""
    folders = [record.folder for record in planted(here / "runs", 0.6, 0.25)]
    all_six, two = done("compare", *folders).paths, done("compare", *folders[:2]).paths
    assert not set(all_six) & set(two)
    assert done("compare", *reversed(folders)).paths == all_six


def test_what_is_no_run_is_refused(here: Path) -> None:
    """A folder without a record, and no folder."""
    refused(probe("compare", "nowhere"), "no-run")
