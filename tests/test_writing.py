"""What killed processes have left of a file is deleted by the next that writes it, and nothing else is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from probing.files import write_text, written_aside


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_unfinished_versions_of_dead_processes_are_deleted(tmp_path: Path, dead: int) -> None:
    """Only of this file, by this machine, and of no process that lives."""
    host = socket.gethostname()
    gone = f"t[1].csv.{host}-{dead}.partial"
    kept = [
        f"t[1].csv.{host}-{os.getppid()}.partial",
        f"t[1].csv.other-{dead}.partial",
        f"t1.csv.{host}-{dead}.partial",
        f"t[1].csv.{host}-mine.partial",
    ]
    for name in (gone, *kept):
        (tmp_path / name).write_text("half")
    write_text(tmp_path / "t[1].csv", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"t[1].csv", *kept}


def test_an_unfinished_version_of_this_process_is_deleted_when_it_fails(tmp_path: Path) -> None:
    """The file stays as it was."""
    write_text(tmp_path / "t.csv", "before")
    with pytest.raises(RuntimeError), written_aside(tmp_path / "t.csv") as aside:
        aside.write_text("half")
        raise RuntimeError
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]
