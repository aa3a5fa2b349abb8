"""The atlas: which layer of which encoder, for many encoders on one corpus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from probing.files import digest, slug, write_text
from probing.report.atlas_plot import plot_curves, plot_map
from probing.report.atlas_table import Charted, agreement_of, charted, drawn_of, range_said, table_of
from probing.report.naming import corpus_stem, shortened
from probing.report.style import FIGURES, save, write_table
from probing.runs.printing import markdown_table, titled
from probing.runs.records import FitRecord
from probing.runs.store import RUNS
from probing.statistics.verdicts import HOLDS

_DIGITS = 6  # hexadecimal digits that tell sets of runs apart


def atlas(records: Sequence[FitRecord], out: Path = FIGURES, name: str | None = None, runs: Path = RUNS) -> list[Path]:
    """Write the atlas of some fits on one corpus: curves, a map, and the recommended layers as tables.

    Args:
        records: Fits, each on another encoder; the order is kept.
        out: Folder for `atlas-<name>` (curves, as PDF, PNG, SVG and CSV), `atlas-<name>-map`, `atlas-<name>-layers`
            (CSV, LaTeX), `atlas-<name>-agreement.csv`, and `atlas-<name>.md`, which has both tables for reading.
        name: By default the corpus and a digest of the runs.
        runs: Folder of all runs, where fits on random encoders are looked for.

    Returns:
        The files written; the tables for reading are the last.

    Raises:
        RunError: As `probing.report.atlas_table.charted`.
    """
    found = charted(records, runs)
    settled = [[one.record.signature, one.controls] for one in found]
    called = slug(name) if name else f"{corpus_stem([one.record for one in found])}-{digest(settled)[:_DIGITS]}"
    stem = out / shortened(f"atlas-{called}")
    drawn, layers, agreement = drawn_of(found), table_of(found), agreement_of(found)
    title = _title(found)
    curves, chart = Figure(), Figure()
    plot_curves(curves, drawn, title)
    plot_map(chart, drawn, {one.name: _millions(one.parameters) for one in found}, title)
    paths = [*save(curves, stem, drawn), *save(chart, _beside(stem, "-map"), drawn)]
    paths.append(write_table(layers, _beside(stem, "-layers.csv")))
    paths.append(write_table(agreement, _beside(stem, "-agreement.csv")))
    for path, text in (
        (_beside(stem, "-layers.tex"), latex(layers, title)),
        (_beside(stem, ".md"), markdown(layers, agreement, title)),
    ):
        write_text(path, text)
        paths.append(path)
    return paths


def markdown(layers: pd.DataFrame, agreement: pd.DataFrame, title: Sequence[str]) -> str:
    """The recommended layers and the agreement between encoders, for reading."""
    blocks = [f"**{', '.join(title)}.** {_said(layers)}", markdown_table(_wide(layers))]
    if len(agreement):
        blocks += [
            "Rank agreement between encoders: Spearman's ρ of their curves at eleven points of relative depth, and its "
            "range where any one speaker is left out; of dimensions that some layer of both carries.",
            markdown_table(_agreements(agreement)),
        ]
    return "\n\n".join(blocks) + "\n"


def latex(layers: pd.DataFrame, title: Sequence[str]) -> str:
    """The recommended layers for a paper; it needs \\usepackage{booktabs}."""
    wide = _wide(layers)
    body = wide.to_latex(index=False, escape=True, column_format="lrl" + "r" * (wide.shape[1] - 3))
    for character, written in (("²", "$^2$"), ("–", "--"), ("…", "\\dots")):
        body = body.replace(character, written)
    lines = ["% needs \\usepackage{booktabs}", f"% {', '.join(title)}. {_said(layers)}".replace("\n", " ")]
    return "\n".join([*lines, body])


def _wide(layers: pd.DataFrame) -> pd.DataFrame:
    """Text for reading: one row an encoder and dimension."""
    partitions = [name.removesuffix("_ccc") for name in layers if name.endswith("_ccc")]
    rows = []
    for row in layers.to_dict("records"):
        cells = [row["encoder"], _millions(row["parameters"]) or "–", row["dimension"]]
        if row["carried"] != HOLDS:  # of nothing no layer is the best
            cells += ["none shown to carry it", "–"]
        else:
            centre = _interval(row["centre"], row["centre_low"], row["centre_high"], 2)
            cells += [
                f"{row['best_layer']} of {row['last_layer']} ({row['confidence_set'].replace(' ', ', ')})",
                centre,
            ]
        cells.append(_interval(row["r2"], row["r2_low"], row["r2_high"]))
        for partition in partitions:
            cells.append(_interval(*(row[f"{partition}_{end}"] for end in ("ccc", "low", "high"))))
        rows.append(cells)
    columns = ["encoder", "parameters", "dimension", "best layer (may be)", "centre", "R²"]
    return pd.DataFrame(rows, columns=[*columns, *(f"CCC, {titled(partition)}" for partition in partitions)])


def _agreements(agreement: pd.DataFrame) -> pd.DataFrame:
    """Text for reading: one row a pair of encoders, one column a dimension."""
    said = agreement.assign(said=[range_said(row.rho, row.low, row.high) for row in agreement.itertuples()])
    wide = said.pivot_table("said", ["encoder", "other"], "dimension", aggfunc="first", sort=False).fillna("–")
    return wide.reset_index()


def _said(layers: pd.DataFrame) -> str:
    """What the columns are."""
    controls = sorted(set(layers.controls))
    above = "R² as it is, since no fits on random encoders were found"
    if controls[0] > 0:
        number = f"{controls[0]}" if len(controls) == 1 else f"{controls[0]} to {controls[-1]}"
        above = f"R² above the mean of {number} encoders of the same architecture with random weights"
    elif controls[-1] > 0:
        above = "R² above random encoders where there are fits on them (see the CSV), as it is where there are none"
    return (
        "Ridge probes on each layer, cross-validated over speakers in train and development. Best layer: that of the "
        f"highest {above}; in parentheses the layers of which the best can be one, with 95 % confidence. Centre: "
        "centre of gravity of that curve as relative depth. R² and CCC: of the best layer, with 95 % intervals over "
        "speakers; it was chosen by its R², which is a little too high therefore."
    )


def _title(found: Sequence[Charted]) -> list[str]:
    corpus = found[0].record.corpus.title
    built_in = " (built-in synthetic speech)" if found[0].record.corpus.spec.prefix == "demo" else ""
    return [f"Which layer of which encoder, on {corpus}{built_in}"]


def _interval(value: float | None, low: float | None, high: float | None, digits: int = 3) -> str:
    if value is None or np.isnan(value):
        return "–"
    ends = "" if low is None or high is None or np.isnan(low + high) else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{value:.{digits}f}{ends}"


def _millions(parameters: float | None) -> str:
    """A number of parameters for reading.

    >>> _millions(94_371_712), _millions(None)
    ('94 M', '')
    """
    if parameters is None or np.isnan(parameters):
        return ""
    return f"{parameters / 1e6:.3g} M" if parameters < 1e7 else f"{parameters / 1e6:.0f} M"


def _beside(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)
