"""The atlas: which layer of which encoder, for many encoders on one corpus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from probing.files import digest, slug, write_text
from probing.report.atlas_plot import plot_curves, plot_map
from probing.report.atlas_table import Charted, agreement_of, charted, drawn_of, table_of
from probing.report.naming import corpus_stem, shortened
from probing.report.style import FIGURES, save, write_table
from probing.runs import escapes
from probing.runs.printing import latex_table, markdown_table, titled
from probing.runs.records import FitRecord
from probing.runs.store import RUNS
from probing.statistics.verdicts import OPEN

_DIGITS = 6  # hexadecimal digits that tell sets of runs apart
_NONE = "–"
_MEASURES = {"_ccc": "CCC", "_uar": "UAR"}  # ends of the names of columns of scores, and what they are


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
    stem = out / stem_of(found, name)
    drawn, layers, agreement = drawn_of(found), table_of(found), agreement_of(found)
    title, measure = _title(found), _measure(found)
    curves, chart = Figure(), Figure()
    plot_curves(curves, drawn, title)
    plot_map(chart, drawn, {one.name: _millions(one.parameters) for one in found}, title)
    paths = [*save(curves, stem, drawn), *save(chart, _beside(stem, "-map"), drawn)]
    paths.append(write_table(layers, _beside(stem, "-layers.csv")))
    paths.append(write_table(agreement, _beside(stem, "-agreement.csv")))
    for path, text in (
        (_beside(stem, "-layers.tex"), latex(layers, title, measure)),
        (_beside(stem, ".md"), markdown(layers, agreement, title, measure)),
    ):
        write_text(path, text)
        paths.append(path)
    return paths


def stem_of(found: Sequence[Charted], name: str | None = None) -> str:
    """An atlas in file names: what the user calls it, or the corpus and a digest of the runs and their controls."""
    if name is None:
        settled = [[one.name, one.record.signature, one.controls] for one in found]
        name = f"{corpus_stem([one.record for one in found])}-{digest(settled)[:_DIGITS]}"
    return shortened(f"atlas-{slug(name)}")


def atlas_stem(found: Sequence[Charted]) -> str:
    """The atlas in file names: its corpus, and a digest of its runs and of the random twins that they are above."""
    records = [one.record for one in found]
    twins = [twin for one in found if one.above for twin in one.twins]
    settled = [[r.encoder.name, r.encoder.identity.get("weights"), r.signature] for r in (*records, *twins)]
    return shortened(f"atlas-{corpus_stem(records)}-{digest(settled)[:_DIGITS]}")


def markdown(layers: pd.DataFrame, agreement: pd.DataFrame, title: Sequence[str], measure: str) -> str:
    """The recommended layers and the agreement between encoders, for reading."""
    blocks = [f"**{escapes.markdown(', '.join(title))}.** {escapes.markdown(_said(measure))}"]
    blocks += [markdown_table(_wide(layers))]
    if len(agreement):
        blocks += [
            "Rank agreement: Spearman's ρ between two encoders' curves at eleven points of relative depth, between "
            "states as the straight line runs; in brackets the least and the most that it becomes when any one speaker "
            "is left out, which is no confidence interval. Only of dimensions that may be located in both encoders.",
            markdown_table(_agreements(agreement)),
        ]
    return "\n\n".join(blocks) + "\n"


def latex(layers: pd.DataFrame, title: Sequence[str], measure: str) -> str:
    """The recommended layers for a paper; it needs \\usepackage{booktabs}, and fits two columns in \\footnotesize."""
    wide = _wide(layers).drop(columns="centre")
    again = wide.encoder.duplicated()
    wide = wide.assign(**{name: wide[name].mask(again, "") for name in ("encoder", "parameters")})
    return latex_table(wide, "lrl" + "r" * (wide.shape[1] - 4) + "l", f"{', '.join(title)}. {_said(measure)}")


def _wide(layers: pd.DataFrame) -> pd.DataFrame:
    """Text for reading: one row an encoder and dimension."""
    scored = [(name.removesuffix(end), end) for end in _MEASURES for name in layers if name.endswith(end)]
    rows = []
    for row in layers.to_dict("records"):
        place = [_NONE] * 4
        if row["carried"] != OPEN:  # of nothing no layer is the best
            place = [f"{row['best_layer']} of {row['last_layer']}", _spans(map(int, row["confidence_set"].split()))]
            place += [f"{row['depth']:.2f}", _interval(row, "centre")]
        cells = [row["encoder"], _millions(row["parameters"]) or _NONE, row["dimension"], *place, _interval(row, "r2")]
        rows.append([*cells, *(_interval(row, partition, end) for partition, end in scored), row["carried"]])
    columns = ["encoder", "parameters", "dimension", "best layer", "may be", "depth", "centre", "R²"]
    columns += [f"{_MEASURES[end]}, {titled(partition)}" for partition, end in scored]
    return pd.DataFrame(rows, columns=[*columns, "carried"])


def _agreements(agreement: pd.DataFrame) -> pd.DataFrame:
    """Text for reading: one row a pair of encoders, one column a dimension."""
    said = agreement.assign(said=[_interval(row, "rho", ends="") for row in agreement.to_dict("records")])
    wide = said.pivot_table("said", ["encoder", "other"], "dimension", aggfunc="first", sort=False)
    return wide.reset_index().fillna(_NONE)


def _said(measure: str) -> str:
    """What the columns are."""
    return (
        "Ridge probes on each layer, cross-validated over speakers in train and development. Best layer: that of the "
        f"highest {measure}. May be: the layers of which the best could be one, with 95 % confidence. Depth of the "
        "best layer, and centre of gravity of the whole curve: 0 is the first state, 1 the last. R² and scores: of the "
        "best layer, with 95 % intervals over speakers; R² is a little too high, since the layer was chosen by it. "
        "Carried: whether any layer tells more than permuted labels do; where that is undecided no layer is named."
    )


def _measure(found: Sequence[Charted]) -> str:
    """What the curves are, and why they are not above random twins where these are lacking."""
    if found[0].above:
        numbers = sorted({one.controls for one in found})
        number = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
        twins = "an encoder" if number == "1" else f"the mean of {number} encoders"
        return f"R² above {twins} of the same architecture with random weights"
    lacking = [one.name for one in found if not one.twins]
    of = "" if len(lacking) == len(found) else f" of {', '.join(lacking)}"
    return f"R² (not above random weights, since no fits on them{of} were found)"


def _title(found: Sequence[Charted]) -> list[str]:
    corpus = found[0].record.corpus.full_title
    built_in = " (built-in synthetic speech)" if found[0].record.corpus.spec.prefix == "demo" else ""
    return [f"Which layer of which encoder, on {corpus}{built_in}"]


def _interval(row: Mapping[str, Any], name: str, value: str = "", ends: str | None = None) -> str:
    """A number with its interval, two digits each.

    Args:
        row: Has them.
        name: Of the number, and what the names of its ends begin with.
        value: What the number's own name ends with.
        ends: What the names of the ends begin with, if it is not the number's name.

    >>> _interval({"r2": 0.5, "r2_low": 0.4, "r2_high": 0.625}, "r2"), _interval({"r2": None}, "r2")
    ('0.50 [0.40, 0.62]', '–')
    """
    number = row.get(name + value)
    if number is None or np.isnan(number):
        return _NONE
    before = f"{name}_" if ends is None else ends
    low, high = (row.get(f"{before}{end}") for end in ("low", "high"))
    known = low is not None and high is not None and np.isfinite(low) and np.isfinite(high)
    return f"{number:z.2f}" + (f" [{low:z.2f}, {high:z.2f}]" if known else "")


def _spans(layers: Iterable[int]) -> str:
    """Layers for reading.

    >>> _spans([0, 2, 3, 4, 7, 8])
    '0, 2–4, 7, 8'
    """
    spans: list[list[int]] = []
    for layer in layers:
        if spans and layer == spans[-1][-1] + 1:
            spans[-1].append(layer)
        else:
            spans.append([layer])
    said = (f"{span[0]}–{span[-1]}" if len(span) > 2 else ", ".join(map(str, span)) for span in spans)
    return ", ".join(said)


def _millions(parameters: float | None) -> str:
    """A number of parameters for reading.

    >>> _millions(94_371_712), _millions(166_864), _millions(None)
    ('94 M', '0.17 M', '')
    """
    if parameters is None or np.isnan(parameters):
        return ""
    return f"{parameters / 1e6:.2g} M" if parameters < 1e7 else f"{parameters / 1e6:.0f} M"


def _beside(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)
