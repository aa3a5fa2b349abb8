"""How much work encoders and systems are, as tables and pictures, and what they score for it: `probe bench`."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from probing.files import write_text
from probing.report.efficiency_table import SETTING, headed, markdown, rows_of, setting_title, settings, typical
from probing.report.naming import shortened
from probing.report.style import DPI, GREY, PALETTE, drawing, headline, legible, partition_title, save, settle

_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
_ROW, _WIDTH = 0.26, 7.0  # inches
_USUAL, _SMALL = 7.5, 6.5  # points
_SAID = {
    "rtf": "real-time factor (s per s of audio)",
    "gflop": "GFLOP per s of audio",
}
_MEMORY = ("weights on disk (MB)", "peak memory, weights on disk (MB)")


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
    timed = "rtf" in table
    with drawing(names):
        figure.set_size_inches(_WIDTH, _ROW * len(subjects) + 1.25)
        figure.set_dpi(DPI)  # letters are wider or narrower where there are fewer dots
        figure.set_layout_engine("constrained", w_pad=0.05)
        panels = ["rtf", "gflop", "memory"] if timed else ["gflop", "memory"]
        axes = dict(zip(panels, np.ravel(figure.subplots(1, len(panels), sharey=True)), strict=True))
        for place, subject in enumerate(subjects):
            own = table[table.subject == subject]
            axes["gflop"].plot(own.gflop.iloc[0], place, "o", color=GREY, markersize=4.5)
            axes["memory"].plot(own.disk_MB.iloc[0], place, "x", color="black", markersize=4.5, zorder=4)
            if timed:
                _settings(axes["rtf"], axes["memory"], own, place)
        _dress(axes["gflop"], table.gflop, _SAID["gflop"])
        _dress(
            axes["memory"], pd.concat([table[name] for name in ("disk_MB", "peak_MB") if name in table]), _MEMORY[timed]
        )
        if timed:
            _dress(axes["rtf"], pd.concat([table.rtf_low, table.rtf_high]), _SAID["rtf"])
        first = axes[panels[0]]
        first.set_yticks(range(len(subjects)), names, fontsize=_USUAL)
        first.set_ylim(len(subjects) - 0.5, -0.5)
        if timed:
            handles = [_handle(i, own) for i, own in enumerate(settings(table))]
            handles.append(Line2D([], [], color="black", marker="x", linestyle="none", label="weights on disk"))
            columns = min(4, len(handles))
            figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=_SMALL, frameon=False)
        headline(figure, *headed(table), size=_USUAL + 0.5)
        settle(figure)


def plot_scores(figure: Figure, joined: pd.DataFrame) -> None:
    """Draw CCC over the real-time factor, a panel for each dimension; unseen speakers filled, seen ones hollow.

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
            for row in joined[joined.dimension == dimension].to_dict("records"):
                look = _look(runs.index[(runs.subject == row["subject"]) & (runs.run == row["run"])][0])
                face = look["color"] if row["partition"] == partitions[-1] else "white"
                beside = row[cost] * 1.02 ** (2 * partitions.index(row["partition"]) - len(partitions) + 1)
                ax.vlines(beside, row["low"], row["high"], color=look["color"], linewidth=1)
                ax.plot(beside, row["ccc"], linestyle="none", markersize=5, markerfacecolor=face, **look)
            _dress(ax, joined[cost], "")
            ax.set_title(legible(dimension), fontsize=_USUAL, loc="left")
        axes[0].set_ylabel("CCC", fontsize=_USUAL)
        axes[len(axes) // 2].set_xlabel(_SAID[cost], fontsize=_USUAL)
        handles = [Line2D([], [], linestyle="none", label=name, **_look(i)) for i, name in enumerate(labels)]
        faces = ["white"] * (len(partitions) - 1) + [GREY]
        handles += [
            Line2D([], [], color=GREY, marker="o", linestyle="none", markerfacecolor=face, label=partition_title(name))
            for name, face in zip(map(legible, partitions), faces, strict=True)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=_SMALL, frameon=False)
        headline(figure, f"CCC on {legible(joined.corpus.iloc[0])}", _where(joined), size=_USUAL + 0.5)
        settle(figure)


def _settings(rtf: Axes, memory: Axes, own: pd.DataFrame, place: int) -> None:
    """One subject's points in every setting."""
    for number, setting in enumerate(settings(own)):
        row, look = rows_of(own, setting).iloc[0], _look(number)
        shift = place + 0.13 * (number - (len(settings(own)) - 1) / 2)
        rtf.hlines(shift, row.rtf_low, row.rtf_high, color=look["color"], linewidth=1.2)
        rtf.plot(row.rtf, shift, linestyle="none", markersize=4.5, **look)
        memory.plot(row.peak_MB, shift, linestyle="none", markersize=4.5, **look)


def _dress(ax: Axes, values: pd.Series, label: str) -> None:
    """A logarithmic axis of at least a factor of five, so that no small difference looks like a large one."""
    low, high = float(values.min()), float(values.max())
    pad = max((5 / (high / low)) ** 0.5, (high / low) ** 0.12)
    low, high = low / pad, high * pad
    ax.set(xscale="log", xlim=(low, high))
    spans = {200: (1.0,), 30: (1.0, 3.0), 1: (1.0, 2.0, 5.0)}  # so that labels never touch
    steps = next(steps for least, steps in spans.items() if high / low > least)
    ax.xaxis.set_major_locator(LogLocator(base=10, subs=steps, numticks=20))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.tick_params(labelsize=_SMALL, length=2, pad=2)
    ax.grid(axis="x", linewidth=0.3, color="0.9")
    ax.set_xlabel(label, fontsize=_SMALL)
    sns.despine(ax=ax)


def _look(number: int) -> dict[str, Any]:
    return {"color": PALETTE[number % len(PALETTE)], "marker": _MARKERS[number % len(_MARKERS)]}


def _handle(number: int, setting: tuple[Any, ...]) -> Line2D:
    return Line2D([], [], linestyle="none", markersize=4.5, label=setting_title(setting), **_look(number))


def _runs(joined: pd.DataFrame) -> pd.DataFrame:
    """What is told apart by colour and marker, with its label."""
    found = joined[["subject", "run"]].drop_duplicates().reset_index(drop=True)
    return found.assign(label=[s if s == r else f"{s}: {r}" for s, r in found.itertuples(index=False, name=None)])


def _where(joined: pd.DataFrame) -> str:
    """What the horizontal axis was measured on."""
    row = joined.iloc[0]
    said = "counted operations"
    if joined.rtf.notna().any():
        threads = f", {setting_title(tuple(row[SETTING]))}" if row.device == "cpu" else ""
        said = f"time measured on {legible(row.hardware)}{threads}"
    return said + ("; CCC as published, not measured here" if row.source == "published" else "; bars: 95 % interval")
