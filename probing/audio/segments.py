"""A part of a recording, heard block by block while the recording is decoded: the whole of it, or a segment.

Shape legend: S samples at 16 kHz.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probing.audio.bounds import SAMPLE_RATE

Segment = tuple[float, float]  # start and end in seconds; an infinite end is the recording's own
OVERSHOOT = 0.5  # s by which a segment may end behind its recording: as --max-overshoot of Kaldi's extract-segments
_CUT_OFF = "its segment ends up to half a second after the recording, and is cut off there"


def places(segment: Segment) -> tuple[int, float]:
    """The first sample of a segment at 16 kHz and the one behind its last, infinite where its end is.

    >>> places((0.1, 1.23456))
    (1600, 19753)
    """
    start, end = segment
    return round(start * SAMPLE_RATE), end if math.isinf(end) else round(end * SAMPLE_RATE)


class Part:
    """A recording or a segment of it, as far as it has been heard.

    Args:
        path: The recording.
        segment: Start and end in seconds; None: the whole recording.
        most: Samples of the waveform that are kept, if it is kept; else only its length and a digest of it.

    Attributes:
        name: The recording's, with the times of the segment.
        valid: Whether the segment starts at 0 s or later and before its end.
        first: Its first sample in the recording.
        last: The sample behind its last; infinite where it goes to the recording's end.
        samples: S, so far.
        swing: The difference of its highest and its lowest sample, so far.
        notes: What a user should know of it.
        beyond: The recording's length in samples, where the segment is not within it.
    """

    def __init__(self, path: Path, segment: Segment | None, most: int = 0) -> None:
        self.name, self.valid = f"{path}", True
        self.first, self.last = 0, math.inf
        if segment is not None:
            start, end = segment
            self.name = f"{path}, {start:.10g} to {end:.10g} s"
            self.valid = 0 <= start < end
            self.first, self.last = places(segment) if self.valid else (0, 0)
        self.samples, self.swing, self.notes = 0, 0.0, list[str]()
        self.beyond: int | None = None
        self._low, self._high = math.inf, -math.inf
        self._whole, self._keeps = segment is None, most > 0
        expected = 0 if math.isinf(self.last) else min(int(self.last) - self.first, most)
        self._held, self._own = np.empty(expected, np.float32), expected > 0
        self._digest = blake2b(digest_size=8)

    def hear(self, at: int, block: NDArray[np.float32]) -> None:
        """Take what is its own of a block that begins at a sample of the recording."""
        last = len(block) if math.isinf(self.last) else int(self.last) - at
        own = block[max(0, self.first - at) : max(0, last)]
        if not len(own):
            return
        self._low, self._high = min(self._low, float(own.min())), max(self._high, float(own.max()))
        self.swing = self._high - self._low
        if self._keeps:
            self._keep(own)
        else:
            self._digest.update(np.ascontiguousarray(own, "<f4").data)
        self.samples += len(own)

    def end(self, at: int) -> None:
        """Know that the recording has ended, after so many samples."""
        if math.isinf(self.last):
            self.beyond = at if self.first >= at > 0 else None
        elif self.last > at:
            self.beyond = at if self.first >= at or self.last - at > OVERSHOOT * SAMPLE_RATE else None
            self.notes.append(_CUT_OFF)

    @property
    def waveform(self) -> NDArray[np.float32]:
        """[S]."""
        return self._held[: self.samples]

    @property
    def content(self) -> int:
        """64 bits of a digest of its samples."""
        return int.from_bytes(self._digest.digest(), "little")

    def _keep(self, own: NDArray[np.float32]) -> None:
        """Append to the waveform, which grows in place, so that a long recording is not in memory twice."""
        used, needed = self.samples, self.samples + len(own)
        if not used and self._whole:  # most recordings are one block, which need not be copied
            self._held = np.ascontiguousarray(own)
            return
        if needed > len(self._held):
            self._held = self._held if self._own else self._held.copy()
            self._held.resize(needed if not used else max(needed, used + used // 8), refcheck=False)
            self._own = True
        self._held[used:needed] = own
