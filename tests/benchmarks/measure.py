"""Ratios of two pieces of work, measured in turn in one run, in processor seconds.

What else a machine does, and how fast it happens to be, changes from second to second: of neighbouring measurements the
ratio stays. Processor seconds are those of all threads of this process and of the children that it has waited for.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

ROUNDS = 9  # the fewest for which the interval of a median leaves out the smallest and the largest
Work = Callable[[], object]


@dataclass(frozen=True)
class Spent:
    """What a piece of work took.

    Args:
        processor: Processor seconds.
        wall: Seconds on the clock.
    """

    processor: float
    wall: float


@dataclass(frozen=True)
class Pair:
    """The same job done in two ways, round by round.

    Args:
        ours: What each round of ours took.
        peer: What each round of the peer's took, measured next to it.
    """

    ours: Sequence[Spent]
    peer: Sequence[Spent]

    def ratios(self) -> list[float]:
        """Processor seconds of ours over the peer's, of each round."""
        return [own.processor / other.processor for own, other in zip(self.ours, self.peer, strict=True)]

    def wall_ratios(self) -> list[float]:
        """The same on the clock."""
        return [own.wall / other.wall for own, other in zip(self.ours, self.peer, strict=True)]


def spent(work: Work) -> Spent:
    """What one call takes."""
    gc.collect()
    began, clock = _processor(), time.perf_counter()
    work()
    return Spent(_processor() - began, time.perf_counter() - clock)


def interleaved(ours: Work, peer: Work, rounds: int = ROUNDS) -> Pair:
    """Both in turn, after one call of each that does not count; which comes first changes from round to round."""
    ours(), peer()
    found: list[tuple[Spent, Spent]] = []
    for number in range(rounds):
        if number % 2:
            other, own = spent(peer), spent(ours)
        else:
            own, other = spent(ours), spent(peer)
        found.append((own, other))
    return Pair([own for own, _ in found], [other for _, other in found])


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """How time grows with size: b in seconds ∝ sizeᵇ, by least squares on logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def in_turn(works: Sequence[Work], rounds: int = ROUNDS) -> Iterator[list[Spent]]:
    """What each of several pieces of work takes, a list a round."""
    for _ in range(rounds):
        yield [spent(work) for work in works]


def _processor() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
