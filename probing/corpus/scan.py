"""Decode every recording of a corpus once: lengths and checksums of its utterances, or why they cannot be used.

An utterance may be a segment of a recording: its checksum stands for the recording's bytes and its place in it.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from probing.audio.decode import measure_parts
from probing.audio.notes import summed_up
from probing.audio.segments import Segment, places
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
        checksums: Utterance id → CRC-32 of its file's bytes and, of a segment, of its place among the samples.
        notes: Utterance id → what a user should know of its file though it can be used; most have none.
        content: Utterance id → 64 bits of a digest of its samples at 16 kHz, which tells equal ones whatever the
            format of their files; absent where an earlier version decoded the file and remembered none.
    """

    samples: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, AudioError] = field(default_factory=dict)
    checksums: dict[str, int] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    content: dict[str, int] = field(default_factory=dict)

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
    before = _remembered(memory)
    known = dict(before)
    recordings = _by_recording(utterances)
    found: dict[str, _Sound | AudioError] = {}
    with (
        tqdm(total=len(recordings), desc="audio", unit="file", disable=None) as bar,
        ThreadPoolExecutor(max_workers=threads) as pool,
    ):
        for start in range(0, len(recordings), _CHUNK):
            chunk = recordings[start : start + _CHUNK]
            for group, sounds in zip(chunk, pool.map(partial(_measure, known=known), chunk), strict=True):
                for utterance, sound in zip(group, sounds, strict=True):
                    found[utterance.id] = sound
                    if isinstance(sound, _Sound):
                        known[_key(utterance)] = sound
                bar.update()
    if memory is not None and remember and known != before:
        _remember(memory, known)
    return _scan([(u.id, found[u.id]) for u in utterances if u.id in found])


def _scan(found: Iterable[tuple[str, _Sound | AudioError]]) -> AudioScan:
    """What was found of each utterance, by its id."""
    scan = AudioScan()
    for id_, sound in found:
        if isinstance(sound, AudioError):
            scan.damaged[id_] = sound
            continue
        scan.samples[id_], scan.checksums[id_] = sound.samples, sound.checksum
        if sound.notes:
            scan.notes[id_] = sound.notes
        if sound.content is not None:
            scan.content[id_] = sound.content
    return scan


def _by_recording(utterances: Iterable[Utterance]) -> list[list[Utterance]]:
    """Utterances that have audio, those of one file together, in the order of their first ones."""
    groups: dict[Path, list[Utterance]] = {}
    for utterance in utterances:
        if utterance.path is not None:
            groups.setdefault(utterance.path, []).append(utterance)
    return list(groups.values())


class _Sound(NamedTuple):
    """An utterance's audio: its file's size in bytes and time of change in ns; the rest is as in `AudioScan`.

    The notes are None where an earlier version decoded it, which may have accepted what is refused now; the content is
    None where an earlier version took no digest of it.
    """

    size: int
    changed: int
    samples: int
    checksum: int
    notes: tuple[str, ...] | None = ()
    content: int | None = None


def remembered(utterances: Sequence[Utterance], memory: Path) -> AudioScan:
    """What is known of the files that have not changed since they were remembered; nothing is decoded or written.

    Args:
        utterances: Whose files; those that are missing, have changed or were never scanned are not in the result.
        memory: As in `scan_audio`.
    """
    known = _remembered(memory)
    groups = _by_recording(utterances) if known else []
    found = {u.id: sound for group in groups for u, sound in zip(group, _unchanged(group, known), strict=True)}
    return _scan((id_, sound) for id_, sound in found.items() if sound is not None)


def to_decode(utterances: Sequence[Utterance], memory: Path) -> bool:
    """Whether a scan would decode any file: one that is there and is not remembered as it is now, with its notes.

    Args:
        utterances: Whose files.
        memory: As in `scan_audio`; it is only read.
    """
    known = _remembered(memory)
    there = (group for group in _by_recording(utterances) if _path(group).is_file())
    return any(before is None or before.notes is None for group in there for before in _unchanged(group, known))


