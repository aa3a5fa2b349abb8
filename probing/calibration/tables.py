"""The calibration for reading: Markdown tables, from figures/calibration.csv alone. Loads without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from probing.runs.printing import markdown_table

FILE = "calibration.csv"
RECOMMENDED = "ridge R²"
_NAMES = {
    "ridge R²": "cross-validated R² of ridge probes (recommended)",
    "ridge development CCC": "development CCC of ridge probes",
    "single-layer development CCC": "development CCC of single-layer probes",
    "learned weights, layer norm": "learned weights, layer-normed states (default)",
    "learned weights, raw states": "learned weights, raw states",
}
_KINDS = {
    "standard": "standard",
    "alike": "neighbours’ ρ .97",
    "wide": "wide bumps",
    "floor": "a floor in all layers",
    "nonlinear": "non-linear labels",
}


def readme_block(figures: Path) -> str:
    """The tables of the README's section on how far to trust the toolkit.

    Args:
        figures: Folder with calibration.csv, as `make calibrate` writes it.
    """
    return "\n\n".join(markdown(pd.read_csv(figures / FILE)))


def markdown(table: pd.DataFrame) -> list[str]:
    """Recovery, coverage, verdicts and controls, each a table with a line above it that says what it shows."""
    shown = [
        "How often an importance names the planted layer exactly (within one layer), in worlds drawn at random:",
        _recovery(table),
        "How often the 95 % confidence set of layers holds the planted layer, and its median size:",
        _sets(table),
        "How often 95 % intervals hold the true value (lowest to highest of the settings tried):",
        _coverage(table),
        "How often reports say what is not so, and find what is there:",
        _verdicts(table),
    ]
    own = table[(table.part == "categories") & table.rate.notna()]
    if own.empty:
        return shown
    rows = [[row.quantity, row.setting, percent(row), f"{int(row.of):,}"] for _, row in own.iterrows()]
    return [
        *shown,
        "How often a planted category of two to six unequal classes is found, and claimed where none is:",
        _table(["", "where", "rate", "of"], rows),
    ]


def percent(row: pd.Series) -> str:
    """A rate with its Monte Carlo error."""
    return f"{100 * row.rate:.1f} ± {100 * row.error:.1f} %"


def _recovery(table: pd.DataFrame) -> str:
    own = table[(table.part == "recovery") & table.quantity.str.contains(": ")].set_index(["quantity", "setting"])
    kinds = _in_order(own.index.unique("setting"), _KINDS)
    rows = []
    for name, shown in _NAMES.items():
        cells = []
        for kind in kinds:
            exact, near = own.loc[(f"{name}: exact", kind)], own.loc[(f"{name}: within one layer", kind)]
            cells.append(f"{100 * exact.rate:.0f} ({100 * near.rate:.0f}) %")
        rows.append([shown, *cells])
    counts = [int(own.loc[(f"{RECOMMENDED}: exact", kind)].of) for kind in kinds]
    return _table(["", *(f"{_KINDS[kind]}, {n} worlds" for kind, n in zip(kinds, counts, strict=True))], rows)


def _sets(table: pd.DataFrame) -> str:
    own = table[table.part == "recovery"].set_index(["quantity", "setting"])
    kinds = _in_order(own.index.unique("setting"), _KINDS)
    held = [own.loc[("95 % confidence set holds the layer", kind)] for kind in kinds]
    sizes = [own.loc[("median size of the confidence set", kind)].value for kind in kinds]
    rows = [["holds it", *map(percent, held)], ["median size", *(f"{size:g}" for size in sizes)]]
    return _table(["", *(_KINDS[kind] for kind in kinds)], rows)


def _coverage(table: pd.DataFrame) -> str:
    own = table[table.part == "coverage"].copy()
    own["speakers"] = own.setting.str.extract(r"^(\d+) speakers", expand=False)
    rows = []
    for quantity, cells in own[own.speakers.notna()].groupby("quantity", sort=False):
        by = {int(number): f"{_ends(one)} %" for number, one in cells.groupby("speakers")}
        rows.append([str(quantity), *(by[number] for number in sorted(by)), f"{int(cells.of.min()):,}"])
    columns = ["", "8 speakers", "20 speakers", "60 speakers", "intervals a setting, at least"]
    text = _table(columns, rows)
    whole = own[own.speakers.isna()]
    bands = table[table.part == "bands"]
    said = [f"{row.quantity}: {percent(row)}" for _, row in whole.iterrows()]
    said += [f"{row.quantity} ({row.setting}): {percent(row)}" for _, row in bands.iterrows()]
    return text + ("\n\n" + "; ".join(said) + "." if said else "")


def _verdicts(table: pd.DataFrame) -> str:
    """What is false by what is true, over all numbers of speakers and seeds; what is found, one by one."""
    own = table[table.part.isin(("verdicts", "controls")) & ~table.quantity.str.contains("any ")]
    found = own.quantity.str.contains("holds$")
    rows = []
    for (quantity, truth), cells in own[~found].groupby(["quantity", own.setting.str.split(",").str[0]], sort=False):
        rows.append([str(quantity), str(truth), f"{_ends(cells)} %", f"{int(cells.of.min()):,}"])
    rows += [[row.quantity, row.setting, percent(row), f"{int(row.of):,}"] for _, row in own[found].iterrows()]
    return _table(["", "where", "rate", "of, at least"], rows)


def _ends(cells: pd.DataFrame) -> str:
    low, high = 100 * cells.rate.min(), 100 * cells.rate.max()
    return f"{low:.1f}" if f"{low:.1f}" == f"{high:.1f}" else f"{low:.1f}–{high:.1f}"


def _in_order(found: Sequence[str], order: Sequence[str] | dict[str, str]) -> list[str]:
    return [name for name in order if name in set(found)]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return markdown_table(pd.DataFrame(list(rows), columns=list(columns)), str)
