"""The atlas as pictures: every encoder's curve for each dimension, and a map of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from probing.report.style import GREY, PALETTE, drawing, headline, layer_axis, legible, settle

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # one more than colours
_DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 2)),
    (0, (1, 1)),
    (0, (5, 1, 1, 1)),
)  # by these the seventh differs from the first
_LINE, _MARK, _BEST = 1.1, 3.2, 5.2  # points
_WIDTH = 7.0  # inches: two columns of a paper
_PANEL = 1.75  # inches, of a dimension's curves
_ROW = 0.2  # inches, of an encoder in the map
_ABOVE = 0.42  # inches, of a panel's title in the map
_REST = 1.0  # inches: title, axis and legend
_USUAL, _SMALL = 7.5, 6.5  # points
_MAP = "cividis"  # which colour-blind readers see as others do
_OVER = "R² above random twins"
_OWN = "R²"


def plot_curves(figure: Figure, drawn: pd.DataFrame, title: Sequence[str]) -> None:
    """Draw each dimension's curves over relative depth, and beside them over the layer index.

    Args:
        figure: Empty; its size is settled.
        drawn: As `probing.report.atlas_table.drawn_of` gives it.
        title: Lines above.
    """
    dimensions, encoders = list(drawn.dimension.unique()), list(drawn.encoder.unique())
    shown = {name: legible(name) for name in (*dimensions, *encoders)}
    with drawing([*shown.values(), *title]):
        figure.set_size_inches(_WIDTH, _PANEL * len(dimensions) + _REST + 0.13 * len(encoders) / 3)
        figure.set_layout_engine("constrained", h_pad=0.03, w_pad=0.03)
        axes = figure.subplots(len(dimensions), 2, squeeze=False, sharey="row", sharex="col")
        for row, dimension in zip(axes, dimensions, strict=True):
            own = drawn[drawn.dimension == dimension]
            for ax, across in zip(row, ("depth", "layer"), strict=True):
                _curves(ax, own, across, encoders)
            row[0].set_ylabel(_measure(own), fontsize=_USUAL)
            nothing = "" if own.best.any() else " (not shown to be carried by any encoder)"
            row[0].set_title(shown[dimension] + nothing, loc="left", fontsize=_USUAL)
        axes[-1][0].set_xlabel("relative depth (0 = first state, 1 = last)")
        layer_axis(axes[-1][1], int(drawn.layer.min()), int(drawn.layer.max()))
        for ax in axes[-1]:
            ax.xaxis.label.set_size(_USUAL)
        handles = [_handle(name, encoders, shown[name]) for name in encoders] + [_marked()]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=_SMALL, frameon=False)
        headline(figure, *map(legible, title), size=_USUAL + 0.5)
        settle(figure)


def plot_map(figure: Figure, drawn: pd.DataFrame, sizes: dict[str, str], title: Sequence[str]) -> None:
    """Draw each dimension as a map: encoders downwards, relative depth across, a cell for each state.

    Colours are R² as it is: beside the curves, which are above random twins, one sees what a layer can do at all.

    Args:
        figure: Empty; its size is settled.
        drawn: As in `plot_curves`.
        sizes: Encoder → its number of parameters, for reading.
        title: Lines above.
    """
    dimensions, encoders = list(drawn.dimension.unique()), list(drawn.encoder.unique())
    labels = [legible(name) + (f" ({sizes[name]})" if sizes.get(name) else "") for name in encoders]
    with drawing([*map(legible, dimensions), *labels, *title]):
        figure.set_size_inches(_WIDTH, (_ROW * len(encoders) + _ABOVE) * len(dimensions) + _REST)
        figure.set_layout_engine("constrained", h_pad=0.03, w_pad=0.03)
        axes = figure.subplots(len(dimensions), 1, squeeze=False, sharex=True)[:, 0]
        for ax, dimension in zip(axes, dimensions, strict=True):
            own = drawn[drawn.dimension == dimension]
            scale = Normalize(0.0, max(float(own.r2.max()), 1e-9))
            for place, name in enumerate(encoders):
                _cells(ax, own[own.encoder == name], place, scale)
            ax.set(xlim=(0, 1), ylim=(len(encoders), 0))
            ax.set_yticks(np.arange(len(encoders)) + 0.5, labels, fontsize=_SMALL)
            ax.tick_params(length=0)
            ax.set_title(legible(dimension), loc="left", fontsize=_USUAL)
            bar = figure.colorbar(_mappable(scale), ax=ax, pad=0.01, aspect=8)
            bar.set_label(_OWN, fontsize=_SMALL)
            bar.ax.tick_params(labelsize=_SMALL, length=2)
        axes[-1].set_xticks([0, 1], ["first state", "last state"], fontsize=_SMALL)
        axes[-1].get_xticklabels()[0].set_ha("left")
        axes[-1].get_xticklabels()[1].set_ha("right")
        axes[-1].set_xlabel("states of each encoder in order; ● best, ○ may be the best (95 %)", fontsize=_USUAL)
        headline(figure, *map(legible, title), size=_USUAL + 0.5)
        settle(figure)


def _curves(ax: Axes, own: pd.DataFrame, across: str, encoders: Sequence[str]) -> None:
    """The curves of one dimension; the states that may be the best are marked."""
    ax.axhline(0, color=GREY, linewidth=0.6)
    for name in encoders:
        curve, look = own[own.encoder == name], _look(name, encoders)
        colour = look["color"]
        marks: dict[str, Any] = {"color": colour, "marker": look["marker"], "linestyle": "none"}
        ax.plot(curve[across], curve.value, color=colour, linestyle=look["linestyle"], linewidth=_LINE)
        ax.fill_between(curve[across], curve.low, curve.high, color=colour, alpha=0.12, linewidth=0)
        marked, best = curve[curve.in_set], curve[curve.best]
        ax.plot(marked[across], marked.value, markersize=_MARK, **marks)
        ax.plot(best[across], best.value, markersize=_BEST, markeredgecolor="black", zorder=5, **marks)
    values = own[["low", "high"]].to_numpy(float).clip(-0.5, 1)  # what is far below nothing is only noise
    ends = np.concatenate([values.ravel(), own.value.clip(-0.5)])
    low, high = min(0.0, float(np.nanmin(ends))), float(np.nanmax(ends))
    ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    ax.tick_params(labelsize=_SMALL, length=2, pad=2)
    sns.despine(ax=ax)


def _cells(ax: Axes, own: pd.DataFrame, place: int, scale: Normalize) -> None:
    """One encoder's row: cells of equal width, the best state and those that may be."""
    colours = _mappable(scale)
    width = 1 / max(1, len(own))
    for column, state in enumerate(own.itertuples()):
        colour = colours.to_rgba(np.maximum(0.0, state.r2))
        ax.add_patch(Rectangle((column * width, place), width, 1, facecolor=colour, edgecolor="white", linewidth=0.6))
        if state.best or state.in_set:
            face = "black" if state.best else "none"
            middle = (column + 0.5) * width, place + 0.5
            halo: dict[str, Any] = {"marker": "o", "linestyle": "none", "zorder": 4}
            ax.plot(*middle, markersize=5.4, markerfacecolor="white", markeredgecolor="white", **halo)
            ax.plot(*middle, markersize=3.6, markerfacecolor=face, markeredgecolor="black", **halo)


def _mappable(scale: Normalize) -> ScalarMappable:
    return ScalarMappable(scale, _MAP)


def _measure(own: pd.DataFrame) -> str:
    """What a panel's numbers are."""
    return _OVER if own.controls.iloc[0] > 0 else _OWN


def _look(name: str, encoders: Sequence[str]) -> dict[str, Any]:
    """How an encoder is drawn: every one of two dozen has another pair of colour and dashes."""
    place = encoders.index(name)
    return {
        "color": PALETTE[place % len(PALETTE)],
        "linestyle": _DASHES[place // len(PALETTE) % len(_DASHES)],
        "marker": _MARKERS[place % len(_MARKERS)],
    }


def _handle(name: str, encoders: Sequence[str], shown: str) -> Line2D:
    return Line2D([], [], markersize=_MARK, linewidth=_LINE, label=shown, **_look(name, encoders))


def _marked() -> Line2D:
    shape: dict[str, Any] = {"color": "0.6", "marker": "o", "markersize": _BEST, "markeredgecolor": "black"}
    return Line2D([], [], label="best layer; small: may be the best (95 %)", linestyle="none", **shape)
