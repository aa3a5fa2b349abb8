"""Figures, drawn from records and their CSV files only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from probing.errors import ProbingError
from probing.files import slug
from probing.report.importance import CCC, WEIGHT, drawn_of
from probing.runs.records import Record

FIGURES = Path("figures")
FORMATS = ("pdf", "png", "svg")
# Okabe and Ito's colours, which colour-blind readers can tell apart; markers tell them apart in grey.
COLOURS = {"arousal": "#D55E00", "valence": "#0072B2", "dominance": "#009E73"}
MARKERS = {"arousal": "o", "valence": "s", "dominance": "^"}
_OTHER_COLOURS = ("#CC79A7", "#E69F00", "#56B4E9", "#000000")
_OTHER_MARKERS = ("D", "v", "P", "X")
_PANEL_TITLES = {"test1": "test1 (seen)", "test2": "test2 (unseen)"}
_GREY = "0.35"
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


def figure2(record: Record, out: Path = FIGURES, control: Record | None = None) -> list[Path]:
    """Draw Figure 2: which layers a dimension's probes weigh, and what each single layer gives, with controls.

    The first panel shows the learned layer weights, mean and range over seeds, and the uniform weight 1/L. One panel
    for each test partition shows the CCC of single-layer probes where they were fitted, with the bootstrap interval of
    the mean over seeds (the range over seeds where there is none), and at the right edge the CCC of the weighted sum
    and of the shuffled-label control. Where only single layers were fitted the first panel is left out.

    Args:
        record: A `fit` run.
        out: Folder for `figure2-<corpus>-<encoder>`, then `-layernorm` and the pooling where they are not the
            default, as PDF, PNG, SVG and the CSV it was drawn from.
        control: The same fit on the same encoder with random weights (`probing.report.controls`): thin dashed curves.

    Returns:
        The files written.

    Raises:
        ProbingError: The run is not a fit, or its files are missing.
    """
    if record["command"] != "fit":
        raise ProbingError(f"{record.folder}", f"it is a {record['command']} run", "name a fit run (see `probe runs`)")
    drawn = drawn_of(record, control)
    panels = list(dict.fromkeys(drawn.panel))
    out.mkdir(parents=True, exist_ok=True)
    stem = out / _name(record)
    with sns.axes_style("ticks"), plt.rc_context({"svg.hashsalt": "probing", "pdf.fonttype": 42, "font.size": 9}):
        figure, axes = plt.subplots(1, len(panels), figsize=(1.2 + 3.6 * len(panels), 3.6), squeeze=False)
        styles = _styles(drawn.dimension)
        for ax, panel in zip(axes[0], panels, strict=True):
            shown = drawn[drawn.panel == panel]
            _curves(ax, shown, styles)
            _dress(ax, panel, shown)
            _levels(ax, shown, styles)
        _share_y([ax for ax, panel in zip(axes[0], panels, strict=True) if panel != WEIGHT])
        rows = _legend(figure, axes[0, 0], drawn, columns=2 * len(panels) + 1)
        figure.suptitle(_title(record), fontsize=10)
        figure.tight_layout(rect=(0, 0.07 * rows, 1, 1), w_pad=2)
        return saved(figure, stem, drawn)


def colour(dimension: str, others: Sequence[str] = ()) -> str:
    """A dimension's colour, the same in every figure of the project."""
    return COLOURS.get(dimension) or _OTHER_COLOURS[list(others).index(dimension) % len(_OTHER_COLOURS)]


