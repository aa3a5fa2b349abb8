"""Folders of runs: started under another name, finished in one step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from probing.runs.store import RUNS


@dataclass(frozen=True)
class NewRun:
    """A run being written: the folder to write into, and the one that it becomes."""

    aside: Path
    final: Path


@contextmanager
def new_run(name: str, root: Path = RUNS) -> Iterator[NewRun]:
    """A folder to write a run into, which gets its final name only when the run has ended well.

    Args:
        name: Command, corpus and encoder, for the folder's name; the time is appended.
        root: Folder of all runs.

    Yields:
        The folder to write into and the one that it becomes.
    """
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    final = _reserved(root, f"{name}-{stamp}")
    aside = root / f".{final.name}.{os.getpid()}.partial"
    with ExitStack() as undo:
        undo.callback(final.rmdir)
        aside.mkdir(parents=True)
        undo.callback(shutil.rmtree, aside)
        yield NewRun(aside, final)
        undo.pop_all()  # it has ended well: nothing is taken back
    aside.rename(final)


def _reserved(root: Path, name: str) -> Path:
    """Reserve an empty folder for this run. A folder without a record is not listed as a run."""
    root.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        folder = root / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError("count does not end")
