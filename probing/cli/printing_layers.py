"""What `probe layers` prints of its record: words and sound by depth, what erasing them takes, findings, files."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from probing.cli.printing import say_left_out
from probing.cli.printing_fit import wrapped

if TYPE_CHECKING:
    import pandas as pd

    from probing.runs.records import LayersRecord


def analysed(record: LayersRecord) -> str:
    """An analysis of layers: tables by depth, findings, notes and files."""
    from probing.report.wording import said
    from probing.runs.contents import read_contents

    say_left_out(record.corpus.left_out)
    table = read_contents(record)
    lines = [f"{record.encoder.title} on {record.corpus.title}"]
    for dim in record.dimensions:
        lines += ["", *_dimension(table, dim)]
    lines += ["", *wrapped(said(finding, mark="") for finding in record.findings)]
    lines += wrapped(f"note: {note}" for note in record.notes)
    lines += [f"{record.folder}/{name}" for name in ("record.json", *(record.files or {}))]
    return "\n".join(lines)


def _dimension(table: pd.DataFrame, dim: str) -> list[str]:
    """One dimension by depth: R², its parts, and the falls."""
    own = table[table.target == dim]
    shares, falls = own[own.analysis == "shares"], own[(own.analysis == "erasure") & (own.measure == "fall")]
    columns: dict[str, pd.Series[float]] = {
        "R²": _by_layer(shares[(shares.measure == "r2") & (shares.part == "layer")])
    }
    names = {"layer&words": "words", "layer&sound": "sound", "layer&words&sound": "both", "layer": "own"}
    for part, name in names.items():
        found = shares[(shares.measure == "share") & (shares.part == part)]
        if len(found):
            columns[name] = _by_layer(found)
    for concept in dict.fromkeys(falls.part):
        columns[f"−{concept}"] = _by_layer(falls[falls.part == concept])
    layers = columns["R²"].index
    width = max(9, *(len(name) + 2 for name in columns))
    head = f"{dim:<14}" + "".join(f"{name:>{width}}" for name in columns)
    rows = [
        f"  layer {layer:<6}" + "".join(f"{_shown(series.get(layer)):>{width}}" for series in columns.values())
        for layer in layers
    ]
    return [head, *rows]


def _shown(value: float | None) -> str:
    """Two decimals without a sign before nothing, or a dash where there is no number."""
    return "–" if value is None or isnan(value) else f"{value:z.2f}"


def _by_layer(rows: pd.DataFrame) -> pd.Series[float]:
    return rows.set_index("layer").value
