"""Decode every recording of a corpus once: its length and its checksum, or why it cannot be used."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tqdm import tqdm

from probing.audio.decode import load
from probing.corpus.model import Utterance
from probing.errors import AudioError, ProbingError
from probing.files import absolute, read_json, write_text

_COLUMNS = ("size", "changed", "samples", "checksum")  # of the file that remembers sound files
_CHUNK = 1024  # files given to the threads at a time, so that memory does not grow with the corpus


@dataclass(frozen=True)
class AudioScan:
    """What was found when every file of a corpus was decoded.

    Args:
        samples: Utterance id → number of samples at 16 kHz that `probing.audio.decode.load` yields.
        damaged: Utterance id → why its file cannot be used.
        checksums: Utterance id → CRC-32 of its file's bytes.
    """

    samples: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, AudioError] = field(default_factory=dict)
    checksums: dict[str, int] = field(default_factory=dict)


def scan_audio(
    utterances: Sequence[Utterance], threads: int = 4, memory: Path | None = None, remember: bool = True
) -> AudioScan:
    """Decode every file in full; a header alone does not tell whether the audio behind it is whole.

    Args:
        utterances: Those to decode; one without a path is in no part of the result.
        threads: Files decoded at a time.
        memory: A file that remembers lengths and checksums, so that each sound file is decoded once; files that have
            changed since (size or time of change) are decoded again. None decodes them all.
        remember: Whether that file is written, and not only read.
    """
    scan = AudioScan()
    before = _remembered(memory)
    known = dict(before)
    recorded = [utterance for utterance in utterances if utterance.path is not None]
    with (
        tqdm(total=len(recorded), desc="audio", unit="file", disable=None) as bar,
        ThreadPoolExecutor(max_workers=threads) as pool,
    ):
        for start in range(0, len(recorded), _CHUNK):
            chunk = recorded[start : start + _CHUNK]
            for utterance, found in zip(chunk, pool.map(partial(_measure, known=known), chunk), strict=True):
                if isinstance(found, AudioError):
                    scan.damaged[utterance.id] = found
                else:
                    known[absolute(str(utterance.path))] = found
                    *_, scan.samples[utterance.id], scan.checksums[utterance.id] = found
                bar.update()
    if memory is not None and remember and known != before:
        _remember(memory, known)
    return scan


_Sound = tuple[int, int, int, int]  # size in bytes, time of change in ns, samples at 16 kHz, CRC-32


def remembered_checksums(utterances: Sequence[Utterance], memory: Path) -> dict[str, int]:
    """CRC-32 of the files that have not changed since they were remembered; nothing is decoded or written.

    Args:
        utterances: Whose files.
        memory: As in `scan_audio`.

    Returns:
        Utterance id → checksum, without the files that are missing, have changed or were never scanned.
    """
    known = _remembered(memory)
    found = {u.id: _unchanged(u.path, known) for u in utterances if known and u.path is not None}
    return {id_: sound[-1] for id_, sound in found.items() if sound is not None}


def to_decode(utterances: Sequence[Utterance], memory: Path) -> bool:
    """Whether a scan would decode any file: one that is there and is not remembered, or has changed since.

    Args:
        utterances: Whose files.
        memory: As in `scan_audio`; it is only read.
    """
    known = remembered_checksums(utterances, memory)
    return any(u.id not in known and u.path is not None and u.path.is_file() for u in utterances)


def _unchanged(path: Path, known: Mapping[str, _Sound]) -> _Sound | None:
    """What is known of a file, if it is there and has the size and the time of change that are remembered."""
    before = known.get(absolute(path))
    if before is None or not path.is_file():
        return None
    status = path.stat()
    return before if before[:2] == (status.st_size, status.st_mtime_ns) else None


def _measure(utterance: Utterance, known: Mapping[str, _Sound]) -> _Sound | AudioError:
    assert utterance.path is not None  # scan_audio passes no other
    try:
        before = _unchanged(utterance.path, known)
        if before is not None:
            return before
        samples = len(load(utterance.path))
        status = utterance.path.stat()
        return status.st_size, status.st_mtime_ns, samples, file_checksum(utterance.path)
    except AudioError as error:  # a copy, since the error itself keeps its traceback, and that keeps the waveform
        return AudioError(*error.args)


def file_checksum(path: Path) -> int:
    """CRC-32 of a file's bytes."""
    return zlib.crc32(path.read_bytes())


def _remembered(memory: Path | None) -> dict[str, _Sound]:
    """What a file remembers; nothing where it is missing or damaged, since it only saves time."""
    if memory is None:
        return {}
    try:
        table = read_json(memory, remedy="delete it")
        rows = list(zip(*(table[column] for column in _COLUMNS), strict=True))
        whole = all(type(number) is int for row in rows for number in row)
        return dict(zip(table["path"], rows, strict=True)) if whole else {}
    except (OSError, ProbingError, ValueError, KeyError, TypeError):
        return {}


def _remember(memory: Path, known: Mapping[str, _Sound]) -> None:
    columns = dict(zip(_COLUMNS, zip(*known.values(), strict=True), strict=True))
    write_text(memory, json.dumps({"path": list(known), **columns}, ensure_ascii=False))
