"""What the README says of speed and of training at full size is what the benchmarks' files say."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from benchmarks.measure import Pair, Spent
from benchmarks.results import compared, not_measured, single, table

from probing.pretrain.readme_speed import full_size, ratios


def cells_of(text: str) -> dict[str, list[str]]:
    """Rows of a Markdown table, by their first cell."""
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return {name: rest for name, *rest in split}


def write(folder: Path, **kinds: list[object]) -> Path:
    """Files of kinds of benchmarks."""
    (folder / "benchmarks").mkdir(exist_ok=True)
    for kind, rows in kinds.items():
        table(rows).to_csv(folder / "benchmarks" / f"{kind}.csv", index=False)  # type: ignore[arg-type]
    return folder


def test_every_bar_is_told_with_whether_it_holds(tmp_path: Path) -> None:
    """Met, missed and not measured; of names that are not there the slowest; others are left out."""
    pair = Pair([Spent(2.0, 1.0)] * 9, [Spent(1.0, 1.0)] * 9)
    rows = [compared("slow", pair, "peer", "≤ 1.5"), not_measured("gpu", "bare", "no GPU", "≤ 1")]
    start = [single(f"probe {name} (not there)", [taken], "s", "≤ 0.5") for name, taken in (("a", 0.2), ("b", 0.4))]
    found = cells_of(ratios(write(tmp_path, one=rows, two=[*start, single("plain", [1.0], "s")])))
    assert found["slow"] == ["peer", "ours / peer", "2 [2, 2]", "≤ 1.5 **missed**"]
    assert found["gpu"] == ["bare", "", "not measured", "≤ 1"]
    assert found["a name that is not there, the slowest of 2 commands"] == ["–", "s", "0.4", "≤ 0.5 holds"]
    assert "plain" not in found


def test_work_of_an_epoch_is_by_hand(tmp_path: Path) -> None:
    """Three forward passes of what learns, one of the frozen front end: HuBERT base over the 100.4 h of train."""
    write(
        tmp_path,
        training=[single("training step of hubert-base, 16 utterances: peak memory", [5000.0], "MB", note="n")],
    )
    systems = ["wav2vec2-large-robust-12", "hubert-base", "distilhubert"]
    names = [*(f"{name} (system)" for name in systems), *(f"{name}+tinybert" for name in systems)]
    known = pd.DataFrame({"subject": names, "seconds": 5.7, "gflop": 14.4})
    known.to_csv(tmp_path / "benchmarks" / "bench-systems.csv", index=False)
    found = cells_of(full_size(tmp_path))["`hubert-base`"]
    hours = 166 * 63_076 / 104_267
    front = sum(
        2 * inputs * 512 * kernel * 16_000 / stride
        for inputs, kernel, stride in [
            (1, 10, 5),
            *((512, 3, 10 * 2**i) for i in range(4)),
            (512, 2, 160),
            (512, 2, 320),
        ]
    )
    expected = [(3 * 14.4e9 - 2 * front) * hours * 3600, 3 * (14.4e9 - front) * hours * 3600]
    assert [float(cell.split()[0]) for cell in found[:2]] == pytest.approx([n / 1e15 for n in expected], rel=0.05)
    assert found[2].startswith("5") and found[2].endswith("GB * (measured)")
    assert all(cell.endswith("(computed)") for cell in found[3:])


def test_without_measurements_there_is_no_ratio(tmp_path: Path) -> None:
    """A fresh clone says what to type."""
    assert "make bench" in ratios(tmp_path) and "make bench" in full_size(tmp_path)
