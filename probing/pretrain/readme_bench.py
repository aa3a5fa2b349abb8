"""What to expect of MSP-Podcast 1.10 on a machine and on one GPU, for the README, from what was measured on them.

It reads figures/benchmarks/, as `make bench` and `probe bench --out figures/benchmarks --name encoders` write it. Every
number says whether it was measured, computed from what was measured (or from sizes alone), or not measured.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from transformers import AutoConfig

from probing.encoders.presets import PRESETS
from probing.files import size
from probing.report.efficiency_table import typical
from probing.runs.printing import markdown_table

FOLDER, TIMES = "benchmarks", "bench-encoders.csv"
ENCODERS = ("distilhubert", "hubert-base", "wav2vec2-large-robust-12")
HOURS, UTTERANCES, TRAIN = 166, 104_267, 63_076  # of MSP-Podcast 1.10
FRAMES_A_SECOND, HALF = 50, 2  # bytes: float16
_POOLED = 4  # mean and maximum, of states as they are and layer-normed
MEASURED, COMPUTED, UNKNOWN = "measured", "computed", "not measured"
_STEP = re.compile(r"bank of 225 probes.*, a step of (\d+) utterances")
_PASS = re.compile(r"bank of 225 probes, a pass over .* on a GPU")


def expected(figures: Path) -> str:
    """Times on a processor and on a GPU, and sizes of caches, as two tables.

    Args:
        figures: The folder that holds `benchmarks`.
    """
    folder = figures / FOLDER
    times = read(folder / TIMES)
    if times.empty:
        return "*Not measured yet: run `make bench`, then `make readme`.*"
    shown = times[times.seconds == typical(times)]
    rows = [_extraction(shown, name) for name in ENCODERS]
    rows += [_whole(folder, command) for command in ("check", "fit --head ridge")]
    rows.append(_bank(folder))
    table = pd.DataFrame(rows, columns=["", _processor(shown), _gpu(shown)])
    return "\n\n".join([markdown_table(table, str), markdown_table(sizes(), str)])


def sizes() -> pd.DataFrame:
    """What caches of all utterances take, by encoder and store, as text."""
    seconds = HOURS * 3600
    rows = []
    for name in ENCODERS:
        preset = PRESETS[name]
        config = AutoConfig.for_model(preset.model_type, **preset.config)
        state = ((preset.layers or config.num_hidden_layers) + 1) * config.hidden_size * HALF
        frames = seconds * FRAMES_A_SECOND
        found = (UTTERANCES * _POOLED * state, frames * state, frames * config.conv_dim[-1] * HALF)
        rows.append([f"`{name}`", *(f"{size(one)} ({COMPUTED})" for one in found)])
    return pd.DataFrame(rows, columns=["cache", *(f"`--store {store}`" for store in ("pooled", "frames", "latents"))])


def lasting(seconds: float) -> str:
    """A time, two digits.

    >>> lasting(45.2), lasting(330), lasting(95_000)
    ('45 s', '5.5 min', '26 h')
    """
    for unit, most, each in (("s", 100, 1), ("min", 6000, 60), ("h", float("inf"), 3600)):
        if seconds < most:
            value = seconds / each
            return f"{value:.0f} {unit}" if value >= 9.95 else f"{value:.1f} {unit}"
    raise AssertionError("no time is longer")


def read(path: Path) -> pd.DataFrame:
    """A table; an empty one where there is no such file."""
    return pd.read_csv(path) if path.is_file() else pd.DataFrame()


def _cpu(shown: pd.DataFrame) -> pd.DataFrame:
    """Rows on all threads of the processor."""
    own = shown[shown.device == "cpu"]
    return own[own.threads == own.threads.max()]


def _cuda(shown: pd.DataFrame) -> pd.DataFrame:
    """Rows of full batches on a GPU."""
    own = shown[shown.device != "cpu"]
    return own[own.batch == own.batch.max()]


def _processor(shown: pd.DataFrame) -> str:
    own = _cpu(shown)
    return f"{own.hardware.iloc[0]}, {own.threads.iloc[0]:.0f} threads" if len(own) else "processor"


def _gpu(shown: pd.DataFrame) -> str:
    own = _cuda(shown)
    return str(own.hardware.iloc[0]) if len(own) else "one GPU"


def _extraction(shown: pd.DataFrame, name: str) -> list[str]:
    """Extraction of all hours, by the real-time factor of the states of all layers."""
    cells = []
    for own in (_cpu(shown), _cuda(shown)):
        found = own[own.subject == name].rtf
        cells.append(f"{lasting(found.iloc[0] * HOURS * 3600)} ({COMPUTED})" if len(found) else UNKNOWN)
    counted = shown[shown.subject == name].gflop
    if cells[1] == UNKNOWN and len(counted):  # what a GPU sustains is known to who has one
        cells[1] += f"; {counted.iloc[0] * 1e9 * HOURS * 3600 / 1e15:.2g} PFLOP ({COMPUTED})"
    return [f"all states of {HOURS} h of audio, `{name}`", *cells]


def _whole(folder: Path, command: str) -> list[str]:
    """What a command took for as many utterances, but short ones, with a small encoder: a machine's own work."""
    found = _row(folder / "corpus104k.csv", re.compile(rf"{re.escape(command)}, {UTTERANCES:,} utterances"))
    said = UNKNOWN if found is None else f"{lasting(found.ours)} of a processor ({MEASURED})"
    return [f"`probe {command}`, {UTTERANCES:,} short utterances, small encoder", said, "–"]


def _bank(folder: Path) -> list[str]:
    """A pass of a bank of probes over train, on HuBERT base's pooled states."""
    step, whole = _row(folder / "bank.csv", _STEP), _row(folder / "bank.csv", _PASS)
    cells = [UNKNOWN, UNKNOWN]
    if step is not None and (named := _STEP.fullmatch(step.work)):
        cells[0] = f"{lasting(step.ours * TRAIN / int(named[1]))} of a processor ({COMPUTED})"
    if whole is not None and whole.ours == whole.ours:
        cells[1] = f"{lasting(whole.ours)} ({MEASURED})"
    return [f"a pass of 225 probes over {TRAIN:,} utterances", *cells]


def _row(path: Path, work: re.Pattern[str]) -> pd.Series | None:
    """The row of a benchmark's file whose work is of that name."""
    table = read(path)
    found: Sequence[int] = [] if table.empty else [i for i, one in enumerate(table.work) if work.fullmatch(one)]
    return table.iloc[found[0]] if found else None
