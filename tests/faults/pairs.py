"""Two commands at once on the same places: each ends well or is told that the other is at work, and nothing is lost."""

from __future__ import annotations

import time

from faults.outcomes import End, Outcome, crashed, message
from faults.results import Results, difference
from faults.trials import Trial
from faults.workshop import Workshop
from faults.world import COMMANDS, MAKES

KIND = "pairs"
_READERS: dict[str, tuple[str, ...]] = {
    "verify": ("verify", "table.csv", "--encoder", "hubert"),
    "runs": ("runs", "--json"),
    "check": ("check", "table.csv"),
    "extract, other parts": (*COMMANDS["extract"][:-1], "2"),
    "finetune, more seeds": (*COMMANDS["finetune"], "--seeds", "2"),
    "finetune, other rate": (*COMMANDS["finetune"][:-1], "2e-3"),
}
PAIRS: tuple[tuple[str, str, int], ...] = (  # the first is compared with its undisturbed result; how many times
    ("extract", "extract", 3),
    ("extract", "extract, other parts", 2),
    ("extract", "extract text", 1),
    ("extract", "verify", 1),
    ("extract", "check", 1),
    ("fit", "fit", 2),
    ("fit", "runs", 1),
    ("fit", "extract text", 1),
    ("finetune", "finetune", 4),
    ("finetune", "finetune, other rate", 2),
    ("finetune", "finetune, more seeds", 2),
    ("finetune", "runs", 2),
    ("finetune", "compare", 1),
    ("finetune", "evaluate", 1),
    ("evaluate", "evaluate", 2),
    ("layers", "layers", 2),
    ("transcribe", "transcribe", 3),
    ("predict", "predict", 2),
    ("compare", "compare", 1),
    ("figure", "figure", 1),
    ("report", "report", 1),
)


def plan(seed: int, share: float = 1.0) -> list[Trial]:
    """Every pair, some more than once, at seeded distances."""
    trials = [Trial(KIND, f"{a} + {b}", (a, b, one), seed) for a, b, number in PAIRS for one in range(number)]
    return trials[:: max(1, round(1 / share))]


def attempt(shop: Workshop, trial: Trial) -> list[Outcome]:
    """Start one, soon after it the other, wait for both; then type the first again where it has not finished."""
    first, second, number = trial.words
    shop.undisturbed(first)
    makes = MAKES[first] + MAKES.get(second, ())
    shop.reset(*makes)
    wait = trial.chance().uniform(0, 0.3) if number else 0.0
    running = [shop.begin(COMMANDS[first])]
    time.sleep(wait)
    running.append(shop.begin(COMMANDS.get(second) or _READERS[second]))
    while any(one.poll() is None for one in running):
        time.sleep(0.005)
    what = f"{trial}: {wait:.2f} s apart"
    ends = [one.wait() for one in running]
    for ended in ends:
        wrong = crashed(ended)
        if wrong:
            return [Outcome(KIND, trial.group, what, *wrong)]
    said = "; ".join(message(ended) for ended in ends if ended.status)
    if second == "finetune, more seeds" or "other" in second:
        return [Outcome(KIND, trial.group, what, *_either(shop, first, ends[0].status, said))]
    return [Outcome(KIND, trial.group, what, *_compared(shop, first, said))]


def _compared(shop: Workshop, command: str, said: str) -> tuple[End, str]:
    before = shop.undisturbed_before(command)
    if command in ("fit", "layers"):  # each makes a run of its own
        found = _own(shop, command)
        if found and not difference(before, found):
            return End.SAME, said
    wrong = _again(shop, command, End.LOST, said)
    if wrong:
        return wrong
    different = difference(before, _own(shop, command))
    return (End.SILENT, different) if different else (End.SAME, said)


def _own(shop: Workshop, command: str) -> Results:
    """What a command has made, but for a second run that differs only in its date."""
    return {name: value for name, value in shop.results(MAKES[command]).items() if not name.endswith("′")}


def _again(shop: Workshop, command: str, refused: End, said: str) -> tuple[End, str] | None:
    """Type a command again: how it ends where it does not succeed.

    Args:
        shop: Where.
        command: Its name.
        refused: What it is if the command is refused.
        said: What was said before.
    """
    ended = shop.probe(COMMANDS[command])
    wrong = crashed(ended)
    if wrong:
        return wrong[0], f"typed again: {wrong[1]}"
    return (refused, f"typed again: {message(ended)}; before: {said}") if ended.status else None


def _either(shop: Workshop, command: str, status: int, said: str) -> tuple[End, str]:
    """The second command may have won; then the first is told so, and its result is that of the second."""
    if status == 0 and not shop.different(command):
        return End.SAME, said
    wrong = _again(shop, command, End.REFUSED, said)
    if wrong:
        return wrong
    different = shop.different(command)
    if different and not said:
        return End.SILENT, different
    return End.SAME, said
