"""Decode any audio file that libsndfile reads to mono float32 at 16 kHz, or say why it cannot be used.

Shape legend: S samples at 16 kHz.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from probing.errors import AudioError

SAMPLE_RATE = 16_000  # Hz; every speech encoder here was trained at this rate
HOP = 320  # samples between two frames of a HuBERT-like encoder
FRAME_RATE = SAMPLE_RATE // HOP  # 50 frames a second
MIN_SAMPLES = 400  # samples that the first frame needs (25 ms)
SILENCE = 1e-5  # peak-to-peak amplitude below which a file has no signal (-100 dB)

# An MP3 header counts encoder padding, which the decoder then drops: up to two MPEG frames.
_LOSSY_SLACK = {"MP3": 2 * 1152, "MPEG": 2 * 1152}  # samples
# libsndfile corrects the length of a truncated file and says so only in its log: "data : 768000 (should be 19956)". The
# word is data in WAV, SSND in AIFF, Data Size in AU, riff in W64, Riff size in RF64; the RIFF size of a WAV file is
# wrong in many files that are complete.
_CUT_SHORT = re.compile(r"^\s*(?:data|SSND|Data Size|riff|Riff size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)
_OGG_CUT = "Last page lacks an end-of-stream bit"  # the same for OGG and OPUS, whose headers state no length
_NIST_COUNT = re.compile(rb"sample_count -i (\d+)")  # libsndfile does not compare this number with the file
_UNKNOWN_SIZE = 0x7FFFF000  # from here on a size means "unknown": it was written by a program that could not seek back
_CONVERT = "convert it first, for example: ffmpeg -i {0} -ar 16000 -ac 1 {0}.wav"


def load(path: str | Path) -> NDArray[np.float32]:
    """Decode an audio file to mono at 16 kHz.

    Channels are averaged; other rates are resampled by a polyphase filter (scipy.signal.resample_poly).

    Args:
        path: WAV, FLAC, OGG, OPUS, MP3 or anything else that libsndfile reads.

    Returns:
        Waveform [S], float32, full scale ±1, S ≥ 400.

    Raises:
        AudioError: The file is missing (code `audio-missing`), cannot be decoded (`audio-undecodable`), is damaged or
            truncated (`audio-damaged`), empty (`audio-empty`), silent (`audio-silent`) or shorter than a frame
            (`audio-short`), or has samples that are not finite (`audio-not-finite`).
    """
    path = Path(path)
    raw, rate = _decode(path)
    mono = raw.mean(axis=1, dtype=np.float32)
    if rate != SAMPLE_RATE:
        divisor = math.gcd(SAMPLE_RATE, rate)
        mono = resample_poly(mono, SAMPLE_RATE // divisor, rate // divisor).astype(np.float32, copy=False)
    if not np.isfinite(mono).all():
        why, remedy = "it has samples that are not finite numbers", "export the recording again"
        raise AudioError(f"{path}", why, remedy, code="audio-not-finite")
    if len(mono) < MIN_SAMPLES:
        raise AudioError(
            f"{path}",
            f"it is too short: {len(mono)} samples at 16 kHz; an encoder's first frame needs {MIN_SAMPLES} (25 ms)",
            "leave it out",
            code="audio-short",
        )
    if np.ptp(mono) < SILENCE:
        why = "it is silent (all samples are the same)"
        raise AudioError(f"{path}", why, "leave it out", code="audio-silent")
    return mono


def _decode(path: Path) -> tuple[NDArray[np.float32], int]:
    """The file's own samples [S, channels] and rate in Hz; raises AudioError where they are not all there."""
    if not path.is_file():
        why, remedy = "there is no such audio file", "correct the path, or copy the file there"
        raise AudioError(f"{path}", why, remedy, code="audio-missing")
    if path.stat().st_size == 0:
        raise AudioError(f"{path}", "the file is empty (0 bytes)", "copy it again", code="audio-empty")
    try:
        with soundfile.SoundFile(_as_libsndfile_takes_it(path)) as file:
            stated_samples, rate, log, kind = file.frames, file.samplerate, file.extra_info, file.format
            raw = file.read(stated_samples, dtype="float32", always_2d=True)  # -1 is refused for GSM 6.10
    except soundfile.LibsndfileError as error:
        raise _undecodable(path, error) from error
    for stated, there in _CUT_SHORT.findall(log):
        if int(there) < int(stated) < _UNKNOWN_SIZE:
            raise _truncated(path, f"its header states {stated} bytes of audio, the file has {there}")
    if _OGG_CUT in log:
        raise _truncated(path, "it ends before the end of its stream")
    if kind == "NIST" and (count := _NIST_COUNT.search(_head(path, 1024))):
        stated_samples = int(count[1])
    if len(raw) < stated_samples - _LOSSY_SLACK.get(kind, 0):
        raise _truncated(path, f"its header states {stated_samples} samples, {len(raw)} could be decoded")
    if len(raw) == 0:
        raise AudioError(f"{path}", "it has no samples", "leave it out", code="audio-empty")
    return raw, rate


def _as_libsndfile_takes_it(path: Path) -> Path | bytes:
    """A path as bytes where files are named by bytes, since soundfile refuses a name that is not UTF-8."""
    return os.fsencode(path) if os.name == "posix" else path


def _head(path: Path, size: int) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(size)


def _truncated(path: Path, why: str) -> AudioError:
    """Less audio than there should be."""
    remedy = "copy or export it again; it must not enter an analysis as a shorter utterance"
    return AudioError(f"{path}", f"damaged: {why}", remedy, code="audio-damaged")


def _undecodable(path: Path, error: soundfile.LibsndfileError) -> AudioError:
    """Why libsndfile refused a file, and what helps."""
    head, convert = _head(path, 12), _CONVERT.format(path.name)
    if head[:4] in (b"RIFF", b"fLaC", b"OggS", b"FORM") or head[:3] == b"ID3":
        why = f"damaged: decoding failed ({error.error_string.rstrip('. ') or 'no reason given'})"
        return AudioError(f"{path}", why, "copy it again", code="audio-damaged")
    if head[4:8] == b"ftyp":
        why = "MPEG-4 audio (m4a, aac) cannot be decoded here"
    elif head[:4] == b"\x1aE\xdf\xa3":
        why = "WebM or Matroska audio cannot be decoded here"
    else:
        why = "it is not an audio file that libsndfile reads"
    return AudioError(f"{path}", why, convert, code="audio-undecodable")
