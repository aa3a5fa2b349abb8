"""Decode an audio file, or segments of one, to mono float32 at 16 kHz, or say why it cannot be used.

Segments are cut from what the whole file gives at 16 kHz: a recording is decoded once, forward, for all of its
segments, since MP3 and Ogg are not exact to the sample where a decoder starts in their middle.

Shape legend: S samples at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probing.audio.blocks import blocks
from probing.audio.bounds import SAMPLE_RATE as SAMPLE_RATE
from probing.audio.segments import Part, Segment
from probing.errors import AudioError

HOP = 320  # samples between two frames of a HuBERT-like encoder
FRAME_RATE = SAMPLE_RATE // HOP  # 50 frames a second
MIN_SAMPLES = 400  # samples that the first frame needs (25 ms)
SILENCE = 1e-5  # peak-to-peak amplitude below which a file has no signal (-100 dB)
LONGEST = 4 * 3600 * SAMPLE_RATE  # samples of an utterance; 0.9 GB of float32
LONGEST_RECORDING = 6 * LONGEST  # of which segments are used: a day


@dataclass(frozen=True)
class Sound:
    """A decoded file, or a segment of one.

    Args:
        waveform: [S], float32, full scale ±1.
        notes: What a user should know of the file though it can be used.
    """

    waveform: NDArray[np.float32]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Length:
    """How long a file, or a segment of one, is.

    Args:
        samples: S, at 16 kHz.
        notes: As in `Sound`.
        content: 64 bits of a digest of the samples: those of another file with the same samples are equal.
    """

    samples: int
    notes: tuple[str, ...]
    content: int


def load(path: str | Path, segment: Segment | None = None) -> NDArray[np.float32]:
    """Decode an audio file, or a segment of one, to mono at 16 kHz.

    Channels are averaged; other rates are resampled by a polyphase filter (scipy.signal.resample_poly).

    Args:
        path: WAV, FLAC, OGG, OPUS, MP3 or anything else that libsndfile reads; M4A, MP4, WebM, WMA, AAC and AMR where
            ffmpeg is installed.
        segment: Start and end in seconds, each taken to the nearest sample at 16 kHz; an infinite end is the file's.
            None: the whole file. Of a file at 16 kHz without loss it gives the samples that the segment would have as
            a file of its own. At other rates the resampling filter hears what is beside the segment, so that a few
            samples at its ends differ from those of such a file.

    Returns:
        Waveform [S], float32, full scale ±1, S ≥ 400.

    Raises:
        AudioError: The file is missing (code `audio-missing`), cannot be read (`audio-unreadable`) or decoded
            (`audio-undecodable`), is a Git LFS pointer (`audio-pointer`), is of a codec that is not supported
            (`audio-codec`), is damaged or cut short (`audio-damaged`), states a rate or a number of channels out of
            bounds (`audio-bounds`), is empty (`audio-empty`), or has samples that are not finite (`audio-not-finite`);
            it, or its segment, is silent (`audio-silent`), shorter than a frame (`audio-short`) or longer than four
            hours (`audio-long`); or the segment is not within it (`audio-segment`).
    """
    return listen(path, segment).waveform


def listen(path: str | Path, segment: Segment | None = None) -> Sound:
    """The same as `load`, with notes.

    Raises:
        AudioError: As `load`.
    """
    (found,) = listen_to_parts(path, (segment,))
    if isinstance(found, AudioError):
        raise found
    return found


def measure(path: str | Path) -> Length:
    """Decode a file in full, but keep only its length; the memory used does not depend on the length.

    Raises:
        AudioError: As `load`.
    """
    (found,) = measure_parts(path, (None,))
    if isinstance(found, AudioError):
        raise found
    return found


def listen_to_parts(path: str | Path, segments: Sequence[Segment | None]) -> list[Sound | AudioError]:
    """Segments of a file, which is decoded once, as far as the last of them reaches.

    Args:
        path: The file.
        segments: As in `load`; they may overlap. All are held in memory, as are the results.

    Returns:
        For each segment its waveform, or why it cannot be used though the file can.

    Raises:
        AudioError: The file cannot be used, as in `load`.
    """
    path, notes = Path(path), list[str]()
    parts = _heard(path, [Part(path, segment, LONGEST) for segment in segments], notes, to_the_end=False)
    return [_wrong(part) or Sound(part.waveform, tuple(dict.fromkeys((*notes, *part.notes)))) for part in parts]


def measure_parts(path: str | Path, segments: Sequence[Segment | None]) -> list[Length | AudioError]:
    """The same, but only their lengths and contents are kept, and the file is decoded to its end.

    Raises:
        AudioError: The file cannot be used, as in `load`.
    """
    path, notes = Path(path), list[str]()
    parts = _heard(path, [Part(path, segment) for segment in segments], notes, to_the_end=True)
    return [
        _wrong(part) or Length(part.samples, tuple(dict.fromkeys((*notes, *part.notes))), part.content)
        for part in parts
    ]


def _heard(path: Path, parts: list[Part], notes: list[str], to_the_end: bool) -> list[Part]:
    """Decode a file and give every part its samples; one that becomes too long is given no more."""
    at, decoding = 0, blocks(path, notes)
    waiting = sorted(parts, key=lambda part: part.first)
    with closing(decoding):
        for block in decoding:
            for part in waiting:
                if part.first >= at + len(block):
                    break
                part.hear(at, block)
            at += len(block)
            waiting = [part for part in waiting if part.last > at and part.samples <= LONGEST]
            if not waiting and (not to_the_end or all(part.samples > LONGEST for part in parts)):
                return parts
            if at > LONGEST_RECORDING:
                raise _too_long(f"{path}", LONGEST_RECORDING)
    for part in waiting:
        part.end(at)
    return parts


def _wrong(part: Part) -> AudioError | None:
    """Why a part cannot be used, of a file that can be decoded."""
    remedy = "correct start and end, in seconds, or the recording that they belong to"
    if not part.valid:
        why = "its segment must start at 0 s or later, and end behind its start"
        return AudioError(part.name, why, remedy, code="audio-segment")
    if part.samples > LONGEST:
        return _too_long(part.name, LONGEST)
    if part.beyond is not None:
        why = f"its segment is not within the recording, which ends at {part.beyond / SAMPLE_RATE:.2f} s"
        return AudioError(part.name, why, remedy, code="audio-segment")
    if part.samples < MIN_SAMPLES:
        why = f"it is too short: {part.samples} samples at 16 kHz; an encoder's first frame needs {MIN_SAMPLES} (25 ms)"
        return AudioError(part.name, why, "leave it out", code="audio-short")
    if part.swing < SILENCE:
        why = "it is silent (all samples are the same)"
        return AudioError(part.name, why, "leave it out", code="audio-silent")
    return None


def _too_long(name: str, most: int) -> AudioError:
    """The error of what is longer than so many samples."""
    why = f"it is longer than {most // SAMPLE_RATE // 3600} hours"
    return AudioError(name, why, "cut it into recordings that are shorter", code="audio-long")
