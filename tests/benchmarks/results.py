"""What a benchmark found: rows with a bar each, the machine, and the files in figures/benchmarks/."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch
from benchmarks.measure import Pair

from probing.bench.machine import processor
from probing.files import write_text
from probing.statistics.medians import median_interval

OURS_OVER_PEER, PEER_OVER_OURS = "ours / peer", "peer / ours"
HARDWARE = "hardware.json"
_PACKAGES = ("torch", "transformers", "numpy", "h5py", "scikit-learn", "pandas")


@dataclass(frozen=True)
class Result:
    """One row of the table.

    Args:
        work: What was done, e.g. `bank of 225 probes, a step`.
        ours: What ours took, median over the rounds, in `unit`; NaN where it was not measured.
        peer: The same of the peer; NaN where there is none.
        against: Who or what the peer is.
        measure: What `ratio` is: `ours / peer`, `peer / ours`, `exponent`, or a unit where there is no peer.
        ratio: Median of the rounds' ratios; the number itself where there is no peer.
        low, high: Its 95 % interval; NaN of a single number.
        bar: `≤ 1.03`, `≥ 1.1`; nothing where the number has none.
        unit: Of ours and peer: `processor s` unless it says otherwise.
        wall: Median ratio on the clock; NaN where it does not apply.
        rounds: How many.
        note: Why it was not measured, or what a reader must know.
    """

    work: str
    ours: float
    peer: float
    against: str
    measure: str
    ratio: float
    low: float
    high: float
    bar: str = ""
    unit: str = "processor s"
    wall: float = float("nan")
    rounds: int = 0
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the median meets the bar; None without one, or where nothing was measured."""
        sign, _, number = self.bar.partition(" ")
        if not number or self.ratio != self.ratio:
            return None
        return self.ratio <= float(number) if sign == "≤" else self.ratio >= float(number)


def compared(work: str, pair: Pair, against: str, bar: str = "", faster: bool = False, note: str = "") -> Result:
    """A row of two works measured in turn.

    Args:
        work: What was done.
        pair: What each took.
        against: Who the peer is.
        bar: As `Result`.
        faster: Whether the ratio says how many times as fast ours is (peer / ours) rather than what it costs.
        note: As `Result`.
    """
    ratios, wall = pair.ratios(), pair.wall_ratios()
    if faster:
        ratios, wall = [1 / ratio for ratio in ratios], [1 / ratio for ratio in wall]
    ours, peer = (statistics.median(one.processor for one in own) for own in (pair.ours, pair.peer))
    measure = PEER_OVER_OURS if faster else OURS_OVER_PEER
    found = statistics.median(ratios), *median_interval(ratios)
    return Result(
        work, ours, peer, against, measure, *found, bar, wall=statistics.median(wall), rounds=len(ratios), note=note
    )


def single(work: str, values: Sequence[float], measure: str, bar: str = "", note: str = "") -> Result:
    """A row of a number without a peer, measured once or several times."""
    found, (low, high) = statistics.median(values), median_interval(values)
    nan = float("nan")
    interval = (low, high) if len(values) > 1 else (nan, nan)
    return Result(work, found, nan, "", measure, found, *interval, bar, measure, rounds=len(values), note=note)


def not_measured(work: str, against: str, why: str, bar: str = "") -> Result:
    """A row that says that something could not be measured here, and why."""
    nan = float("nan")
    return Result(work, nan, nan, against, "", nan, nan, nan, bar, note=f"not measured: {why}")


def table(results: Iterable[Result]) -> pd.DataFrame:
    """One row a result: work, ours, peer, ratio, bar, holds, and the rest."""
    rows = [asdict(result) | {"holds": result.holds} for result in results]
    first = ["work", "ours", "peer", "against", "measure", "ratio", "low", "high", "bar", "holds"]
    rest = [one.name for one in fields(Result) if one.name not in first]
    return pd.DataFrame(rows, columns=[*first, *rest])


def printed(results: Iterable[Result]) -> str:
    """Lines for a terminal."""
    lines = []
    for one in results:
        held = {None: "", True: "holds", False: "MISSED"}[one.holds]
        interval = "" if one.low != one.low else f" [{one.low:.3g}, {one.high:.3g}]"
        against = f" ({one.measure}: {one.against})" if one.against else f" {one.measure}"
        number = one.note if one.ratio != one.ratio else f"{one.ratio:.3g}{interval}{against}"
        lines.append("  ".join(part for part in (one.work, number, one.bar, held) if part))
    return "\n".join(lines)


def write(kind: str, results: Sequence[Result], folder: Path) -> Path:
    """Write a kind's rows to KIND.csv, and the machine that measured them to hardware.json under its name."""
    path = folder / f"{kind}.csv"
    write_text(path, table(results).to_csv(index=False, float_format="%.6g"))
    known = folder / HARDWARE
    machines = json.loads(known.read_text("utf-8")) if known.is_file() else {}
    write_text(known, json.dumps(dict(sorted((machines | {kind: hardware()}).items())), indent=2) + "\n")
    return path


def hardware() -> dict[str, object]:
    """What the machine is, as a reader would want to know it; not its name."""
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_GB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "gpus": gpus,
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "commit": _commit(),
        "measured": date.today().isoformat(),
    }


def _commit() -> str:
    words = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
