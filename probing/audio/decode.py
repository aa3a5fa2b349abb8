"""Decode an audio file to mono float32 at 16 kHz, or say why it cannot be used.

A file may be hostile: its structure is followed before anything is decoded, rates and channels are bounded before
anything is allocated, and the audio comes in blocks, so that memory does not depend on what a header promises.

Shape legend: S samples at 16 kHz.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probing.audio.bounds import SAMPLE_RATE as SAMPLE_RATE
from probing.audio.bounds import at_a_time, demand_bounds
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

HOP = 320  # samples between two frames of a HuBERT-like encoder
FRAME_RATE = SAMPLE_RATE // HOP  # 50 frames a second
MIN_SAMPLES = 400  # samples that the first frame needs (25 ms)
SILENCE = 1e-5  # peak-to-peak amplitude below which a file has no signal (-100 dB)
LONGEST = 4 * 3600 * SAMPLE_RATE  # samples; 0.9 GB of float32

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


@dataclass(frozen=True)
class Sound:
    """A decoded file.

    Args:
        waveform: [S], float32, full scale ±1.
        notes: What a user should know of the file though it can be used.
    """

    waveform: NDArray[np.float32]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Length:
    """How long a file is.

    Args:
        samples: S, at 16 kHz.
        notes: As in `Sound`.
    """

    samples: int
    notes: tuple[str, ...]


def load(path: str | Path) -> NDArray[np.float32]:
    """Decode an audio file to mono at 16 kHz.

    Channels are averaged; other rates are resampled by a polyphase filter (scipy.signal.resample_poly).

    Args:
        path: WAV, FLAC, OGG, OPUS, MP3 or anything else that libsndfile reads; M4A, MP4, WebM, WMA, AAC and AMR where
            ffmpeg is installed.

    Returns:
        Waveform [S], float32, full scale ±1, S ≥ 400.

    Raises:
        AudioError: The file is missing (code `audio-missing`), cannot be read (`audio-unreadable`) or decoded
            (`audio-undecodable`), is a Git LFS pointer (`audio-pointer`), is of a codec that is not supported
            (`audio-codec`), is damaged or cut short (`audio-damaged`), states a rate or a number of channels out of
            bounds (`audio-bounds`), is empty (`audio-empty`), silent (`audio-silent`), shorter than a frame
            (`audio-short`) or longer than four hours (`audio-long`), or has samples that are not finite
            (`audio-not-finite`).
    """
    return listen(path).waveform


def listen(path: str | Path) -> Sound:
    """The same as `load`, with notes.

    Raises:
        AudioError: As `load`.
    """
    notes: list[str] = []
    waveform = _joined(_checked(Path(path), notes))
    return Sound(waveform, tuple(dict.fromkeys(notes)))


def measure(path: str | Path) -> Length:
    """Decode a file in full, but keep only its length; the memory used does not depend on the length.

    Raises:
        AudioError: As `load`.
    """
    notes: list[str] = []
    samples = sum(map(len, _checked(Path(path), notes)))
    return Length(samples, tuple(dict.fromkeys(notes)))


def _joined(blocks: Iterator[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Concatenate blocks into one array, which grows in place, so that a long recording is not in memory twice."""
    waveform = np.ascontiguousarray(next(blocks))
    used, own = len(waveform), False
    for block in blocks:
        if used + len(block) > len(waveform):
            waveform = waveform if own else waveform.copy()
            waveform.resize(max(used + len(block), used + used // 8), refcheck=False)
            own = True
        waveform[used : used + len(block)] = block
        used += len(block)
    return waveform[:used]


def _checked(path: Path, notes: list[str]) -> Iterator[NDArray[np.float32]]:
    """The waveform in blocks; audio that is too long, too short, silent or not finite is refused by the last block."""
    samples, low, high = 0, np.float32(np.inf), np.float32(-np.inf)
    for block in _waveform(path, notes):
        if not len(block):
            continue
        low, high = min(low, block.min()), max(high, block.max())
        if not np.isfinite(block).all():
            why, remedy = "it has samples that are not finite numbers", "export the recording again"
            raise AudioError(f"{path}", why, remedy, code="audio-not-finite")
        samples += len(block)
        if samples > LONGEST:
            why = f"it is longer than {LONGEST // SAMPLE_RATE // 3600} hours"
            raise AudioError(f"{path}", why, "cut it into recordings that are shorter", code="audio-long")
        yield block
    if samples < MIN_SAMPLES:
        raise AudioError(
            f"{path}",
            f"it is too short: {samples} samples at 16 kHz; an encoder's first frame needs {MIN_SAMPLES} (25 ms)",
            "leave it out",
            code="audio-short",
        )
    if high - low < SILENCE:
        why = "it is silent (all samples are the same)"
        raise AudioError(f"{path}", why, "leave it out", code="audio-silent")


def _waveform(path: Path, notes: list[str]) -> Iterator[NDArray[np.float32]]:
    """Open a file and decode it: mono blocks at 16 kHz."""
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
            blocks = stream.blocks(at_a_time(stream.rate, stream.channels))
            yield from resampled(_mono(blocks), stream.rate, SAMPLE_RATE)
            notes += stream.notes
        finally:
            stream.close()
        return
    layout = _layout(source)
    notes += layout.notes
    decoded = Decoded(source, layout)
    for blocks, rate in decoded.pieces():
        yield from resampled(_mono(blocks), rate, SAMPLE_RATE)
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


def _mono(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """The mean of all channels."""
    for block in blocks:
        yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)


def _missing(path: Path) -> AudioError:
    why, remedy = "there is no such audio file", "correct the path, or copy the file there"
    return AudioError(f"{path}", why, remedy, code="audio-missing")


def _unreadable(path: Path, error: OSError) -> AudioError:
    """The error of a file that the operating system refused to read."""
    remedy = "make it readable, or copy it to another disk"
    return AudioError(f"{path}", error.strerror or f"{error}", remedy, code="audio-unreadable")
