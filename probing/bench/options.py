"""Options of `probe bench`. Loads without NumPy and torch."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from probing.errors import OptionError
from probing.options import option, runs_option, validate

# Seconds: a short utterance, an average one of MSP-Podcast, and one of its longest.
LENGTHS = (1.0, 5.7, 11.9)
REPEATS = 9
SHORTEST, LONGEST = 0.1, 3600.0  # an hour at once is more than any encoder's attention has memory for


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
    repeats: int = option(REPEATS, "Repeats, of which the median counts.", at_least=1)
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
            if not (math.isfinite(seconds) and SHORTEST <= seconds <= LONGEST):
                why = f"too long: at most {LONGEST:g} s" if seconds > LONGEST else f"too short: at least {SHORTEST:g} s"
                remedy = f"give seconds from {SHORTEST:g} to {LONGEST:g}"
                raise OptionError(f"--seconds {seconds:g}", why, remedy, code="option-bounds")
        cores = os.cpu_count() or 1
        for threads in self.threads:
            if not 1 <= threads <= cores:
                why = f"this machine has {cores} cores" if threads > cores else "it must be at least 1"
                remedy = f"give a number from 1 to {cores}: more threads than cores wait for each other"
                raise OptionError(f"--threads {threads}", why, remedy, code="option-bounds")
        if self.name is not None and not self.name.strip():
            why = "no file can be called that"
            raise OptionError("--name ''", why, "give a name, or leave --name out", code="option-bounds")
        given = {"--threads": self.threads, "--device": self.devices, "--repeats": self.repeats != REPEATS}
        if not self.time and (idle := " and ".join(flag for flag, value in given.items() if value)):
            why = "--no-time only counts parameters and operations"
            raise OptionError(f"{idle}: no effect", why, f"leave out {idle}, or --no-time", code="no-effect")

    @property
    def lengths(self) -> tuple[float, ...]:
        """Lengths of utterances in seconds, shortest first, each once."""
        return tuple(sorted({*(self.seconds or LENGTHS)}))
