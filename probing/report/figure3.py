"""Figure 3 (what text adds to valence) and the comparison figure (layer importance beside the full systems).

Drawn from records and their CSV files only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from probing.errors import ProbingError
from probing.files import slug
from probing.report.figure2 import MARKERS, colour, saved
from probing.report.findings import roles
from probing.report.importance import CCC, WEIGHT, drawn_of
from probing.report.table1 import corpus_title, model_name, systems, tests_of
from probing.runs.records import Record
from probing.statistics.concordance import ccc
from probing.statistics.paired import contrast, estimates_of, mean_draws, predictions_of

TEACHING = (4, 8, 12)  # HuBERT's layers that DistilHuBERT learned to predict (section 2.1)
_TESTS = {"test1": "test1 (seen)", "test2": "test2 (unseen)"}
_DEFINED = 0.025  # share of resamples with audio alone at or below 0 beyond which a relative gain has no interval
_TINY = 1e-6  # stands for audio alone in the few resamples where it is not above 0
_GREY = "0.35"
_REGIMES: dict[str, dict[str, Any]] = {
    "FT": {"marker": "o", "markersize": 6},
    "FT⇒FRZ": {"marker": "o", "markersize": 6, "markerfacecolor": "white"},
}


def gains(records: Sequence[Record]) -> pd.DataFrame:
    """What text adds to valence: one row an audio encoder, regime, test partition and measure.

    Args:
        records: `finetune` runs on one corpus.

    Returns:
        encoder, regime, partition, measure (`relative`: (audio+text − audio) / audio; `absolute`: the difference),
        value, low, high, seeds, said. Audio is the fine-tuned audio-only system, for both regimes. A relative gain is
        NaN where audio alone is at or below 0, its interval where more than 2.5 % of the resamples are; `said` says so.
    """
    who = roles(records)
    rows = []
    for encoder, audio in sorted(who.audio.items(), key=lambda item: -item[1]["system"]["parameters"]):
        for regime, runs in (("FT", who.both), ("FT⇒FRZ", who.frozen)):
            if encoder not in runs:
                continue
            for partition in tests_of(records):
                pair = [runs[encoder], audio]
                absolute = contrast(pair, np.subtract, "valence", partition)
                row = {"encoder": encoder, "regime": regime, "partition": partition, "seeds": absolute.seeds}
                ends = {"value": absolute.value, "low": absolute.low, "high": absolute.high}
                rows += [
                    row | {"measure": "absolute"} | ends,
                    row | {"measure": "relative"} | _relative(pair, partition),
                ]
    return pd.DataFrame(rows).reindex(
        columns=["encoder", "regime", "partition", "measure", "value", "low", "high", "seeds", "said"]
    )


def figure3(records: Sequence[Record], out: Path) -> list[Path]:
    """Draw Figure 3: the gain of text on valence, relative as in the paper and absolute beside it.

    Returns:
        The files written, `figure3-<corpus>`; none where no audio encoder has a system with and one without text.
    """
    drawn = gains(systems(records))
    if drawn.empty:
        return []
    partitions = list(dict.fromkeys(drawn.partition))
    encoders = list(dict.fromkeys(drawn.encoder))
    with sns.axes_style("ticks"), plt.rc_context({"svg.hashsalt": "probing", "pdf.fonttype": 42, "font.size": 9}):
        width = 1.6 + 0.9 * len(encoders)
        figure, axes = plt.subplots(1, 2, figsize=(1.2 + 2 * max(width, 3.2), 3.6))
        for ax, measure in zip(axes, ("relative", "absolute"), strict=True):
            _gain_panel(ax, drawn[drawn.measure == measure], encoders, partitions, measure)
        handles = [
            Line2D([], [], color=_partition_colour(p), marker="o", linestyle="none", label=_TESTS.get(p, p))
            for p in partitions
        ]
        handles += [
            Line2D([], [], color=_GREY, linestyle="none", label=regime, **_REGIMES[regime])
            for regime in dict.fromkeys(drawn.regime)
        ]
        figure.legend(handles=handles, loc="lower center", ncol=4, frameon=False)
        seeds = int(drawn.seeds.min())
        counted = f"{seeds} seeds" if seeds > 1 else "one seed"
        figure.suptitle(
            f"What text adds to valence, {corpus_title(records[0])}\nmean over {counted}, bars: 95 % interval"
        )
        figure.tight_layout(rect=(0, 0.08, 1, 1), w_pad=2)
        stem = out / f"figure3-{slug(str(records[0]['corpus']['title']))}"
        return saved(figure, stem, drawn)


def _gain_panel(ax: Axes, shown: pd.DataFrame, encoders: list[str], partitions: list[str], measure: str) -> None:
    scale = 100 if measure == "relative" else 1
    slots = [(partition, regime) for regime in _REGIMES for partition in partitions]
    for row in shown.itertuples():
        x = encoders.index(row.encoder) + (slots.index((row.partition, row.regime)) - (len(slots) - 1) / 2) * 0.16
        hue = _partition_colour(row.partition)
        if np.isfinite(row.value):
            ax.plot(x, scale * row.value, color=hue, linestyle="none", **_REGIMES[row.regime])
            ax.vlines(x, scale * row.low, scale * row.high, color=hue, linewidth=1.2)
        else:
            ax.text(x, 0, "undefined", rotation=90, ha="center", va="bottom", fontsize=7, color=hue)
    ax.axhline(0, color=_GREY, linewidth=0.8)
    ax.set_xticks(range(len(encoders)), encoders)
    ax.set_xlim(-0.6, len(encoders) - 0.4)
    ax.set_ylabel("relative gain of valence CCC (%)" if measure == "relative" else "gain of valence CCC")
    ax.set_title("relative to audio alone" if measure == "relative" else "absolute", fontsize=9)
    sns.despine(ax=ax)


def comparison_figure(fit: Record, records: Sequence[Record], out: Path) -> list[Path]:
    """Draw layer importance on one side and the full systems' CCC on the other.

    Args:
        fit: A `probe fit` run.
        records: `finetune` runs on the same corpus.
        out: Folder for `comparison-<corpus>-<encoder>`.

    Raises:
        ProbingError: They are on other corpora.
    """
    ordered = [record for record in systems(records) if not record["shuffled"]]
    ours, theirs = (str(record["corpus"].get("title", record["corpus"]["name"])) for record in (fit, ordered[0]))
    if ours != theirs:
        raise ProbingError(
            f"{fit.folder} is on {ours}, the systems are on {theirs}",
            "layers and systems are compared on one corpus",
            f"name a fit run on {theirs} with --fit, or make one with `probe fit`",
        )
    layers = drawn_of(fit, None)
    scores = _system_scores(ordered)
    shown = [panel for panel in dict.fromkeys(layers.panel) if panel == WEIGHT or panel == CCC + "test2"]
    tests = tests_of(ordered)
    heights = [1.0] * len(shown)
    with sns.axes_style("ticks"), plt.rc_context({"svg.hashsalt": "probing", "pdf.fonttype": 42, "font.size": 9}):
        size = (5.6 + 2.6 * len(tests), max(4.6, 1.9 + 0.42 * len(ordered)))
        figure = plt.figure(figsize=size, layout="constrained")
        grid = figure.add_gridspec(
            len(shown), 1 + len(tests), width_ratios=[1.5, *[1.0] * len(tests)], height_ratios=heights
        )
        for number, panel in enumerate(shown):
            _layer_panel(figure.add_subplot(grid[number, 0]), layers[layers.panel == panel], panel)
        first = None
        for number, partition in enumerate(tests, 1):
            ax = figure.add_subplot(grid[:, number], sharex=first, sharey=first)
            _system_panel(ax, scores[scores.partition == partition], partition, named=first is None)
            first = first or ax
        _legend(figure, layers, dict.fromkeys([*layers.dimension, *scores.dimension]))
        figure.suptitle(f"{fit['encoder']['title']}'s layers and the full systems, {corpus_title(ordered[0])}")
        stem = out / f"comparison-{slug(ours)}-{slug(str(fit['encoder']['name']))}"
        return saved(figure, stem, pd.concat([layers.assign(side="layers"), scores.assign(side="systems")]))


def _system_scores(records: Sequence[Record]) -> pd.DataFrame:
    rows = []
    for record in records:
        for partition in tests_of(records):
            for dimension in record["system"]["dimensions"]:
                found = contrast([record], np.asarray, dimension, partition)
                rows.append((model_name(record), record["system"]["modality"], partition, dimension, *_ends(found)))
    return pd.DataFrame(rows, columns=["model", "modality", "partition", "dimension", "value", "low", "high"])


def _ends(found: Any) -> tuple[float, float, float]:
    return found.value, found.low, found.high


def _layer_panel(ax: Axes, shown: pd.DataFrame, panel: str) -> None:
    """Learned weights, or single layers' CCC, over the layers; mean over seeds with the band."""
    own = shown[shown.source == "encoder"]
    for dimension, rows in own.groupby("dimension", sort=False):
        by_layer = rows.groupby("layer")[["value", "low", "high"]].mean()
        layers = by_layer.index.to_numpy(int)
        marker = MARKERS.get(str(dimension), "D")
        ax.plot(layers, by_layer.value, color=colour(str(dimension), [str(dimension)]), marker=marker, markersize=3.5)
        ax.fill_between(layers, by_layer.low, by_layer.high, color=colour(str(dimension), [str(dimension)]), alpha=0.18)
    last = int(own.layer.max())
    ax.set_xticks(range(0, last + 1, 2 if last > 6 else 1))
    if last == TEACHING[-1]:
        top = ax.get_ylim()[1]
        for layer in TEACHING:
            ax.axvline(layer, color=_GREY, linestyle=":", linewidth=1, zorder=0)
            ax.text(layer, top, "taught" if panel == WEIGHT else "", ha="center", va="bottom", fontsize=7, color=_GREY)
    ax.set_xlabel("layer index (0 = transformer input)")
    ax.set_ylabel("normalised weight" if panel == WEIGHT else "CCC of single layers, test2")
    sns.despine(ax=ax)


