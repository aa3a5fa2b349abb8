"""Where the audio of a corpus may be, if none of it is where its paths lead."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from probing.corpus.model import Corpus
from probing.corpus.scan import AudioScan
from probing.errors import number_of

_MISSING = "audio-missing"  # the code of a file that is not there
_FOLDERS = 500  # that are looked into
_ENTRIES = 2_000  # that are looked at in each
_DEEP = 3  # folders inside one another


def nowhere(corpus: Corpus, scan: AudioScan) -> tuple[str, str, str] | None:
    """What to say where no audio file of a corpus is where its path leads: what happened, why, what to type.

    Args:
        corpus: Any.
        scan: What was found when its audio was decoded.
    """
    paths = {u.id: u.path for u in corpus.utterances if u.path is not None}
    if not paths or any(id_ not in scan.damaged or scan.damaged[id_].code != _MISSING for id_ in paths):
        return None
    first = next(iter(paths.values()))
    files = number_of(len(set(paths.values())), "audio file is", "audio files are")
    found = _like(first)
    remedy = "name the folder that their paths are relative to: --audio-root DIR, or correct the paths"
    if found is not None:
        remedy = f"name the folder that their paths are relative to; {found} has such a file: --audio-root {found}"
    return f"none of {files} where the corpus says", f"the first would be {first}", remedy


def _like(path: Path) -> Path | None:
    """A folder near the one that a path starts from, from which the rest of the path leads to a file."""
    root = next((folder for folder in path.parents if folder.is_dir()), None)
    if root is None or root == root.parent:  # the path starts from nowhere
        return None
    rest = path.relative_to(root)
    for folder in islice(_folders(root), _FOLDERS):
        if (folder / rest).is_file():
            return folder
    return None


def _folders(root: Path) -> Iterator[Path]:
    """The folders in a folder, and then those beside it, each after the one that it is in."""
    level = [root]
    for _ in range(_DEEP):
        level = [inner for folder in level for inner in _inner(folder)]
        yield from level
    yield from _inner(root.parent)


def _inner(folder: Path) -> list[Path]:
    """The folders in one, by name."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in islice(entries, _ENTRIES) if entry.is_dir())
    except OSError:
        return []
