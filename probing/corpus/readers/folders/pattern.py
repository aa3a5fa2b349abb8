"""Read a folder of recordings whose names say who speaks and how: `{speaker}_{emotion}_{id}.wav` (see `naming`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from probing.audio.endings import AUDIO_ENDINGS
from probing.corpus.model import EMOTIONS
from probing.corpus.readers.folders.naming import EXAMPLE, compiled
from probing.corpus.readers.releases.release import walk
from probing.corpus.readers.tables.cells import Cells
from probing.errors import CorpusError, first_names, number_of
from probing.files import readable


def read(folder: Path, pattern: str) -> Cells:
    """Read a folder of recordings.

    Args:
        folder: It is searched with all folders in it; hidden files are left out.
        pattern: As in `naming`.

    Returns:
        Columns id, path and a column for each field of the pattern, in the order of the paths. An id is the field `id`
        where the pattern has it and no two are the same; else the file's name without its ending, or, where names
        repeat, its path.

    Raises:
        CorpusError: The pattern cannot be meant (code `pattern`), the folder is missing (`folder-missing`), has no
            recordings (`no-audio`), or none that fits (`pattern-unmatched`).
    """
    fields, says = compiled(pattern)
    found = recordings_in(folder)
    rows = [(path, said) for path in found if (said := says(path)) is not None]
    if not rows:
        why = f"{number_of(len(found), 'recording')} in it, but none fits {pattern!r}: {first_names(found, 3)}"
        raise CorpusError(f"folder {folder}", why, _nearest(pattern, found), code="pattern-unmatched")
    paths = [path for path, _ in rows]
    columns = {name: [said[name] for _, said in rows] for name in fields}
    columns["id"] = _ids(paths, columns.get("id"))
    columns["path"] = paths
    fitting = set(paths)
    others = [path for path in found if path not in fitting]
    what = number_of(
        len(others), "recording does not fit the pattern and is", "recordings do not fit the pattern and are"
    )
    notes = (f"{what} left out: {first_names(others)}",) if others else ()
    named = frozenset(fields).difference(EMOTIONS)
    return Cells(folder, columns, list(range(1, len(rows) + 1)), names=named, notes=notes, counted="recording")


def recordings_in(folder: Path) -> list[str]:
    """The recordings in and below a folder: their paths from there, sorted.

    Raises:
        CorpusError: There is no such folder (code `folder-missing`), or no recording in it (`no-audio`).
    """
    if not folder.is_dir():
        why = "it is a file" if folder.exists() else "there is no such folder"
        raise CorpusError(f"folder {folder}", why, "give the path of a folder of recordings", code="folder-missing")
    found = listed(folder)
    if not found:
        why, remedy = "there is no audio file in it", "give the path of a folder of recordings"
        raise CorpusError(f"folder {folder}", why, remedy, code="no-audio")
    return found


def listed(folder: Path) -> list[str]:
    """The same of a folder that is there; none where it holds none."""
    files = walk(folder)
    return sorted(os.path.relpath(path, folder) for name, path in files if Path(name).suffix.lower() in AUDIO_ENDINGS)


def _nearest(pattern: str, found: Sequence[str]) -> str:
    """What may be meant by a pattern that none of the recordings found fits."""
    ending = Path(pattern).suffix
    shorter = pattern.removesuffix(ending)
    if ending.lower() in AUDIO_ENDINGS and any(map(compiled(shorter)[1], found)):
        return f"leave out the ending, which is another: --pattern {shorter!r}"
    return EXAMPLE


def _ids(paths: Sequence[str], said: Sequence[str] | None) -> list[str]:
    """The first way to name each recording that names no two alike."""
    without = [readable(os.path.splitext(path)[0]) for path in paths]  # noqa: PTH122
    candidates = [[name.rpartition(os.sep)[2] for name in without], without, [readable(path) for path in paths]]
    if said is not None:
        candidates.insert(0, list(said))
    return next((ids for ids in candidates if len(set(ids)) == len(ids)), candidates[-1])
