"""Peak memory of commands at 20 × the corpus, each in a process of its own."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.recordings import corpus_of
from benchmarks.results import OURS_OVER_PEER, Result

from probing.statistics.medians import median_interval

_SIZES = (40, 800)  # utterances
_SECONDS = 3.0  # of each
_PEAK = """
import json, sys
from click.testing import CliRunner
from probing.bench.memory import peak
from probing.cli.main import main
result = CliRunner().invoke(main, json.loads(sys.argv[1]))
assert result.exit_code == 0, result.output
print(peak("cpu"))
"""


def measured(folder: Path, rounds: int) -> Iterator[Result]:
    """Rows of this kind."""
    tables = {size: corpus_of(folder / f"{size}", [_SECONDS] * size) for size in _SIZES}
    peaks: dict[str, dict[int, list[float]]] = {}
    for number in range(max(3, rounds // 3)):
        for size, table in tables.items():
            place = folder / f"{size}-{number}"
            for command, words in _commands(table, place).items():
                peaks.setdefault(command, {}).setdefault(size, []).append(peak(*words))
    small, large = _SIZES
    for command, found in peaks.items():
        ratios = [more / less for less, more in zip(found[small], found[large], strict=True)]
        yield Result(
            f"peak memory of {command}, {large} utterances",
            statistics.median(found[large]),
            statistics.median(found[small]),
            f"{small} utterances",
            OURS_OVER_PEER,
            statistics.median(ratios),
            *median_interval(ratios),
            "≤ 1.05",
            "MB",
            rounds=len(ratios),
        )


def _commands(table: Path, place: Path) -> dict[str, list[object]]:
    """What is typed, by what a row calls it; later commands read what earlier ones wrote."""
    where = ("--cache", place / "cache")
    fitted = (*where, "--runs", place / "runs", "--epochs", 2, "--batch", 8, "--permutations", 0, "--dim", "arousal")
    return {
        "extract --store frames": ["extract", table, *where, "--part-seconds", 60],
        "extract --store pooled": ["extract", table, *where, "--part-seconds", 60, "--store", "pooled"],
        "fit --store frames": ["fit", table, *fitted, "--store", "frames"],
        "fit --store pooled": ["fit", table, *fitted, "--store", "pooled"],
    }


def peak(*words: object) -> float:
    """Peak memory of a command in MB, in a process of its own."""
    typed = json.dumps([str(word) for word in words])
    process = subprocess.run([sys.executable, "-c", _PEAK, typed], capture_output=True, text=True, check=True)
    return int(process.stdout.split()[-1]) / 1e6
