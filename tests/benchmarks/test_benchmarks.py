"""How benchmarks are measured and judged: medians, their intervals, exponents, bars."""

from __future__ import annotations

import importlib
from pathlib import Path

import pandas as pd
import pytest
from benchmarks.__main__ import KINDS
from benchmarks.measure import Pair, Spent, exponent, interleaved, spent
from benchmarks.results import compared, not_measured, single, table, write


def test_the_exponent_of_a_power_is_found() -> None:
    """Seconds that grow with size to the power of 1.3."""
    sizes = [1e3, 1e4, 1e5]
    assert exponent(sizes, [2.5 * size**1.3 for size in sizes]) == pytest.approx(1.3)


def test_processor_seconds_are_counted_and_waiting_is_not() -> None:
    """Work that computes takes processor seconds; both are measured as often as asked for."""
    calls = []
    pair = interleaved(lambda: calls.append("ours"), lambda: calls.append("peer"), rounds=4)
    assert len(pair.ours) == len(pair.peer) == 4
    assert calls.count("ours") == calls.count("peer") == 5
    busy = spent(lambda: sum(range(3_000_000)))
    assert 0.01 < busy.processor <= busy.wall * 1.5


def test_a_bar_is_met_or_missed_by_the_median() -> None:
    """Ratios are of processor seconds, round by round; `faster` turns them round."""
    pair = Pair([Spent(1.0, 9.0), Spent(2.0, 9.0), Spent(3.0, 9.0)], [Spent(2.0, 3.0)] * 3)
    assert compared("w", pair, "p", "≤ 1.0").holds is True
    assert compared("w", pair, "p", "≤ 0.99").holds is False
    faster = compared("w", pair, "p", "≥ 1.1", faster=True)
    assert (faster.ratio, faster.holds) == (1.0, False)
    assert (faster.low, faster.high) == pytest.approx((2 / 3, 2.0))
    assert faster.wall == pytest.approx(1 / 3)
    assert single("s", [3.0], "processor s", "≤ 4").holds is True
    assert not_measured("gpu", "bare", "no GPU", "≥ 0.6").holds is None


def test_what_is_written_has_the_columns_and_the_machine(tmp_path: Path) -> None:
    """A kind that is measured again replaces its own rows alone."""
    rows = [single("a", [1.0], "s"), not_measured("b", "c", "no GPU", "≤ 1")]
    for kind in ("one", "two", "one"):
        path = write(kind, rows, tmp_path)
    found = pd.read_csv(path)
    assert set(found.columns) >= {"work", "ours", "peer", "ratio", "bar", "holds"}
    assert list(found.columns) == list(table(rows).columns)
    assert found.holds.isna().all()
    assert set(pd.read_json(tmp_path / "hardware.json").columns) == {"one", "two"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_measured(kind: str) -> None:
    """Each named kind is a module with what `make bench` calls."""
    assert callable(importlib.import_module(f"benchmarks.{kind}").measured)
