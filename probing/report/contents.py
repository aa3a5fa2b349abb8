"""What the layers of an encoder contain, as a picture: sound and words by depth, and what erasing them takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray

from probing.errors import RunError
from probing.files import digest, slug, write_text
from probing.report.contents_caption import caption
from probing.report.contents_panels import (
    SMALL,
    USUAL,
    draw_bits,
    draw_falls,
    draw_nuisances,
    draw_shares,
    handles_of,
    limits,
)
from probing.report.contents_similarity import plot_similarity
from probing.report.contents_table import (
    BITS,
    DESCRIPTION,
    ENDS,
    ERASURE,
    FALL,
    INSIDE,
    LAYER,
    NUISANCE,
    R2,
    RANDOM,
    SHARE,
    SHARES,
    SIMILARITY,
    SOUND,
    WORDS,
    dimensions_in,
    drawn_of,
    layers_in,
    nuisances_in,
)
from probing.report.naming import corpus_stem, shortened
from probing.report.style import DPI, FIGURES, drawing, figure_to_show, headline, layer_axis, legible, save, settle
from probing.runs.contents import read_contents
from probing.runs.records import LayersRecord

_WIDTH = 7.0  # inches: two columns of a paper
_PANEL, _ROW, _LEGEND_ROW = 1.3, 0.145, 0.12  # inches: a dimension's panels, a row of the map, and of a legend
_REST, _MAP_REST = 0.95, 0.62  # inches: titles and axes of the panels, and of the map
_BELOW = 0.36  # inches, from a panel to its legend
_ABREAST = {SHARES: 2}  # entries of a legend beside each other
_CORNER: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
_DIGITS = 6  # hexadecimal digits that tell runs apart
_DRAW: dict[str, Callable[[Axes, pd.DataFrame, str], None]] = {
    SHARES: draw_shares,
    ERASURE: draw_falls,
    DESCRIPTION: draw_bits,
}
_COLUMNS = {  # analysis → title, unit, share of the width
    SHARES: ("What a layer's R² is made of", "R²", 1.55),
    ERASURE: ("What erasing takes", "fall of CCC", 1.25),
    DESCRIPTION: ("How easily it is told", "bits saved per rating", 0.9),
}


def plot_contents(record: LayersRecord, figure: Figure | None = None) -> NDArray[np.object_]:
    """Plot what each layer contains: a row of panels for each dimension, and a map of what else layers tell.

    Args:
        record: A run of `probe layers`.
        figure: Where to draw; by default a new figure of pyplot, which a notebook shows.

    Returns:
        The panels of the dimensions, a row each: shares, falls, bits, so far as the run has them.

    Raises:
        RunError: Its table is missing, changed or damaged, or has nothing to draw (code `no-contents`).
    """
    return draw_contents(record, read_contents(record), figure_to_show(figure))


def figure_contents(record: LayersRecord, out: Path = FIGURES, name: str | None = None) -> list[Path]:
    """Write the picture as PDF, PNG and SVG, the CSV that it was drawn from, a caption, and the map of similarity.

    Args:
        record: A run of `probe layers`.
        out: Folder for `layers-<name>` and, where encoders were compared, `layers-<name>-similarity`.
        name: By default the corpus, the encoder, and a digest of the run's configuration.

    Returns:
        The files written; the caption is the last.

    Raises:
        RunError: As `plot_contents`.
    """
    table, figure = read_contents(record), Figure(dpi=DPI)
    draw_contents(record, table, figure)
    stem = out / contents_stem(record, name)
    told = caption(record, table)  # before anything is written
    paths = save(figure, stem, drawn_of(table, record.dimensions))
    alike = table[table.analysis == SIMILARITY]
    if len(alike):
        beside = Figure(dpi=DPI)
        plot_similarity(record, table, beside)
        paths += save(beside, stem.with_name(f"{stem.name}-similarity"), alike)
    words = stem.with_name(f"{stem.name}.md")
    write_text(words, told)
    return [*paths, words]


def contents_stem(record: LayersRecord, name: str | None = None) -> str:
    """The figure in file names: what the user calls it, or corpus, encoder, and a digest of the configuration."""
    if name is None:
        name = f"{corpus_stem([record])}-{record.encoder_file_name}-{digest(record.signature)[:_DIGITS]}"
    return shortened(f"layers-{slug(name)}")


def draw_contents(record: LayersRecord, table: pd.DataFrame, figure: Figure) -> NDArray[np.object_]:
    """As `plot_contents`, of a table that has been read."""
    dimensions = dimensions_in(table, record.dimensions)
    columns = [name for name in _COLUMNS if (table.analysis == name).any()]
    if not dimensions or not columns:
        what, why = f"{record.folder} has no contents to draw", "its table names none of the run's dimensions"
        raise RunError(what, why, "rerun the command in its record.json", code="no-contents")
    others = nuisances_in(table)
    names = {name: legible(name) for name in dimensions}
    title = [legible(line) for line in title_of(record)]
    with drawing([*names.values(), *title, *(legible(target) for target, _ in others)]):
        below = _ROW * len(others) + _MAP_REST if others else 0.0
        legend = max(-(-len(handles_of(table, name)) // _ABREAST.get(name, 1)) for name in columns)
        above = _PANEL * len(dimensions) + _REST + _LEGEND_ROW * legend
        figure.set_size_inches(_WIDTH, above + below)
        figure.set_layout_engine("constrained", h_pad=0.03, w_pad=0.03)
        parts = figure.subfigures(1 + bool(others), 1, squeeze=False, height_ratios=[above, below][: 1 + bool(others)])
        axes = _grid(parts[0, 0], table, dimensions, columns, names)
        if others:
            _map(parts[1, 0], table, len(columns))
        headline(figure, *title, size=USUAL + 1)
        settle(figure)
    return axes


def title_of(record: LayersRecord) -> list[str]:
    """What was analysed on what, with which words and which sound: two lines."""
    built_in = " — built-in synthetic speech" if record.corpus.spec.prefix == "demo" else ""
    words = f"words: {record.text.title}" if record.text else "no words"
    sound = (
        f"sound: {record.acoustics.measures} measures ({record.acoustics.recipe})" if record.acoustics else "no sound"
    )
    return [f"What the layers of {record.title} contain, on {record.corpus.full_title}{built_in}", f"{words}; {sound}"]


def _grid(
    figure: Any, table: pd.DataFrame, dimensions: Sequence[str], columns: Sequence[str], names: dict[str, str]
) -> NDArray[np.object_]:
    """A row of panels for each dimension."""
    ratios = [_COLUMNS[name][2] for name in columns]
    axes = figure.subplots(
        len(dimensions), len(columns), squeeze=False, sharex="col", sharey="col", width_ratios=ratios
    )
    for row, dimension in zip(axes, dimensions, strict=True):
        for ax, analysis in zip(row, columns, strict=True):
            _DRAW[analysis](ax, table, dimension)
            ax.tick_params(labelsize=SMALL, length=2, pad=2)
            sns.despine(ax=ax)
            ax.set_ylabel(_COLUMNS[analysis][1], fontsize=USUAL)
        row[0].annotate(names[dimension], (0, 1), (0, 1), **_CORNER, fontsize=USUAL + 0.5, fontweight="bold")
    for place, (ax, analysis) in enumerate(zip(axes[0], columns, strict=True)):
        ax.set_title(f"({'abc'[place]}) {_COLUMNS[analysis][0]}", loc="left", fontsize=USUAL + 0.5, pad=11)
    for ax, analysis in zip(axes[-1], columns, strict=True):
        layers = layers_in(table, analysis, INSIDE) if analysis == ERASURE else layers_in(table, analysis)
        layer_axis(ax, layers[0], layers[-1], most=7 if analysis == DESCRIPTION else 13)
        ax.set_xlabel("layer", fontsize=USUAL)
        ax.set_ylim(_limits(table, analysis))
        shape = {"frameon": False, "fontsize": SMALL, "handlelength": 1.9, "labelspacing": 0.3}
        shape |= {"ncol": _ABREAST.get(analysis, 1), "columnspacing": 1.0, "borderaxespad": 0.0}
        # In inches: what is measured in panels would move as the layout sizes them.
        place_below = ax.transAxes + ScaledTranslation(0, -_BELOW, figure.dpi_scale_trans)
        handles = handles_of(table, analysis)
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=place_below, **shape)
    return np.asarray(axes)


def _map(figure: Any, table: pd.DataFrame, before: int) -> None:
    """The map of what else layers tell, over the whole width."""
    ax = figure.subplots()
    scale = draw_nuisances(ax, table)
    layers = layers_in(table, NUISANCE)
    layer_axis(ax, layers[0], layers[-1], most=40)
    ax.xaxis.label.set_size(USUAL)
    ax.tick_params(labelsize=SMALL, length=0, pad=2)
    ax.set_title(f"({'abcd'[before]}) What else a layer tells: R²", loc="left", fontsize=USUAL + 0.5)
    sns.despine(ax=ax, left=True, bottom=True)
    bar = figure.colorbar(scale, ax=ax, pad=0.01, aspect=12)
    bar.ax.tick_params(labelsize=SMALL, length=2)


def _limits(table: pd.DataFrame, analysis: str) -> tuple[float, float]:
    """The same for all dimensions."""
    if analysis == SHARES:
        own = table[(table.analysis == SHARES) & (table.measure == R2) & table.part.isin([LAYER, WORDS, SOUND])]
        shares = table[(table.analysis == SHARES) & (table.measure == SHARE) & table.part.str.startswith(LAYER)]
        hanging = shares[shares.value < 0].groupby(["target", "layer"]).value.sum()
        standing = shares[shares.value > 0].groupby(["target", "layer"]).value.sum()
        return limits([own[ENDS].to_numpy(float), hanging.to_numpy(), standing.to_numpy()])
    if analysis == ERASURE:
        own = table[table.analysis.isin([ERASURE, INSIDE]) & table.measure.isin([FALL, RANDOM])]
        return limits([own[ENDS].to_numpy(float), np.array([1.0])])
    own = table[(table.analysis == DESCRIPTION) & (table.measure == BITS)]
    return limits([own[ENDS].to_numpy(float)], -1.0, np.inf)
