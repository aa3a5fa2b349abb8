"""Recordings that are embedded in another file, written out once below the cache's folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from probing.audio.endings import AUDIO_ENDINGS
from probing.errors import CorpusError, ProbingError
from probing.files import absolute, claim, digest, read_json, shown, slug, write_json

_INDEX = "index.json"
_BEGINS = {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3": ".mp3", b"\xff\xfb": ".mp3", b"FORM": ".aiff"}


_Recordings = Callable[[], Iterator[tuple[bytes | None, str]]]
_Found = list[tuple[str, str]]


def unpacked(source: Path, files: Sequence[Path], rows: int, recordings: _Recordings) -> _Found:
    """Write the recordings of a folder out, unless they are there already.

    They are known by the places, sizes and times of the files that they are embedded in, so that no two folders share
    any. A list of them is written when the last one is there, so that what a killed process leaves is written again.

    Args:
        source: What the user named, for the name of the folder.
        files: The files that the recordings are embedded in.
        rows: How many recordings there are.
        recordings: Iterates over the bytes of each, None where it is not embedded, and its name, which may be empty.

    Returns:
        The absolute path of each recording, blank where it is not embedded, and its name.

    Raises:
        CorpusError: They cannot be written (code `not-writable`).
    """
    stated = [_stated(path) for path in files]
    cache = Path(absolute(os.environ.get("PROBING_CACHE", "cache")))
    into = cache / "unpacked" / f"{slug(source.name)}-{digest(stated)[:16]}"
    found = _listed(into, rows)
    if found is not None:
        return found
    if all(raw is None for raw, _ in recordings()):
        return [("", name) for _, name in recordings()]
    try:
        with claim(into, wait=True):
            return _listed(into, rows) or _write(into, rows, recordings)
    except OSError as error:
        what = f"the recordings of {source} cannot be unpacked to {into}"
        remedy = "free as much space there as the folder has, or set PROBING_CACHE to another folder"
        raise CorpusError(what, error.strerror or str(error), remedy, code="not-writable") from error


def _stated(path: Path) -> list[object]:
    """What changes where a file is another, or is written again, even by what sets its time back."""
    now = path.stat()
    return [str(path.resolve()), now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns]


def _listed(into: Path, rows: int) -> _Found | None:
    """What was written; None where it was not finished, or is not what it should be."""
    try:
        listed = read_json(into / _INDEX, "").get("files")
    except (OSError, ProbingError):
        return None
    if not isinstance(listed, list) or len(listed) != rows or not all(map(_is_entry, listed)):
        return None
    found = [(str(into / written) if written else "", name) for written, name in listed]
    return found if all(Path(path).is_file() for path, _ in found if path) else None


def _is_entry(entry: object) -> bool:
    """Whether it is the name of a file in the folder, or none, and the recording's own."""
    return (
        isinstance(entry, list)
        and len(entry) == 2
        and all(isinstance(part, str) for part in entry)
        and Path(entry[0]).name == entry[0]
    )


def _write(into: Path, rows: int, recordings: _Recordings) -> _Found:
    into.mkdir(parents=True, exist_ok=True)
    listed = []
    bar = tqdm(recordings(), desc=f"unpacking to {shown(str(into))}", unit="file", total=rows, disable=None)
    for row, (raw, name) in enumerate(bar):
        written = "" if raw is None else f"{row:08d}{_ending(raw, name)}"
        if raw is not None:
            (into / written).write_bytes(raw)
        listed.append((written, name))
    write_json(into / _INDEX, {"files": listed})
    return [(str(into / written) if written else "", name) for written, name in listed]


def _ending(raw: bytes, name: str) -> str:
    """The ending of a recording's name, or else of what it begins like."""
    ending = Path(name).suffix.lower()
    if ending in AUDIO_ENDINGS:
        return ending
    return next((of_kind for begin, of_kind in _BEGINS.items() if raw.startswith(begin)), ".audio")
