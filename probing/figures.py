"""Figures, drawn from records and their CSV files only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from probing.cache import slug
from probing.errors import ProbingError
from probing.records import Record

FIGURES = Path("figures")
FORMATS = ("pdf", "png", "svg")
# Okabe and Ito's colours, which colour-blind readers can tell apart; markers tell them apart in grey.
COLOURS = {"arousal": "#D55E00", "valence": "#0072B2", "dominance": "#009E73"}
MARKERS = {"arousal": "o", "valence": "s", "dominance": "^"}
_OTHER_COLOURS = ("#CC79A7", "#E69F00", "#56B4E9", "#000000")
_OTHER_MARKERS = ("D", "v", "P", "X")
_PANEL_TITLES = {"test1": "test1 (seen)", "test2": "test2 (unseen)"}


def figure2(record: Record, out: Path = FIGURES) -> list[Path]:
    """Draw Figure 2: which layers a dimension's probes weigh, and what each single layer gives.

    The first panel shows the learned layer weights, mean and range over seeds, and the uniform weight 1/L. One panel
    for each test partition shows the CCC of single-layer probes where they were fitted; where only single layers
    were fitted the first panel is left out.

    Args:
        record: A `fit` run.
        out: Folder for `figure2-<corpus>-<encoder>` as PDF, PNG, SVG and the CSV it was drawn from.

    Returns:
        The files written.

    Raises:
        ProbingError: The run is not a fit, or its files are missing.
    """
    if record["command"] != "fit":
        raise ProbingError(f"{record.folder}", f"it is a {record['command']} run", "name a fit run (see `probe runs`)")
    weights, scores = _read(record, "weights.csv"), _read(record, "scores.csv")
    tests = [p for p in dict.fromkeys(scores.partition) if p not in ("train", "development")] or ["development"]
    single = scores[(scores.kind == "single") & scores.partition.isin(tests)]
    shown = [
        weights.rename(columns={"weight": "value"}).assign(panel="weight"),
        single.rename(columns={"ccc": "value"}).assign(panel="CCC " + single.partition),
    ]
    drawn = pd.concat([part for part in shown if len(part)])[["panel", "dimension", "seed", "layer", "value"]]
    panels = list(dict.fromkeys(drawn.panel))
    out.mkdir(parents=True, exist_ok=True)
    stem = out / f"figure2-{slug(_corpus(record))}-{slug(record['encoder']['name'])}"
    with sns.axes_style("ticks"), plt.rc_context({"svg.hashsalt": "probing", "pdf.fonttype": 42, "font.size": 9}):
        figure, axes = plt.subplots(1, len(panels), figsize=(1.2 + 3.3 * len(panels), 3.4), squeeze=False)
        for ax, panel in zip(axes[0], panels, strict=True):
            _curves(ax, drawn[drawn.panel == panel])
            _dress(ax, panel, int(drawn.layer.min()), int(drawn.layer.max()))
        scored = [ax for ax, panel in zip(axes[0], panels, strict=True) if panel != "weight"]
        for ax in scored[1:]:
            ax.sharey(scored[0])
        _legend(figure, axes[0, 0])
        figure.suptitle(_title(record), fontsize=10)
        figure.tight_layout(rect=(0, 0.07, 1, 1))
        paths = _save(figure, stem)
    drawn.to_csv(stem.with_name(stem.name + ".csv"), index=False, float_format="%.6g")
    return [*paths, stem.with_name(stem.name + ".csv")]


def colour(dimension: str, others: Sequence[str] = ()) -> str:
    """A dimension's colour, the same in every figure of the project."""
    return COLOURS.get(dimension) or _OTHER_COLOURS[list(others).index(dimension) % len(_OTHER_COLOURS)]


def _curves(ax: Axes, drawn: pd.DataFrame) -> None:
    """Mean over seeds as a line, the range over seeds as a band, one colour a dimension."""
    others = sorted(set(drawn.dimension) - set(COLOURS))
    for dimension in dict.fromkeys(drawn.dimension):
        by_layer = drawn[drawn.dimension == dimension].groupby("layer").value
        hue = colour(dimension, others)
        marker = MARKERS.get(dimension) or _OTHER_MARKERS[others.index(dimension) % len(_OTHER_MARKERS)]
        mean = by_layer.mean()
        ax.fill_between(mean.index, by_layer.min(), by_layer.max(), color=hue, alpha=0.18, linewidth=0)
        ax.plot(mean.index, mean, color=hue, marker=marker, markersize=4, linewidth=1.4, label=dimension)


def _dress(ax: Axes, panel: str, first: int, last: int) -> None:
    n_layers = last - first + 1
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=min(n_layers, 14)))
    ax.xaxis.set_major_formatter(lambda layer, _: "C" if layer < 0 else f"{layer:.0f}")
    ax.set_xlim(first - 0.4, last + 0.4)
    ax.set_xlabel("layer index (0 = transformer input)")
    if panel == "weight":
        ax.axhline(1 / n_layers, color="0.35", linestyle="--", linewidth=1, label="uniform (1/L)")
        ax.set_ylabel("normalised weight")
        ax.set_title("learned layer weights", fontsize=9)
        ax.set_ylim(bottom=0)
    else:
        partition = panel.removeprefix("CCC ")
        ax.axhline(0, color="0.35", linewidth=0.8)
        ax.set_ylabel("CCC")
        ax.set_title(f"single-layer probes, {_PANEL_TITLES.get(partition, partition)}", fontsize=9)
    sns.despine(ax=ax)


def _legend(figure: Figure, ax: Axes) -> None:
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=len(labels), frameon=False)


def _title(record: Record) -> str:
    configuration = record["configuration"]
    seeds = configuration["options"]["seeds"]
    normed = ", states layer-normed" if configuration["options"]["normalize"] == "layer" else ""
    pooled = (
        ""
        if configuration["options"].get("pooling", "mean") == "mean"
        else f", {configuration['options']['pooling']} pooling"
    )
    built_in = " — built-in synthetic speech" if record["corpus"]["name"] == "demo" else ""
    return (
        f"{record['encoder']['title']} on {_corpus(record)}{built_in}\n"
        f"mean and range over {seeds} seed{'s' * (seeds > 1)}{normed}{pooled}"
    )


def _corpus(record: Record) -> str:
    """The corpus with its fold, where it has folds."""
    return str(record["corpus"].get("title", record["corpus"]["name"]))


def _read(record: Record, name: str) -> pd.DataFrame:
    path = record.folder / name
    if not path.is_file():
        raise ProbingError(f"{path}", "the run's folder is incomplete", "make the run again with `probe fit`")
    return pd.read_csv(path)


def _save(figure: Figure, stem: Path) -> list[Path]:
    """All formats, without dates, so that equal data gives equal files."""
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in FORMATS]
    undated = {"pdf": {"CreationDate": None}, "png": {"Software": None}, "svg": {"Date": None}}
    for path, kind in zip(paths, FORMATS, strict=True):
        figure.savefig(path, dpi=200, metadata=undated[kind])
    plt.close(figure)
    return paths
