"""The curve behind Table 2's two points: a dimension's CCC over the word error rate, or over the noise in the audio."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from probing.errors import RunError
from probing.files import slug
from probing.report.compared import corpus_title, names_of, sample_of, systems, tests_of
from probing.report.conditions import Condition, conditions
from probing.report.naming import set_stem, shortened
from probing.report.published import RELEASE, on_the_papers_release, published
from probing.report.style import (
    FIGURES,
    GREY,
    PALETTE,
    drawing,
    figure_to_show,
    headline,
    legible,
    partition_title,
    save,
)
from probing.runs.printing import SEEN, seeds_of
from probing.runs.records import FinetuneRecord

WER, SNR = "wer", "snr"
SAME, HUMAN_ONLY, AS_TRAINED = "trained and tested on the same words", "trained on human words", "audio degraded"
AUDIO = "audio alone"
CLEAN = "clean"
_TITLES = {WER: "Word errors", SNR: "Noise and reverberation"}
_LOOKS = {SAME: ("o", "-"), HUMAN_ONLY: ("s", "--"), AS_TRAINED: ("o", "-")}
_COLUMNS = ["model", "series", "partition", "x", "value", "low", "high", "n", "seeds"]


def points(records: Sequence[FinetuneRecord], over: str, dimension: str = "valence") -> pd.DataFrame:
    """What the figure shows, one row a point.

    Args:
        records: Runs on one corpus; their evaluations are looked for beside them.
        over: `wer` or `snr`.
        dimension: Name of a dimension.

    Returns:
        model, series (how it was trained and tested), partition, x (word error rate as a share, or dB; infinite for
        clean audio), value, low, high (95 %), n, seeds. Systems without text are points
        at 0 among word errors, which cannot reach them.
    """
    ordered = [record for record in systems(records) if not record.shuffled]
    names, rows = names_of(ordered, words=False), []
    for condition in conditions(ordered):
        if dimension not in condition.run.system.dimensions:
            continue
        for partition in tests_of(ordered):
            x = _place(condition, partition, over)
            for series in _series(condition, over) if not np.isnan(x) else ():
                found = sample_of(condition.tested, dimension, partition)
                row = (names[condition.run.folder], series, partition, x, found.score, *found.interval())
                rows.append((*row, len(found.ids), len(found.seeds)))
    table = pd.DataFrame(rows, columns=_COLUMNS)
    several = table.groupby(["model", "series", "partition"]).x.transform("nunique") > 1
    if not several.any():
        return table[several]
    kept = table[several | (table.series == AUDIO)]
    return kept.sort_values(["model", "series", "partition", "x"]).reset_index(drop=True)


def plot_curve(
    records: Sequence[FinetuneRecord], over: str, dimension: str = "valence", figure: Figure | None = None
) -> NDArray[np.object_]:
    """Plot CCC over word error rate or over the noise in the audio, a panel for each test partition.

    Args:
        records: Runs on one corpus.
        over: `wer` or `snr`.
        dimension: Name of a dimension.
        figure: Where to draw; by default a new figure of pyplot, which a notebook shows.

    Returns:
        The panels.

    Raises:
        RunError: No system was tested under two conditions (code `no-curve`).
    """
    return _plot(_drawn(records, over, dimension), records, over, dimension, figure_to_show(figure))


def curve(
    records: Sequence[FinetuneRecord],
    over: str,
    out: Path = FIGURES,
    dimension: str = "valence",
    name: str | None = None,
) -> list[Path]:
    """Write the figure that `plot_curve` draws.

    Args:
        records: Runs on one corpus.
        over: `wer` or `snr`.
        out: Folder for `<over>-<name>-<dimension>`.
        dimension: Name of a dimension.
        name: By default the corpus and a digest of the runs.

    Returns:
        The files written.

    Raises:
        RunError: No system was tested under two conditions (code `no-curve`).
    """
    drawn, figure = _drawn(records, over, dimension), Figure()
    _plot(drawn, records, over, dimension, figure)
    return save(figure, out / shortened(f"{over}-{set_stem(records, name)}-{slug(dimension)}"), drawn)


def _drawn(records: Sequence[FinetuneRecord], over: str, dimension: str) -> pd.DataFrame:
    drawn = points(records, over, dimension)
    if drawn.empty:
        option = "--corrupt-words 0.2" if over == WER else "--snr 10"
        raise RunError(
            f"there is no curve over {over} to draw",
            f"none of these runs was tested on {dimension} under two conditions",
            f"test one under another: probe evaluate {records[0].folder} {option}",
            code="no-curve",
        )
    return drawn


def _place(condition: Condition, partition: str, over: str) -> float:
    """Where a condition stands on the axis; NaN where that is not known."""
    if over == WER:
        return condition.wer(partition)
    return np.inf if condition.snr is None else condition.snr


def _series(condition: Condition, over: str) -> tuple[str, ...]:
    """The curves that a condition is a point of; the human words are the first point of both."""
    if over == SNR:
        return (AS_TRAINED,) if condition.matched and condition.trained_on.human else ()
    if condition.snr is not None:
        return ()
    if not condition.run.system.reads:
        return (AUDIO,)
    return (SAME,) * condition.matched + (HUMAN_ONLY,) * condition.trained_on.human


def _plot(
    drawn: pd.DataFrame, records: Sequence[FinetuneRecord], over: str, dimension: str, figure: Figure
) -> NDArray[np.object_]:
    partitions, corpus = list(dict.fromkeys(drawn.partition)), corpus_title(*records)
    names = {name: legible(name) for name in (*drawn.model, *partitions, corpus, dimension)}
    with drawing(names.values()):
        figure.set_size_inches(1 + 3.4 * len(partitions), 4.1)
        axes = figure.subplots(1, len(partitions), sharey=True, squeeze=False)[0]
        for ax, partition in zip(axes, partitions, strict=True):
            own = drawn[drawn.partition == partition]
            _panel(ax, own.assign(model=own.model.map(names)), [names[m] for m in dict.fromkeys(drawn.model)], over)
            if over == WER and partition == SEEN and on_the_papers_release(records[0].corpus):
                _mark_published(ax, dimension)
            _dress(ax, own.x, over)
            ax.set_title(partition_title(names[partition]))
        axes[0].set_ylabel(f"{names[dimension]} CCC")
        by_label = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
        what = f"{_TITLES[over]} and {names[dimension]}, {names[corpus]}"
        averaged = f"mean over {seeds_of(int(drawn.seeds.min()))}; bands: 95 % interval"
        headline(figure, what, averaged, size=11)
        figure.tight_layout(rect=(0, 0.02 + 0.05 * len(by_label), 1, 1))
        figure.legend(by_label.values(), by_label.keys(), loc="lower center", frameon=False, fontsize=8)
    return np.asarray(axes)


def _clean_place(ratios: Sequence[float]) -> float:
    """Where clean audio, whose ratio is infinite, stands on an axis of decibels."""
    return max(ratios) + 10 if ratios else 0.0


def _panel(ax: Axes, shown: pd.DataFrame, models: Sequence[str], over: str) -> None:
    clean = _clean_place([x for x in shown.x if np.isfinite(x)])
    for (model, series), rows in shown.groupby(["model", "series"], sort=False):
        x = 100 * rows.x if over == WER else rows.x.replace(np.inf, clean)
        hue = PALETTE[models.index(str(model)) % len(PALETTE)]
        if series == AUDIO:
            ax.axhline(float(rows.value.iloc[0]), color=hue, linestyle=":", linewidth=1.4, label=f"{model}, {AUDIO}")
            continue
        marker, line = _LOOKS[str(series)]
        label = f"{model}, {series}" if over == WER else str(model)
        ax.plot(x, rows.value, color=hue, marker=marker, linestyle=line, markersize=4.5, label=label)
        ax.fill_between(x, rows.low, rows.high, color=hue, alpha=0.13, linewidth=0)


def _dress(ax: Axes, x: pd.Series[float], over: str) -> None:
    """Axes, when all is drawn: limits set earlier would cut off what comes later."""
    if over == WER:
        ax.set_xlabel("word error rate (%)")
        ax.set_xlim(-1, ax.get_xlim()[1])
    else:
        ratios = sorted({value for value in x if np.isfinite(value)})
        clean = [_clean_place(ratios)] * bool(np.isinf(x).any())
        ax.set_xticks([*ratios, *clean], [*(f"{ratio:g}" for ratio in ratios), *[CLEAN] * len(clean)])
        ax.set_xlabel("signal-to-noise ratio (dB)")
    ax.axhline(0, color=GREY, linewidth=0.6)
    sns.despine(ax=ax)


def _mark_published(ax: Axes, dimension: str) -> None:
    """The paper's points, where it has the dimension."""
    rows = published("table2")
    rows = rows[rows.wer.notna()]
    if dimension not in rows:
        return
    label = f"Table 2 as published ({RELEASE})"
    ax.plot(100 * rows.wer, rows[dimension], linestyle="none", marker="*", markersize=10, color="black", label=label)
