"""How fast it is, beside what people use, and what training takes at full size, for the README, from `make bench`.

Both tables read figures/benchmarks/: ratios as `python -m benchmarks` writes them, operations as `probe bench` does.
"""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
from transformers import AutoConfig

from probing.encoders.presets import PRESETS
from probing.files import size
from probing.pretrain.readme_bench import COMPUTED, FOLDER, HOURS, MEASURED, TRAIN, UNKNOWN, UTTERANCES, read
from probing.report.efficiency_table import typical
from probing.runs.printing import markdown_table
from probing.systems.build import SYSTEMS, count_parameters

OPERATIONS = "bench-systems.csv"
NOT_THERE = " (not there)"  # ends the name of a work whose point is a name that does not exist
_RATE = 16_000  # samples a second
_NUMBER, _MOMENTS, _KEPT = 4, 8, 3  # bytes of a weight and of Adam's numbers for it; checkpoints: last, before, best


def ratios(figures: Path) -> str:
    """Every ratio that has a bar or a peer, with the interval of its median and whether the bar holds.

    Args:
        figures: The folder that holds `benchmarks`.
    """
    tables = [read(path) for path in sorted((figures / FOLDER).glob("*.csv")) if not path.name.startswith("bench-")]
    found = pd.concat([table for table in tables if "bar" in table], ignore_index=True) if tables else pd.DataFrame()
    if found.empty:
        return "*Not measured yet: run `make bench`, then `make readme`.*"
    shown = found[found.bar.notna() | found.against.notna()]
    names = shown.work.str.endswith(NOT_THERE)
    rows = [_row(one) for one in shown[~names].to_dict("records")]
    if names.any():  # one row for all: the slowest
        slowest = shown.loc[shown[names].ratio.idxmax()].to_dict()
        rows.append(_row(slowest | {"work": f"a name that is not there, the slowest of {names.sum()} commands"}))
    return markdown_table(pd.DataFrame(rows), str)


def full_size(figures: Path) -> str:
    """What training the systems of Table 1 takes on MSP-Podcast 1.10: operations, memory, disk.

    A training step costs three times the forward pass, except for the front end, which is frozen.

    Args:
        figures: The folder that holds `benchmarks`.
    """
    operations, steps = read(figures / FOLDER / OPERATIONS), read(figures / FOLDER / "training.csv")
    if operations.empty:
        return "*Not measured yet: run `make bench`, then `make readme`.*"
    known = operations[operations.seconds == typical(operations)].drop_duplicates("subject")
    known = known.set_index(known.subject.str.removesuffix(" (system)"))
    seconds = HOURS * 3600 * TRAIN / UTTERANCES
    rows = []
    for name in SYSTEMS:
        whole, front = known.gflop[name] * 1e9, front_end_operations(name.split("+")[0])
        total, trainable = count_parameters(name)
        rows.append(
            {
                "system": f"`{name}`",
                "work per epoch, from audio": f"{_peta((3 * whole - 2 * front) * seconds)} ({COMPUTED})",
                "from latents": f"{_peta(3 * (whole - front) * seconds)} ({COMPUTED})",
                "memory of a step": _memory(steps, name),
                "disk while training": f"{size(_KEPT * (_NUMBER * total + _MOMENTS * trainable))} ({COMPUTED})",
                "afterwards": f"{size(_NUMBER * total)} ({COMPUTED})",
            }
        )
    return markdown_table(pd.DataFrame(rows), str)


def front_end_operations(encoder: str) -> float:
    """Multiplications and additions of the convolutional front end of a preset, for a second of audio.

    >>> round(front_end_operations("hubert-base") / 1e9, 1)
    4.9
    """
    preset = PRESETS[encoder]
    config = AutoConfig.for_model(preset.model_type, **preset.config)
    inputs, rate, found = 1, float(_RATE), 0.0
    for width, kernel, stride in zip(config.conv_dim, config.conv_kernel, config.conv_stride, strict=True):
        rate /= stride
        found += 2 * inputs * width * kernel * rate
        inputs = width
    return found


def _memory(steps: pd.DataFrame, name: str) -> str:
    """Peak memory of a step on a CPU, * where activations were computed twice; systems of audio alone were measured."""
    work = "" if steps.empty else steps.work
    found = steps[[one.startswith(f"training step of {name},") and one.endswith("memory") for one in work]]
    if found.empty:
        return UNKNOWN
    mark = " *" if isinstance(found.note.iloc[0], str) and found.note.iloc[0] else ""
    return f"{size(round(found.ratio.iloc[0] * 1e6))}{mark} ({MEASURED})"


def _peta(operations: float) -> str:
    return f"{operations / 1e15:.2g} PFLOP"


def _row(one: dict[str, object]) -> dict[str, str]:
    low, high, ratio = (float(str(one[name])) for name in ("low", "high", "ratio"))
    interval = "" if math.isnan(low) else f" [{low:.3g}, {high:.3g}]"
    text = {name: "" if pd.isna(one[name]) else str(one[name]) for name in ("against", "measure", "bar", "holds")}
    number = UNKNOWN if math.isnan(ratio) else f"{ratio:.4g}{interval}"
    held = {"True": "holds", "False": "**missed**"}.get(text["holds"], "")
    return {
        "work": str(one["work"]),
        "beside": text["against"] or "–",
        "measured as": text["measure"],
        "median [95 % interval]": number,
        "bar": f"{text['bar']} {held}".strip(),
    }
