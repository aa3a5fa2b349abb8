"""Folders of runs: each appears when it has ended well."""

from __future__ import annotations

from pathlib import Path

import pytest

from probing.runs.folders import new_run
from probing.runs.store import all_records


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
    with new_run("fit", tmp_path) as three:
        pass
    assert {path.name for path in tmp_path.iterdir()} == {run.final.name for run in (one, two, three)}
