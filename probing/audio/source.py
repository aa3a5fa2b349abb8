"""A sound file opened for reading in pieces, and what its structure states about its audio."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_HEAD = 4096  # bytes read at once, where most headers end


class Source:
    """A sound file.

    Args:
        path: Its name, for messages.
        file: Opened in binary, unbuffered.
        size: Its length in bytes.
    """

    def __init__(self, path: Path, file: io.FileIO, size: int) -> None:
        self.path, self.file, self.size = path, file, size
        self.head = file.read(_HEAD)

    def read(self, at: int, count: int) -> bytes:
        """Read up to so many bytes from an offset; fewer at the end of the file."""
        if at + count <= len(self.head):
            return self.head[at : at + count]
        if at >= self.size:  # a header may point anywhere
            return b""
        self.file.seek(at)
        return self.file.read(count)


@dataclass(frozen=True)
class Piece:
    """A part of a file that the decoder is given as a sound file of its own.

    Args:
        start: First byte.
        stop: The byte behind the last one; None: the end of the file.
        patches: Place in the piece → bytes that the decoder is given in place of those that are there.
        before: Bytes that the decoder is given before the piece.
    """

    start: int = 0
    stop: int | None = None
    patches: dict[int, bytes] = field(default_factory=dict)
    before: bytes = b""


class Witness(Protocol):
    """Verifies, once all samples are decoded, that they are those that were encoded."""

    def hear(self, block: NDArray[np.float32]) -> None:
        """Take the next samples [S, channels]."""

    def verdict(self) -> str:
        """What is wrong; empty if nothing is."""


@dataclass(frozen=True)
class Layout:
    """What a file's structure states about its audio.

    Args:
        pieces: What the decoder is given, one after another.
        notes: What a user should know of the file though it can be used.
        frames: Samples of each channel that must be decoded; None where only the decoder knows.
        slack: How many of them may be missing.
        witness: Compares the samples with a digest that the file holds.
        codec: The name of the codec for users.
        verified: Whether checksums have shown that every byte is as it was written.
        walked: Whether the structure was followed to its end, so that what the decoder says of lengths is not needed.
    """

    pieces: tuple[Piece, ...] = (Piece(),)
    notes: tuple[str, ...] = ()
    frames: int | None = None
    slack: int = 0
    witness: Witness | None = None
    codec: str = ""
    verified: bool = False
    walked: bool = True


class Window(io.RawIOBase):
    """A piece as a file object, with its patches applied."""

    def __init__(self, source: Source, piece: Piece) -> None:
        super().__init__()
        self._source, self._piece, self._at = source, piece, 0
        self._size = len(piece.before) + (source.size if piece.stop is None else piece.stop) - piece.start

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset; a negative one becomes 0."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        """The current offset."""
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into a buffer, up to the end of the piece."""
        view = memoryview(buffer).cast("B")
        count, before = max(0, min(len(view), self._size - self._at)), len(self._piece.before)
        at = max(0, self._at - before)  # in the piece
        ahead = self._piece.before[self._at : self._at + count]
        found = bytearray(self._source.read(self._piece.start + at, count - len(ahead)))
        for place, patch in self._piece.patches.items():
            first, last = max(place, at), min(place + len(patch), at + len(found))
            if first < last:
                found[first - at : last - at] = patch[first - place : last - place]
        found[:0] = ahead
        view[: len(found)] = found
        self._at += len(found)
        return len(found)
