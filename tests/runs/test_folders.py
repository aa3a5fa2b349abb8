"""Folders of runs: each appears when it has ended well, and what a kill leaves is cleared away."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from probing.errors import CacheError
from probing.files import claim
from probing.runs import folders
from probing.runs.folders import new_run
from probing.runs.store import all_records

STAMP = "20260801-120000"


def test_a_run_appears_only_when_it_has_ended_well(tmp_path: Path) -> None:
    """A run that fails leaves nothing behind; while it is written no listing shows it."""
    with pytest.raises(RuntimeError), new_run("fit-corpus-encoder", tmp_path) as new:
        (new.aside / "weights.csv").write_text("half")
        assert all_records(tmp_path) == []
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_runs_in_the_same_second_do_not_collide(tmp_path: Path) -> None:
    """Three runs of the same name get three folders."""
    with new_run("fit", tmp_path) as one, new_run("fit", tmp_path) as two:
        assert one.final != two.final
        for new in (one, two):
            (new.aside / "weights.csv").write_text("whole")
    with new_run("fit", tmp_path) as three:
        (three.aside / "weights.csv").write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {run.final.name for run in (one, two, three)}


def begun(root: Path, name: str) -> Path:
    """What a run leaves that is killed while it is written; the folder that it is written into."""
    (root / name).mkdir(parents=True)
    aside = root / f".{name}.partial"
    aside.mkdir()
    (aside / "weights.csv").write_text("half")
    (root / f".{name}.partial.lock").touch()
    return aside


def write_one(root: Path) -> str:
    """Write a run; its folder's name."""
    with new_run("fit", root) as new:
        (new.aside / "weights.csv").write_text("whole")
    return new.final.name


def test_what_killed_processes_left_is_cleared_away(tmp_path: Path) -> None:
    """At every instant of a run: its lock, the empty folder that took its name, and what it had written."""
    begun(tmp_path, f"fit-a-{STAMP}")
    (tmp_path / f".fit-b-{STAMP}.partial.lock").touch()
    (tmp_path / f"fit-c-{STAMP}-2").mkdir()
    (tmp_path / f".fit-d-{STAMP}.partial").mkdir()
    name = write_one(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_nothing_else_is_cleared_away(tmp_path: Path) -> None:
    """Finished runs, those of users, locks of trainings, and what lies in folders of other names."""
    kept = [tmp_path / "mine", tmp_path / f"fit-a-{STAMP}/weights.csv", tmp_path / ".finetune-demo.lock"]
    kept += [tmp_path / f"layers-{STAMP}.txt", tmp_path / f"fit-b-{STAMP}"]
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.mkdir() if path.name == "mine" else path.touch()
    write_one(tmp_path)
    assert all(path.exists() for path in kept)


def test_a_run_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    """Its process holds the lock."""
    aside = begun(tmp_path, f"fit-a-{STAMP}")
    with claim(aside) as held:
        assert held
        write_one(tmp_path)
        assert (aside / "weights.csv").exists() and (tmp_path / f"fit-a-{STAMP}").exists()


def test_what_version_0_1_0_left_is_cleared_away_after_a_day(tmp_path: Path) -> None:
    """It held no lock, so it may still be being written."""
    name = f".fit-a-{STAMP}.1234.partial"
    (tmp_path / name).mkdir()
    (tmp_path / f"fit-a-{STAMP}/weights").mkdir(parents=True)
    write_one(tmp_path)
    assert (tmp_path / name).exists()
    os.utime(tmp_path / name, (time.time() - 90_000,) * 2)
    write_one(tmp_path)
    assert not (tmp_path / name).exists() and (tmp_path / f"fit-a-{STAMP}/weights").exists()


def test_without_locks_runs_are_written_and_nothing_is_cleared_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing tells then whether a process is still writing one."""

    @contextmanager
    def none(*_: Any) -> Iterator[bool]:
        raise CacheError("no locks", code="no-locks")
        yield

    aside = begun(tmp_path, f"fit-a-{STAMP}")
    monkeypatch.setattr(folders, "claim", none)
    assert (tmp_path / write_one(tmp_path) / "weights.csv").read_text() == "whole"
    assert (aside / "weights.csv").exists()
