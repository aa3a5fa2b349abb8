"""The curve behind Table 2's two points: a dimension's CCC over the word error rate, or over the noise in the audio."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from probing.errors import ProbingError
from probing.files import slug
from probing.report.conditions import Condition, conditions
from probing.report.figure2 import saved
from probing.report.published import CORPUS, published
from probing.report.table1 import corpus_title, model_name, systems, tests_of, titled
from probing.runs.records import Record
from probing.statistics.paired import contrast

WER, SNR = "wer", "snr"
SAME, HUMAN_ONLY, AS_TRAINED = "trained and tested on the same words", "trained on human words", "audio degraded"
AUDIO = "audio alone"
CLEAN = "clean"
_PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito
_LOOKS = {SAME: ("o", "-"), HUMAN_ONLY: ("s", "--"), AS_TRAINED: ("o", "-")}
_GREY = "0.35"


def points(records: Sequence[Record], over: str, dimension: str = "valence") -> pd.DataFrame:
    """What the figure shows, one row a point.

    Args:
        records: `finetune` runs on one corpus; their evaluations are looked for beside them.
        over: `wer` or `snr`.
        dimension: Name of a dimension.

    Returns:
        model, series (how it was trained and tested), partition, x (word error rate as a share, or dB; infinite for
        clean audio), value, low, high (95 %, speakers and seeds resampled), n, seeds. Systems without text are points
        at 0 among word errors, which cannot reach them.
    """
    ordered = [record for record in systems(records) if not record["shuffled"]]
    rows = []
    for condition in conditions(ordered):
        series = _series(condition, over)
        if series is None or dimension not in condition.run["system"]["dimensions"]:
            continue
        for partition in tests_of(ordered):
            x = condition.wer(partition) if over == WER else np.inf if condition.snr is None else condition.snr
            if np.isnan(x):
                continue
            found = contrast([condition.tested], np.asarray, dimension, partition)
            for name in series:
                row = (model_name(condition.run, words=False), name, partition, x, found.value, found.low, found.high)
                rows.append((*row, found.n, found.seeds))
    columns = ["model", "series", "partition", "x", "value", "low", "high", "n", "seeds"]
    table = pd.DataFrame(rows, columns=columns)
    several = table.groupby(["model", "series", "partition"]).x.transform("nunique") > 1
    if not several.any():
        return table[several]
    return (
        table[several | (table.series == AUDIO)]
        .sort_values(["model", "series", "partition", "x"])
        .reset_index(drop=True)
    )


def _series(condition: Condition, over: str) -> tuple[str, ...] | None:
    """The curves that a condition is a point of; the human words are the first point of both."""
    human_trained = condition.trained_on["method"] == "human"
    if over == SNR:
        return (AS_TRAINED,) if condition.matched and human_trained else None
    if condition.snr is not None:
        return None
    if "text" not in condition.run["system"]["modality"]:
        return (AUDIO,)
    return (SAME,) * condition.matched + (HUMAN_ONLY,) * human_trained or None


def curve(records: Sequence[Record], over: str, out: Path, dimension: str = "valence") -> list[Path]:
    """Draw CCC over word error rate or over the noise in the audio, a panel for each test partition.

    Args:
        records: `finetune` runs on one corpus.
        over: `wer` or `snr`.
        out: Folder for `<over>-<corpus>-<dimension>`.
        dimension: Name of a dimension.

    Returns:
        The files written.

    Raises:
        ProbingError: No system was tested under two conditions.
    """
    drawn = points(records, over, dimension)
    if drawn.empty:
        option = "--corrupt-words 0.2" if over == WER else "--snr 10"
        raise ProbingError(
            f"there is no curve over {over} to draw",
            f"none of these runs was tested on {dimension} under two conditions",
            f"test one under another: probe evaluate {records[0].folder} {option}",
        )
    partitions = list(dict.fromkeys(tests_of(list(records))))
    models = list(dict.fromkeys(drawn.model))
    with sns.axes_style("ticks"), plt.rc_context({"svg.hashsalt": "probing", "pdf.fonttype": 42, "font.size": 9}):
        figure, axes = plt.subplots(
            1, len(partitions), figsize=(1 + 3.4 * len(partitions), 4.1), sharey=True, squeeze=False
        )
        for ax, partition in zip(axes[0], partitions, strict=True):
            _panel(ax, drawn[drawn.partition == partition], models, over)
            if over == WER and partition == "test1" and on_the_papers_corpus(records[0]):
                _mark_published(ax, dimension)
            ax.set_title(f"{partition} ({titled(partition)})" if titled(partition) != partition else partition)
        axes[0, 0].set_ylabel(f"{dimension} CCC")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        seeds = int(drawn.seeds.min())
        counted = f"mean over {seeds} seeds" if seeds > 1 else "one seed"
        what = "Word errors" if over == WER else "Noise and room"
        figure.suptitle(f"{what} and {dimension}, {corpus_title(records[0])}\n{counted}; bands: 95 % interval")
        figure.tight_layout(rect=(0, 0.02 + 0.05 * len(handles), 1, 1))
        figure.legend(handles, labels, loc="lower center", frameon=False, fontsize=8)
        return saved(figure, out / f"{over}-{slug(str(records[0]['corpus']['title']))}-{slug(dimension)}", drawn)


def _panel(ax: Axes, shown: pd.DataFrame, models: Sequence[str], over: str) -> None:
    ratios = sorted(x for x in set(shown.x) if np.isfinite(x))
    clean = (ratios[-1] + 10) if ratios else 0.0  # where clean audio stands on an axis of decibels
    for (model, series), rows in shown.groupby(["model", "series"], sort=False):
        x = 100 * rows.x if over == WER else rows.x.replace(np.inf, clean)
        hue = _PALETTE[models.index(str(model)) % len(_PALETTE)]
        if series == AUDIO:
            ax.axhline(float(rows.value.iloc[0]), color=hue, linestyle=":", linewidth=1.4, label=f"{model}, {AUDIO}")
            continue
        marker, line = _LOOKS[str(series)]
        label = f"{model}, {series}" if over == WER else str(model)
        ax.plot(x, rows.value, color=hue, marker=marker, linestyle=line, markersize=4.5, label=label)
        ax.fill_between(x, rows.low, rows.high, color=hue, alpha=0.13, linewidth=0)
    if over == WER:
        ax.set_xlabel("word error rate (%)")
        ax.set_xlim(left=-1)
    else:
        ax.set_xticks([*ratios, clean], [*(f"{ratio:g}" for ratio in ratios), CLEAN])
        ax.set_xlabel("signal-to-noise ratio (dB)")
    ax.axhline(0, color=_GREY, linewidth=0.6)
    sns.despine(ax=ax)


def on_the_papers_corpus(record: Record) -> bool:
    """Whether a run is on the release that the paper's numbers are of: an MSP-Podcast folder that says 1.10."""
    spec = str(record["corpus"]["spec"])
    return spec.startswith("msp-podcast:") and "1.10" in Path(spec).name


def _mark_published(ax: Axes, dimension: str) -> None:
    rows = published("table2")
    rows = rows[rows.wer.notna()]
    ax.plot(
        100 * rows.wer,
        rows[dimension],
        linestyle="none",
        marker="*",
        markersize=10,
        color="black",
        label=f"Table 2 as published ({CORPUS})",
    )
