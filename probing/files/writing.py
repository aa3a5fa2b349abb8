"""Writing: a file is there whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from probing.files.claims import NO_LOCKS

PARTIAL = ".partial"  # ends the name of an unfinished file
_LONGEST = 255  # bytes of a file name, on almost every file system
_RANDOM = 8  # bytes that tell the unfinished versions of one file apart
_ASIDE = re.compile(rf"\.[0-9a-f]{{{2 * _RANDOM}}}{re.escape(PARTIAL)}")


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A temporary file that gets its final name only when the block ends without an error.

    It is locked until then. The system releases the lock when the process ends, however it ends, so an unfinished file
    without a lock was left by a process that was killed, and is deleted. That holds across containers too, which do not
    see each other's processes.

    Args:
        path: The file; its folder is created if necessary.

    Yields:
        The path of the temporary file beside it, which is empty and used by this call only; its name ends in
        `.partial`. The block must write to it, not replace it by another file.

    Raises:
        OSError: It cannot be written; the error names the file by its final name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    begins = _begins(path)
    _delete_abandoned(path.parent, begins)
    aside = path.with_name(f"{begins}.{secrets.token_hex(_RANDOM)}{PARTIAL}")
    try:
        with _locked(aside):
            yield aside
            with aside.open("rb") as file:
                os.fsync(file.fileno())  # a power cut must not leave an empty file under the final name
            aside.replace(path)
    except OSError as error:
        if error.filename in (None, str(aside)):
            error.filename = str(path)  # a write that fails does not say of which file, and this is the one meant
        raise
    finally:
        aside.unlink(missing_ok=True)


def _begins(path: Path) -> str:
    """How the names of a file's unfinished versions begin: with its own name, cut where the whole would be too long."""
    rest = 1 + 2 * _RANDOM + len(PARTIAL)
    name = os.fsencode(path.name)
    return path.name if len(name) + rest <= _LONGEST else name[: _LONGEST - rest].decode("utf-8", "ignore")


@contextmanager
def _locked(aside: Path) -> Iterator[None]:
    """Create an empty file and hold its lock, if the file system has locks."""
    handle = _created(aside)
    try:
        yield
    finally:
        os.close(handle)


def _created(aside: Path) -> int:
    """The descriptor of a new empty file; its lock is held until that is closed."""
    while True:
        handle = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno in NO_LOCKS:
                return handle
            os.close(handle)
            raise
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)  # another process took it for an abandoned one before it was locked, and deleted it


def _delete_abandoned(folder: Path, begins: str) -> None:
    """Delete a file's unfinished versions that no process holds; where there are no locks, none is deleted."""
    with os.scandir(folder) as entries:
        beside = [Path(entry.path) for entry in entries if entry.name.startswith(begins)]
    for path in beside:
        if not _ASIDE.fullmatch(path.name.removeprefix(begins)):
            continue
        with suppress(OSError):  # it is being written, another user's, or gone by now
            handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with written_aside(path) as aside:
        # A file name that is not UTF-8 has lone surrogates; as escapes they are JSON, and are read back unchanged.
        aside.write_text(text, "utf-8", errors="backslashreplace")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file for people and programs, whole or not at all; NaN and infinity are refused."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