def _styles(dimensions: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each dimension."""
    names = list(dict.fromkeys(dimensions))
    others = sorted(set(names) - set(COLOURS))
    markers = MARKERS | {name: _OTHER_MARKERS[i % len(_OTHER_MARKERS)] for i, name in enumerate(others)}
    return {name: (colour(name, others), markers[name]) for name in names}


def _curves(ax: Axes, shown: pd.DataFrame, styles: dict[str, tuple[str, str]]) -> None:
    """Mean over seeds as a line over the layers, the band behind it; those on random weights thin, dashed, bare."""
    for (source, dimension), own in shown[shown.source.isin(_CURVES)].groupby(["source", "dimension"], sort=False):
        by_layer = own.groupby("layer")[["value", "low", "high"]].mean()
        layers = by_layer.index.to_numpy(int)
        hue, marker = styles[dimension]
        label = dimension if source == "encoder" else f"_{source} {dimension}"
        ax.plot(layers, by_layer.value, color=hue, marker=marker, markeredgewidth=0.8, label=label, **_CURVES[source])
        if source == "encoder":
            ax.fill_between(layers, by_layer.low, by_layer.high, color=hue, alpha=0.18, linewidth=0)


def _levels(ax: Axes, shown: pd.DataFrame, styles: dict[str, tuple[str, str]]) -> None:
    """What belongs to no single layer, at the right edge: mean over seeds as a marker, the band as a bar."""
    sources = [source for source in _LEVELS if source in set(shown.source)]
    left, right = ax.get_xlim()
    step = 0.04 * (right - left)
    slot = step * (len(styles) + 0.5)
    for place, source in enumerate(sources):
        for number, (dimension, (hue, marker)) in enumerate(styles.items(), 1):
            own = shown[(shown.source == source) & (shown.dimension == dimension)]
            value, low, high = own.value.mean(), own.low.mean(), own.high.mean()
            x = right + slot * place + step * number
            ax.vlines(x, low, high, color=hue, linewidth=0.9, linestyle=_BARS[source])
            look = _LEVELS[source] | {"color": hue, "marker": marker, "markeredgewidth": 0.8}
            ax.plot(x, value, label=f"_{source} {dimension}", **look)
    if sources:
        ax.axvline(right, color="0.8", linewidth=0.8)
        ax.set_xlim(left, right + slot * len(sources) + step / 2)


def _dress(ax: Axes, panel: str, shown: pd.DataFrame) -> None:
    """Axes, titles and reference lines of a panel."""
    first, last = int(shown.layer.min()), int(shown.layer.max())
    n_layers = last - first + 1
    step = ceil(n_layers / 14)
    ax.set_xticks([layer for layer in range(first, last + 1) if layer < 0 or layer % step == 0])
    ax.xaxis.set_major_formatter(lambda layer, _: "C" if layer < 0 else f"{layer:.0f}")
    ax.set_xlim(first - 0.4, last + 0.4)
    ax.set_xlabel("layer index (0 = transformer input)")
    ax.tick_params(labelsize=8)
    ax.text(0.5, 1.02, f"band: {shown.band.iloc[0]}", transform=ax.transAxes, ha="center", fontsize=7, color=_GREY)
    if panel == WEIGHT:
        ax.axhline(1 / n_layers, color=_GREY, linestyle=":", linewidth=1, label="uniform (1/L)")
        ax.set_ylabel("normalised weight")
        ax.set_title("learned layer weights", fontsize=9, pad=14)
        ax.set_ylim(bottom=0)
    else:
        partition = panel.removeprefix(CCC)
        ax.axhline(0, color=_GREY, linewidth=0.8)
        ax.set_ylabel("CCC")
        ax.set_title(f"single-layer probes, {_PANEL_TITLES.get(partition, partition)}", fontsize=9, pad=14)
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
        names["random"] += f" ({_counted(int(seeds['random']))})"
    handles, labels = ax.get_legend_handles_labels()
    for source, look in (_CURVES | _LEVELS).items():
        if source in names and source in set(drawn.source):
            handles.append(Line2D([], [], color=_GREY, marker="o", markeredgewidth=0.8, **look))
            labels.append(names[source])
    figure.legend(handles, labels, loc="lower center", ncol=min(columns, len(labels)), frameon=False)
    return ceil(len(labels) / columns)


def _title(record: Record) -> str:
    options = record["configuration"]["options"]
    seeds = options["seeds"]
    normed = ", states layer-normed" if options["normalize"] == "layer" else ""
    pooling = options.get("pooling", "mean")
    pooled = f", {pooling} pooling" if pooling != "mean" else ""
    built_in = " — built-in synthetic speech" if record["corpus"]["name"] == "demo" else ""
    averaged = f"mean over {_counted(seeds)}" if seeds > 1 else _counted(seeds)
    return f"{record['encoder']['title']} on {_corpus(record)}{built_in}\n{averaged}{normed}{pooled}"


def _counted(seeds: int) -> str:
    return f"{seeds} seeds" if seeds > 1 else "one seed"


def _name(record: Record) -> str:
    """A name for the files: runs that look at other states or other statistics of them get other files."""
    options = record["configuration"]["options"]
    parts = ["figure2", slug(_corpus(record)), slug(record["encoder"]["name"])]
    parts += ["layernorm"] if options["normalize"] == "layer" else []
    parts += [options["pooling"]] if options.get("pooling", "mean") != "mean" else []
    return "-".join(parts)


def _corpus(record: Record) -> str:
    """The corpus with its fold, where it has folds."""
    return str(record["corpus"].get("title", record["corpus"]["name"]))


def saved(figure: Figure, stem: Path, drawn: pd.DataFrame) -> list[Path]:
    """Write a figure in all formats, without dates, so that equal data gives equal files; beside it what it shows.

    Args:
        figure: Closed afterwards.
        stem: Folder and name without ending.
        drawn: What was drawn, for the CSV.

    Returns:
        The files written.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in (*FORMATS, "csv")]
    undated = {"pdf": {"CreationDate": None}, "png": {"Software": None}, "svg": {"Date": None}}
    for path, kind in zip(paths, FORMATS, strict=False):
        figure.savefig(path, dpi=200, metadata=undated[kind])
    plt.close(figure)
    drawn.to_csv(paths[-1], index=False, float_format="%.6g")
    return paths
