"""How much work encoders and systems are, as tables and pictures, and what they score for it: `probe bench`."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from probing.files import write_text
from probing.report.efficiency_table import (
    SETTING,
    busy,
    headed,
    interval_said,
    markdown,
    rows_of,
    setting_title,
    settings,
    typical,
    whole_windows,
)
from probing.report.logarithmic import apart, dress
from probing.report.naming import shortened
from probing.report.style import DPI, GREY, PALETTE, drawing, headline, legible, partition_title, save, settle

_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
_ROW, _WIDTH, _PANEL = 0.26, 7.0, 1.9  # inches
_USUAL, _SMALL = 7.5, 6.5  # points
_GAP = 0.033  # between marks that would hide each other: share of an axis
_SAID = {
    "rtf": "real-time factor\ns per s of audio",
    "processor": "processor seconds\nper s of audio",
    "gflop": "GFLOP\nper s of audio",
    "memory": "peak memory, weights\nMB",
}
_COSTS = {"rtf": "real-time factor: s per s of audio", "gflop": "GFLOP per s of audio"}


def write_efficiency(table: pd.DataFrame, scores: pd.DataFrame, stem: Path) -> list[Path]:
    """Write what `probe bench` measured.

    Args:
        table: A row for each subject, setting and length, as `probing.bench.measured.table_of` gives it.
        scores: CCC of runs, as `probing.bench.scores.scores_of` gives them.
        stem: Folder and name without ending.

    Returns:
        The files written: the picture and its CSV, which has every length; of each corpus on which there are runs CCC
        over the real-time factor (over operations, where no time was measured); and the tables for reading.
    """
    length = typical(table)
    figure = Figure()
    plot_efficiency(figure, table[table.seconds == length])
    paths = save(figure, stem, table)
    for file, own in scores.groupby("file", sort=False):
        joined, drawn = joined_scores(table, own), Figure()
        plot_scores(drawn, joined)
        paths += save(drawn, stem.with_name(shortened(f"{stem.name}-ccc-{file}")), joined)
    path = stem.with_name(f"{stem.name}.md")
    write_text(path, markdown(table, scores))
    return [*paths, path]


def joined_scores(table: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Scores with what they cost: on the first setting that was measured, for a typical utterance."""
    own = table[table.seconds == typical(table)].drop_duplicates("subject")
    cost = own.reindex(columns=["subject", "parameters", "gflop", "rtf", *SETTING, "hardware"])
    return scores.drop(columns="file").merge(cost, on="subject", how="left")


def plot_efficiency(figure: Figure, table: pd.DataFrame) -> None:
    """Draw real-time factors, operations and memory, a row for each subject.

    Args:
        figure: Empty; its size is settled.
        table: Rows of one length.
    """
    subjects = list(dict.fromkeys(table.subject))
    names = [legible(name) for name in subjects]
    drawn = _drawn(table)
    with drawing(names):
        figure.set_size_inches(max(_WIDTH, 1.7 + _PANEL * len(drawn)), _ROW * len(subjects) + 1.4)
        figure.set_dpi(DPI)  # letters are wider or narrower where there are fewer dots
        figure.set_layout_engine("constrained", w_pad=0.05)
        axes = dict(zip(drawn, np.ravel(figure.subplots(1, len(drawn), sharey=True)), strict=True))
        for place, subject in enumerate(subjects):
            own = table[table.subject == subject]
            axes["gflop"].plot(own.gflop.iloc[0], place, "o", color=GREY, markersize=4.5)
            axes["memory"].plot(own.disk_MB.iloc[0], place, "x", color="black", markersize=4.5, zorder=4)
            if "rtf" in drawn:
                _settings(axes, own, place)
        for panel, values in drawn.items():
            dress(axes[panel], values, _SAID[panel] if "rtf" in drawn or panel != "memory" else "weights\nMB", _SMALL)
        first = axes[next(iter(drawn))]
        first.set_yticks(range(len(subjects)), names, fontsize=_USUAL)
        first.set_ylim(len(subjects) - 0.5, -0.5)
        if "rtf" in drawn:
            handles = [_handle(i, own) for i, own in enumerate(settings(table))]
            handles.append(Line2D([], [], color="black", marker="x", linestyle="none", label="weights on disk"))
            columns = min(4, len(handles))
            figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=_SMALL, frameon=False)
        headline(figure, *headed(table), *_noted(table), size=_USUAL + 0.5)
        settle(figure)


