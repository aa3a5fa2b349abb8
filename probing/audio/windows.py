"""Long recordings in windows: where each begins and ends."""

from __future__ import annotations

import math

from probing.audio.decode import MIN_SAMPLES, SAMPLE_RATE
from probing.errors import OptionError


def windows(samples: int, window: float | None = None, hop: float | None = None) -> list[tuple[int, int]]:
    """Cut a recording into windows.

    Args:
        samples: Its length at 16 kHz.
        window: Seconds in a window; None: one window, the whole recording.
        hop: Seconds from one window's beginning to the next one's; None: as long as a window.

    Returns:
        First sample and the one behind the last, of each window. Every sample is in a window where the hop is no longer
        than one; the last may be shorter, but is never shorter than an encoder's first frame (400 samples).

    Raises:
        OptionError: A window is shorter than that or infinite, or the hop is not above 0 or infinite (code
            `option-bounds`); or a hop is given without a window (`no-effect`).

    >>> windows(16_000 * 12, window=5, hop=2.5)[-2:]
    [(80000, 160000), (120000, 192000)]
    """
    if window is None:
        if hop is not None:
            why = "there are no windows to hop between"
            raise OptionError(f"--hop {hop:g}", why, "add --window SECONDS", code="no-effect")
        return [(0, samples)]
    size = round(window * SAMPLE_RATE) if math.isfinite(window) else 0
    if size < MIN_SAMPLES:
        why = f"a window has at least {MIN_SAMPLES} samples, which an encoder's first frame needs, and an end"
        remedy = "give a longer window, some seconds; leave it out for the whole recording"
        raise OptionError(f"--window {window:g}", why, remedy, code="option-bounds")
    step = size
    if hop is not None:
        step = round(hop * SAMPLE_RATE) if math.isfinite(hop) else 0
    if step < 1:
        why = "windows would not advance"
        raise OptionError(f"--hop {hop:g}", why, "give seconds above 0", code="option-bounds")
    found = []
    for start in range(0, samples, step):
        found.append((min(start, max(0, samples - MIN_SAMPLES)), min(start + size, samples)))
        if start + size >= samples:
            break
    return found
