"""A disk that is full from one of a command's writes on; then there is space again, and the command is typed again."""

from __future__ import annotations

from faults.gate import WRITES, Full
from faults.kills import random_start, typed_again
from faults.outcomes import End, Outcome, crashed, message
from faults.trials import Trial, numbered
from faults.workshop import Workshop
from faults.world import COMMANDS, MAKES

KIND = "full"
NUMBER = {
    "extract": 10,
    "extract text": 4,
    "fit": 10,
    "finetune": 20,
    "evaluate": 5,
    "layers": 6,
    "transcribe": 6,
    "predict": 6,
    "compare": 6,
    "figure": 4,
    "figure contents": 3,
    "report": 2,
}


def plan(seed: int, share: float = 1.0) -> list[Trial]:
    """So many writes of each command."""
    return numbered(KIND, NUMBER, seed, share)


def attempt(shop: Workshop, trial: Trial) -> list[Outcome]:
    """Let a write fail, and all after it; then type the command again with space."""
    command, (number,) = trial.group, trial.words
    shop.undisturbed(command)
    writes = [one for one in shop.instants(command) if one.call in WRITES | {"mkdir", "mkdirat"}]
    first = int((random_start(trial) + number / NUMBER[command]) * len(writes)) % len(writes)
    shop.reset(*MAKES[command])
    full = Full(first)
    ended, _ = shop.gated(COMMANDS[command], full)
    what = f"{trial}: full from {full.denied[0] if full.denied else writes[first]}"
    wrong = crashed(ended)
    if wrong:
        return [Outcome(KIND, command, what, *wrong)]
    end, detail = typed_again(shop, command)
    if end is not End.SAME:
        return [Outcome(KIND, command, what, end, detail)]
    if ended.status == 0:
        return [Outcome(KIND, command, what, End.SAME, detail)]
    named = "No space left" in ended.err
    return [
        Outcome(KIND, command, what, End.REFUSED, "" if named else f"does not name the full disk: {message(ended)}")
    ]
