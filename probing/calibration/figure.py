"""The calibration as a picture: which importance names the layer, and how often intervals hold the true value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probing.calibration.recovery import IMPORTANCES
from probing.report.style import GREY, PALETTE, drawing

_KINDS = {"standard": "standard", "alike": "ρ .97", "wide": "wide", "floor": "floor", "nonlinear": "non-linear"}
_GOAL = (93, 97)  # per cent; what single scores shall reach at 20 and 60 speakers
_MARKERS = "osD^v"


def draw(table: pd.DataFrame) -> Figure:
    """Two panels, one column wide.

    Args:
        table: As `calibration.results.rates`.
    """
    figure = Figure(figsize=(3.4, 6.6))
    with drawing():
        # Each panel has its own margin: names of what is measured are long, percentages are not.
        upper = figure.add_axes((0.15, 0.7, 0.82, 0.24))
        lower = figure.add_axes((0.42, 0.1, 0.55, 0.37))
        _recovery(upper, table[table.part == "recovery"])
        _coverage(lower, table[table.part == "coverage"])
        for ax in (upper, lower):
            ax.tick_params(labelsize=6.5)
            sns.despine(ax=ax)
        figure.text(0.02, 0.975, "Planted layer named exactly (%, ± Monte Carlo error)", fontsize=7.5)
        figure.text(0.02, 0.49, "95 % intervals that hold the true value (%; a dot a setting)", fontsize=7.5)
    return figure


def _recovery(ax: Axes, own: pd.DataFrame) -> None:
    kinds = [kind for kind in _KINDS if kind in set(own.setting)]
    for place, (name, colour) in enumerate(zip(IMPORTANCES, PALETTE, strict=False)):
        exact = own[own.quantity == f"{name}: exact"].set_index("setting").reindex(kinds)
        x = np.arange(len(kinds)) + 0.12 * (place - 2)
        look: dict[str, Any] = {"fmt": _MARKERS[place], "color": colour, "markersize": 4, "elinewidth": 0.8}
        ax.errorbar(x, 100 * exact.rate, 100 * exact.error, label=name, **look)
    ax.set_xticks(range(len(kinds)), [_KINDS[kind] for kind in kinds])
    ax.set_ylim(0, 103)
    ax.legend(fontsize=6.5, loc="upper center", bbox_to_anchor=(0.45, -0.1), ncol=1, frameon=False)


def _coverage(ax: Axes, own: pd.DataFrame) -> None:
    """Each setting a dot."""
    speakers = own.setting.str.extract(r"^(\d+) speakers", expand=False)
    own = own.assign(speakers=pd.to_numeric(speakers))[speakers.notna()]
    quantities = list(dict.fromkeys(own.quantity))[::-1]
    numbers = sorted(own.speakers.unique())
    ax.axvspan(*_GOAL, color="0.9", linewidth=0)
    ax.axvline(95, color=GREY, linewidth=0.8, linestyle=":")
    for place, number in enumerate(numbers):
        cells = own[own.speakers == number]
        y = [quantities.index(quantity) + 0.22 * (1 - place) for quantity in cells.quantity]
        dots: dict[str, Any] = {
            "s": 9,
            "color": PALETTE[place],
            "marker": _MARKERS[place],
            "linewidth": 0,
            "alpha": 0.8,
        }
        ax.scatter(100 * cells.rate, y, label=f"{number:g} speakers", **dots)
    ax.set_yticks(range(len(quantities)), quantities)
    ax.legend(fontsize=6.5, loc="upper center", bbox_to_anchor=(0.1, -0.08), ncol=3, frameon=False, columnspacing=0.8)
