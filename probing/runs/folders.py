"""Folders of new runs: written under another name, finished in one step, and cleared away after a kill.

runs/fit-demo-…-20260801-120000/             empty: the name is taken; or the finished run
runs/.fit-demo-…-20260801-120000.partial/    what is written until then
runs/.fit-demo-…-20260801-120000.partial.lock   held by the process that writes it
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from probing.errors import CacheError
from probing.files import LOCK, PARTIAL, claim
from probing.runs.store import RUNS

_STAMPED = re.compile(r".+-\d{8}-\d{6}(-\d+)?")  # what `new_run` calls a folder
# What version 0.1.0 called an unfinished run: with the number of its process. It held no lock.
_OF_OLD = re.compile(r"\.(.+)\.\d+\.partial")
_OLD = 86_400  # seconds without a change, after which no process can still be writing such a one


@dataclass(frozen=True)
class NewRun:
    """A run being written: the folder to write into, and the one that it becomes."""

    aside: Path
    final: Path


@contextmanager
def new_run(name: str, root: Path = RUNS) -> Iterator[NewRun]:
    """A folder to write a run into, which gets its final name only when the run has ended well.

    What processes that were killed have left of their own runs is deleted first.

    Args:
        name: Command, corpus and encoder, for the folder's name; the time is appended.
        root: Folder of all runs.

    Yields:
        The folder to write into and the one that it becomes.
    """
    root.mkdir(parents=True, exist_ok=True)
    _clear(root)
    with ExitStack() as undo:
        new = _begun(root, f"{name}-{datetime.now():%Y%m%d-%H%M%S}", undo)
        failed = undo.enter_context(ExitStack())
        failed.callback(_delete, new)
        yield new
        new.aside.rename(new.final)
        failed.pop_all()


def _begun(root: Path, name: str, undo: ExitStack) -> NewRun:
    """Take a name that no other process has, and show by a lock that this one is alive."""
    for number in count(1):
        new = _named(root, name if number == 1 else f"{name}-{number}")
        with ExitStack() as kept, suppress(FileExistsError):
            kept.enter_context(_lock_held(new))
            new.final.mkdir()  # without a record it is not listed as a run
            new.aside.mkdir()
            undo.push(kept.pop_all())
            return new
    raise AssertionError("count does not end")


def _named(root: Path, name: str) -> NewRun:
    return NewRun(root / f".{name}{PARTIAL}", root / name)


@contextmanager
def _lock_held(new: NewRun) -> Iterator[bool]:
    """Hold the lock by which other processes see that a run is being written.

    Yields:
        Whether it is held. Where the file system has no locks it is not, and whether others are writing is not known.

    Raises:
        FileExistsError: Another process holds it.
    """
    with ExitStack() as held:
        try:
            if not held.enter_context(claim(new.aside)):
                raise FileExistsError(new.aside)
        except CacheError as error:
            if error.code != "no-locks":
                raise
            yield False
        else:
            held.callback(Path(f"{new.aside}{LOCK}").unlink, missing_ok=True)  # while it is held
            yield True


def _delete(new: NewRun) -> None:
    """Delete an unfinished run and the empty folder that took its name; a finished run has files there, and stays."""
    with suppress(FileNotFoundError):
        shutil.rmtree(new.aside)
    with suppress(OSError):
        new.final.rmdir()


def _clear(root: Path) -> None:
    """Delete what killed processes left: half-written runs, their locks, and empty folders that reserved a name."""
    for path in list(root.iterdir()):
        with suppress(OSError):  # another user's, or a process is writing it
            old = _OF_OLD.fullmatch(path.name)
            if old and _STAMPED.fullmatch(old[1]) and time.time() - path.stat().st_mtime > _OLD:
                _delete(NewRun(path, root / old[1]))
            name = path.name.removesuffix(LOCK).removesuffix(PARTIAL).removeprefix(".")
            if not _STAMPED.fullmatch(name) or (path.name == name and any(path.iterdir())):
                continue
            with _lock_held(_named(root, name)) as seen:
                if seen:
                    _delete(_named(root, name))
