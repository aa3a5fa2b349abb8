"""Measure every family's padded batches, and write figures/padding.csv, .md and the picture. `make padding`.

python -m probing.exactness [ENCODER...]    every family as a small random checkpoint, and these encoders
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from transformers.utils import logging

from probing.errors import ProbingError
from probing.exactness import figure, tables
from probing.exactness.measure import inexact, measured
from probing.files import write_text
from probing.report.style import save


def main() -> None:
    """Parse, measure, write; the exit status is 1 if a batch of ours is not exact."""
    parser = argparse.ArgumentParser(prog="python -m probing.exactness", description=__doc__.splitlines()[0])
    parser.add_argument("encoders", nargs="*", metavar="ENCODER", help="name, hub id or folder")
    parser.add_argument("--out", type=Path, default=Path("figures"))
    typed = parser.parse_args()
    logging.set_verbosity_error()  # of what small models lack, and of padding
    logging.disable_progress_bar()
    try:
        table = measured(typed.encoders)
    except ProbingError as error:
        sys.exit(f"Error: {error}")
    for path in save(figure.draw(table), typed.out / "padding", table):
        print(path)
    write_text(typed.out / "padding.md", tables.markdown(table))
    print(typed.out / "padding.md")
    if names := inexact(table):
        sys.exit(f"not exact: {', '.join(names)}")


if __name__ == "__main__":
    main()
