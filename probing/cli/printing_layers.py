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
    lines = [f"{record.encoder.title} on {record.corpus.full_title}", *wrapped(_legend(table))]
    for dim in record.dimensions:
        lines += ["", *_dimension(table, dim)]
    for dim in record.dimensions:
        lines += _inside(table[(table.analysis == "inside") & (table.target == dim)], dim)
    lines += ["", *wrapped(said(finding) for finding in record.findings)]
    lines += wrapped(f"note: {note}" for note in record.notes)
    lines += [f"{record.folder}/{name}" for name in ("record.json", *(record.files or {}))]
    return "\n".join(lines)


def _legend(table: pd.DataFrame) -> list[str]:
    """What the columns are."""
    said = ["R²: cross-validated, of ridge probes"]
    if (table.part == "layer&words").any() or (table.part == "layer&sound").any():
        said.append("words, sound, both, own: what of it is shared with these alone, with both, with neither")
    said.append("drop: of CCC on held-out utterances, 1 − after / before, when this is erased")
    return [" · ".join(said)]


def _inside(rows: pd.DataFrame, dim: str) -> list[str]:
    """Drops inside a running system, beside those by random subspaces."""
    if rows.empty:
        return []
    drops = rows[rows.measure == "fall"]
    columns = {f"drop {concept}": _by_layer(own) for concept, own in drops.groupby("part", sort=False)}
    random = rows[rows.measure == "random"]
    if len(random):
        columns["drop random"] = random.groupby("layer").value.mean()
    columns = {"CCC": rows[rows.measure == "before"].groupby("layer").value.first(), **columns}
    return ["", *_grid(f"{dim}, inside the running system", columns)]


def _dimension(table: pd.DataFrame, dim: str) -> list[str]:
    """One dimension by depth: R², its parts, and the falls."""
    own = table[table.target == dim]
    shares, falls = own[own.analysis == "shares"], own[(own.analysis == "erasure") & (own.measure == "fall")]
    columns = {"R²": _by_layer(shares[(shares.measure == "r2") & (shares.part == "layer")])}
    parts = shares[shares.measure == "share"]
    names = {"layer&words": "words", "layer&sound": "sound", "layer&words&sound": "both", "layer": "own"}
    for part, name in names.items():
        found = parts[parts.part == part]
        if len(found) and parts.part.nunique() > 1:  # of a layer alone everything is its own
            columns[name] = _by_layer(found)
    for concept in dict.fromkeys(falls.part):
        columns[f"drop {concept}"] = _by_layer(falls[falls.part == concept])
    return _grid(dim, columns)


def _grid(title: str, columns: dict[str, pd.Series[float]]) -> list[str]:
    """Numbers by layer under their names."""
    first = max(14, len(title))
    widths = [max(7, len(name) + 2) for name in columns]
    head = f"{title:<{first}}" + "".join(f"{name:>{width}}" for name, width in zip(columns, widths, strict=True))
    rows = []
    for layer in next(iter(columns.values())).index:
        numbers = zip(columns.values(), widths, strict=True)
        cells = "".join(f"{_shown(series.get(layer)):>{width}}" for series, width in numbers)
        rows.append(f"{f'  layer {layer}':<{first}}" + cells)
    return [head, *rows]


def _shown(value: float | None) -> str:
    """Two decimals without a sign before nothing, or a dash where there is no number."""
    return "–" if value is None or isnan(value) else f"{value:z.2f}"


def _by_layer(rows: pd.DataFrame) -> pd.Series[float]:
    return rows.set_index("layer").value
