"""A confusion matrix can be read: the numbers in its cells stand out from the cells' colours."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import colormaps

from probing.report.confusion import _readable


@pytest.mark.parametrize("share", np.linspace(0, 1, 21))
def test_every_number_stands_out(share: float) -> None:
    """By WCAG 2.1, whose least contrast for text is 4.5."""
    red, green, blue = (
        x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in colormaps["Blues"](share)[:3]
    )
    ground = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    letters = {"black": 0.0, "white": 1.0}[_readable(share)]
    assert (max(ground, letters) + 0.05) / (min(ground, letters) + 0.05) >= 4.5
