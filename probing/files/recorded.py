"""Folders of runs, whose record lists their files: each is as it was written, and lies in its folder.

Encoders of a run and results of a run are read by the same rules, so that nothing which one reader refuses is taken by
another.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter

from probing.files.checked_json import read_json
from probing.files.digests import file_digest, sealed

RECORD = "record.json"
SEAL = "sha256"  # the record's digest of itself: of all its other fields
SEALED = 3  # version of records since which they have one
_SEED = re.compile("seed[0-9]+")  # folders of the systems that a run trained


def name_inside(name: str) -> str:
    """The name of a file in a folder, as a record lists it.

    Raises:
        ValueError: It could lead out of the folder, or names no file.
    """
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or str(path) != name or "\0" in name:
        raise ValueError(f"{name!r} is no file of the run")
    return name


@dataclass(frozen=True)
class File:
    """A file of a finished run: its size in bytes and its digest."""

    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


Inside = Annotated[str, AfterValidator(name_inside)]  # the name of a file in a run's folder
_FILES: TypeAdapter[dict[str, File]] = TypeAdapter(dict[Inside, File])


def run_of(folder: Path) -> Path | None:
    """The run that a folder belongs to: it is a run's own, or that of one of its seeds; None where it has no record."""
    folder = folder.absolute()
    holders = [folder, folder.parent] if _SEED.fullmatch(folder.name) else [folder]
    return next((holder for holder in holders if (holder / RECORD).is_file()), None)


def listed_files(run: Path, remedy: str) -> dict[str, File] | None:
    """What a run's record says of the run's files, by their names; None in version 0.1.0, which kept no digests.

    Args:
        run: The run's folder, which has a record.
        remedy: What to do where it is damaged.

    Raises:
        OSError: It cannot be read.
        ProbingError: It is no JSON object (code `damaged`).
        ValueError: It is not what the run wrote, or lists what can be no files.
    """
    content = read_json(run / RECORD, remedy)
    demand_sealed(content)
    return None if version_of(content) == 1 else _FILES.validate_python(content.get("files"))


def version_of(content: Mapping[str, Any]) -> int:
    """The version of a record; that of version 0.1.0 of this package is 1, and does not say so.

    Raises:
        ValueError: It is no version.
    """
    version = content.get("version", 1)
    if type(version) is not int or version < 1:
        raise ValueError(f"there is no version {version!r}")
    return version


def demand_sealed(content: Mapping[str, Any]) -> None:
    """Raise a ValueError where a record is not what its run wrote, by the digest that it has of itself."""
    if (version_of(content) >= SEALED or SEAL in content) and content.get(SEAL) != sealed(content, SEAL)[SEAL]:
        raise ValueError("it is not what the run wrote")


def is_whole(folder: Path, name: str, written: File | None, digest: bool = True) -> bool:
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
        if not stat.S_ISREG(found.st_mode) or leads_out(path, folder):
            return False
    except (OSError, ValueError):  # it is not there, is a link to itself, or has a name that no file can have
        return False
    if written is None:
        return True
    return found.st_size == written.size and (not digest or file_digest(path) == written.sha256)


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a path is, or goes through, a link that leads out of a folder.

    The model hub's own downloads are folders of links, `models--OWNER--NAME/snapshots/REVISION/…`, to files in
    `models--OWNER--NAME/blobs`; those do not lead out, in folders of a snapshot neither.
    """
    root, target = folder.resolve(), path.resolve()
    if target.is_relative_to(root):
        return False
    snapshots = [above.parent for above in (root, *root.parents) if above.parent.name == "snapshots"]
    return target.parent not in [one.parent / "blobs" for one in snapshots]
