"""Long recordings in windows: where each begins and ends."""

from __future__ import annotations

from probing.audio.decode import MIN_SAMPLES, SAMPLE_RATE
from probing.errors import ProbingError


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
        ProbingError: A window is shorter than that, or the hop is not above 0.

    >>> windows(16_000 * 12, window=5, hop=2.5)[-2:]
    [(80000, 160000), (120000, 192000)]
    """
    if window is None:
        if hop is not None:
            raise ProbingError(f"--hop {hop:g}", "there are no windows to hop between", "add --window SECONDS")
        return [(0, samples)]
    size = round(window * SAMPLE_RATE) if window == window else 0
    if size < MIN_SAMPLES:
        raise ProbingError(
            f"--window {window:g}",
            f"that is {size:,} samples; an encoder's first frame needs {MIN_SAMPLES}",
            "give a longer window, some seconds",
        )
    step = size if hop is None else round(hop * SAMPLE_RATE)
    if step < 1:
        raise ProbingError(f"--hop {hop:g}", "windows would not move on", "give seconds above 0")
    found = []
    for start in range(0, samples, step):
        found.append((min(start, max(0, samples - MIN_SAMPLES)), min(start + size, samples)))
        if start + size >= samples:
            break
    return found
