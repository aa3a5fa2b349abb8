"""How exact batches are, as a picture: the largest relative error of each encoder, on a logarithmic axis."""

from __future__ import annotations

from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probing.exactness.tables import versions, worst
from probing.extraction.padding import EXACT
from probing.report.style import GREY, PALETTE, drawing, legible

_KINDS = {  # kind of batch → name in the legend, marker, colour
    "no_mask": ("ordinary batch, no mask", "o", PALETTE[1]),
    "mask": ("ordinary batch, attention mask", "s", PALETTE[4]),
    "ours": ("batch of this package", "D", PALETTE[0]),
}
_ROW, _LEAST = 0.155, 1e-8  # height of a row in inches; smaller errors, 0 among them, stand at the left edge


def draw(table: pd.DataFrame) -> Figure:
    """Encoders of speech on the left, of text on the right.

    Args:
        table: As `measure.measured` gives it.
    """
    own = worst(table)
    speech, text = own[own.reads == "speech"], own[own.reads == "text"]
    most = max(len(speech), len(text), 1)
    height = _ROW * most + 1.1
    figure = Figure(figsize=(6.9, height))
    names = [legible(name) for name in own.encoder]
    with drawing(names):
        for left, part, title in ((0.175, speech, "speech"), (0.675, text, "text")):
            share = _ROW * max(len(part), 1) / height
            ax = figure.add_axes((left, 1 - 0.3 / height - share, 0.31, share))
            _panel(ax, part, title)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.02, 0.0), fontsize=7, frameon=False)
        figure.text(0.02, 0.72 / height, versions(table), fontsize=6.5, color=GREY)
    return figure


def _panel(ax: Axes, part: pd.DataFrame, title: str) -> None:
    for kind, (label, marker, colour) in _KINDS.items():
        hollow = kind == "mask"  # and larger, so that what stands at the same place is seen
        look: dict[str, Any] = {
            "s": 26 if hollow else 12,
            "facecolors": "none" if hollow else colour,
            "edgecolors": colour,
        }
        ax.scatter(part[kind].clip(lower=_LEAST), range(len(part)), marker=marker, label=label, zorder=3, **look)
    ax.axvline(EXACT, color=GREY, linewidth=0.8, linestyle=":")
    ax.set(xscale="log", xlim=(_LEAST / 1.6, 5), ylim=(len(part) - 0.4, -0.6))
    ax.set_xticks([1e-8, EXACT, 1e-2, 1], ["≤ 1e-8", f"{EXACT:g}", "0.01", "1"])
    ax.minorticks_off()
    ax.set_yticks(range(len(part)), [legible(name) for name in part.encoder])
    ax.tick_params(labelsize=6.5)
    ax.set_title(title, fontsize=8, loc="left")
    ax.set_xlabel("largest relative error of a state", fontsize=7)
    ax.grid(axis="y", linewidth=0.3, color="0.9")
    sns.despine(ax=ax)
