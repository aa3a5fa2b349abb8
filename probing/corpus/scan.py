"""Decode every recording of a corpus once: its length and its checksum, or why it cannot be used."""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from probing.audio.decode import measure
from probing.audio.notes import summed_up
from probing.corpus.model import Utterance
from probing.errors import AudioError, ProbingError
from probing.files import absolute, read_json, write_text

_COLUMNS = ("size", "changed", "samples", "checksum")  # of the file that remembers sound files
_BLOCK = 1 << 20  # bytes read at a time
_CHUNK = 1024  # files given to the threads at a time, so that memory does not grow with the corpus


@dataclass(frozen=True)
class AudioScan:
    """What was found when every file of a corpus was decoded.

    Args:
        samples: Utterance id → number of samples at 16 kHz that `probing.audio.decode.load` yields.
        damaged: Utterance id → why its file cannot be used.
        checksums: Utterance id → CRC-32 of its file's bytes.
        notes: Utterance id → what a user should know of its file though it can be used; most have none.
    """

    samples: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, AudioError] = field(default_factory=dict)
    checksums: dict[str, int] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def remarks(self) -> tuple[str, ...]:
        """The notes, each once, with the number of files and the first of them."""
        return summed_up(self.notes)


def scan_audio(
    utterances: Sequence[Utterance], threads: int = 4, memory: Path | None = None, remember: bool = True
) -> AudioScan:
    """Decode every file in full; a header alone does not tell whether the audio behind it is whole.

    Args:
        utterances: Those to decode; one without a path is in no part of the result.
        threads: Files decoded at a time.
        memory: A file that remembers lengths and checksums, so that each sound file is decoded once. A file that
            has changed since (size or time of change) is decoded again; so is what version 0.1.0 decoded, which checked
            less. None decodes them all.
        remember: Whether that file is written, and not only read. Where it cannot be, that is said on stderr.
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
                    scan.samples[utterance.id], scan.checksums[utterance.id] = found.samples, found.checksum
                    if found.notes:
                        scan.notes[utterance.id] = found.notes
                bar.update()
    if memory is not None and remember and known != before:
        _remember(memory, known)
    return scan


class _Sound(NamedTuple):
    """A sound file: size in bytes, time of change in ns, samples at 16 kHz, CRC-32 of its bytes, notes.

    The notes are None where an earlier version decoded it, which may have accepted what is refused now.
    """

    size: int
    changed: int
    samples: int
    checksum: int
    notes: tuple[str, ...] | None = ()


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
    return {id_: sound.checksum for id_, sound in found.items() if sound is not None}


def to_decode(utterances: Sequence[Utterance], memory: Path) -> bool:
    """Whether a scan would decode any file: one that is there and is not remembered as it is now, with its notes.

    Args:
        utterances: Whose files.
        memory: As in `scan_audio`; it is only read.
    """
    known = _remembered(memory)
    there = (u.path for u in utterances if u.path is not None and u.path.is_file())
    return any(before is None or before.notes is None for before in (_unchanged(path, known) for path in there))


def _unchanged(path: Path, known: Mapping[str, _Sound]) -> _Sound | None:
    """What is known of a file, if it is there and has the size and the time of change that are remembered."""
    before = known.get(absolute(path))
    if before is None or not path.is_file():
        return None
    status = path.stat()
    return before if (before.size, before.changed) == (status.st_size, status.st_mtime_ns) else None


def _measure(utterance: Utterance, known: Mapping[str, _Sound]) -> _Sound | AudioError:
    assert utterance.path is not None  # scan_audio passes no other
    try:
        before = _unchanged(utterance.path, known)
        if before is not None and before.notes is not None:
            return before
        found = measure(utterance.path)
        status = utterance.path.stat()
        sum_ = file_checksum(utterance.path)
        return _Sound(status.st_size, status.st_mtime_ns, found.samples, sum_, found.notes)
    except AudioError as error:  # a copy, since the error itself keeps its traceback, and that keeps the waveform
        return AudioError(*error.args)
    except OSError as error:  # it vanished once it was decoded
        remedy = "make it readable, or leave it out"
        return AudioError(f"{utterance.path}", error.strerror or f"{error}", remedy, code="audio-unreadable")


def file_checksum(path: Path) -> int:
    """CRC-32 of a file's bytes."""
    found = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            found = zlib.crc32(block, found)
    return found


def _remembered(memory: Path | None) -> dict[str, _Sound]:
    """What a file remembers; nothing where it is missing or damaged, since it only saves time.

    One of version 0.1.0 has no notes.
    """
    if memory is None:
        return {}
    try:
        table = read_json(memory, remedy="delete it")
        rows = list(zip(*(table[column] for column in _COLUMNS), strict=True))
        whole = all(type(number) is int for row in rows for number in row)
        notes = {path: _noted(found) for path, found in table.get("notes", dict.fromkeys(table["path"])).items()}
        sounds = {
            path: _Sound(*row)._replace(notes=notes.get(path, ()))
            for path, row in zip(table["path"], rows, strict=True)
        }
        return sounds if whole else {}
    except (OSError, ProbingError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _noted(found: Any) -> tuple[str, ...] | None:
    """Notes, which must be texts."""
    if found is None:
        return None
    if not isinstance(found, list) or not all(isinstance(note, str) for note in found):
        raise TypeError(f"not notes: {found!r}")
    return tuple(found)


def _remember(memory: Path, known: Mapping[str, _Sound]) -> None:
    """Write what is known of sound files; the scan is as good without, so that a failure ends nothing."""
    columns = {column: [getattr(sound, column) for sound in known.values()] for column in _COLUMNS}
    notes = {path: sound.notes for path, sound in known.items() if sound.notes != ()}
    try:
        write_text(memory, json.dumps({"path": list(known), **columns, "notes": notes}, ensure_ascii=False))
    except OSError as error:
        say_forgotten(memory, error)


def say_forgotten(memory: Path, error: OSError) -> None:
    """Say that a memory cannot be written."""
    why = error.strerror or f"{error}"
    print(f"{memory} cannot be written ({why}): the sound files are decoded again next time", file=sys.stderr)
