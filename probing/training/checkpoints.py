"""Checkpoints of a training: sealed when they are whole, and resumed only as they were sealed.

    .seed0/checkpoint-40/               what Trainer writes: weights, optimiser, random states, its own state
    .seed0/checkpoint-40/digests.json   the digest of each of these files; written last
    .seed0/damaged-40/                  empty: there was a checkpoint that was no longer as it had been sealed

Trainer itself goes on without an optimiser's state or random states, if their files are missing, and then gives other
numbers.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from probing.errors import ProbingError
from probing.files import file_digest, read_json, write_json

DIGESTS = "digests.json"
STATE = "trainer_state.json"
_NAME, _DAMAGED = "checkpoint-", "damaged-"
_KEPT = 2  # the newest, and one to go back to; with the best of each, at most three


def seal(checkpoint: Path) -> None:
    """Write down that a checkpoint is whole, after all of its files have been written."""
    files = {path.name: file_digest(path) for path in sorted(checkpoint.iterdir())}
    write_json(checkpoint / DIGESTS, {"files": files})


def prune(folder: Path) -> None:
    """Delete all checkpoints but the newest and those that it or the one before it would need."""
    newest = _checkpoints(folder)[:_KEPT]
    needed = {*newest, *(place for one in newest if (place := _best_of(one)) is not None)}
    for checkpoint in _checkpoints(folder):
        if checkpoint not in needed:
            (checkpoint / DIGESTS).unlink(missing_ok=True)  # first: what is half deleted is not whole
            shutil.rmtree(checkpoint)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint from which a training ends as if nothing had happened; all newer ones are deleted.

    It is whole, and so is that of the best state until then, which the training may end with. What is left out is said
    on stderr.

    Args:
        folder: Where a seed's checkpoints are; no other process may write there.
    """
    passed: list[str] = []
    for checkpoint in _checkpoints(folder):
        whole = _whole(checkpoint)
        best = _best_of(checkpoint) if whole else None
        if best is not None and (best == checkpoint or _whole(best)):
            _say(folder, passed, f"goes on from {checkpoint.name}")
            return checkpoint
        passed.append(checkpoint.name)
        if (checkpoint / DIGESTS).exists() and not whole:
            (folder / f"{_DAMAGED}{_step(checkpoint)}").mkdir(exist_ok=True)
        shutil.rmtree(checkpoint)
    _say(folder, passed, "begins anew")
    return None


def _say(folder: Path, passed: list[str], goes_on: str) -> None:
    if passed:
        names = ", ".join(passed)
        print(f"{folder}: not whole, and left out: {names}; the training {goes_on}", file=sys.stderr)


def damaged(folder: Path) -> list[int]:
    """Steps of the checkpoints that had changed after they were sealed, in order."""
    return sorted(int(path.name.removeprefix(_DAMAGED)) for path in folder.glob(f"{_DAMAGED}*"))


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
    found = [path for path in folder.glob(f"{_NAME}*") if path.name.removeprefix(_NAME).isdecimal()]
    return sorted(found, key=_step, reverse=True)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix(_NAME))


def _best_of(checkpoint: Path) -> Path | None:
    """The checkpoint of the best state until then; None where nothing is known of it."""
    try:
        step = state_of(checkpoint)["best_global_step"]
    except (OSError, ValueError, KeyError):
        return None
    return checkpoint_at(checkpoint.parent, step) if isinstance(step, int) else None


def _whole(checkpoint: Path) -> bool:
    """Whether all files are as they were when it was sealed, and there are no others."""
    try:
        sealed = read_json(checkpoint / DIGESTS, "").get("files")
    except (OSError, ProbingError):
        return False
    there = {path.name for path in checkpoint.iterdir()} - {DIGESTS}
    if not isinstance(sealed, dict) or sealed.keys() != there:
        return False
    return all(file_digest(checkpoint / name) == sealed[name] for name in there)
