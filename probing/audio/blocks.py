"""Follow a sound file's structure and decode it, forward and in blocks: mono float32 at 16 kHz.

A file may be hostile: its structure is followed before anything is decoded, rates and channels are bounded before
anything is allocated, and the audio comes in blocks, so that memory does not depend on what a header promises.

Shape legend: S samples at 16 kHz.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probing.audio.bounds import SAMPLE_RATE, at_a_time, demand_bounds
from probing.audio.chunked import aiff, au, caf, nist
from probing.audio.ffmpeg import Stream, foreign
from probing.audio.flac import flac
from probing.audio.mpeg import after_tags, mpeg
from probing.audio.ogg import ogg
from probing.audio.resample import resampled
from probing.audio.riff import wav, wave64
from probing.audio.sndfile import Decoded
from probing.audio.source import Layout, Source
from probing.errors import AudioError

_POINTER = b"version https://git-lfs.github.com/spec/"
_LAYOUTS: dict[bytes, Callable[[Source], Layout]] = {
    b"RIFF": wav,
    b"RIFX": wav,
    b"RF64": wav,
    b"riff": wave64,
    b"FORM": aiff,
    b".snd": au,
    b"dns.": au,
    b"caff": caf,
    b"NIST": nist,
    b"fLaC": flac,
    b"OggS": ogg,
}
_AFTER_A_TAG: dict[bytes, Callable[[Source, int], Layout]] = {b"fLaC": flac, b"OggS": ogg}


def blocks(path: Path, notes: list[str]) -> Generator[NDArray[np.float32], None, None]:
    """Decode a file from its start to its end.

    Args:
        path: The file.
        notes: What a user should know of the file though it can be used is added to them.

    Yields:
        The waveform in blocks [S], S > 0, of finite numbers.

    Raises:
        AudioError: The file cannot be opened or decoded, is damaged, or has samples that are not finite.
    """
    for block in _waveform(path, notes):
        if not np.isfinite(block).all():
            why, remedy = "it has samples that are not finite numbers", "export the recording again"
            raise AudioError(f"{path}", why, remedy, code="audio-not-finite")
        if len(block):
            yield block


def _waveform(path: Path, notes: list[str]) -> Iterator[NDArray[np.float32]]:
    """Open a file and decode it."""
    try:
        file = path.open("rb", buffering=0)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError) as error:
        raise _missing(path) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        try:
            yield from _opened(path, file, notes)
        except OSError as error:
            raise _unreadable(path, error) from error


def _opened(path: Path, file: io.FileIO, notes: list[str]) -> Iterator[NDArray[np.float32]]:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise _missing(path)
    if status.st_size == 0:
        raise AudioError(f"{path}", "the file is empty (0 bytes)", "copy it again", code="audio-empty")
    source = Source(path, file, status.st_size)
    if source.head.startswith(_POINTER):
        why = "it is a Git LFS pointer, which stands for a file that was not fetched"
        raise AudioError(f"{path}", why, "run: git lfs pull", code="audio-pointer")
    if kind := foreign(source.head[:12]):
        stream = Stream(path, kind)
        try:
            demand_bounds(path, stream.rate, stream.channels)
            found = stream.blocks(at_a_time(stream.rate, stream.channels))
            yield from resampled(_mono(found), stream.rate, SAMPLE_RATE)
            notes += stream.notes
        finally:
            stream.close()
        return
    layout = _layout(source)
    notes += layout.notes
    decoded = Decoded(source, layout)
    for found, rate in decoded.pieces():
        yield from resampled(_mono(found), rate, SAMPLE_RATE)
    notes += decoded.notes


def _layout(source: Source) -> Layout:
    """Follow the structure of a file, if its format is one whose structure is followed here."""
    head = source.head
    if head[:4] == b"FORM" and head[8:11] != b"AIF":  # another format of chunks
        return Layout(walked=False)
    if own := _LAYOUTS.get(head[:4]):
        return own(source)
    if head[:3] == b"ID3":
        start = after_tags(source)
        behind = _AFTER_A_TAG.get(source.read(start, 4))
        return behind(source, start) if behind else mpeg(source)
    if head[:1] == b"\xff" and head[1:2] >= b"\xe0":
        return mpeg(source)
    return Layout(walked=False)


def _mono(found: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """The mean of all channels."""
    for block in found:
        yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)


def _missing(path: Path) -> AudioError:
    why, remedy = "there is no such audio file", "correct the path, or copy the file there"
    return AudioError(f"{path}", why, remedy, code="audio-missing")


def _unreadable(path: Path, error: OSError) -> AudioError:
    """The error of a file that the operating system refused to read."""
    remedy = "make it readable, or copy it to another disk"
    return AudioError(f"{path}", error.strerror or f"{error}", remedy, code="audio-unreadable")
