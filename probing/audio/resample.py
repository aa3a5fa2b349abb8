"""Resample a waveform that comes in blocks, with the same numbers as if it came as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

_TAPS = 10  # half of the filter, in periods of the lower rate: resample_poly's own
_AT_LEAST = 1 << 20  # samples resampled at a time, since each time the filter is made


def ratio(rate: int, target: int) -> tuple[int, int]:
    """Factors of upsampling and downsampling between two rates, in lowest terms."""
    divisor = math.gcd(target, rate)
    return target // divisor, rate // divisor


def resampled(blocks: Iterable[NDArray[np.float32]], rate: int, target: int) -> Iterator[NDArray[np.float32]]:
    """Resample by a polyphase filter (scipy.signal.resample_poly).

    A part of a waveform is resampled together with what the filter hears on both sides, and cut where a sample of the
    one rate meets one of the other: every number is then the sum of the same products in the same order.

    Args:
        blocks: The waveform, [S] each.
        rate: Its rate in Hz.
        target: That of the result.
    """
    if rate == target:
        yield from blocks
        return
    from scipy.signal import resample_poly  # it takes a second to import, and most corpora are at 16 kHz

    up, down = ratio(rate, target)
    context = down * (-(-(_TAPS * max(up, down) // up + 2) // down))  # samples, whole periods
    held, before = np.empty(0, np.float32), 0  # `before` of those held are there only to be heard
    for block in blocks:
        held = np.concatenate([held, block]) if len(held) else block
        ready = (len(held) - before - context) // down * down
        if ready < _AT_LEAST:
            continue
        found = resample_poly(held[: before + ready + context], up, down).astype(np.float32, copy=False)
        yield found[before // down * up : (before + ready) // down * up]
        kept = min(context, before + ready)
        held, before = held[before + ready - kept :], kept
    if len(held) > before:
        found = resample_poly(held, up, down).astype(np.float32, copy=False)
        yield found[before // down * up :] if before else found
