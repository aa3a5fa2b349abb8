"""The comparison figure: layer importance beside the full systems on the same corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from probing.report.compared import corpus_title, demand_one_corpus, names_of, sample_of, systems, tests_of
from probing.report.importance import CCC, WEIGHT, drawn_of
from probing.report.naming import set_stem, shortened
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
from probing.runs.records import FinetuneRecord, FitRecord

TEACHING = (4, 8, 12)  # HuBERT's layers that DistilHuBERT learned to predict (section 2.1)
_PANELS = {WEIGHT: "normalised weight", CCC + "test2": "CCC of single layers, test2"}


def plot_layers_and_systems(
    fit: FitRecord, records: Sequence[FinetuneRecord], figure: Figure | None = None
) -> NDArray[np.object_]:
    """Plot layer importance on one side and the full systems' CCC on the other.

    Args:
        fit: A fit.
        records: Finetune runs on the same corpus; controls are left out.
        figure: Where to draw; by default a new figure of pyplot, which a notebook shows.

    Returns:
        The panels: those of the layers, then one for each test partition.

    Raises:
        RunError: They are on several corpora (code `several-corpora`), or files of a run are missing.
    """
    return _plot(_drawn(fit, records), fit, records, figure_to_show(figure))


def layers_and_systems(
    fit: FitRecord, records: Sequence[FinetuneRecord], out: Path = FIGURES, name: str | None = None
) -> list[Path]:
    """Write the comparison figure, as `plot_layers_and_systems` draws it.

    Args:
        fit: A fit.
        records: Finetune runs on the same corpus.
        out: Folder for `comparison-<name>-<encoder>`.
        name: By default the corpus and a digest of the runs.

    Returns:
        The files written.
    """
    drawn, figure = _drawn(fit, records), Figure()
    _plot(drawn, fit, records, figure)
    stem = f"comparison-{set_stem(records, name, fit)}-{fit.encoder_file_name}"
    return save(figure, out / shortened(stem), drawn)


def _drawn(fit: FitRecord, records: Sequence[FinetuneRecord]) -> pd.DataFrame:
    """What is drawn on the two sides, `side` saying which."""
    real = [record for record in systems(records) if not record.shuffled]
    demand_one_corpus([fit, *real])
    names, rows = names_of(real), []
    for record in real:
        for partition in tests_of(real):
            for dimension in record.system.dimensions:
                found = sample_of(record, dimension, partition)
                row = (names[record.folder], record.system.modality, partition, dimension)
                rows.append((*row, found.score, *found.interval()))
    columns = ["model", "modality", "partition", "dimension", "value", "low", "high"]
    scores = pd.DataFrame(rows, columns=columns).assign(side="systems")
    return pd.concat([drawn_of(fit).assign(side="layers"), scores])


def _plot(
    drawn: pd.DataFrame, fit: FitRecord, records: Sequence[FinetuneRecord], figure: Figure
) -> NDArray[np.object_]:
    layers, scores = drawn[drawn.side == "layers"], drawn[drawn.side == "systems"]
    panels = [panel for panel in _PANELS if (layers.panel == panel).any()]
    tests, models = list(dict.fromkeys(scores.partition)), list(dict.fromkeys(scores.model))
    title = f"{fit.title}'s layers and the full systems, {corpus_title(*records)}"
    dimensions = list(dict.fromkeys(drawn.dimension.dropna()))  # what permuted labels give is of no one dimension
    names = {name: legible(name) for name in (*dimensions, *models, *tests, title)}
    with drawing(names.values()):
        figure.set_size_inches(5.6 + 2.6 * len(tests), max(4.6, 1.9 + 0.42 * len(models)))
        figure.set_layout_engine("constrained")
        grid = figure.add_gridspec(max(len(panels), 1), 1 + len(tests), width_ratios=[1.5, *[1.0] * len(tests)])
        styles, axes = looks(dimensions), []
        for number, panel in enumerate(panels):
            axes.append(figure.add_subplot(grid[number, 0]))
            _layer_panel(axes[-1], layers[layers.panel == panel], styles, panel)
        first = None
        for number, partition in enumerate(tests, 1):
            axes.append(figure.add_subplot(grid[:, number], sharex=first, sharey=first))
            _system_panel(axes[-1], scores[scores.partition == partition], styles)
            axes[-1].set_title(partition_title(names[partition]), fontsize=9)
            axes[-1].set_yticks(range(len(models)), [_broken(names[model]) for model in models])
            axes[-1].tick_params(labelsize=8, labelleft=first is None)
            first = first or axes[-1]
        _legend(figure, styles, names, taught=int(layers.layer.max()) == TEACHING[-1])
        headline(figure, names[title], size=11)
    return np.asarray(axes)


def _layer_panel(ax: Axes, shown: pd.DataFrame, styles: Mapping[str, Look], panel: str) -> None:
    """Learned weights, or single layers' CCC, over the layers; mean over seeds with the band."""
    own = shown[shown.source == "encoder"]
    for dimension, rows in own.groupby("dimension", sort=False):
        by_layer = rows.groupby("layer")[["value", "low", "high"]].mean()
        layers, look = by_layer.index.to_numpy(int), styles[str(dimension)]
        ax.plot(layers, by_layer.value, color=look.colour, marker=look.marker, markersize=3.5)
        ax.fill_between(layers, by_layer.low, by_layer.high, color=look.colour, alpha=0.18)
    last = int(own.layer.max())
    layer_axis(ax, int(own.layer.min()), last, most=12)
    for layer in TEACHING if last == TEACHING[-1] else ():
        ax.axvline(layer, color=GREY, linestyle=":", linewidth=1, zorder=0)
        if panel == WEIGHT:
            where = ax.get_xaxis_transform()
            ax.text(layer, 1, "taught", transform=where, ha="center", va="bottom", fontsize=7, color=GREY)
    ax.set_ylabel(_PANELS[panel])
    sns.despine(ax=ax)


def _system_panel(ax: Axes, shown: pd.DataFrame, styles: Mapping[str, Look]) -> None:
    """One row a system, one dot a dimension."""
    models, dimensions = list(dict.fromkeys(shown.model)), list(dict.fromkeys(shown.dimension))
    for row in shown.itertuples():
        y = models.index(row.model) + (dimensions.index(row.dimension) - (len(dimensions) - 1) / 2) * 0.2
        look = styles[row.dimension]
        face = look.colour if "text" in row.modality else "white"
        ax.plot(row.value, y, color=look.colour, marker=look.marker, markersize=5, markerfacecolor=face)
        ax.hlines(y, row.low, row.high, color=look.colour, linewidth=1.1)
    ax.set_ylim(len(models) - 0.4, -0.6)
    ax.set_xlabel("CCC")
    ax.grid(axis="x", color="0.92")
    sns.despine(ax=ax)


def _broken(model: str) -> str:
    """A system's name on several lines."""
    return model.replace("+", "\n+ ").replace(", ", ",\n")


def _legend(figure: Figure, styles: Mapping[str, Look], names: Mapping[str, str], taught: bool) -> None:
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, label=names[name], markersize=5)
        for name, look in styles.items()
    ]
    for label, face in (("audio alone", "white"), ("with text", GREY)):
        handles.append(Line2D([], [], color=GREY, marker="o", linestyle="none", markerfacecolor=face, label=label))
    if taught:
        said = f"layers that DistilHuBERT learned to predict ({', '.join(map(str, TEACHING))})"
        handles.append(Line2D([], [], color=GREY, linestyle=":", label=said))
    figure.legend(handles=handles, loc="outside lower center", ncol=min(len(handles), 6), frameon=False, fontsize=8)
