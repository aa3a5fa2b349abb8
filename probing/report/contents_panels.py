"""Panels of what layers contain: shares of R² as a stack, falls by erasing, bits saved, and a map of all else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from probing.report.contents_table import (
    ACCURACY,
    BITS,
    CHANCE,
    COMPONENTS,
    DESCRIPTION,
    ERASURE,
    FALL,
    INSIDE,
    LAYER,
    NUISANCE,
    R2,
    RANDOM,
    SHARE,
    SHARES,
    SOUND,
    WORDS,
    by_layer,
    components_in,
    concepts_in,
    layers_in,
    level,
    nuisances_in,
)
from probing.report.style import GREY, PALETTE, legible

SMALL, USUAL = 6.0, 7.0  # points
# None of a dimension's colours; dark, light and striped, so that grey tells them apart too.
PURPLE, AMBER, BLUE, PALE = "#4B2E83", "#E69F00", PALETTE[5], "0.87"
_FACES: dict[str, dict[str, Any]] = {
    "layer&words": {"facecolor": PURPLE},
    "layer&words&sound": {"facecolor": AMBER, "hatch": "//////", "edgecolor": PURPLE},
    "layer&sound": {"facecolor": AMBER},
    "layer": {"facecolor": PALE},
}
_LEVELS = {WORDS: (PURPLE, (0, (4, 1.5)), "s"), SOUND: ("#9A6700", (0, (1, 1)), "o")}
_CONCEPTS = {WORDS: (PURPLE, "s"), SOUND: (AMBER, "o"), "speaker": (BLUE, "^")}
_RANDOM = "0.86"
_MARKER, _LINE, _THIN = 2.6, 1.0, 0.6  # points
_BAR = 0.84  # of the distance between two layers
_SLOT = 0.05  # of the layers' width, for each level beyond the last
_LEAST, _MOST = -0.25, 1.25  # what lies beyond is cut off at the frame
_MOST_NUMBERS = 17  # layers in whose cells a number can be read
_MAP = "cividis"  # which colour-blind readers see as others do


def draw_shares(ax: Axes, table: pd.DataFrame, dimension: str) -> None:
    """A layer's R² as a stack of what it shares with words, with both, with sound, and its own.

    A share can be negative, and is then drawn below 0: what stands above 0 less what hangs below is the layer's R²,
    which is the black mark.

    Args:
        ax: Where.
        table: As `probing.runs.contents.read_contents` gives it.
        dimension: Name of a dimension.
    """
    parts = components_in(table)
    total = by_layer(table, SHARES, R2, dimension, LAYER)
    layers = total.index.to_numpy(int)
    offsets = np.linspace(-0.28, 0.28, max(2, len(parts)))
    above, below = np.zeros(len(layers)), np.zeros(len(layers))
    for part, offset in zip(parts, offsets, strict=False):
        own = by_layer(table, SHARES, SHARE, dimension, part).reindex(layers)
        height = np.nan_to_num(own.value.to_numpy(float))
        start = np.where(height >= 0, above, below)
        shape = {"edgecolor": "white", "linewidth": 0.0, **_FACES[part]}
        ax.bar(layers, height, _BAR, start, label=f"_{part}", zorder=1, **shape)
        end = start + height
        if part != LAYER:  # the layer's own ends where its R² does, which has an interval of its own
            _bars(ax, layers + offset, own.low + end - own.value, own.high + end - own.value, GREY)
        above, below = above + height.clip(0), below + height.clip(max=0)
    _bars(ax, layers + offsets[-1], total.low, total.high, "black")
    mark: dict[str, Any] = {"color": "black", "marker": "D", "markersize": _MARKER, "markeredgecolor": "white"}
    ax.plot(layers + offsets[-1], total.value, linestyle="none", markeredgewidth=0.4, label="_r2", zorder=4, **mark)
    _levels(ax, table, dimension, layers)
    ax.axhline(0, color="black", linewidth=_THIN)


def draw_falls(ax: Axes, table: pd.DataFrame, dimension: str) -> None:
    """The fall of a dimension's CCC by erasing, above that by erasing random subspaces.

    Args:
        ax: Where.
        table: As in `draw_shares`.
        dimension: Name of a dimension.
    """
    ax.axhline(0, color=GREY, linewidth=_THIN)
    ax.axhline(1, color=GREY, linewidth=_THIN, linestyle=":")
    _random_band(ax, table, dimension)
    concepts = concepts_in(table)
    for concept, offset in zip(concepts, np.linspace(-0.18, 0.18, max(2, len(concepts))), strict=False):
        own = by_layer(table, ERASURE, FALL, dimension, concept)
        colour, marker = _CONCEPTS.get(concept, (GREY, "D"))
        x = own.index.to_numpy(int) + offset
        _bars(ax, x, own.low, own.high, colour)
        shape: dict[str, Any] = {"color": colour, "marker": marker, "markersize": _MARKER, "linewidth": _LINE}
        ax.plot(x, own.value, label=f"_{concept}", zorder=3, **shape)
    for concept, offset in zip(concepts_in(table, INSIDE), np.linspace(-0.18, 0.18, 3), strict=False):
        own = by_layer(table, INSIDE, FALL, dimension, concept)
        colour, marker = _CONCEPTS.get(concept, (GREY, "D"))
        x = own.index.to_numpy(int) + offset
        _bars(ax, x, own.low, own.high, colour)
        hollow: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 1.8 * _MARKER, "linestyle": "none"}
        ax.plot(x, own.value, markerfacecolor="white", markeredgewidth=0.8, label=f"_in {concept}", zorder=4, **hollow)


def draw_bits(ax: Axes, table: pd.DataFrame, dimension: str) -> None:
    """Bits saved per rating, with the smallest and the largest of the orders."""
    own = by_layer(table, DESCRIPTION, BITS, dimension)
    layers = own.index.to_numpy(int)
    ax.axhline(0, color=GREY, linewidth=_THIN)
    ax.fill_between(layers, own.low, own.high, color="0.75", linewidth=0)
    ax.plot(layers, own.value, color="black", marker="o", markersize=_MARKER, linewidth=_LINE, label="_bits")


def draw_nuisances(ax: Axes, table: pd.DataFrame) -> ScalarMappable:
    """What else each layer tells, a row each; colours start at 0, and numbers say what lies below.

    Returns:
        What the scale beside it shows.
    """
    names, layers = nuisances_in(table), layers_in(table, NUISANCE)
    grid = np.full((len(names), len(layers)), np.nan)
    for row, (target, measure) in enumerate(names):
        grid[row] = by_layer(table, NUISANCE, measure, target).value.reindex(layers)
    scale = ScalarMappable(Normalize(0.0, 1.0), _MAP)
    colours = scale.to_rgba(np.nan_to_num(grid).clip(0.0, 1.0))
    colours[np.isnan(grid)] = (1, 1, 1, 1)
    first = layers[0]
    extent = (first - 0.5, first + len(layers) - 0.5, len(names) - 0.5, -0.5)
    ax.imshow(colours, aspect="auto", extent=extent, interpolation="nearest")
    ax.set_yticks(range(len(names)), [_nuisance(table, *name) for name in names])
    ax.tick_params(length=0)
    for place in range(1, len(names)):
        ax.axhline(place - 0.5, color="white", linewidth=0.5)
    if len(layers) <= _MOST_NUMBERS:
        for (row, column), value in np.ndenumerate(grid):
            if np.isfinite(value):
                colour = "white" if value < 0.5 else "black"
                ax.text(first + column, row, f"{value:z.2f}", ha="center", va="center", color=colour, fontsize=SMALL)
    return scale


def handles_of(table: pd.DataFrame, analysis: str) -> list[Line2D | Patch]:
    """What the legend says of a column of panels."""
    if analysis == SHARES:
        return _share_handles(table)
    if analysis == ERASURE:
        return _fall_handles(table)
    return [
        Line2D([], [], color="black", marker="o", markersize=_MARKER, linewidth=_LINE, label="mean over orders"),
        Patch(color="0.75", label="smallest to largest"),
    ]


def limits(ends: Sequence[np.ndarray[Any, Any]], least: float = _LEAST, most: float = _MOST) -> tuple[float, float]:
    """Limits that hold 0 and all that is finite, so far as they may go."""
    known = np.concatenate([np.asarray(one, float).ravel() for one in ends])
    known = known[np.isfinite(known)].clip(least, most)
    low, high = min(0.0, *known, 0.0), max(0.1, *known, 0.1)
    room = 0.05 * (high - low)
    return low - room, high + room


def _bars(ax: Axes, x: Any, low: Any, high: Any, colour: str) -> None:
    """Intervals, where there are any."""
    halo = [withStroke(linewidth=1.2, foreground="white")]  # else they are lost on dark bars
    shape: dict[str, Any] = {"colors": colour, "linewidth": _THIN, "path_effects": halo, "zorder": 2.5}
    ax.vlines(np.asarray(x, float), np.asarray(low, float), np.asarray(high, float), **shape)


def _levels(ax: Axes, table: pd.DataFrame, dimension: str, layers: Any) -> None:
    """What words alone and sound alone reach: lines, and beyond the last layer their intervals."""
    edge, step = layers.max() + 0.5, _SLOT * len(layers)
    for place, (part, (colour, dashes, marker)) in enumerate(_LEVELS.items()):
        found = level(table, dimension, part)
        if found is None:
            continue
        x = edge + step * (place + 1)
        halo = [withStroke(linewidth=2.0, foreground="white")]
        line: dict[str, Any] = {"color": colour, "linestyle": dashes, "linewidth": _LINE, "path_effects": halo}
        ax.plot([layers.min() - 0.5, x], [found.value] * 2, label=f"_level {part}", zorder=3, **line)
        _bars(ax, [x], [found.low], [found.high], colour)
        ax.plot(x, found.value, color=colour, marker=marker, markersize=_MARKER, linestyle="none", zorder=4)


def _random_band(ax: Axes, table: pd.DataFrame, dimension: str) -> None:
    """From the smallest fall of any random subspace to the largest, of whichever rank was erased."""
    own = table[(table.analysis == ERASURE) & (table.measure == RANDOM) & (table.target == dimension)]
    if len(own):
        ends = own.groupby("layer").agg(low=("low", "min"), high=("high", "max"))
        ends = ends.reindex(range(ends.index.min(), ends.index.max() + 1))  # a gap stays a gap
        shape: dict[str, Any] = {"color": _RANDOM, "linewidth": 0, "zorder": 0.5, "label": "_random"}
        ax.bar(ends.index, ends.high - ends.low, 1.0, ends.low, **shape)


def _nuisance(table: pd.DataFrame, target: str, measure: str) -> str:
    """A row's name; accuracy stands beside what guessing gives."""
    name = legible(target)
    if measure != ACCURACY:
        return name
    chance = table[(table.analysis == NUISANCE) & (table.target == target) & (table.measure == CHANCE)].value
    return f"{name}, accuracy" + f" (chance {chance.iloc[0]:.2f})" * bool(len(chance))


