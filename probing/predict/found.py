"""Which recordings are meant, and whether any is there. Loads without torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from probing.audio.endings import AUDIO_ENDINGS
from probing.errors import AudioError, ProbingError


def found_files(named: Iterable[str | Path]) -> list[Path]:
    """The files that names, folders and patterns stand for, each once.

    Of a folder these are the audio files below it, told by their endings; a file that is named, or that a pattern
    names, is taken whatever its ending.

    Raises:
        ProbingError: There is no audio file in a folder (code `no-audio`), or nothing fits a pattern (`no-match`).
    """
    files: dict[Path, None] = {}
    for name in named:
        path = Path(name)
        if path.is_dir():
            own = _audio_below(path)
        elif set(str(name)) & set("*?[") and not path.exists():
            own = _matching(path)
        else:
            own = [path]
        files |= dict.fromkeys(own)
    return list(files)


def refusals(files: Sequence[Path]) -> list[AudioError]:
    """Why no file can be used, asked before a run is opened: none is there. Empty where one is, or may be."""
    if any(map(_may_be_there, files)):
        return []
    from probing.audio.decode import listen

    found = []
    for path in files:
        try:
            listen(path)
        except AudioError as error:
            found.append(error)
    return found


def _may_be_there(path: Path) -> bool:
    """Whether a file is there, or cannot be looked at, which whoever reads it says."""
    try:
        return path.exists()
    except OSError:
        return True


def _audio_below(folder: Path) -> list[Path]:
    """The audio files in a folder and below; hidden ones are left out."""
    found = [p for p in folder.rglob("*") if p.suffix.lower() in AUDIO_ENDINGS and p.is_file()]
    own = sorted(p for p in found if not p.name.startswith("."))
    if not own:
        why = "there is no audio file in it"
        raise ProbingError(f"{folder}", why, "name audio files, a folder of them, or a pattern", code="no-audio")
    return own


def _matching(pattern: Path) -> list[Path]:
    """The files that fit a pattern."""
    root, rest = (Path(pattern.anchor), pattern.relative_to(pattern.anchor)) if pattern.anchor else (Path(), pattern)
    own = sorted(p for p in root.glob(str(rest)) if p.is_file())
    if not own:
        remedy = "name audio files, a folder of them, or a pattern"
        raise ProbingError(f"{pattern}", "no file fits that pattern", remedy, code="no-match")
    return own