def _path(group: Sequence[Utterance]) -> Path:
    """The file of utterances of one recording."""
    path = group[0].path
    assert path is not None  # _by_recording groups no others
    return path


def _key(utterance: Utterance) -> str:
    """What an utterance is remembered by: its file and, of a segment, its place; no absolute path has // inside."""
    place = "" if utterance.segment is None else "//{}-{}".format(*places(utterance.segment))
    return absolute(str(utterance.path)) + place


def _unchanged(group: Sequence[Utterance], known: Mapping[str, _Sound]) -> list[_Sound | None]:
    """What is known of utterances of one file, if it is there and has the size and time of change remembered."""
    path, before = _path(group), [known.get(_key(utterance)) for utterance in group]
    if not any(before) or not path.is_file():
        return [None] * len(group)
    status = path.stat()
    now = (status.st_size, status.st_mtime_ns)
    return [sound if sound is not None and (sound.size, sound.changed) == now else None for sound in before]


def _measure(group: Sequence[Utterance], known: Mapping[str, _Sound]) -> list[_Sound | AudioError]:
    """What is found of utterances of one file, which is decoded once at most."""
    path = _path(group)
    try:
        before = zip(group, _unchanged(group, known), strict=True)
        kept = {u.id: sound for u, sound in before if sound is not None and sound.notes is not None}
        new = [utterance for utterance in group if utterance.id not in kept]
        if not new:
            return [kept[utterance.id] for utterance in group]
        lengths = measure_parts(path, [utterance.segment for utterance in new])
        status, of_file = path.stat(), file_checksum(path)
    except AudioError as error:  # a copy, since the error itself keeps its traceback, and that keeps the waveform
        return [AudioError(*error.args)] * len(group)
    except OSError as error:  # it vanished once it was decoded
        remedy = "make it readable, or leave it out"
        lost = AudioError(f"{path}", error.strerror or f"{error}", remedy, code="audio-unreadable")
        return [lost] * len(group)
    found: dict[str, _Sound | AudioError] = {**kept}
    for utterance, length in zip(new, lengths, strict=True):
        found[utterance.id] = (
            length
            if isinstance(length, AudioError)
            else _Sound(
                status.st_size,
                status.st_mtime_ns,
                length.samples,
                _checksum(of_file, utterance.segment),
                length.notes,
                length.content,
            )
        )
    return [found[utterance.id] for utterance in group]


def audio_checksums(utterances: Iterable[Utterance]) -> dict[str, int]:
    """Utterance id → its checksum as in `AudioScan`, where its file is there; each file is read once, not decoded."""
    groups = [group for group in _by_recording(utterances) if _path(group).is_file()]
    sums = {_path(group): file_checksum(_path(group)) for group in groups}
    return {u.id: _checksum(sums[_path(group)], u.segment) for group in groups for u in group}


def _checksum(of_file: int, segment: Segment | None) -> int:
    """CRC-32 of a file's bytes, gone on over the place of a segment."""
    return of_file if segment is None else zlib.crc32("{} {}".format(*places(segment)).encode(), of_file)


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
        contents = table.get("content", [None] * len(rows))
        whole = whole and all(content is None or type(content) is int for content in contents)
        sounds = {
            path: _Sound(*row)._replace(notes=notes.get(path, ()), content=content)
            for path, row, content in zip(table["path"], rows, contents, strict=True)
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
    columns = {column: [getattr(sound, column) for sound in known.values()] for column in (*_COLUMNS, "content")}
    notes = {path: sound.notes for path, sound in known.items() if sound.notes != ()}
    try:
        write_text(memory, json.dumps({"path": list(known), **columns, "notes": notes}, ensure_ascii=False))
    except OSError as error:
        say_forgotten(memory, error)


def say_forgotten(memory: Path, error: OSError) -> None:
    """Say that a memory cannot be written."""
    why = error.strerror or f"{error}"
    print(f"{memory} cannot be written ({why}): the sound files are decoded again next time", file=sys.stderr)