def _drawn(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Panels, and the values in each."""
    memory = pd.concat([table[name] for name in ("disk_MB", "peak_MB") if name in table])
    counted = {"gflop": table.gflop, "memory": memory}
    if "rtf" not in table:
        return counted
    own = table[table.device == "cpu"]  # what a processor does beside a GPU is not the work
    worked = {"processor": own.processor} if len(own) else {}
    return {"rtf": pd.concat([table.rtf_low, table.rtf_high]), **worked, **counted}


def _noted(table: pd.DataFrame) -> list[str]:
    """What a reader of the picture must know."""
    bars = f"bars: {interval_said(table)}" if "rtf" in table else ""
    said = [bars, "the clock misleads: see processor seconds" if busy(table) else ""]
    return [line for line in ("; ".join(filter(None, said)), *whole_windows(table)) if line]


def plot_scores(figure: Figure, joined: pd.DataFrame) -> None:
    """Draw CCC over the real-time factor, a panel for each dimension; unseen speakers filled, seen ones hollow.

    A line joins the points of one system; those that would hide others are moved sideways.

    Args:
        figure: Empty; its size is settled.
        joined: As `joined_scores` gives it, on one corpus.
    """
    dimensions, runs = list(dict.fromkeys(joined.dimension)), _runs(joined)
    partitions = list(dict.fromkeys(joined.partition))
    cost = "rtf" if joined.rtf.notna().any() else "gflop"
    labels = [legible(name) for name in runs.label]
    with drawing([*labels, *map(legible, dimensions)]):
        figure.set_size_inches(_WIDTH, 2.9 + 0.16 * ceil((len(runs) + len(partitions)) / 2))
        figure.set_dpi(DPI)  # letters are wider or narrower where there are fewer dots
        figure.set_layout_engine("constrained", w_pad=0.05)
        axes = np.ravel(figure.subplots(1, len(dimensions), sharey=True, squeeze=False))
        for ax, dimension in zip(axes, dimensions, strict=True):
            dress(ax, joined[cost], "", _SMALL)
            placed = _placed(joined[joined.dimension == dimension], cost, ax)
            for number, (subject, run) in enumerate(zip(runs.subject, runs.run, strict=True)):
                own = placed[(placed.subject == subject) & (placed.run == run)]
                _joined_points(ax, own, _look(number), partitions[-1])
            ax.set_title(legible(dimension), fontsize=_USUAL, loc="left")
        axes[0].set_ylabel("CCC", fontsize=_USUAL)
        axes[len(axes) // 2].set_xlabel(f"{_COSTS[cost]} (log scale)", fontsize=_USUAL)
        handles = [Line2D([], [], linestyle="none", label=name, **_look(i)) for i, name in enumerate(labels)]
        faces = ["white"] * (len(partitions) - 1) + [GREY]
        handles += [
            Line2D([], [], color=GREY, marker="o", linestyle="none", markerfacecolor=face, label=partition_title(name))
            for name, face in zip(map(legible, partitions), faces, strict=True)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=_SMALL, frameon=False)
        headline(figure, f"CCC on {legible(joined.corpus.iloc[0])}", _where(joined), size=_USUAL + 0.5)
        settle(figure)


def _placed(own: pd.DataFrame, cost: str, ax: Axes) -> pd.DataFrame:
    """Where on an axis the scores of one dimension stand, as the column `x`."""
    first, last = np.log(ax.get_xlim())
    return own.assign(x=apart(own[cost].tolist(), _GAP * (last - first)))


def _joined_points(ax: Axes, own: pd.DataFrame, look: dict[str, Any], filled: str) -> None:
    """The points of one system, joined by a thin line."""
    ax.plot(own.x, own.ccc, color=look["color"], linewidth=0.6, zorder=1)
    for row in own.to_dict("records"):
        face = look["color"] if row["partition"] == filled else "white"
        ax.vlines(row["x"], row["low"], row["high"], color=look["color"], linewidth=1)
        ax.plot(row["x"], row["ccc"], linestyle="none", markersize=4.5, markerfacecolor=face, **look)


def _settings(axes: Mapping[str, Axes], own: pd.DataFrame, place: int) -> None:
    """One subject's points in every setting."""
    for number, setting in enumerate(settings(own)):
        row, look = rows_of(own, setting).iloc[0], _look(number)
        shift = place + 0.13 * (number - (len(settings(own)) - 1) / 2)
        axes["rtf"].hlines(shift, row.rtf_low, row.rtf_high, color=look["color"], linewidth=1.2)
        points = {"rtf": row.rtf, "memory": row.peak_MB} | ({"processor": row.processor} if row.device == "cpu" else {})
        for panel, value in points.items():
            axes[panel].plot(value, shift, linestyle="none", markersize=4.5, **look)


def _look(number: int) -> dict[str, Any]:
    return {"color": PALETTE[number % len(PALETTE)], "marker": _MARKERS[number % len(_MARKERS)]}


def _handle(number: int, setting: tuple[Any, ...]) -> Line2D:
    return Line2D([], [], linestyle="none", markersize=4.5, label=setting_title(setting), **_look(number))


def _runs(joined: pd.DataFrame) -> pd.DataFrame:
    """What is told apart by colour and marker, with its label: the run's name, if that does not already say of what."""
    found = joined[["subject", "run", "source"]].drop_duplicates().reset_index(drop=True)
    rows = found.itertuples(index=False, name=None)
    said = [(run, source == "published" or s.removesuffix(" (system)") in run, s) for s, run, source in rows]
    return found.assign(label=[run if alone else f"{subject}: {run}" for run, alone, subject in said])


def _where(joined: pd.DataFrame) -> str:
    """What the horizontal axis was measured on."""
    row = joined.iloc[0]
    said = "counted operations"
    if joined.rtf.notna().any():
        threads = f", {setting_title(tuple(row[SETTING]))}" if row.device == "cpu" else ""
        said = f"time measured on {legible(row.hardware)}{threads}"
    scored = "CCC not measured here" if row.source == "published" else "bars: 95 % interval"
    return f"{said}; {scored}; lines join the points of one system, set apart sideways where they would overlap"
