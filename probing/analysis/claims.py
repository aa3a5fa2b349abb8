"""The paper's argument as claims that are tested: sound in shallow layers, words in deep ones (section 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from probing.analysis.material import SOUND, WORDS
from probing.analysis.shares import Shares
from probing.statistics.curves import Curve, Measured
from probing.statistics.layers import CROSS_VALIDATED
from probing.statistics.verdicts import Finding, settled

_AROUSAL, _VALENCE = "arousal", "valence"


def share_findings(shares: Shares, encoder: str) -> list[Finding]:
    """Whether valence is words in deep layers, and arousal sound in shallow ones, with their verdicts.

    Args:
        shares: What each layer has in common with words and with sound; without one of these there is no claim.
        encoder: Its name, for the reader.
    """
    count = len(shares.layers)
    third = max(1, count // 3)
    parts = [
        (_VALENCE, WORDS, SOUND, "the deepest third of the layers", slice(count - third, count)),
        (_AROUSAL, SOUND, WORDS, "the first third of the layers", slice(0, third)),
        (_AROUSAL, SOUND, WORDS, "the first state", slice(0, 1)),
    ]
    if third == 1:  # of fewer than six layers: the third is the first state, and a claim must not count twice
        parts = [(_VALENCE, WORDS, SOUND, "the last state", slice(count - 1, count)), parts[-1]]
    claims = []
    for dim, more, less, where, part in parts:
        curve = shares.contrast(dim, more, less)
        if curve is not None:
            what = f"in {where} ({_range(shares.layers[part])}) {dim} is {more} more than {less}"
            claims.append(_claim(what, curve, part, f"share of R² in common with {more} alone, minus {less}", encoder))
    return settled(claims)


def _claim(what: str, curve: Curve, part: slice, measure: str, encoder: str) -> Finding:
    """The claim that a curve's mean over some layers lies above 0."""
    measured = curve.summarize(_mean_over(part))
    low, high = _ends(measured)
    p = measured.p_value()
    return Finding(what, CROSS_VALIDATED, measure, encoder, measured.value, low, high, p=None if np.isnan(p) else p)


def _mean_over(part: slice) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda curve: np.asarray(curve[..., part].mean(-1))


def _ends(measured: Measured) -> tuple[float | None, float | None]:
    """Of one speaker there is no interval."""
    return (None, None) if np.isnan(measured.low) else (measured.low, measured.high)


def _range(layers: Sequence[int]) -> str:
    """Layers as they are spoken of."""
    return f"layer {layers[0]}" if len(layers) == 1 else f"layers {layers[0]}–{layers[-1]}"
