"""A run's own files: what is read as a result is what the run wrote, and lies in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from probing.errors import RunError
from probing.files.recorded import File, is_whole, leads_out

REMEDY = "copy the run again, or rerun the command in its record.json"


def own_file(folder: Path, name: str, files: Mapping[str, File] | None) -> Path:
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
    if leads_out(path, folder):
        raise RunError(f"{path}", "it is a link that leads out of the run's folder", REMEDY, code="run-incomplete")
    known = files is None or name in files
    if not known or not is_whole(folder, name, (files or {}).get(name)):
        raise RunError(f"{path}", "it is not what the run wrote", REMEDY, code="run-incomplete")
    return path
