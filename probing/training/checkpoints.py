"""Checkpoints of a training: sealed when they are whole, and resumed only as they were sealed.

    .seed0/checkpoint-40/               what Trainer writes: weights, optimiser, random states, its own state
    .seed0/checkpoint-40/digests.json   the digest of each of these files; written last
    .seed0/sealing                      empty: whoever trains here seals its checkpoints
    .seed0/damaged-40/                  set aside: it, or its best state, had changed; empty if another is resumed
    .seed0/unsealed-40/                 set aside: of an earlier version, which did not seal them

Trainer itself goes on without an optimiser's state or random states, if their files are missing, and then gives other
numbers.

What is set aside stays until the seed is trained, when the whole folder is deleted: a training that begins anew takes
nothing from whoever would rather mend a checkpoint or go on with the earlier version.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from probing.errors import ProbingError
from probing.files import file_digest, read_json, write_json

DIGESTS = "digests.json"
STATE = "trainer_state.json"
_NAME, _DAMAGED, _UNSEALED, _SEALING = "checkpoint-", "damaged-", "unsealed-", "sealing"
_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)  # of a file: it is not there, or is none
_KEPT = 2  # the newest, and one to go back to; with the best of each, at most three


def seal(checkpoint: Path) -> None:
    """Write down that a checkpoint is whole, after all of its files have been written."""
    files = {path.name: file_digest(path) for path in sorted(checkpoint.iterdir())}
    write_json(checkpoint / DIGESTS, {"files": files})


def prune(folder: Path) -> None:
    """Delete all checkpoints but the newest and those that it or the one before it would need.

    Raises:
        OSError: The state of one of them cannot be read, so that it is not known which others it needs.
    """
    newest = _checkpoints(folder)[:_KEPT]
    needed = {*newest, *(place for one in newest if (place := _best_of(one)) is not None)}
    for checkpoint in _checkpoints(folder):
        if checkpoint not in needed:
            (checkpoint / DIGESTS).unlink(missing_ok=True)  # first, so that a kill leaves one that is not sealed
            shutil.rmtree(checkpoint)


def resumable(folder: Path) -> Path | None:
    """The newest checkpoint from which a training ends as if nothing had happened.

    It is whole, and so is that of the best state until then, which the training may end with. Newer ones are deleted
    once it is found. Where there is none, those that had been finished are set aside. Either is said on stderr.

    Args:
        folder: Where a seed's checkpoints are; no other process may write there.

    Raises:
        OSError: A file cannot be read, although it is there: nothing is deleted, since the checkpoint may be whole.
    """
    whole = cache(_whole)
    there = _checkpoints(folder)
    passed = list(takewhile(lambda one: not _can_be_resumed(one, whole), there))
    found = next(iter(there[len(passed) :]), None)
    sealed = [one for one in passed if (one / DIGESTS).exists()]
    kinds = {one: _DAMAGED for one in sealed if found is None or not whole(one)}
    if found is None and not (folder / _SEALING).exists():
        kinds |= {one: _UNSEALED for one in passed if one not in sealed and (one / STATE).exists()}
    # Nothing has been changed so far: an error of the file system has ended this function by now.
    said = [_left_out(one, kinds.get(one), keep=found is None) for one in passed]
    if said:
        goes_on = f"goes on from {found.name}" if found else "begins anew"
        print(f"{folder}: not whole, and left out: {', '.join(said)}; the training {goes_on}", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _SEALING).touch()
    return found


def _left_out(checkpoint: Path, kind: str | None, keep: bool) -> str:
    """Put away a checkpoint that is not resumed, and say how.

    Args:
        checkpoint: The checkpoint.
        kind: What it is called from now on; None where it is none, since a kill came while it was written.
        keep: Whether its files are set aside; else they are deleted, and the name alone stays.
    """
    aside = None if kind is None else checkpoint.with_name(f"{kind}{_step(checkpoint)}")
    if aside is None or not keep:
        if aside is not None:
            aside.mkdir(exist_ok=True)
        shutil.rmtree(checkpoint)
        return checkpoint.name
    if aside.exists():
        shutil.rmtree(aside)
    checkpoint.rename(aside)
    return f"{checkpoint.name} (kept as {aside.name})"


def _can_be_resumed(checkpoint: Path, whole: Callable[[Path], bool]) -> bool:
    best = _best_of(checkpoint) if whole(checkpoint) else None
    return best is not None and whole(best)


def damaged(folder: Path) -> list[int]:
    """Steps of the checkpoints that had changed after they were sealed, or whose best state had, in order."""
    return _steps(folder, _DAMAGED)


def unsealed(folder: Path) -> list[int]:
    """Steps of the checkpoints of a version that did not seal them, in order."""
    return _steps(folder, _UNSEALED)


def _steps(folder: Path, kind: str) -> list[int]:
    return sorted(int(path.name.removeprefix(kind)) for path in _folders(folder, kind))


def _folders(folder: Path, kind: str) -> list[Path]:
    """Those of one kind, each of one step; a folder that cannot be listed is an error, and not an empty one."""
    try:
        there = list(folder.iterdir())
    except FileNotFoundError:
        return []
    named = [path for path in there if path.name.startswith(kind) and path.name.removeprefix(kind).isdecimal()]
    return [path for path in named if path.is_dir()]


def state_of(checkpoint: Path) -> dict[str, Any]:
    """Trainer's own state in a checkpoint."""
    state: dict[str, Any] = json.loads((checkpoint / STATE).read_text("utf-8"))
    return state


def has_ended(checkpoint: Path, patience: int) -> bool:
    """Whether nothing was left to train: all steps were made, or early stopping had come.

    Trainer remembers neither; it would make one more step, or go on until the next evaluation.

    Args:
        checkpoint: A whole one.
        patience: Number of evaluations without a better score after which training stops.
    """
    state = state_of(checkpoint)
    stopping = state["stateful_callbacks"]["EarlyStoppingCallback"]
    waited = stopping["attributes"]["early_stopping_patience_counter"]
    return bool(state["global_step"] >= state["max_steps"] or waited >= patience)


def checkpoint_at(folder: Path, step: int) -> Path:
    """The checkpoint of a step."""
    return folder / f"{_NAME}{step}"


def _checkpoints(folder: Path) -> list[Path]:
    """All that are there, whole or not, the newest first."""
    return sorted(_folders(folder, _NAME), key=_step, reverse=True)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix(_NAME))


def _best_of(checkpoint: Path) -> Path | None:
    """The checkpoint of the best state until then; None where its own state is missing or damaged."""
    try:
        step = state_of(checkpoint)["best_global_step"]
    except (*_MISSING, ValueError, KeyError):
        return None
    return checkpoint_at(checkpoint.parent, step) if isinstance(step, int) else None


def _whole(checkpoint: Path) -> bool:
    """Whether all files are as they were when it was sealed, and there are no others.

    Raises:
        OSError: A file that is there cannot be read.
    """
    try:
        sealed = read_json(checkpoint / DIGESTS, "").get("files")
        there = {path.name for path in checkpoint.iterdir()} - {DIGESTS}
        if not isinstance(sealed, dict) or sealed.keys() != there:
            return False
        return all(file_digest(checkpoint / name) == sealed[name] for name in there)
    except (*_MISSING, ProbingError):
        return False
