"""Estimates over time, a panel for each recording: the plot of `probe predict`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from probing.errors import OptionError, RunError
from probing.report.style import FORMATS, Look, drawing, figure_to_show, headline, legible, looks, save_as

_MOST = 8  # recordings in one figure


def plot_over_time(
    table: pd.DataFrame,
    dimensions: Sequence[str],
    scale: tuple[float, float],
    title: str,
    figure: Figure | None = None,
) -> NDArray[np.object_]:
    """Plot estimates over time, a panel for each recording; of more than eight the first eight, said on stderr.

    Args:
        table: Columns file, start, end (s) and the dimensions; one row a window.
        dimensions: What is drawn.
        scale: Lowest and highest possible rating.
        title: What made the estimates.
        figure: Where to draw; by default a new figure of pyplot, which a notebook shows.

    Returns:
        The panels, [number of recordings shown].

    Raises:
        RunError: Nothing was estimated (code `nothing-to-plot`).
    """
    files = list(dict.fromkeys(table.file))
    if not files:
        why = "no recording could be used"
        raise RunError("there is nothing to plot", why, "give a recording that can be decoded", code="nothing-to-plot")
    if len(files) > _MOST:
        print(f"the plot shows the first {_MOST} of {len(files):,} recordings", file=sys.stderr)
    files = files[:_MOST]
    names = {text: legible(text) for text in (title, *dimensions, *(Path(file).name for file in files))}
    with drawing(names.values()):
        figure = figure_to_show(figure)
        figure.set_size_inches(7, 0.9 + 2.1 * len(files))
        figure.set_layout_engine("constrained")
        axes = figure.subplots(len(files), 1, squeeze=False)[:, 0]
        styles = {names[dimension]: look for dimension, look in looks(dimensions).items()}
        table = table.rename(columns={dimension: names[dimension] for dimension in dimensions})
        for ax, file in zip(axes, files, strict=True):
            _panel(ax, table[table.file == file], styles, scale)
            ax.set_title(names[Path(file).name], fontsize=9)
        axes[-1].set_xlabel("time (s), middle of each window")
        handles, labels = axes[0].get_legend_handles_labels()
        headline(figure, names[title])
        figure.legend(handles, labels, loc="outside lower center", ncol=min(len(labels), 5), frameon=False)
    return np.asarray(axes)


def over_time(
    table: pd.DataFrame, dimensions: Sequence[str], scale: tuple[float, float], title: str, path: Path
) -> Path:
    """Write a plot of estimates over time, as `plot_over_time` draws it.

    Args:
        table: As in `plot_over_time`, and so on.
        dimensions: What is drawn.
        scale: Lowest and highest possible rating.
        title: What made the estimates.
        path: A .pdf, .png or .svg.

    Raises:
        OptionError: The ending is another (code `plot-ending`).
        RunError: Nothing was estimated (code `nothing-to-plot`).
    """
    refuse_ending(path)
    figure = Figure()
    plot_over_time(table, dimensions, scale, title, figure)
    save_as(figure, path)
    return path


def refuse_ending(path: Path) -> None:
    """Raise an OptionError (code `plot-ending`) where no figure can be written under that name."""
    if path.suffix.lower().lstrip(".") not in FORMATS:
        endings = ", ".join(f".{kind}" for kind in FORMATS)
        why = "its ending is none of a figure"
        raise OptionError(f"--plot {path}", why, f"give a name that ends in {endings}", code="plot-ending")


def _panel(ax: Axes, own: pd.DataFrame, styles: dict[str, Look], scale: tuple[float, float]) -> None:
    """One recording; a single window is drawn as long as it is."""
    low, high = scale
    middle = (own.start + own.end) / 2
    for name, look in styles.items():
        ax.plot(middle, own[name], color=look.colour, marker=look.marker, label=name)
        if len(own) == 1:
            ax.hlines(own[name], own.start, own.end, color=look.colour)
    shown, margin = own[list(styles)], 0.03 * (high - low)
    ax.set_xlim(own.start.min(), own.end.max())
    ax.set_ylim(min(low, shown.min(axis=None)) - margin, max(high, shown.max(axis=None)) + margin)
    ax.set_ylabel(f"rating ({low:g} to {high:g})")
    sns.despine(ax=ax)
