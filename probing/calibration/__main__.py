"""Calibrate: run all trials, and write figures/calibration.csv, .md and the picture. `make calibrate`.

python -m probing.calibration            in full, about an hour and a half of processor time; goes on where it was
python -m probing.calibration --short    a little of everything, to see that it works
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from probing.calibration import categories, controls, coverage, figure, recovery, results, sweep, tables, verdicts
from probing.calibration.size import FIRST_CONFIRMING, FULL, SHORT, Size
from probing.calibration.trials import Identity, Trials
from probing.files import digest, write_text
from probing.report.style import save

_Trial = Callable[[Identity], Mapping[str, Any]]
_ROOMS = ("statistics", "probes", "report", "calibration")  # whose sources settle what a trial finds


def parts(size: Size) -> dict[str, tuple[Iterable[Identity], _Trial]]:
    """Part → its trials, and what makes one."""
    confirming = range(FIRST_CONFIRMING, FIRST_CONFIRMING + size.worlds)
    harder = range(FIRST_CONFIRMING, FIRST_CONFIRMING + size.harder)
    banded = range(FIRST_CONFIRMING, FIRST_CONFIRMING + size.bands)
    return {
        "coverage": (coverage.cells(size.samples), coverage.measure),
        "controls": (controls.trials(size.permuted), controls.look),
        "recovery": (recovery.trials(confirming, harder), recovery.recover),
        "categories": (categories.trials(confirming, range(1, size.permuted + 1)), categories.recover),
        "bands": (recovery.bands(banded, size.replicates), recovery.band),
        "repeats": (recovery.repeats(size.repeats), recovery.repeat),
        "sweep": (sweep.trials(range(1, size.swept + 1)), sweep.fit_world),
        "verdicts": (verdicts.cells(size.corpora), verdicts.judge),
    }


def calibrate(size: Size, kept: Path, only: Iterable[str] = ()) -> pd.DataFrame:
    """Run what is not finished, and give all rates.

    Args:
        size: How much is tried.
        kept: Folder of finished trials, one file a part; those of other sources have other names.
        only: Parts to run; by default all.

    Returns:
        As `calibration.results.rates`.
    """
    wanted, sources = set(only), sources_digest()
    found = {
        name: Trials(kept / f"{name}-{sources}.jsonl").run(identities, trial)
        for name, (identities, trial) in parts(size).items()
        if not wanted or name in wanted
    }
    return results.rates(found)


def sources_digest() -> str:
    """Eight digits of everything that settles what a trial finds, but for defaults, which a trial's identity names."""
    root = Path(__file__).parents[1]
    files = sorted(path for room in _ROOMS for path in (root / room).glob("*.py") if path.name != "options.py")
    return digest([(path.name, path.read_text("utf-8")) for path in files])[:8]


def main() -> None:
    """Parse, run, write."""
    parser = argparse.ArgumentParser(prog="python -m probing.calibration", description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a little of everything; nothing is written to --out")
    parser.add_argument("--only", action="append", default=[], choices=list(parts(SHORT)), help="may be repeated")
    parser.add_argument("--kept", type=Path, default=Path("runs/calibration"), help="folder of finished trials")
    parser.add_argument("--out", type=Path, default=Path("figures"))
    typed = parser.parse_args()
    size, kept = (SHORT, typed.kept / "short") if typed.short else (FULL, typed.kept)
    table = calibrate(size, kept, typed.only)
    if typed.short or typed.only:
        print(table.to_string())
        return
    for path in save(figure.draw(table), typed.out / "calibration", table.round(5)):
        print(path)
    write_text(typed.out / "calibration.md", "\n\n".join(["# Calibration", *tables.markdown(table)]) + "\n")
    print(typed.out / "calibration.md")


if __name__ == "__main__":
    main()
