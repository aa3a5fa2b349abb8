"""Trials over several processes, each with a world of its own; bounded in time, with progress."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import queue
import resource
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from faults.child import end_with_parent
from faults.outcomes import WRONG, Outcome
from faults.trials import Trial
from faults.workshop import Workshop
from faults.world import COMMANDS

_CONTEXT = multiprocessing.get_context("spawn")  # a worker forks trials, so it must be free of threads itself


def tried(
    trials: Sequence[Trial],
    jobs: int,
    seconds: float,
    say: Callable[[str], None],
    kept: Path | None = None,
    names: Collection[str] = COMMANDS,
) -> tuple[list[Outcome], list[Trial]]:
    """Do trials.

    Args:
        trials: In the order in which they are begun.
        jobs: Processes.
        seconds: After which no further trial is begun.
        say: Is told of progress, and of every trial that went wrong.
        kept: Folder of the worlds, which are used again the next time; by default they are removed.
        names: Commands of which the worlds hold what they make; trials are of these alone.

    Returns:
        What became of them, and those that were not begun in time or could not be done.

    Raises:
        RuntimeError: A worker failed.
    """
    os.environ["PYTHONWARNINGS"] = "ignore"  # killed children leave semaphores, which the tracker would list
    base = kept or Path(tempfile.mkdtemp(prefix="faults-"))
    waiting, done = _CONTEXT.Queue(), _CONTEXT.Queue()
    for trial in trials:
        waiting.put(trial)
    deadline = time.time() + seconds
    workers = [
        _CONTEXT.Process(
            target=_work, args=(base / f"worker{number}", waiting, done, deadline, tuple(names)), daemon=False
        )
        for number in range(jobs)
    ]
    try:
        for worker in workers:
            worker.start()
        return _gathered(trials, workers, done, say)
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
        if not kept:
            shutil.rmtree(base, ignore_errors=True)


def _gathered(
    trials: Sequence[Trial], workers: Sequence[Any], done: Any, say: Callable[[str], None]
) -> tuple[list[Outcome], list[Trial]]:
    outcomes: list[Outcome] = []
    left = {str(trial): trial for trial in trials}
    began = said = time.monotonic()
    running, spent = len(workers), Counter[str]()
    while running:
        try:
            answer = done.get(timeout=5)
        except queue.Empty:
            if not all(worker.is_alive() or worker.exitcode == 0 for worker in workers):
                raise RuntimeError("a worker died") from None
            continue
        if answer is None:
            running -= 1
            continue
        if isinstance(answer, str):
            raise RuntimeError(answer)
        trial, found, seconds = answer
        spent[trial.kind] += seconds
        if isinstance(found, str):  # a fault of the harness, or of a world that cannot be made: it stays untried
            say(f"NOT TRIED {trial}: {found}")
            continue
        left.pop(str(trial), None)
        outcomes += found
        for outcome in found:
            if outcome.end in WRONG:
                say(f"{outcome.end.upper()} {outcome.trial}: {outcome.detail}")
        if time.monotonic() - said > 20:
            said = time.monotonic()
            say(f"{len(trials) - len(left)} of {len(trials)} after {said - began:.0f} s: {trial.kind}")
    say("processor time: " + ", ".join(f"{kind} {seconds / 60:.1f} min" for kind, seconds in spent.items()))
    return outcomes, list(left.values())


def _work(base: Path, waiting: Any, done: Any, deadline: float, names: Sequence[str]) -> None:
    """A worker's whole life."""
    try:
        end_with_parent()
        shop = Workshop.built(base, names)
        while time.time() < deadline:
            try:
                trial = waiting.get(timeout=0.5)
            except queue.Empty:
                break
            before = _processor()
            done.put((trial, attempted(shop, trial), _processor() - before))
        done.put(None)
    except BaseException:
        done.put(traceback.format_exc())
        raise


def _processor() -> float:
    """Processor time, in seconds, of this process and of its children that have ended."""
    return sum(sum(resource.getrusage(whose)[:2]) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def attempted(shop: Workshop, trial: Trial) -> list[Outcome] | str:
    """Do one trial, by its kind's module; why it cannot be done."""
    try:
        found: list[Outcome] = importlib.import_module(f"faults.{trial.kind}").attempt(shop, trial)
        return found
    except Exception:
        return traceback.format_exc()