def _system_panel(ax: Axes, shown: pd.DataFrame, partition: str, named: bool) -> None:
    """One row a system, one dot a dimension."""
    models = list(dict.fromkeys(shown.model))
    dimensions = list(dict.fromkeys(shown.dimension))
    for row in shown.itertuples():
        y = models.index(row.model) + (dimensions.index(row.dimension) - (len(dimensions) - 1) / 2) * 0.2
        hue = colour(row.dimension, dimensions)
        face = hue if "text" in row.modality else "white"
        ax.plot(row.value, y, color=hue, marker=MARKERS.get(row.dimension, "D"), markersize=5, markerfacecolor=face)
        ax.hlines(y, row.low, row.high, color=hue, linewidth=1.1)
    ax.set_yticks(range(len(models)), [model.replace("+", "\n+ ") for model in models])
    ax.set_ylim(len(models) - 0.4, -0.6)
    ax.tick_params(labelsize=8, labelleft=named)
    ax.set_xlabel("CCC")
    ax.set_title(_TESTS.get(partition, partition), fontsize=9)
    ax.grid(axis="x", color="0.92")
    sns.despine(ax=ax)


def _legend(figure: Figure, layers: pd.DataFrame, names: Iterable[str]) -> None:
    names = list(names)
    handles = [
        Line2D([], [], color=colour(name, names), marker=MARKERS.get(name, "D"), label=name, markersize=5)
        for name in names
    ]
    for label, face in (("audio alone", "white"), ("with text", _GREY)):
        handles.append(Line2D([], [], color=_GREY, marker="o", linestyle="none", markerfacecolor=face, label=label))
    if int(layers.layer.max()) == TEACHING[-1]:
        said = "layers that DistilHuBERT learned to predict (4, 8, 12)"
        handles.append(Line2D([], [], color=_GREY, linestyle=":", label=said))
    figure.legend(handles=handles, loc="outside lower center", ncol=len(handles), frameon=False, fontsize=8)


def _relative(pair: Sequence[Record], partition: str) -> dict[str, Any]:
    """Value, ends and what must be said of a relative gain, (audio+text − audio) / audio."""
    table = predictions_of(pair[1])
    own = table[(table.dimension == "valence") & (table.partition == partition) & table.truth.notna()]
    own = own.sort_values("id").reset_index(drop=True)
    if ccc(own.truth, estimates_of(own)).mean() <= 0:
        return {"value": np.nan, "said": "undefined: audio alone is at or below 0"}
    found = contrast(pair, lambda both, audio: (both - audio) / np.maximum(audio, _TINY), "valence", partition)
    if np.mean(mean_draws(own) <= 0) > _DEFINED:
        return {"value": found.value, "said": "no interval: audio alone reaches 0 within its own"}
    return {"value": found.value, "low": found.low, "high": found.high, "said": ""}


def _partition_colour(partition: str) -> str:
    return {"test1": "#56B4E9", "test2": "#D55E00"}.get(partition, _GREY)
