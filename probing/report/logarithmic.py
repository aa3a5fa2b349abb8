"""Logarithmic axes that can be read: enough labels, ticks between them, and the words "log scale"."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter
from numpy.typing import NDArray
from sklearn.isotonic import isotonic_regression

_STEPS = (  # of labels in a decade, and every how many decades; the plainest first
    *(((1.0,), every) for every in (4, 3, 2, 1)),
    *(((1.0, 3.0), 1), ((1.0, 2.0, 5.0), 1), ((1.0, 1.5, 2.0, 3.0, 5.0, 7.0), 1)),
    ((1.0, 2.0, 3.0, 5.0), 1),
    ((1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0), 1),
)
_LEAST, _MOST = 4, 6  # labels
_NARROWEST = 5.0  # last end over first: no small difference looks like a large one
_DIGIT, _SPACE = 0.031, 0.012  # shares of the narrowest axis: a digit, and what must be free between labels
_WIDE = 30.0  # from here on, halves between whole numbers stand too close


def dress(ax: Axes, values: pd.Series, label: str, size: float) -> None:
    """Make a horizontal axis logarithmic.

    Args:
        ax: It is dressed.
        values: What is drawn, above 0.
        label: What they are; that the scale is logarithmic is said behind it.
        size: Of letters, in points; of the numbers half a point less.
    """
    low, high = float(values.min()), float(values.max())
    pad = max((_NARROWEST / (high / low)) ** 0.5, (high / low) ** 0.12)
    low, high = low / pad, high * pad
    ax.set(xscale="log", xlim=(low, high))
    ax.xaxis.set_major_locator(FixedLocator(ticks(low, high)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _written(value)))
    fine = 0.5 if high / low < _WIDE else 1.0
    ax.xaxis.set_minor_locator(FixedLocator(_between(low, high, np.arange(1, 10, fine).tolist())))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(labelsize=size - 0.5, length=3, pad=2)
    ax.tick_params(which="minor", length=1.5)
    ax.grid(axis="x", linewidth=0.3, color="0.9")
    ax.set_xlabel(f"{label} (log scale)" if label else "", fontsize=size)
    sns.despine(ax=ax)


def ticks(low: float, high: float) -> list[float]:
    """Where labels stand: four to six of them, as plain as they can be; fewer where so many would touch each other.

    >>> ticks(0.8, 12), ticks(3, 16)
    ([1.0, 2.0, 5.0, 10.0], [3.0, 5.0, 7.0, 10.0, 15.0])
    """
    found = [_between(low, high, steps, every) for steps, every in _STEPS]
    span = log10(high / low)
    return min(found, key=lambda own: 2 * _touching(own, span) + max(_LEAST - len(own), len(own) - _MOST, 0))


def _touching(own: Sequence[float], span: float) -> int:
    """How many neighbouring labels would touch on an axis of so many decades."""
    widths = [_DIGIT * sum(0.5 if sign in ".," else 1.0 for sign in _written(value)) for value in own]
    gaps = (np.diff(np.log10(own)) / span).tolist()
    return sum(gap < (a + b) / 2 + _SPACE for gap, a, b in zip(gaps, widths, widths[1:], strict=False))


def _written(value: float) -> str:
    return f"{value:,.6g}"


def apart(values: Sequence[float], gap: float) -> NDArray[np.float64]:
    """Values moved as little as possible (in the sum of squares of their logarithms), so that none hides another.

    Args:
        values: Above 0 [N].
        gap: Between neighbours at least, of natural logarithms.

    Returns:
        In the same order [N]; of equal ones the first is the smallest.

    >>> apart([1.0, 100.0], 0.1).round(6).tolist(), np.log(apart([1.0, 1.0], 0.1)).round(6).tolist()
    ([1.0, 100.0], [-0.05, 0.05])
    """
    logarithms, steps = np.log(values), gap * np.arange(len(values))
    order = np.argsort(logarithms, kind="stable")
    found = np.empty(len(values))
    found[order] = isotonic_regression(logarithms[order] - steps) + steps
    return np.exp(found)


def _between(low: float, high: float, steps: Sequence[float], every: int = 1) -> list[float]:
    """Multiples of powers of ten between two ends."""
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    known = [float(f"{step}e{decade}") for decade in decades if decade % every == 0 for step in steps]
    return [value for value in known if low <= value <= high]
