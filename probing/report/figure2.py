"""Figure 2: what each layer tells of each dimension, drawn from a fit's record and its tables alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerLine2D
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from probing.files import write_text
from probing.report.caption import caption
from probing.report.importance import CCC, CHANCE, IMPORTANCE, PERMUTED, UAR, WEIGHT, drawn_of
from probing.report.naming import fit_stem
from probing.report.panels import GUESSING, LEVELS, MARKER, PERMUTED_GREY, RANDOM, ROW, SMALL, USUAL, draw, entitle
from probing.report.ridge import RIDGE
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
    save,
    settle,
)
from probing.runs.printing import seeds_of
from probing.runs.records import FitRecord

WIDTH = 3.4  # inches: a column of a paper
_HEIGHTS = {IMPORTANCE: 1.4, WEIGHT: 1.35}  # inches, with what stands above the panel
_OF_SCORES = 1.45  # inches, the same of a test partition
_REST = 0.9  # inches: title, axis and the frame about them
_LEGEND_ROW = 0.125  # inches
_SET = "at the top: may be the best (95 %)"  # the confidence set's label, whose markers stand in a row
_Handle = Line2D | Patch | tuple[Line2D, Line2D]  # of the legend; of two the second has the label


def plot_layers(
    record: FitRecord, controls: Sequence[FitRecord] = (), figure: Figure | None = None
) -> NDArray[np.object_]:
    """Plot Figure 2: how much each layer tells of each dimension, beside its controls.

    The panels stand over one axis of layers, and each says of how many speakers it is: the R² of ridge probes,
    cross-validated over speakers in train and development, which is the recommended importance, with the 95 %
    confidence set of the best layer; the CCC of ridge probes on each test partition (of categories the UAR, with what
    guessing reaches), the range of permuted labels and, at the right edge, the score of the weighted sum; and the
    learned weights, which are last because they say what a sum was made of rather than what a layer holds. A fit of
    version 0.1.0 has no ridge probes: its probes of single layers, where it fitted any, and its weights are drawn.

    Args:
        record: A fit.
        controls: The same fit on random encoders (`probing.report.controls`): dashed curves, with their range.
        figure: Where to draw; by default a new figure of pyplot, which a notebook shows.

    Returns:
        The panels from top to bottom.

    Raises:
        RunError: Files of a run are missing, changed or damaged.
    """
    return _plot(record, drawn_of(record, controls), figure_to_show(figure))


def figure2(record: FitRecord, out: Path = FIGURES, controls: Sequence[FitRecord] = ()) -> list[Path]:
    """Write Figure 2, as `plot_layers` draws it, as PDF, PNG and SVG, its caption, and the CSV that it was drawn from.

    Args:
        record: A fit.
        out: Folder for `figure2-<corpus>-<encoder>`, then every option that is not that of `make figure2`, and a digest
            of anything else than what that draws.
        controls: As in `plot_layers`.

    Returns:
        The files written; the caption is the last.
    """
    drawn, figure = drawn_of(record, controls), Figure()
    _plot(record, drawn, figure)
    stem = out / fit_stem(record, controls)
    words = stem.with_name(f"{stem.name}.md")
    told = caption(record, drawn, controls)  # before anything is written
    paths = save(figure, stem, drawn)
    write_text(words, told)
    return [*paths, words]


def _plot(record: FitRecord, drawn: pd.DataFrame, figure: Figure) -> NDArray[np.object_]:
    panels = list(dict.fromkeys(drawn.panel))
    named = list(dict.fromkeys(drawn.dimension.dropna()))
    names, title = {name: legible(name) for name in named}, [legible(line) for line in _title(record)]
    with drawing([*names.values(), *title, *panels]):
        heights = [_HEIGHTS.get(panel, _OF_SCORES) + ROW * len(named) * (panel == IMPORTANCE) for panel in panels]
        figure.set_size_inches(WIDTH, sum(heights) + _REST)
        figure.set_layout_engine("constrained", h_pad=0.035, w_pad=0.02, hspace=0.02)
        axes = figure.subplots(len(panels), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0]
        styles = looks(named)
        layers, right = drawn[drawn.source == "encoder"].layer, 0.0
        for ax, panel in zip(axes, panels, strict=True):
            shown = drawn[drawn.panel == panel]
            right = max(right, draw(ax, panel, shown, styles))
            entitle(ax, panel, shown)
            ax.tick_params(labelsize=SMALL, length=2, pad=2)
        for measure in (CCC, UAR):
            _share_y([ax for ax, panel in zip(axes, panels, strict=True) if panel.startswith(measure)])
        layer_axis(axes[-1], int(layers.min()), int(layers.max()))
        axes[-1].set_xlim(int(layers.min()) - 0.5, right)
        axes[-1].xaxis.label.set_size(USUAL)
        figure.set_figheight(figure.get_figheight() + _LEGEND_ROW * _legend(figure, drawn, styles, names))
        headline(figure, *title, size=USUAL + 0.5)
        figure.align_ylabels()
        settle(figure)
    return np.asarray(axes)


def _share_y(axes: Sequence[Axes]) -> None:
    """The same limits for all, wide enough for each."""
    limits = [ax.get_ylim() for ax in axes]  # of no panel nothing
    for ax in axes:
        ax.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))


def _legend(figure: Figure, drawn: pd.DataFrame, styles: Mapping[str, Look], names: Mapping[str, str]) -> int:
    """Dimensions in their colours and what else is drawn in grey, below the panels; its number of rows."""
    handles: list[_Handle] = [
        Line2D([], [], color=look.colour, marker=look.marker, markersize=MARKER + 0.4, linewidth=1.1, label=names[name])
        for name, look in styles.items()
    ]
    handles += _others(drawn)
    labels = [str((handle[-1] if isinstance(handle, tuple) else handle).get_label()) for handle in handles]
    in_a_row = {handle: HandlerLine2D(numpoints=3) for handle in handles if _is_set(handle)}
    for columns in (4, 3, 2, 1):
        for old in figure.legends:
            old.remove()
        shape: dict[str, Any] = {
            "frameon": False,
            "fontsize": SMALL,
            "handlelength": 1.8,
            "columnspacing": 1.0,
            "labelspacing": 0.3,
        }
        shape |= {"loc": "outside lower left", "ncol": columns, "borderpad": 0.2, "handler_map": in_a_row}
        shown: Any = handles  # a pair is drawn one upon the other; the stubs do not know it
        legend = figure.legend(shown, labels, **shape)
        if legend.get_window_extent().width <= 0.98 * figure.bbox.width:
            break
    return -(-len(handles) // columns)


def _is_set(handle: _Handle) -> bool:
    return isinstance(handle, Line2D) and handle.get_label() == _SET


def _others(drawn: pd.DataFrame) -> list[_Handle]:
    """What the legend says of all that is no dimension's own curve."""
    sources = set(drawn.source)
    dot: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": MARKER + 0.4, "markeredgewidth": 0.7}
    dot["color"] = GREY
    names = {"weighted": "weighted sum (right)", "shuffled": "permuted labels (right)"}
    found: list[_Handle] = []  # the shortest first, to stand below the dimensions
    for source in [source for source in LEVELS if source in sources]:
        bar = Line2D([], [], color=GREY, linestyle="none", marker="|", markersize=8, markeredgewidth=0.8)  # as there
        found.append((bar, Line2D([], [], label=names[source], markerfacecolor=LEVELS[source] or GREY, **dot)))
    if WEIGHT in set(drawn.panel):
        found.append(Line2D([], [], color=GREY, linestyle=":", linewidth=0.9, label="uniform weight (1/L)"))
    if CHANCE in sources:
        found.append(Line2D([], [], color=GREY, label="guessing (UAR)", **GUESSING))
    if PERMUTED in sources:
        found.append(Patch(color=PERMUTED_GREY, label="range of permuted labels"))
    if "random" in sources:
        number = drawn.random.nunique()
        said = f"mean and range of {number} random encoders" if number > 1 else "random weights"
        found.append(Line2D([], [], color=GREY, label=said, **RANDOM))
    if drawn.in_set.notna().any():
        found.append(Line2D([], [], label=_SET, **dot))
    return found


def _title(record: FitRecord) -> list[str]:
    """What was fitted on what, and how: two lines."""
    options = record.options
    built_in = " — built-in synthetic speech" if record.corpus.spec.prefix == "demo" else ""
    trained = options.get("head") != RIDGE
    parts = [f"weights of {seeds_of(options['seeds'])}"] if trained else []
    parts += ["states layer-normed"] if options.get("normalize") == "layer" else ["states as they are"]
    parts += [f"{options['pooling']} pooling"] if options.get("pooling", "mean") != "mean" else []
    return [f"{record.title} on {record.corpus.full_title}{built_in}", ", ".join(parts), *record.corpus.shared]
