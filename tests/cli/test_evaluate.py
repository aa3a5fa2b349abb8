"""`probe evaluate` scores a run on its own corpus or on another, and prints where the scores are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from commands import Typed, done, probe, refused


@pytest.fixture
def run(trained: Typed) -> Path:
    """A training of two steps."""
    return Path("runs/it")


def test_a_run_is_scored_on_its_own_corpus_from_any_folder(
    run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The corpus is opened by what the record says, wherever the command is typed; typed again it is the same."""
    folder = run.absolute()
    monkeypatch.chdir(tmp_path)
    first = done("evaluate", folder)
    heading, *_, record, scores, predictions = first.stdout.splitlines()
    files = [Path(path) for path in (record, scores, predictions)]
    assert all(path.is_file() and path.is_relative_to(folder / "evaluations") for path in files)
    assert str(folder) in heading
    before = [path.stat().st_mtime_ns for path in files]
    assert done("evaluate", folder).stdout == first.stdout
    assert [path.stat().st_mtime_ns for path in files] == before


def test_another_corpus_and_noise_have_folders_of_their_own(run: Path, table: Path, here: Path) -> None:
    """Also a corpus of the same file name, on another scale."""
    copy = Path(shutil.copytree(table.parent, here / "copy")) / "small.csv"
    own, other = done("evaluate", run), done("evaluate", run, "--corpus", copy, "--scale", 0, 2)
    noisy = done("evaluate", run, "--snr", -5)
    folders = {str(Path(result.paths[0]).parent) for result in (own, other, noisy)}
    assert len(folders) == 3 and any(folder.endswith("snr-5") for folder in folders)
    assert "through [0, 1]" in other.stdout


def test_what_does_not_fit_the_run_is_refused(run: Path, table: Path) -> None:
    """Words for a system that takes none, no run, a run of another kind."""
    refused(probe("evaluate", run, "--corrupt-words", 0.2), "no-effect", status=2)
    refused(probe("evaluate", "nowhere"), "no-run")
