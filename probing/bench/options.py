"""Options of `probe bench`. Loads without NumPy and torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from probing.errors import OptionError
from probing.options import option, runs_option, validate

# Seconds: a short utterance, an average one of MSP-Podcast, and one of its longest.
LENGTHS = (1.0, 5.7, 11.9)


@dataclass(frozen=True)
class BenchOptions:
    """What is measured, how often, and where tables and figures go."""

    systems: bool = option(
        False, "Measure each encoder that is named as a system, with a head: estimates, in place of all layers' states."
    )
    seconds: tuple[float, ...] = option(
        (), "Length of an utterance in seconds; may be repeated.", metavar="SECONDS", shown_default="1, 5.7 and 11.9"
    )
    threads: tuple[int, ...] = option(
        (),
        "Threads on the CPU; may be repeated.",
        metavar="N",
        shown_default="1, and as many as PyTorch takes",
    )
    devices: tuple[str, ...] = option(
        (),
        "Where to compute: cpu, cuda, cuda:1 …; may be repeated.",
        flag="--device",
        metavar="DEVICE",
        shown_default="the CPU, and the GPU if there is one",
    )
    repeats: int = option(9, "Repeats, of which the median counts.", at_least=1)
    time: bool = option(True, "Measure time and memory; --no-time only counts parameters and operations.")
    out: Path = option(Path("figures"), "Folder of the tables and figures.", metavar="DIR")
    name: str | None = option(
        None, "Suffix of the output file names.", metavar="NAME", shown_default="what was measured"
    )
    json: bool = option(False, "Print JSON for a program.")
    runs: Path = runs_option()

    def __post_init__(self) -> None:
        validate(self)
        for seconds in self.seconds:
            if not (math.isfinite(seconds) and seconds >= 0.1):
                remedy = "give seconds from 0.1 on"
                raise OptionError(f"--seconds {seconds:g}", "no utterance", remedy, code="option-bounds")
        for threads in self.threads:
            if threads < 1:
                raise OptionError(
                    f"--threads {threads}", "it must be at least 1", "give 1 or more", code="option-bounds"
                )

    @property
    def lengths(self) -> tuple[float, ...]:
        """Lengths of utterances in seconds, shortest first, each once."""
        return tuple(sorted({*(self.seconds or LENGTHS)}))
