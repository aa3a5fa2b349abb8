"""Decoding runs ahead of the device, in order and not too far."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from probing.extraction import parts
from probing.extraction.parts import _ahead


def test_results_come_in_order_whatever_takes_longest() -> None:
    """The plan's order is kept, though the first item is ready last."""

    def slow_first(item: int) -> int:
        time.sleep(0.05 if item == 0 else 0)
        return item * item

    with ThreadPoolExecutor(4) as pool:
        assert list(_ahead(pool, slow_first, range(9))) == [item * item for item in range(9)]


def test_no_more_than_a_few_are_decoded_ahead() -> None:
    """Memory stays bounded: what is not yet taken is not decoded, however long the part is."""
    begun: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        found = _ahead(pool, lambda item: begun.append(item) or item, range(1000))
        for taken in range(1, 6):
            next(found)
            pool.submit(threading.Event().set).result()  # all that was handed over before is done
            assert len(begun) <= taken + parts._AHEAD


def test_an_error_comes_where_its_item_would() -> None:
    """What was decoded before it is still given."""

    def broken(item: int) -> int:
        if item == 2:
            raise ValueError
        return item

    with ThreadPoolExecutor(2) as pool:
        found = _ahead(pool, broken, range(5))
        assert [next(found), next(found)] == [0, 1]
        with pytest.raises(ValueError):
            next(found)
