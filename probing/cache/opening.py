"""Open a file of a cache: never before it has been found sound.

A seal is compared in plain Python. It finds damage, which may send HDF5 round for ever; it is no defence against a file
that somebody sealed to do harm. Files of version 0.1.0 have no seal, and a child process is asked first. A file that
this process has found sound is not examined again.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import h5py

from probing.cache.asking import ask
from probing.cache.contents import Contents, examine, open_hdf5
from probing.cache.format import part_files, parts_folder
from probing.cache.seal import read_seal, unopened
from probing.errors import CacheError

_STEP = 10**8  # nanoseconds
_State = tuple[int, ...]  # device, number, length and time of change of a file
_found: dict[_State, str] = {}  # files that are sound → seal
_parts: dict[_State, Contents] = {}  # the same, parts → what they hold, which several steps ask for


def contents_of(path: Path) -> Contents:
    """What a part or a virtual file holds beside its states.

    Raises:
        CacheError: It is not sound, or no cache of this version (code `cache-format`).
    """
    sound(path)
    kept = _kept(path)
    if kept in _parts:
        return _parts[kept]
    found = examine(path)
    if not found.parts and _is_settled(kept):
        _parts[kept] = found
    return found


def opened(path: Path) -> h5py.File:
    """A part or a virtual file, open for reading.

    Raises:
        CacheError: It is not sound.
    """
    sound(path)
    return open_hdf5(path)


def sound(path: Path) -> str:
    """Make sure that a file can be given to HDF5.

    Returns:
        SHA-256 of its seal; nothing where it has none.

    Raises:
        CacheError: It is damaged (code `cache-damaged`), no regular file (`cache-link`), or the system does not let us
            read it (`part-unopened`).
    """
    kept = _kept(path)
    if kept in _found:
        return _found[kept]
    seal = read_seal(path)
    if not seal:
        _ask(path)
    if not seal or _is_settled(kept):
        _found[kept] = seal
    return seal


def size_of(path: Path) -> int:
    """Bytes of a file.

    Raises:
        CacheError: It is no regular file (code `cache-link`), or the system does not let us look (`part-unopened`).
    """
    return _on_disk(path).st_size


def _ask(path: Path) -> None:
    """Ask about a file without a seal, and while we are at it about the others of its cache."""
    whole = path.parent.with_name(f"{path.parent.name}.h5")
    around = {whole, *part_files(path.parent), *part_files(parts_folder(path))} - {path}
    for file, damage in ask([path, *(file for file in sorted(around) if _unsealed(file))]):
        if damage is None:
            _found[_kept(file)] = ""
        elif file == path:
            raise damage


def _unsealed(path: Path) -> bool:
    """Whether there is a file without a seal that has not been examined."""
    try:
        return _kept(path) not in _found and not read_seal(path)
    except CacheError:
        return False


def _is_settled(kept: _State) -> bool:
    """Whether a file that is changed from now on would have another time of change, which has steps of milliseconds.

    A time to come is that of another machine's clock, or was copied with the file.
    """
    return abs(time.time_ns() - kept[-1]) > _STEP


def _kept(path: Path) -> _State:
    """What changes when a file is written or replaced."""
    found = _on_disk(path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _on_disk(path: Path) -> os.stat_result:
    """A regular file as the system knows it. A link is refused: it would lead out of the cache."""
    try:
        found = path.lstat()
    except OSError as error:
        raise unopened(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        why, remedy = "it is a link, or no file at all", "put the file itself there, or delete it and extract again"
        raise CacheError(f"{path}", why, remedy, code="cache-link")
    return found
