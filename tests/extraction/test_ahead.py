"""Threads run ahead of who needs their work, in order and not too far."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from probing.extraction.ahead import AHEAD, ahead


def test_results_come_in_order_whatever_takes_longest() -> None:
    """The plan's order is kept, though the first item is ready last."""

    def slow_first(item: int) -> int:
        time.sleep(0.05 if item == 0 else 0)
        return item * item

    with ThreadPoolExecutor(4) as pool:
        assert list(ahead(pool, slow_first, range(9))) == [item * item for item in range(9)]


def test_no_more_than_a_few_are_begun_ahead() -> None:
    """Memory stays bounded: what is not yet taken is not begun, however much there is."""
    begun: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        found = ahead(pool, lambda item: begun.append(item) or item, range(1000))
        for taken in range(1, 6):
            next(found)
            pool.submit(threading.Event().set).result()  # all that was handed over before is done
            assert len(begun) <= taken + AHEAD


def test_an_error_comes_where_its_item_would() -> None:
    """What was decoded before it is still given."""

    def broken(item: int) -> int:
        if item == 2:
            raise ValueError
        return item

    with ThreadPoolExecutor(2) as pool:
        found = ahead(pool, broken, range(5))
        assert [next(found), next(found)] == [0, 1]
        with pytest.raises(ValueError):
            next(found)
