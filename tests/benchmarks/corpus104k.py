"""A made-up MSP-Podcast 1.10, all 104,267 utterances, from `check` to finished fits.

Its recordings are of two or three frames and its encoder is the small built-in one, so that what is measured is what
104,267 utterances take apart from the encoder. For a real encoder add its forward pass over 166 hours.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import release
from benchmarks.measure import spent
from benchmarks.results import Result, single

ENCODER = "demo-distilhubert"
_EPOCHS = 2
_COMMAND = """
import sys
from pathlib import Path
from probing.bench.memory import peak
from probing.cli.main import main
try:
    main(sys.argv[2:])
finally:
    Path(sys.argv[1]).write_text(f"{peak('cpu')}")
"""


class Taken(NamedTuple):
    """What a command took: processor and clock seconds, and the most memory, in MB."""

    processor: float
    wall: float
    peak: float


def measured(folder: Path, rounds: int) -> Iterator[Result]:
    """Rows of this kind; each command is measured once, since all of them take minutes."""
    yield from end_to_end(folder, release.UTTERANCES)


def end_to_end(folder: Path, utterances: int) -> Iterator[Result]:
    """Every command in its turn.

    Args:
        folder: Where everything goes.
        utterances: Of the release.
    """
    corpus = f"msp-podcast:{release.write(folder / 'release', utterances)}"
    places = ("--cache", folder / "cache"), ("--runs", folder / "runs")
    extract = ("extract", corpus, "--encoder", ENCODER, "--store", "pooled", *places[0])
    fit = ("fit", corpus, "--encoder", ENCODER, *places[0], *places[1])
    commands: dict[str, Sequence[object]] = {
        "check": ("check", corpus),
        "extract --store pooled": extract,
        "extract, nothing to do": extract,
        "fit --head ridge": (*fit, "--head", "ridge"),
        f"fit --layers both --seeds 5 --epochs {_EPOCHS}": (
            *(*fit, "--layers", "both", "--seeds", 5),
            *("--epochs", _EPOCHS, "--patience", _EPOCHS),
        ),
        "runs": ("runs", *places[1]),
    }
    for name, words in commands.items():
        taken = _taken(words, folder)
        work, note = f"{name}, {utterances:,} utterances", f"{taken.wall:.0f} s on the clock"
        yield single(work, [taken.processor], "processor s", note=note)
        yield single(f"{work}: peak memory", [taken.peak], "MB")
    written = {path.name: path.stat().st_size / 1e6 for path in (folder / "runs").glob("*/*.csv")}
    largest = max(written, key=lambda name: written[name])
    yield single(f"largest file of a fit, {utterances:,} utterances", [written[largest]], "MB", note=largest)


def _taken(words: Sequence[object], folder: Path) -> Taken:
    """What a command takes, from its start to its end."""
    peak = folder / "peak.txt"
    argv = [sys.executable, "-c", _COMMAND, f"{peak}", *map(str, words)]
    ended: list[subprocess.CompletedProcess[str]] = []
    taken = spent(lambda: ended.append(subprocess.run(argv, capture_output=True, text=True, check=False)))
    if ended[0].returncode:
        raise RuntimeError(f"probe {' '.join(map(str, words))}: {ended[0].stderr}")
    return Taken(taken.processor, taken.wall, int(peak.read_text()) / 1e6)
