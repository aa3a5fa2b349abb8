"""Whether a folder holds a finished run, by the names of its files, before anything that reads a record loads."""

from __future__ import annotations

from pathlib import Path

from probing.errors import RunError
from probing.files.recorded import RECORD

CONFIGURATION = "configuration.json"  # of a run that can be resumed: written first, where the record is written last


def demand_record(folder: Path) -> None:
    """Make sure that a folder has a run's record.

    Raises:
        RunError: It has none (code `no-run`), or the run has not finished (`run-unfinished`).
    """
    try:
        there = (folder / RECORD).exists()
    except OSError:  # it may be there, and cannot be looked at: whoever reads it says why
        return
    if not there:
        raise no_record(folder)


def demand_any(command: str, root: Path) -> None:
    """Make sure that a folder of runs holds any finished run, before the latest of a command is looked for.

    Raises:
        RunError: It holds none (code `no-run`).
    """
    if not any(root.glob(f"*/{RECORD}")):
        raise none_of(command, root)


def none_of(command: str, root: Path) -> RunError:
    """The error of a folder of runs without one of a command."""
    what = f"there is no run of `probe {command}` in {root}"
    why = "" if root.is_dir() else "there is no such folder"
    return RunError(what, why, f"run `probe {command}` first, or name --runs DIR", code="no-run")


def no_record(folder: Path) -> RunError:
    """The error of a folder without a record."""
    if (folder / CONFIGURATION).is_file():
        why = f"it has no {RECORD}: the run has been started but not finished"
        return RunError(f"{folder}", why, "rerun its command to resume", code="run-unfinished")
    why = f"it has no {RECORD}" if folder.is_dir() else "there is no such folder"
    return RunError(f"{folder}", why, "name a run's folder (see `probe runs`)", code="no-run")
