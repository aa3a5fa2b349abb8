"""What layers contain, in numbers, for the README and docs: tables from the CSV beside each figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

_SHARES = {"words": "layer&words", "sound": "layer&sound", "both": "layer&words&sound"}


def contents_table(path: Path, layers: Sequence[int] | None = None) -> str:
    """R² of some layers, what of it is shared, and what erasing words and sound takes, as a Markdown table.

    Args:
        path: The CSV of a figure of `probe figure contents`.
        layers: Layers to show; None: the first, the last, and two between.
    """
    table = pd.read_csv(path)
    own = table[(table.analysis == "shares") & (table.measure == "r2") & (table.part == "layer")]
    known = sorted(own.layer.unique())
    shown = layers or [known[round(step * (len(known) - 1) / 3)] for step in range(4)]
    head = ["dimension", "layer", "R²", *(f"shared with {name}" for name in _SHARES)]
    rows = [[*head, "words erased", "sound erased", "random subspaces"]]
    for dim in dict.fromkeys(own.target):
        for layer in shown:
            here = table[(table.target == dim) & (table.layer == layer)]
            cells = [_cell(here, "shares", "r2", "layer")]
            cells += [_cell(here, "shares", "share", part) for part in _SHARES.values()]
            cells += [_cell(here, "erasure", "fall", concept) for concept in ("words", "sound")]
            cells.append(_cell(here, "erasure", "random", "words"))
            rows.append([dim, str(layer), *cells])
    rule = ["---"] * len(rows[0])
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]])


def inside_table(path: Path) -> str:
    """What erasing takes inside a running system, as a Markdown table."""
    table = pd.read_csv(path)
    own = table[table.analysis == "inside"]
    rows = [["dimension", "layer", "CCC", "words erased", "sound erased", "speaker erased", "random subspaces"]]
    for (dim, layer), here in own.groupby(["target", "layer"], sort=False):
        falls = [_cell(here, "inside", "fall", concept) for concept in ("words", "sound", "speaker")]
        before, random = _cell(here, "inside", "before", "words"), _cell(here, "inside", "random", "words")
        rows.append([str(dim), str(layer), before, *falls, random])
    rule = ["---"] * len(rows[0])
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]])


def _cell(rows: pd.DataFrame, analysis: str, measure: str, part: str) -> str:
    """A number with its interval; a dash where there is none."""
    found = rows[(rows.analysis == analysis) & (rows.measure == measure) & (rows.part == part)]
    if found.empty or pd.isna(found.value.iloc[0]):
        return "–"
    own: Mapping[str, float] = found.iloc[0]
    if pd.isna(own["low"]):
        return _two(own["value"])
    return f"{_two(own['value'])} [{_two(own['low'])}, {_two(own['high'])}]"


def _two(value: float) -> str:
    """Two decimals, without a minus before nothing."""
    return f"{value:.2f}".replace("-0.00", "0.00")
