"""A stand-in for a trained run: it estimates how loud a recording is, and how much is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np


class Loudness:
    """Estimates mean |x| as arousal, its square as valence, and the number of letters said as dominance.

    Args:
        reads: Whether it demands words.
    """

    dimensions = ("arousal", "valence", "dominance")
    categories: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    hears = True
    title = "loudness"
    scale = (1.0, 7.0)
    batch = 16

    def __init__(self, reads: bool = False) -> None:
        self.reads = reads
        self.batches: list[int] = []

    def estimate(self, pieces: Sequence[np.ndarray], texts: Sequence[str] | None) -> np.ndarray:
        """Estimates [B, 3] of B waveforms."""
        self.batches.append(len(pieces))
        loud = np.array([float(np.abs(piece).mean()) for piece in pieces])
        letters = np.array([len(text) for text in texts] if texts else [0] * len(pieces), float)
        return np.stack([loud, loud**2, letters], axis=1)
