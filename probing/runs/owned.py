"""A run's own files: what is read as a result is what the run wrote, and lies in its folder."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol

from probing.errors import RunError
from probing.files import file_digest

REMEDY = "copy the run again, or rerun the command in its record.json"


class Written(Protocol):
    """What a record says about a file."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    @property
    def sha256(self) -> str:
        """Its digest."""


def name_inside(name: str) -> str:
    """The name of a file in a folder, as a record lists it.

    Raises:
        ValueError: It could lead out of the folder, or names no file.
    """
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or str(path) != name or "\0" in name:
        raise ValueError(f"{name!r} is no file of the run")
    return name


def is_whole(folder: Path, name: str, written: Written | None, digest: bool = True) -> bool:
    """Whether a run's file is there as it was written, and in the run's folder.

    Args:
        folder: The run's.
        name: The file's, in the folder; a link that leads out of the folder is none of the run's files.
        written: What the record says of it; None: the record, of version 0.1.0, says nothing.
        digest: Whether every byte is read, rather than only the size compared.
    """
    path = folder / name
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or _leads_out(folder, path):
            return False
    except (OSError, ValueError):  # it is not there, is a link to itself, or has a name that no file can have
        return False
    if written is None:
        return True
    return found.st_size == written.size and (not digest or file_digest(path) == written.sha256)


def own_file(folder: Path, name: str, files: Mapping[str, Written] | None) -> Path:
    """The path of a run's file, which is what the run wrote.

    Args:
        folder: The run's.
        name: The file's.
        files: What the record says of all files; None in version 0.1.0, which kept no digests.

    Raises:
        RunError: It is missing, is not what the run wrote, or lies elsewhere (code `run-incomplete`).
    """
    path = folder / name
    if not path.is_file():  # neither a pipe nor a device
        raise RunError(f"{path}", "there is no such file", REMEDY, code="run-incomplete")
    if _leads_out(folder, path):
        raise RunError(f"{path}", "it is a link that leads out of the run's folder", REMEDY, code="run-incomplete")
    known = files is None or name in files
    if not known or not is_whole(folder, name, (files or {}).get(name)):
        raise RunError(f"{path}", "it is not what the run wrote", REMEDY, code="run-incomplete")
    return path


def _leads_out(folder: Path, path: Path) -> bool:
    return not path.resolve().is_relative_to(folder.resolve())
