"""`make faults`: kills, pairs, full disks, damaged and hostile files, and what becomes of each."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
import time
from dataclasses import asdict
from pathlib import Path

from faults.gate import available
from faults.outcomes import WRONG, table, write_csv
from faults.pool import tried
from faults.trials import Trial

KINDS = ("kills", "pairs", "full", "hostile", "damage")


def planned(kinds: list[str], seed: int, share: float) -> list[Trial]:
    """All trials of some kinds."""
    return [trial for kind in kinds for trial in importlib.import_module(f"faults.{kind}").plan(seed, share)]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Try, print the table; 1 if anything went wrong or was not tried in time."""
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("-j", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--seed", type=int, default=0, help="settles every trial (default: 0)")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this kind; may be repeated")
    parser.add_argument("--share", type=float, default=1.0, help="share of the trials (default: all)")
    parser.add_argument("--minutes", type=float, default=29.0, help="begin no trial after this (default: 29)")
    parser.add_argument("--match", default="", help="only trials whose name has this pattern")
    parser.add_argument("--out", type=Path, help="file for every outcome, a line of JSON each")
    parser.add_argument("--csv", type=Path, help="file for the table, which the README shows (`make readme`)")
    parser.add_argument("--keep", type=Path, help="folder of the worlds, to use them again with the same code")
    options = parser.parse_args()
    trials = [
        one
        for one in planned(options.kind or list(KINDS), options.seed, options.share)
        if re.search(options.match, f"{one}")
    ]
    if not available():
        print("this kernel has no seccomp notifications: no kills, no full disk", file=sys.stderr)
        trials = [trial for trial in trials if trial.kind not in ("kills", "full")]
    began = time.monotonic()
    outcomes, left = tried(trials, options.j, options.minutes * 60, _say, options.keep)
    if options.out:
        options.out.write_text("".join(json.dumps(asdict(one)) + "\n" for one in outcomes))
    if options.csv and not left:
        write_csv(outcomes, options.csv)
    print(table(outcomes))
    wrong = [outcome for outcome in outcomes if outcome.end in WRONG]
    minutes = (time.monotonic() - began) / 60
    print(f"\n{len(outcomes)} tried in {minutes:.1f} min with seed {options.seed}; wrong: {len(wrong)}")
    if left:
        print(f"not tried: {len(left)}")
    return 1 if wrong or left else 0


if __name__ == "__main__":
    sys.exit(main())