def _share_handles(table: pd.DataFrame) -> list[Line2D | Patch]:
    found: list[Line2D | Patch] = []
    for part in components_in(table):
        shape = {"edgecolor": "0.5", "linewidth": 0.3, **_FACES[part]}
        found.append(Patch(label=COMPONENTS[part], **shape))
    mark: dict[str, Any] = {"color": "black", "marker": "D", "markersize": _MARKER, "linestyle": "none"}
    found.append(Line2D([], [], label="R² of the layer", **mark))
    known = set(table.part[(table.analysis == SHARES) & (table.measure == R2)])
    for part, (colour, dashes, marker) in _LEVELS.items():
        if part in known:
            line: dict[str, Any] = {"color": colour, "linestyle": dashes, "linewidth": _LINE, "marker": marker}
            line["markersize"] = _MARKER
            found.append(Line2D([], [], label=f"R² of {part} alone", **line))
    return found


def _fall_handles(table: pd.DataFrame) -> list[Line2D | Patch]:
    found: list[Line2D | Patch] = []
    for concept in concepts_in(table):
        colour, marker = _CONCEPTS.get(concept, (GREY, "D"))
        shape: dict[str, Any] = {"color": colour, "marker": marker, "markersize": _MARKER, "linewidth": _LINE}
        found.append(Line2D([], [], label=f"{legible(concept)} erased", **shape))
    if ((table.analysis == ERASURE) & (table.measure == RANDOM)).any():
        found.append(Patch(color=_RANDOM, label="random subspaces, range"))
    if concepts_in(table, INSIDE):
        hollow: dict[str, Any] = {"color": GREY, "marker": "o", "markersize": 1.8 * _MARKER, "linestyle": "none"}
        found.append(Line2D([], [], label="inside the system", markerfacecolor="white", **hollow))
    return found
