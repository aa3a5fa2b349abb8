"""How long the audio in a file is: what its header states against what is there.

One rule for all formats that state a number of bytes. An error of less than a frame (20 ms) and a size that was never
filled in are notes; any other difference is damage, since nothing tells which of the two is right.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from probing.audio.refusals import cut_short, damaged
from probing.audio.source import Layout, Piece, Source

USUAL_RATES = frozenset(  # Hz
    int(rate)
    for rate in (
        "5512 6000 8000 11025 12000 16000 18900 22050 24000 32000 37800 44100 48000 64000 88200 96000 176400 192000 "
        "352800 384000"
    ).split()
)
FRAMES = 50  # in a second, each of them 20 ms
_ZEROS = 1 << 16  # bytes read at a time


@dataclass(frozen=True)
class Stated:
    """What a header states of its audio.

    Args:
        start: Where the audio begins in the file, in bytes.
        size: Its bytes; None where it was written as a stream, whose length nobody knew.
        second: Bytes in a second.
        width: Bytes of one sample of all channels; 0 if it is compressed.
        field: Offset of the size in the file, its format for `struct`, and the bytes that it counts beside the audio;
            used to fill in a size of 0.
    """

    start: int
    size: int | None
    second: float
    width: int
    field: tuple[int, str, int]


def measured(source: Source, stated: Stated, follows: str | None) -> Layout:
    """Compare the size that a header states with the file.

    Args:
        source: The file.
        stated: What the header states.
        follows: A note on what follows the audio; empty if nothing does, or parts of the format that need no note. None
            if it is not part of the format.

    Returns:
        What the decoder is to be given, with notes.

    Raises:
        AudioError: The size is wrong by a frame or more (code `audio-damaged`).
    """
    there = source.size - stated.start
    frame = math.ceil(stated.second / FRAMES)
    if stated.size is None:
        note = "its header states no length, as of a recording written as a stream: read to the end of the file"
        return Layout(notes=(note,))
    if stated.size == 0 and there > 0 and follows is None:
        note = "its header states 0 bytes of audio: read to the end of the file"
        return Layout((_filled_in(stated, there),), (note,))
    if stated.size > there:
        if stated.size - there >= frame:
            raise cut_short(source.path, f"its header states {stated.size:,} bytes of audio, the file has {there:,}")
        return Layout(notes=("its header states up to 20 ms more audio than there is",))
    if follows is None:
        behind = there - stated.size
        if _zeros(source, stated.start + stated.size):
            return Layout(notes=("zeros behind its audio are left out",))
        if behind >= frame:
            why = f"its header states {stated.size:,} bytes of audio, but {behind:,} more follow that are nothing else"
            raise damaged(source.path, why)
        return Layout(notes=("up to 20 ms behind its audio are left out, as its header says",))
    return Layout(notes=(follows,) if follows else ())


def agreed(source: Source, stated: Stated, samples: int) -> tuple[str, ...]:
    """Make sure that a header's number of samples is that of its bytes.

    Returns:
        A note where they differ by less than a frame.

    Raises:
        AudioError: They differ by a frame (20 ms) or more (code `audio-damaged`).
    """
    if not stated.size or not stated.width or samples * stated.width == stated.size:
        return ()
    if abs(samples * stated.width - stated.size) >= stated.second / FRAMES:
        why = f"its header states {samples:,} samples, and {stated.size:,} bytes of {stated.width} for each"
        raise damaged(source.path, why)
    return ("its header states two lengths that differ by up to 20 ms",)


def doubts(rate: float, channels: int) -> tuple[str, ...]:
    """Notes on numbers of a header that nothing else in the file confirms."""
    found = []
    if rate not in USUAL_RATES:
        found.append(f"its header states an unusual rate, and nothing else in the file confirms it: {rate:g} Hz")
    if channels > 2:
        found.append(f"its header states many channels, and nothing else in the file confirms it: {channels}")
    return tuple(found)


def _filled_in(stated: Stated, there: int) -> Piece:
    """The whole file, patched with the size that its header lacks."""
    place, form, beside = stated.field
    most = (1 << (8 * struct.calcsize(form) - 1)) - 1
    return Piece(patches={place: struct.pack(form, min(there + beside, most))})


def _zeros(source: Source, at: int) -> bool:
    """Whether a file has only zeros, at least one, from an offset to its end."""
    if at >= source.size:
        return False
    while block := source.read(at, _ZEROS):
        if block.count(0) != len(block):
            return False
        at += len(block)
    return True
