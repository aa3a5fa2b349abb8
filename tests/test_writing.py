"""What killed processes have left of a file is deleted by the next that writes it, and nothing else is."""

from __future__ import annotations

import errno
import fcntl
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from probing.cache import writer
from probing.files import write_text, written_aside
from probing.files import writing as module

KILLED = (
    "import os, signal, sys; from pathlib import Path; from probing.files import written_aside\n"
    "with written_aside(Path(sys.argv[1])) as aside:\n"
    "    aside.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
)


def names(folder: Path) -> set[str]:
    """Names of what a folder holds."""
    return {path.name for path in folder.iterdir()}


def test_unfinished_versions_of_dead_processes_are_deleted(tmp_path: Path) -> None:
    """At once, by whichever process writes that file next; unfinished versions of other files stay."""
    path = tmp_path / "t[1].csv"
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)]).returncode == -signal.SIGKILL
    (left,) = names(tmp_path)
    other = left.replace("t[1]", "t1")
    kept = {other, f"t[1].csv.host-12{module.PARTIAL}", f"t[1].csv{module.PARTIAL}", f"t[1].csv.mine{module.PARTIAL}"}
    for name in kept:
        (tmp_path / name).write_text("half")
    write_text(path, "whole")
    assert names(tmp_path) == {"t[1].csv", *kept}


def test_what_is_being_written_is_left_alone(tmp_path: Path) -> None:
    """Two threads write one file at once, each aside for itself: both end well, and the last one's stays.

    Locks belong to open files, so threads see each other as two containers do, which know nothing of each other's
    processes.
    """
    path, met, failed = tmp_path / "t.csv", threading.Barrier(2, timeout=10), []

    def write(text: str) -> None:
        try:
            with written_aside(path) as aside:
                aside.write_text(text)
                met.wait()
                assert aside.read_text() == text
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and path.read_text() in ("one", "two") and names(tmp_path) == {"t.csv"}


def test_the_virtual_file_of_a_cache_is_locked_while_it_is_written(tmp_path: Path) -> None:
    """HDF5 writes to the file that is locked, not to another in its place."""
    path = tmp_path / "cache.h5"
    with written_aside(path) as aside:
        disk = writer._Disk(aside)
        disk.write(b"half")
        write_text(path, "another's")
        disk.close()
        assert aside.read_bytes() == b"half"
    assert path.read_bytes() == b"half"


def test_a_file_that_is_deleted_before_it_is_locked_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process took it for an abandoned one: nobody may write to a file without its lock."""
    locked, real = [], fcntl.flock

    def flock(handle: int, how: int) -> None:
        if not locked:
            (aside,) = tmp_path.iterdir()
            aside.unlink()
        locked.append(handle)
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with written_aside(tmp_path / "t.csv") as aside:
        assert aside.exists() and len(locked) == 2
        aside.write_text("whole")
    assert names(tmp_path) == {"t.csv"}


def test_without_locks_files_are_written_and_none_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing tells then whether a process is still writing."""

    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    left = tmp_path / f"t.csv.{'0' * 2 * module._RANDOM}{module.PARTIAL}"
    left.write_text("half")
    write_text(tmp_path / "t.csv", "whole")
    assert (tmp_path / "t.csv").read_text() == "whole" and left.exists()


@pytest.mark.parametrize("name", ["a" * 251 + ".txt", "日" * 84 + ".md", "ä" * 127])
def test_any_name_that_a_file_may_have_can_be_written(tmp_path: Path, name: str) -> None:
    """Names may have 255 bytes: that of the unfinished file is cut, not made longer still."""
    write_text(tmp_path / name, "whole")
    assert names(tmp_path) == {name}


def test_an_unfinished_version_of_this_process_is_deleted_when_it_fails(tmp_path: Path) -> None:
    """The file stays as it was."""
    write_text(tmp_path / "t.csv", "before")
    with pytest.raises(RuntimeError), written_aside(tmp_path / "t.csv") as aside:
        aside.write_text("half")
        raise RuntimeError
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]
