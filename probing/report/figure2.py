"""Figure 2: which layers carry a dimension, drawn from a fit's record and its tables alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from probing.report.importance import CCC, WEIGHT, drawn_of
from probing.report.naming import fit_stem
from probing.report.style import (
    FIGURES,
    GREY,
    Look,
    drawing,
    figure_to_show,
    headline,
    layer_axis,
    legible,
    looks,
    partition_title,
    save,
)
from probing.runs.printing import seeds_of
from probing.runs.records import FitRecord

# What is drawn, by where it comes from: curves over the layers, and levels at a panel's right edge.
_CURVES: dict[str, dict[str, Any]] = {
    "encoder": {"linewidth": 1.4, "markersize": 4},
    "random": {"linewidth": 0.8, "linestyle": (0, (4, 2)), "markersize": 2.4, "markerfacecolor": "white"},
}
_LEVELS: dict[str, dict[str, Any]] = {
    "weighted": {"linestyle": "none", "markersize": 3.6},
    "shuffled": {"linestyle": "none", "markersize": 3.6, "markerfacecolor": "white"},
}
_BARS = {"weighted": "-", "shuffled": (0, (1, 1))}


def plot_layers(
    record: FitRecord, control: FitRecord | None = None, figure: Figure | None = None
) -> NDArray[np.object_]:
    """Plot Figure 2: which layers a dimension's probes weigh, and what each single layer gives, with controls.

    The first panel shows the learned layer weights, mean and range over seeds, and the uniform weight 1/L. One panel
    for each test partition shows the CCC of single-layer probes where they were fitted, with the bootstrap interval of
    the mean over seeds (the range over seeds where there is none), and at the right edge the CCC of the weighted sum
    and of the shuffled-label control. Where only single layers were fitted the first panel is left out.

    Args:
        record: A fit.
        control: The same fit on the same encoder with random weights (`probing.report.controls`): thin dashed curves.
        figure: Where to draw; by default a new figure of pyplot, which a notebook shows.

    Returns:
        The panels, [1 to 1 + number of test partitions].

    Raises:
        RunError: Files of a run are missing, changed or damaged.
    """
    return _plot(record, drawn_of(record, control), figure_to_show(figure))


def figure2(record: FitRecord, out: Path = FIGURES, control: FitRecord | None = None) -> list[Path]:
    """Write Figure 2, as `plot_layers` draws it, as PDF, PNG and SVG, and the CSV that it was drawn from.

    Args:
        record: A fit.
        out: Folder for `figure2-<corpus>-<encoder>`, then every option that is not that of `make figure2`, and a digest
            of anything else than what that draws.
        control: As in `plot_layers`.

    Returns:
        The files written.
    """
    drawn, figure = drawn_of(record, control), Figure()
    _plot(record, drawn, figure)
    return save(figure, out / fit_stem(record, control), drawn)


def _plot(record: FitRecord, drawn: pd.DataFrame, figure: Figure) -> NDArray[np.object_]:
    panels = list(dict.fromkeys(drawn.panel))
    names = {name: legible(name) for name in dict.fromkeys(drawn.dimension)}
    title = [legible(line) for line in _title(record)]
    with drawing([*names.values(), *title]):
        figure.set_size_inches(1.2 + 3.6 * len(panels), 3.6)
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        styles = looks(drawn.dimension)
        for ax, panel in zip(axes, panels, strict=True):
            shown = drawn[drawn.panel == panel]
            _curves(ax, shown, styles, names)
            _dress(ax, panel, shown)
            _levels(ax, shown, styles)
        _share_y([ax for ax, panel in zip(axes, panels, strict=True) if panel != WEIGHT])
        rows = _legend(figure, axes[0], drawn, columns=2 * len(panels) + 1)
        headline(figure, *title)
        figure.tight_layout(rect=(0, 0.07 * rows, 1, 1), w_pad=2)
    return np.asarray(axes)


def _curves(ax: Axes, shown: pd.DataFrame, styles: Mapping[str, Look], names: Mapping[str, str]) -> None:
    """Mean over seeds as a line over the layers, the band behind it; those on random weights thin, dashed, bare."""
    for (source, dimension), own in shown[shown.source.isin(_CURVES)].groupby(["source", "dimension"], sort=False):
        by_layer = own.groupby("layer")[["value", "low", "high"]].mean()
        layers = by_layer.index.to_numpy(int)
        look = styles[dimension]
        shape = _CURVES[source] | {"color": look.colour, "marker": look.marker, "markeredgewidth": 0.8}
        label = names[dimension] if source == "encoder" else f"_{source} {dimension}"
        ax.plot(layers, by_layer.value, label=label, **shape)
        if source == "encoder":
            ax.fill_between(layers, by_layer.low, by_layer.high, color=look.colour, alpha=0.18, linewidth=0)


def _levels(ax: Axes, shown: pd.DataFrame, styles: Mapping[str, Look]) -> None:
    """What belongs to no single layer, at the right edge: mean over seeds as a marker, the band as a bar."""
    sources = [source for source in _LEVELS if source in set(shown.source)]
    left, right = ax.get_xlim()
    step = 0.04 * (right - left)
    slot = step * (len(styles) + 0.5)
    for place, source in enumerate(sources):
        for number, (dimension, look) in enumerate(styles.items(), 1):
            own = shown[(shown.source == source) & (shown.dimension == dimension)]
            value, low, high = own.value.mean(), own.low.mean(), own.high.mean()
            x = right + slot * place + step * number
            ax.vlines(x, low, high, color=look.colour, linewidth=0.9, linestyle=_BARS[source])
            shape = _LEVELS[source] | {"color": look.colour, "marker": look.marker, "markeredgewidth": 0.8}
            ax.plot(x, value, label=f"_{source} {dimension}", **shape)
    if sources:
        ax.axvline(right, color="0.8", linewidth=0.8)
        ax.set_xlim(left, right + slot * len(sources) + step / 2)


def _dress(ax: Axes, panel: str, shown: pd.DataFrame) -> None:
    """Axes, titles and reference lines of a panel."""
    first, last = int(shown.layer.min()), int(shown.layer.max())
    layer_axis(ax, first, last)
    ax.set_xlim(first - 0.4, last + 0.4)
    ax.tick_params(labelsize=8)
    ax.text(0.5, 1.02, f"band: {shown.band.iloc[0]}", transform=ax.transAxes, ha="center", fontsize=7, color=GREY)
    if panel == WEIGHT:
        ax.axhline(1 / (last - first + 1), color=GREY, linestyle=":", linewidth=1, label="uniform (1/L)")
        ax.set_ylabel("normalised weight")
        ax.set_title("learned layer weights", fontsize=9, pad=14)
        highest = float(shown[["value", "high"]].max(axis=None))
        ax.set_ylim(0, max(ax.get_ylim()[1], 1.12 * highest))  # nearly uniform weights would lie on the edge
    else:
        ax.axhline(0, color=GREY, linewidth=0.8)
        ax.set_ylabel("CCC")
        ax.set_title(f"single-layer probes, {partition_title(panel.removeprefix(CCC))}", fontsize=9, pad=14)
    sns.despine(ax=ax)


def _share_y(axes: Sequence[Axes]) -> None:
    """The same limits for all, wide enough for each."""
    limits = [ax.get_ylim() for ax in axes]
    for ax in axes:
        ax.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))


def _legend(figure: Figure, ax: Axes, drawn: pd.DataFrame, columns: int) -> int:
    """Dimensions in their colours and what else is drawn in grey, below the panels; its number of rows."""
    names = {"random": "random weights", "weighted": "weighted sum", "shuffled": "shuffled labels"}
    seeds = drawn.groupby("source").seed.nunique()
    if seeds.get("random", seeds.encoder) != seeds.encoder:
        names["random"] += f" ({seeds_of(int(seeds['random']))})"
    handles, labels = ax.get_legend_handles_labels()
    for source, look in (_CURVES | _LEVELS).items():
        if source in names and source in set(drawn.source):
            handles.append(Line2D([], [], color=GREY, marker="o", markeredgewidth=0.8, **look))
            labels.append(names[source])
    figure.legend(handles, labels, loc="lower center", ncol=min(columns, len(labels)), frameon=False)
    return ceil(len(labels) / columns)


def _title(record: FitRecord) -> list[str]:
    """What was fitted on what, and how: two lines."""
    seeds, pooling = record.options["seeds"], record.options.get("pooling", "mean")
    normed = ", states layer-normed" if record.options.get("normalize") == "layer" else ""
    pooled = f", {pooling} pooling" if pooling != "mean" else ""
    built_in = " — built-in synthetic speech" if record.corpus.spec.prefix == "demo" else ""
    averaged = f"mean over {seeds_of(seeds)}" if seeds > 1 else seeds_of(seeds)
    return [f"{record.title} on {record.corpus.title}{built_in}", f"{averaged}{normed}{pooled}"]
