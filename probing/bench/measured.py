"""Measure encoders and systems, and write tables and figures: `probe bench`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from probing.bench.operations import Size, size_of
from probing.bench.options import BenchOptions
from probing.bench.scores import scores_of
from probing.bench.settings import say_what_is_left_out, settings_of
from probing.bench.subjects import subjects_of
from probing.bench.turns import Timing, timings
from probing.errors import OptionError
from probing.files import slug
from probing.report.efficiency import write_efficiency
from probing.report.efficiency_table import busy
from probing.report.naming import shortened
from probing.statistics.medians import median_interval
from probing.systems.build import SYSTEMS


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured.

    Args:
        table: A row for each subject, setting and length (`table_of`).
        scores: CCC of runs (`probing.bench.scores`).
        paths: The files written; the tables for reading are the last.
        busy: A sentence for each setting in which other programs held the processor, so that the clock misleads.
    """

    table: pd.DataFrame
    scores: pd.DataFrame
    paths: tuple[Path, ...]
    busy: tuple[str, ...] = ()


def bench(
    names: Sequence[str] = (),
    options: BenchOptions = BenchOptions(),  # noqa: B008 - frozen
    layers: int | None = None,
    window: float | None = None,
) -> Measured:
    """Measure encoders, systems and the systems of runs beside each other.

    Args:
        names: As `subjects_of` takes them; none: the six systems of the paper.
        options: What is measured, and where files go.
        layers: Only the first so many transformer layers of the encoders that are named.
        window: Seconds that a Whisper that is named is given at a time.

    Raises:
        EncoderError, RunError, OptionError: As `subjects_of`, `size_of`, `settle_device` and `timings`.
    """
    if names:
        subjects = subjects_of(names, layers, window, options.systems)
    else:
        subjects = subjects_of(SYSTEMS, layers, window, systems=True)
    settings = settings_of(options) if options.time else []
    sizes = [size_of(subject, options.lengths) for subject in subjects]
    _demand_names(sizes)
    if options.time:
        say_what_is_left_out(options)
    found = [(setting, timings(subjects, setting, options.lengths, options.repeats)) for setting in settings]
    table = table_of(sizes, options.lengths, [own for _, own in found])
    scores = scores_of(list(zip(subjects, sizes, strict=True)), options.runs)
    stem = options.name or ("-".join(_in_files(size.name) for size in sizes) if names else "systems")
    paths = write_efficiency(table, scores, options.out / shortened(f"bench-{slug(stem)}"))
    return Measured(table, scores, tuple(paths), tuple(busy(table)))


def _in_files(name: str) -> str:
    """A subject's name in a file's name.

    >>> _in_files("hubert-base (system)"), _in_files("./mine+tinybert")
    ('hubert-base-system', '_--mine+tinybert')
    """
    return slug(name.replace(" (system)", "-system"))


def table_of(sizes: Sequence[Size], lengths: Sequence[float], settings: Sequence[Sequence[Timing]]) -> pd.DataFrame:
    """What was measured: one row for each subject, setting and length; without settings one a subject and length.

    Args:
        sizes: Of each subject.
        lengths: Seconds of utterances.
        settings: For each setting what each subject took.

    Returns:
        subject, kind (encoder or system), parameters, disk_MB, disk (`file`, or `computed` as float32), seconds (of an
        utterance), gflop (for a second of audio), input (audio, text, audio+text), window (seconds that are computed
        whatever the utterance's length, if so), device, hardware, threads, batch (utterances), rtf (seconds on the
        clock for a second of audio, median), rtf_low, rtf_high (95 % interval of the median, the range of fewer than
        six repeats), processor (processor seconds of all threads for a second of audio, median), peak_MB (memory, most
        until then), repeats, torch.
    """
    rows = []
    for place, size in enumerate(sizes):
        known = [_sized(size, seconds) for seconds in lengths]
        taken = [[_timed(setting[place], number) for number in range(len(lengths))] for setting in settings]
        rows += [one | own for timed in taken for one, own in zip(known, timed, strict=True)] if taken else known
    return pd.DataFrame(rows)


def _sized(size: Size, seconds: float) -> dict[str, Any]:
    return {
        "subject": size.name,
        "kind": size.kind,
        "parameters": size.parameters,
        "disk_MB": size.bytes / 1e6,
        "disk": "file" if size.measured else "computed",
        "seconds": seconds,
        "gflop": size.operations[seconds] / 1e9 / seconds,
        "input": size.input,
        "window": size.window,
    }


def _timed(timing: Timing, number: int) -> dict[str, Any]:
    """What an utterance of the numbered length took."""
    wall = [one.wall[number] for one in timing.rounds]
    low, high = median_interval(wall)
    peak = timing.peaks[number]
    return {
        "device": timing.setting.device,
        "hardware": timing.hardware,
        "threads": timing.threads if timing.setting.device == "cpu" else None,
        "batch": timing.batches[number],
        "rtf": float(np.median(wall)),
        "rtf_low": low,
        "rtf_high": high,
        "processor": float(np.median([one.processor[number] for one in timing.rounds])),
        "peak_MB": None if peak is None else peak / 1e6,
        "repeats": len(wall),
        "torch": timing.torch,
    }


def _demand_names(sizes: Sequence[Size]) -> None:
    """Raise an OptionError (code `name-twice`) where two subjects would have one name in the tables."""
    names = [size.name for size in sizes]
    if twice := next((name for name in names if names.count(name) > 1), None):
        why = "two different ones that are named have that name"
        raise OptionError(f"{twice} would stand twice", why, "measure them one after the other", code="name-twice")
