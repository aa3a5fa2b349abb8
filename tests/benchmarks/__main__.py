"""`make bench`: every ratio with its bar, beside what people use, measured in one run.

python -m benchmarks [KIND...]    all kinds, or these; each in a process of its own, its rows in figures/benchmarks/
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import ROUNDS
from benchmarks.results import printed, write

KINDS = (
    "bank",
    "scale",
    "corpus104k",
    "reading",
    "systems",
    "training",
    "extraction",
    "ridge",
    "memory",
    "analysis",
    "chunks",
    "startup",
)


def main() -> int:
    """Measure, write, print; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of each ratio (default: {ROUNDS})")
    parser.add_argument("--out", type=Path, default=Path("figures/benchmarks"), help="folder of the results")
    parser.add_argument("--scratch", type=Path, help="folder for corpora and caches (default: a temporary one)")
    typed = parser.parse_args()
    if unknown := sorted(set(typed.kinds) - set(KINDS)):
        parser.error(f"no such kind: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    if len(typed.kinds) != 1:
        # One process a kind: none inherits another's memory, threads or imports.
        words = [sys.executable, "-m", "benchmarks", f"--rounds={typed.rounds}", f"--out={typed.out}"]
        words += [f"--scratch={typed.scratch}"] if typed.scratch else []
        return max(subprocess.run([*words, kind], check=False).returncode for kind in typed.kinds or KINDS)
    return measure(typed.kinds[0], typed.rounds, typed.out, typed.scratch)


def measure(kind: str, rounds: int, out: Path, scratch: Path | None) -> int:
    """Measure one kind."""
    with tempfile.TemporaryDirectory(dir=scratch, prefix=f"bench-{kind}-") as folder:
        results = []
        for result in importlib.import_module(f"benchmarks.{kind}").measured(Path(folder), rounds):
            print(printed([result]), flush=True)
            results.append(result)
        print(write(kind, results, out), flush=True)  # before a hundred thousand files are deleted
    return int(any(result.holds is False for result in results))


if __name__ == "__main__":
    sys.exit(main())
