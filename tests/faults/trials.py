"""What is tried: a list that only the seed settles."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Trial:
    """Something to try; `attempt` of its kind's module does it.

    Args:
        kind: Name of that module.
        group: The command, or the format of the file.
        words: What else the kind needs.
        seed: Settles what is drawn.
    """

    kind: str
    group: str
    words: tuple[Any, ...] = ()
    seed: int = 0

    def chance(self) -> random.Random:
        """Random numbers of this trial alone."""
        return random.Random(f"{self.kind} {self.group} {self.words} {self.seed}")

    def __str__(self) -> str:
        return f"{self.kind}/{self.group}/{','.join(map(str, self.words))}/{self.seed}"


def numbered(kind: str, times: Mapping[str, int], seed: int, share: float) -> list[Trial]:
    """As many trials of each command as are given, or a share of them, but at least one."""
    return [
        Trial(kind, command, (number,), seed)
        for command, most in times.items()
        for number in range(max(1, round(most * share)))
    ]
