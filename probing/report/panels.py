"""The panels of Figure 2: curves over the layers, bands about them, and what belongs to no single layer."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from probing.errors import number_of
from probing.report.importance import CCC, CHANCE, IMPORTANCE, PERMUTED, PERMUTED_SUM, UAR, WEIGHT
from probing.report.style import GREY, Look, legible, partition_title

SMALL, USUAL = 6.0, 7.0  # points, at the width of a column
LEVELS = {"weighted": None, "shuffled": "white"}  # of a marker at the right edge: its filling; None: its own colour
RANDOM: dict[str, Any] = {"linewidth": 0.8, "linestyle": (0, (4, 2))}
GUESSING: dict[str, Any] = {"linewidth": 0.9, "linestyle": "-."}  # else it would be taken for a uniform weight
MARKER = 2.6  # points
PERMUTED_GREY = "0.87"
_CURVES_HEIGHT = 1.0  # inches, of the panel below them
ROW = 0.085  # inches, for each row of markers
_SLOT = 0.045  # of the layers' width, for each marker at the right edge
_WIDEST, _WIDEST_TITLE = 60, 50  # characters of the small print above a panel, and of its title


def panel_title(panel: str) -> str:
    """What a panel shows, by its name in the table."""
    if panel == WEIGHT:
        return "Learned weights of the layers"
    if panel == IMPORTANCE:
        return "Importance: cross-validated R² of ridge probes"
    measure, partition = measured(panel)
    return f"{measure} of single layers, {partition_title(partition)}"


def measured(panel: str) -> tuple[str, str]:
    """The measure and the partition of a panel of scores.

    >>> measured("UAR test2")
    ('UAR', 'test2')
    """
    prefix = UAR if panel.startswith(UAR) else CCC
    return prefix.strip(), panel.removeprefix(prefix)


def size_of(shown: pd.DataFrame) -> str:
    """Speakers and utterances of a panel, so far as a run knows them."""
    counts = [shown[name].dropna() for name in ("speakers", "utterances")]
    nouns = zip(counts, ("speaker", "utterance"), strict=True)
    return ", ".join(number_of(int(count.iloc[0]), noun) for count, noun in nouns if len(count))


def draw(ax: Axes, panel: str, shown: pd.DataFrame, styles: Mapping[str, Look]) -> float:
    """Draw all of a panel's rows, with limits that hold them and its title above.

    Args:
        ax: Where; its size is settled.
        panel: Name of the panel.
        shown: Its rows.
        styles: How each dimension is drawn.

    Returns:
        Where the panel's layers, and what stands beyond them, end.
    """
    curves = shown[shown.source.isin(["encoder", "random"])]
    first, last = int(curves.layer.min()), int(curves.layer.max())
    if panel == WEIGHT:
        ax.axhline(1 / (last - first + 1), color=GREY, linestyle=":", linewidth=0.9)
    elif not panel.startswith(UAR):
        ax.axhline(0, color=GREY, linewidth=0.6)
    for chance in shown.value[shown.source == CHANCE].unique():
        ax.axhline(chance, color=GREY, label="_chance", **GUESSING)
    for dimension, look in styles.items():
        _random(ax, shown[(shown.source == "random") & (shown.dimension == dimension)], dimension, look)
    for dimension, look in styles.items():
        _curve(ax, shown[(shown.source == "encoder") & (shown.dimension == dimension)], dimension, look)
    edge = last + 0.5
    right = _levels(ax, shown, styles, edge, _SLOT * (last - first + 1))
    for source, start, end in ((PERMUTED, first - 0.5, edge), (PERMUTED_SUM, edge, right)):
        for row in shown[shown.source == source].itertuples():
            shape: dict[str, Any] = {"color": PERMUTED_GREY, "linewidth": 0, "zorder": 0.5, "label": f"_{source}"}
            ax.fill_between([start, end], row.low, row.high, **shape)
    _limits(ax, panel, shown)
    if panel == IMPORTANCE:
        _confidence_sets(ax, shown, styles)
    sns.despine(ax=ax)
    return right


def entitle(ax: Axes, panel: str, shown: pd.DataFrame) -> None:
    """Title and small print above a panel: what it shows, of how many speakers, and what its bands are."""
    band = shown.band[shown.source == "encoder"].iloc[0]
    small = "; ".join(part for part in (size_of(shown), f"band: {band.removesuffix(' over speakers')}") if part)
    lines = textwrap.wrap(small, _WIDEST)
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    ax.annotate("\n".join(lines), (0, 1), (0, 2), fontsize=SMALL, color=GREY, **place)
    title = "\n".join(textwrap.wrap(legible(panel_title(panel)), _WIDEST_TITLE))
    ax.set_title(title, loc="left", fontsize=USUAL, pad=3.5 + 1.25 * SMALL * len(lines))
    names = {WEIGHT: "weight", IMPORTANCE: "R²"}
    ax.set_ylabel(names.get(panel) or measured(panel)[0], fontsize=USUAL)


def _curve(ax: Axes, own: pd.DataFrame, dimension: str, look: Look) -> None:
    """Mean over seeds as a line, the band behind it."""
    by_layer = own.groupby("layer")[["value", "low", "high"]].mean()
    layers = by_layer.index.to_numpy(int)
    shape: dict[str, Any] = {
        "color": look.colour,
        "marker": look.marker,
        "markersize": MARKER,
        "linewidth": 1.1,
        "label": dimension,
    }
    ax.plot(layers, by_layer.value, **shape)
    ax.fill_between(layers, by_layer.low, by_layer.high, color=look.colour, alpha=0.17, linewidth=0)


def _random(ax: Axes, own: pd.DataFrame, dimension: str, look: Look) -> None:
    """Random encoders: the mean as a thin dashed line, the range over several as a faint band."""
    if own.empty:
        return
    by_encoder = own.groupby(["layer", "random"]).value.mean().groupby("layer")
    mean = by_encoder.mean()
    layers = mean.index.to_numpy(int)
    ax.plot(layers, mean, color=look.colour, label=f"_random {dimension}", **RANDOM)
    if own.random.nunique() > 1:
        ax.fill_between(layers, by_encoder.min(), by_encoder.max(), color=look.colour, alpha=0.08, linewidth=0)


def _levels(ax: Axes, shown: pd.DataFrame, styles: Mapping[str, Look], edge: float, step: float) -> float:
    """What belongs to no single layer, beyond the last: a marker with its band as a bar; where they end."""
    found = [(source, name) for source in LEVELS if (shown.source == source).any() for name in styles]
    for place, (source, dimension) in enumerate(found, 1):
        own, look = shown[(shown.source == source) & (shown.dimension == dimension)], styles[dimension]
        x, face = edge + step * place, LEVELS[source] or look.colour
        ax.vlines(x, own.low.mean(), own.high.mean(), color=look.colour, linewidth=0.8)
        shape: dict[str, Any] = {
            "color": look.colour,
            "marker": look.marker,
            "markerfacecolor": face,
            "markersize": MARKER + 0.4,
        }
        shape |= {"linestyle": "none", "markeredgewidth": 0.7}
        ax.plot(x, own.value.mean(), label=f"_{source} {dimension}", **shape)
    if not found:
        return edge
    ax.axvline(edge, color="0.8", linewidth=0.6)
    return edge + step * (len(found) + 1)


def _limits(ax: Axes, panel: str, shown: pd.DataFrame) -> None:
    """Limits that hold all values, and all bands so far as a score can go."""
    share = panel == WEIGHT or panel.startswith(UAR)  # which is never below 0
    ends = shown[["low", "high"]].to_numpy(float).clip(0.0 if share else -1.0, 1.0)
    values = np.concatenate([ends.ravel(), shown.value.to_numpy(float)])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    low = low if panel.startswith(UAR) else min(0.0, low)
    if panel == WEIGHT:  # nearly uniform weights would lie on the edge
        high = max(high, 1.3 / shown.layer.nunique())
    room = 0.06 * (high - low) or 0.06  # where all are alike, as a recall of 1 in every layer
    ax.set_ylim(low - room * (panel != WEIGHT), high + room)


def _confidence_sets(ax: Axes, shown: pd.DataFrame, styles: Mapping[str, Look]) -> None:
    """A row of markers at the top for each dimension: the layers that may be the best."""
    low, high = ax.get_ylim()
    row = ROW / (ROW * len(styles) + _CURVES_HEIGHT)
    ax.set_yticks([tick for tick in ax.get_yticks() if low <= tick <= high])
    ax.set_ylim(low, low + (high - low) / (1 - row * (len(styles) + 0.5)))
    for place, (dimension, look) in enumerate(styles.items()):
        chosen = (shown.source == "encoder") & (shown.dimension == dimension) & shown.in_set.eq(True)
        layers, height = shown.layer[chosen].to_numpy(int), 1 - row * (place + 0.6)
        shape: dict[str, Any] = {"color": look.colour, "marker": look.marker, "markersize": MARKER, "linestyle": "none"}
        shape |= {"transform": ax.get_xaxis_transform(), "label": f"_set {dimension}"}
        ax.plot(layers, np.full(len(layers), height), **shape)
