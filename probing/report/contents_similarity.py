"""Which layers are alike, as maps: within an encoder, and between it and others."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from probing.report.contents_table import SIMILARITY
from probing.report.style import drawing, headline, layer_axis, legible, settle
from probing.runs.records import LayersRecord

CKA, MOST_ALIKE = "cka", "p-most-alike"
ALIKE = 0.95  # of two layers that weights cannot tell apart (`probing.analysis.similarity`)
_LEVEL = 0.05
_WIDTH, _CELL, _BESIDE, _REST = 7.0, 0.2, 0.75, 1.45  # inches
_SMALL, _USUAL, _LETTER = 6.0, 7.0, 0.06  # points, and the inches of a usual letter
_MAP = "cividis"  # which colour-blind readers see as others do
_OUTLINE = "#D55E00"
_TARGET = re.compile(r"layer (-?\d{1,3})")


def plot_similarity(record: LayersRecord, table: pd.DataFrame, figure: Figure) -> None:
    """Draw debiased CKA of every layer with those of each encoder that it was compared with.

    Args:
        record: A run of `probe layers`.
        table: Its numbers, with some of similarity.
        figure: Empty; its size is settled.
    """
    maps = {other: grid(table, CKA, other) for other in others_in(table)}
    names = {name: legible(name) for name in (*maps, record.encoder.name)}
    built_in = " — built-in synthetic speech" if record.corpus.spec.prefix == "demo" else ""
    title = [legible(f"Which layers of {record.encoder.title} are alike, on {record.corpus.full_title}{built_in}")]
    cell = min(_CELL, (_WIDTH - _BESIDE * (len(maps) + 1)) / sum(own.shape[1] for own in maps.values()))
    widths = [max(cell * own.shape[1], _LETTER * (5 + len(names[other]))) for other, own in maps.items()]
    letters = [int((_WIDTH - _BESIDE * len(maps)) * width / sum(widths) / _LETTER) for width in widths]
    rows = max(len(own) for own in maps.values())
    with drawing([*names.values(), *title]):
        # Cells are square where they fit; a map of two dozen layers is not let become too flat to read.
        figure.set_size_inches(_WIDTH, max(1.2, rows * max(cell, 0.1)) + _REST)
        figure.set_layout_engine("constrained", h_pad=0.03, w_pad=0.03)
        axes = figure.subplots(1, len(maps), squeeze=False, width_ratios=widths)[0]
        scale = ScalarMappable(Normalize(0.0, 1.0), _MAP)
        for ax, (other, own), most in zip(axes, maps.items(), letters, strict=True):
            _draw(ax, own, scale)
            itself = other == record.encoder.name
            _mark(ax, own, outlined(table, other, itself), itself)
            heading = "with itself" if itself else f"with {names[other]}"
            ax.set_title(textwrap.fill(heading, max(8, most)), loc="left", fontsize=_USUAL)
            ax.set_xlabel("its layer", fontsize=_USUAL)
        axes[0].set_ylabel(f"layer of {names[record.encoder.name]}", fontsize=_USUAL)
        bar = figure.colorbar(scale, ax=list(axes), pad=0.01, aspect=25)
        bar.set_label("CKA, debiased", fontsize=_USUAL)
        bar.ax.tick_params(labelsize=_SMALL, length=2)
        figure.legend(handles=_handles([*maps] != [record.encoder.name]), **_LEGEND)
        headline(figure, *title, size=_USUAL + 1)
        settle(figure)


def others_in(table: pd.DataFrame) -> list[str]:
    """The encoders that layers were compared with, in the order of the table."""
    return list(dict.fromkeys(table.part[(table.analysis == SIMILARITY) & (table.measure == CKA)]))


def grid(table: pd.DataFrame, measure: str, other: str, end: str = "value") -> pd.DataFrame:
    """A number of every pair of layers: rows are this encoder's, columns the other's; NaN where there is none.

    Args:
        table: As `probing.runs.contents.read_contents` gives it.
        measure: The number's kind.
        other: Name of the other encoder.
        end: `value`, `low` or `high`.
    """
    own = table[(table.analysis == SIMILARITY) & (table.measure == measure) & (table.part == other)]
    found = own.assign(column=own.target.map(_layer)).dropna(subset="column")
    return found.astype({"column": int}).pivot(index="layer", columns="column", values=end)


def outlined(table: pd.DataFrame, other: str, itself: bool) -> NDArray[np.bool_]:
    """Which pairs of layers are outlined, [L, K].

    Within an encoder those that weights cannot tell apart, the lower end of whose interval lies above `ALIKE`; between
    two those of which the most alike could be one, with 95 % confidence.
    """
    cka = grid(table, CKA, other)
    if itself:
        low = grid(table, CKA, other, "low").reindex_like(cka).to_numpy(float)
        return np.asarray((low > ALIKE) & (np.eye(*cka.shape) == 0))
    p = grid(table, MOST_ALIKE, other).reindex_like(cka).to_numpy(float)
    return np.asarray(p > _LEVEL)


def _layer(target: str) -> int | None:
    found = _TARGET.fullmatch(target)
    return int(found[1]) if found else None


def _draw(ax: Axes, own: pd.DataFrame, scale: ScalarMappable) -> None:
    """The cells; a missing one stays white."""
    values = own.to_numpy(float)
    colours = scale.to_rgba(np.nan_to_num(values).clip(0, 1))
    colours[np.isnan(values)] = (1, 1, 1, 1)
    left, top = own.columns[0] - 0.5, own.index[0] - 0.5
    extent = (left, left + values.shape[1], top + values.shape[0], top)
    ax.imshow(colours, aspect="auto", extent=extent, interpolation="nearest")
    layer_axis(ax, int(own.columns[0]), int(own.columns[-1]), most=13)
    step = max(1, -(-len(own) // 17))
    ax.set_yticks(list(own.index[::step]), ["C" if layer < 0 else str(layer) for layer in own.index[::step]])
    ax.tick_params(labelsize=_SMALL, length=2, pad=2)


def _mark(ax: Axes, own: pd.DataFrame, outline: NDArray[np.bool_], itself: bool) -> None:
    """Outlines, and in each row and each column the most alike layer."""
    for row, column in zip(*np.nonzero(outline), strict=True):
        corner = own.columns[column] - 0.5, own.index[row] - 0.5
        ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=_OUTLINE, linewidth=1.1, zorder=3))
    if itself:
        return
    values = own.fillna(-np.inf).to_numpy(float)
    halo: dict[str, Any] = {"linestyle": "none", "markeredgecolor": "black", "markeredgewidth": 0.6}
    found = own.columns[values.argmax(1)], own.index
    ax.plot(*found, marker="o", markersize=3.4, markerfacecolor="white", zorder=5, label="_row", **halo)
    found = own.columns, own.index[values.argmax(0)]
    ax.plot(*found, marker="D", markersize=6.5, markerfacecolor="none", zorder=4, label="_column", **(halo | _WHITE))


def _handles(compared: bool) -> list[Line2D | Patch]:
    """What the legend says; of an encoder beside itself there is no most alike layer."""
    outline = "outlined within an encoder: weights cannot tell them apart"
    outline += "; between two: may be the most alike of its row (95 %)" * compared
    found: list[Line2D | Patch] = [Patch(facecolor="none", edgecolor=_OUTLINE, label=outline)]
    if compared:
        dot: dict[str, Any] = {"linestyle": "none", "markeredgecolor": "black", "markeredgewidth": 0.6}
        row = Line2D([], [], marker="o", markersize=3.4, markerfacecolor="white", label="most alike of its row", **dot)
        column: dict[str, Any] = {"marker": "D", "markersize": 5.5, "markerfacecolor": "none"}
        found += [row, Line2D([], [], label="most alike of its column", **column, **dot)]
    return found


# Seen on light cells and on dark ones.
_WHITE: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.9}
_WHITE["path_effects"] = [withStroke(linewidth=2.0, foreground="black")]
_LEGEND: dict[str, Any] = {"loc": "outside lower left", "ncols": 1, "fontsize": _SMALL, "frameon": False}
