"""Cut long recordings into windows: where each begins and ends."""

from __future__ import annotations

import math

from probing.audio.decode import MIN_SAMPLES, SAMPLE_RATE
from probing.errors import OptionError


def windows(samples: int, window: float | None = None, hop: float | None = None) -> list[tuple[int, int]]:
    """Cut a recording into windows.

    Args:
        samples: Its length at 16 kHz.
        window: Length of a window in seconds; None: one window, the whole recording.
        hop: Seconds from the start of one window to the start of the next; None: the length of a window.

    Returns:
        Start and end of each window in samples; the end is exclusive. If the hop is not longer than a window, every
        sample is in one. The last window may be shorter, but never shorter than an encoder's first frame (400 samples).

    Raises:
        OptionError: A window is shorter than that or infinite, or the hop is not above 0 or infinite (code
            `option-bounds`); or a hop is given without a window (`no-effect`).

    >>> windows(16_000 * 12, window=5, hop=2.5)[-2:]
    [(80000, 160000), (120000, 192000)]
    """
    if window is None:
        if hop is not None:
            why = "without windows it has no effect"
            raise OptionError(f"--hop {hop:g}", why, "add --window SECONDS", code="no-effect")
        return [(0, samples)]
    size = round(window * SAMPLE_RATE) if math.isfinite(window) else 0
    if size < MIN_SAMPLES:
        why = f"a window must be finite and have {MIN_SAMPLES} samples or more, as an encoder's first frame needs"
        remedy = "give the length of a window in seconds, for example 5; leave it out for the whole recording"
        raise OptionError(f"--window {window:g}", why, remedy, code="option-bounds")
    step = size
    if hop is not None:
        step = round(hop * SAMPLE_RATE) if math.isfinite(hop) else 0
    if step < 1:
        why, remedy = "it must be a finite number above 0", "give seconds, for example 2.5"
        raise OptionError(f"--hop {hop:g}", why, remedy, code="option-bounds")
    found = []
    for start in range(0, samples, step):
        found.append((min(start, max(0, samples - MIN_SAMPLES)), min(start + size, samples)))
        if start + size >= samples:
            break
    return found
