"""Decode any audio file that libsndfile reads to mono float32 at 16 kHz, or say why it cannot be used.

Shape legend: S samples at 16 kHz.
"""

from __future__ import annotations

import math
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
SILENCE = 1e-5  # peak-to-peak amplitude below which a file holds no signal (-100 dB)

# An MP3 header counts encoder padding, which the decoder then drops: up to two MPEG frames.
_LOSSY_SLACK = {"MP3": 2 * 1152, "MPEG": 2 * 1152}  # samples
# libsndfile corrects the length of a cut file and tells only its log, e.g. "data : 768000 (should be 19956)". WAV says
# data, AIFF SSND, AU Data Size, W64 riff, RF64 Riff size; a WAV's RIFF is wrong in many files that are whole.
_CUT_SHORT = re.compile(r"^\s*(?:data|SSND|Data Size|riff|Riff size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)
_OGG_CUT = "Last page lacks an end-of-stream bit"  # the same for OGG and OPUS, whose headers promise no length
_NIST_COUNT = re.compile(rb"sample_count -i (\d+)")  # libsndfile does not compare this one
_UNKNOWN_SIZE = 0x7FFFF000  # sizes from here on are what a streaming writer puts when it cannot go back
_CONVERT = "convert it first, for example: ffmpeg -i {0} -ar 16000 -ac 1 {0}.wav"


def load(path: str | Path) -> NDArray[np.float32]:
    """Decode an audio file to mono at 16 kHz.

    Channels are averaged; other rates are resampled by a polyphase filter (scipy.signal.resample_poly).

    Args:
        path: WAV, FLAC, OGG, OPUS, MP3 or anything else that libsndfile reads.

    Returns:
        Waveform [S], float32, full scale ±1, S ≥ 400.

    Raises:
        AudioError: The file is missing, not decodable, cut short, empty, not finite, silent or shorter than a frame.
    """
    path = Path(path)
    raw, rate = _decode(path)
    mono = raw.mean(axis=1, dtype=np.float32)
    if rate != SAMPLE_RATE:
        divisor = math.gcd(SAMPLE_RATE, rate)
        mono = resample_poly(mono, SAMPLE_RATE // divisor, rate // divisor).astype(np.float32, copy=False)
    if not np.isfinite(mono).all():
        raise AudioError(f"{path}", "it holds samples that are not a number", "export the recording again")
    if len(mono) < MIN_SAMPLES:
        raise AudioError(
            f"{path}",
            f"it is too short: {len(mono)} samples at 16 kHz; an encoder's first frame needs {MIN_SAMPLES} (25 ms)",
            "leave it out",
        )
    if np.ptp(mono) < SILENCE:
        raise AudioError(f"{path}", "it is silent (no sample differs from the others)", "leave it out")
    return mono


def _decode(path: Path) -> tuple[NDArray[np.float32], int]:
    """The file's own samples [S, channels] and rate in Hz; raises AudioError where they are not all there."""
    if not path.is_file():
        raise AudioError(f"{path}", "there is no such audio file", "correct the path, or copy the file there")
    if path.stat().st_size == 0:
        raise AudioError(f"{path}", "the file is empty (0 bytes)", "copy it again")
    try:
        with soundfile.SoundFile(path) as file:
            promised, rate, log, kind = file.frames, file.samplerate, file.extra_info, file.format
            raw = file.read(promised, dtype="float32", always_2d=True)  # -1 is refused for GSM 6.10
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{path}", *_undecodable(path, error)) from error
    damaged = "copy or export it again; it must not enter an analysis as a shorter utterance"
    for stated, held in _CUT_SHORT.findall(log):
        if int(held) < int(stated) < _UNKNOWN_SIZE:
            raise AudioError(
                f"{path}", f"damaged: its header promises {stated} bytes of audio, the file holds {held}", damaged
            )
    if _OGG_CUT in log:
        raise AudioError(f"{path}", "damaged: it ends before its stream does", damaged)
    if kind == "NIST" and (count := _NIST_COUNT.search(_head(path, 1024))):
        promised = int(count[1])
    if len(raw) < promised - _LOSSY_SLACK.get(kind, 0):
        raise AudioError(
            f"{path}", f"damaged: its header promises {promised} samples, {len(raw)} could be decoded", damaged
        )
    if len(raw) == 0:
        raise AudioError(f"{path}", "it holds no samples", "leave it out")
    return raw, rate


def _head(path: Path, size: int) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(size)


def _undecodable(path: Path, error: soundfile.LibsndfileError) -> tuple[str, str]:
    """Why libsndfile refused, and what helps."""
    head = _head(path, 12)
    if head[4:8] == b"ftyp":
        return "MPEG-4 audio (m4a, aac) cannot be decoded here", _CONVERT.format(path.name)
    if head[:4] == b"\x1aE\xdf\xa3":
        return "WebM or Matroska audio cannot be decoded here", _CONVERT.format(path.name)
    if head[:4] in (b"RIFF", b"fLaC", b"OggS", b"FORM") or head[:3] == b"ID3":
        return f"damaged: decoding failed ({error.error_string.rstrip('. ') or 'no reason given'})", "copy it again"
    return "it is not an audio file that libsndfile reads", _CONVERT.format(path.name)
