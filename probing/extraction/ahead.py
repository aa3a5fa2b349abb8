"""Work that threads do a little ahead of who needs it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

AHEAD = 3  # items begun before their turn
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def ahead(
    pool: ThreadPoolExecutor, function: Callable[[_Item], _Result], items: Iterable[_Item], count: int = AHEAD
) -> Iterator[_Result]:
    """The function's results in order, computed a few items ahead.

    Args:
        pool: The threads.
        function: What they do.
        items: What they do it with.
        count: How many items are begun, or done, before their turn: so much stays in memory.
    """
    waiting: deque[Future[_Result]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > count:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
