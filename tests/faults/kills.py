"""Kills at every named instant of every command that writes; then the command is typed again."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from faults.child import Watched
from faults.gate import NAMED, Decide, Deny, Instant
from faults.outcomes import End, Outcome, crashed, message
from faults.trials import Trial, numbered
from faults.workshop import Workshop
from faults.world import COMMANDS, MAKES

from probing.runs.store import RECORD

KIND = "kills"
NUMBER = {  # kills of each command; those that take long have fewer
    "extract": 30,
    "extract text": 6,
    "fit": 16,
    "finetune": 40,
    "evaluate": 10,
    "layers": 10,
    "transcribe": 10,
    "predict": 10,
    "compare": 8,
    "figure": 6,
    "figure contents": 5,
    "report": 3,
}
_FINISHED = ("cache/*/*/part-*.h5", "runs/*/seed*/model.safetensors")  # what no kill may cost


def plan(seed: int, share: float = 1.0) -> list[Trial]:
    """So many kills of each command."""
    return numbered(KIND, NUMBER, seed, share)


def attempt(shop: Workshop, trial: Trial) -> list[Outcome]:
    """Kill a command at one of its instants, look at its runs, and type it again."""
    command, (number,) = trial.group, trial.words
    shop.undisturbed(command)
    instant = chosen(shop.instants(command), number, NUMBER[command], trial)
    shop.reset(*MAKES[command])
    ended, _ = shop.gated(COMMANDS[command], killed_at(instant))
    what = f"{trial}: SIGKILL before {instant}"
    if ended.status != -signal.SIGKILL:
        return [Outcome(KIND, command, what, End.SAME, "not reached")]
    return [Outcome(KIND, command, what, *typed_again(shop, command))]


def chosen(instants: Sequence[Instant], number: int, most: int, trial: Trial) -> Instant:
    """One of a command's instants: named ones in turn, from a seeded place on; every fourth is amid writes."""
    named = [one for one in instants if one.call in NAMED] or list(instants)
    writes = [one for one in instants if one.call not in NAMED] or named
    among = writes if number % 4 == 3 else named
    start = random_start(trial)
    return among[int((start + number / most) * len(among)) % len(among)]


def random_start(trial: Trial) -> float:
    """Where the instants of a command begin, from 0 to 1: the same for all its kills."""
    return Trial(trial.kind, trial.group, (), trial.seed).chance().random()


def killed_at(instant: Instant) -> Decide:
    """Kill the child, and all it has started, when it comes to an instant."""

    def decide(now: Instant, child: Watched) -> Deny | None:
        if now.number == instant.number:
            child.signal(signal.SIGKILL, group=True)
        return None

    return decide


def typed_again(shop: Workshop, command: str) -> tuple[End, str]:
    """How the same command ends after it was stopped; undisturbed, it must come to the same."""
    listed = shop.probe(["runs"])
    wrong = crashed(listed)
    if wrong:
        return wrong[0], f"`probe runs` after it: {wrong[1]}"
    finished = _finished(shop.here)
    before = [path for pattern in MAKES[command] if "runs/" in pattern for path in shop.here.glob(f"{pattern}-*")]
    half = {path: (path / RECORD).exists() for path in before}
    again = shop.probe(COMMANDS[command])
    wrong = crashed(again)
    if wrong:
        return wrong[0], f"typed again: {wrong[1]}"
    if again.status:
        return End.LOST, f"typed again: {message(again)}"
    lost = [str(path) for path, when in finished.items() if not path.exists() or path.stat().st_mtime_ns != when]
    if lost and not half:
        return End.LOST, f"made again: {', '.join(lost)}"
    for folder, whole in half.items():  # a run with a date in its name is not resumed: the second one counts
        if whole or not (folder / RECORD).exists():  # of the same second, it has the name of what it cleared away
            shutil.rmtree(folder, ignore_errors=True)  # the next command may have removed it
    different = shop.different(command)
    if different:
        return End.SILENT, different
    left = [str(path.relative_to(shop.here)) for path in shop.here.rglob("*.partial")]
    return End.SAME, f"leaves {', '.join(left)}" if left else ""


def _finished(here: Path) -> dict[Path, int]:
    """When each finished piece of work was written."""
    return {path: path.stat().st_mtime_ns for pattern in _FINISHED for path in here.glob(pattern)}
