"""What the readers of unpacked releases share: finding the release, listing its files, pairing them with utterances.

Hidden files, such as the `._*` copies that macOS leaves behind, are never listed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from probing.errors import CorpusError, first_names, number_of
from probing.files.reading import bounded_bytes

_DEPTH = 2  # folders between the one that the user names and the release
_MOST_BYTES = 1 << 26  # of a file of labels; that of MSP-Improv, with all its raters, is the largest that is read so
_LONGEST_TEXT = 1 << 20  # bytes of the words of an utterance


def locate(
    folder: Path,
    corpus: str,
    marks_in: Callable[[Path], list[Path]],
    what: str,
    looked_for: str,
    contents: str,
    leaves: Collection[str] = (),
) -> Path:
    """The one thing that marks a release, in or below a folder; the nearest level that has one decides.

    Args:
        folder: What the user named.
        corpus: The corpus's name in messages; in lower case it is the prefix of its spec.
        marks_in: Gives what marks a release in one folder.
        what: What those are, in the plural.
        looked_for: The same with its spellings.
        contents: What the right folder contains.
        leaves: Names, in lower case, of folders with a file for each utterance, which are never searched.

    Raises:
        CorpusError: There is no such folder (code `folder-missing`), no release (`release-missing`), or more than one
            (`release-several`).
    """
    if not folder.is_dir():
        why = "it is a file" if folder.exists() else "there is no such folder"
        remedy = f"type {corpus.lower()}:/path/to/the/unpacked/release"
        raise CorpusError(f"{corpus} release {folder}", why, remedy, code="folder-missing")
    level = [folder]
    for _ in range(_DEPTH + 1):
        found = [mark for candidate in level for mark in marks_in(candidate)]
        if len(found) > 1:
            raise CorpusError(
                f"{folder} contains {len(found)} {what}",
                first_names([str(mark.relative_to(folder)) for mark in found]),
                "name the folder of one release, which contains one of them",
                code="release-several",
            )
        if found:
            return found[0]
        level = [child for parent in level for child in folders(parent) if child.name.lower() not in leaves]
    raise CorpusError(
        f"{folder} contains no {corpus} release",
        f"looked for {looked_for} there and up to {_DEPTH} folders further down",
        f"name the folder that contains {contents}",
        code="release-missing",
    )


def folders(parent: Path) -> list[Path]:
    """The folders in a folder, sorted by name."""
    return sorted(Path(entry.path) for entry in _entries(parent) if _is(entry.is_dir))


def files_in(parent: Path, accept: Callable[[str], bool]) -> list[Path]:
    """The files in a folder whose names, in lower case, are accepted, sorted by name."""
    return sorted(Path(entry.path) for entry in _entries(parent) if accept(entry.name.lower()) and _is(entry.is_file))


def descend(parent: Path, *names: str) -> Path | None:
    """A folder below another, whatever the case of its letters; None where there is none.

    Where an archive was unpacked into a folder of its own name, it is the inner one.
    """
    for name in names:
        found = next((child for child in folders(parent) if child.name.lower() == name.lower()), None)
        if found is None:
            return None
        parent = within_itself(found)
    return parent


def within_itself(folder: Path) -> Path:
    """A folder, or the one of the same name in it: what an archive becomes that is unpacked into its own folder."""
    inner = next((child for child in folders(folder) if child.name.lower() == folder.name.lower()), None)
    return inner or folder


def walk(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and path of every file in and below a folder; each folder is listed once, also where links make a circle."""
    listed = set()
    for place, inside, names in os.walk(folder, followlinks=True):
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in listed:
            inside.clear()
            continue
        listed.add((status.st_dev, status.st_ino))
        for name in names:
            if not name.startswith("."):
                yield name, f"{place}/{name}"


def by_stem(files: Iterable[tuple[str, str]], ending: str = "") -> dict[str, str]:
    """Path by file name without its ending, of the files with that ending."""
    return {stem(name): path for name, path in files if name.lower().endswith(ending)}


def stem(name: str) -> str:
    """A file name without its ending; pathlib takes seconds for the names of a whole release."""
    return name.rpartition(".")[0] or name


def read_lines(path: Path) -> list[str]:
    """The lines of a text file in UTF-8, or else in Windows-1252, which older releases use.

    Raises:
        CorpusError: It is larger than any such file (code `file-unreadable`).
    """
    try:
        raw = bounded_bytes(path, _MOST_BYTES)
    except ValueError as error:
        raise CorpusError(f"{path}", f"{error}", "copy it from the release again", code="file-unreadable") from error
    try:
        return raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace").splitlines()


def pair_audio(
    ids: Sequence[str], found: Mapping[str, str], expected: Callable[[str], Path], where: str
) -> tuple[list[Path | None], list[str]]:
    """The audio file of each utterance, and notes; a file that is not there keeps the place where it should be.

    Args:
        ids: Utterances.
        found: Path by utterance.
        expected: Where an utterance's file should be.
        where: Name of the place in notes.
    """
    paths: list[Path | None] = [Path(found[id_]) if id_ in found else expected(id_) for id_ in ids]
    notes = []
    absent = [id_ for id_ in ids if id_ not in found]
    if absent:
        notes.append(f"{number_of(len(absent), 'utterance')} without a file in {where}: {first_names(absent)}")
    others = len(found.keys() - set(ids))
    if others:
        notes.append(f"{number_of(others, 'file')} in {where} not used: not listed in the labels file")
    return paths, notes


def read_transcripts(ids: Sequence[str], files: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Text by utterance, and notes; what is absent or unreadable is counted, and stops only commands that need text.

    Args:
        ids: Utterances.
        files: Path by utterance of a file that contains its text and nothing else.
    """
    texts: dict[str, str] = {}
    unreadable = []
    for id_ in tqdm(ids, desc="transcripts", unit="file", disable=None):
        if id_ not in files:
            continue
        try:
            texts[id_] = " ".join(bounded_bytes(Path(files[id_]), _LONGEST_TEXT).decode("utf-8-sig").split())
        except (OSError, ValueError):  # also UnicodeDecodeError
            unreadable.append(id_)
    notes = transcript_notes([id_ for id_ in ids if id_ not in files], texts)
    if unreadable:
        what = number_of(len(unreadable), "transcript")
        notes.append(f"{what} not used: not UTF-8, or no text file: {first_names(unreadable)}")
    return texts, notes


def transcript_notes(absent: Sequence[str], texts: Mapping[str, str]) -> list[str]:
    """Notes on utterances without a transcript, and on empty transcripts."""
    notes = []
    if absent:
        notes.append(f"{number_of(len(absent), 'utterance')} without a transcript: {first_names(absent)}")
    empty = [id_ for id_, text in texts.items() if not text]
    if empty:
        notes.append(f"{number_of(len(empty), 'empty transcript')}: {first_names(empty)}")
    return notes


def _is(kind: Callable[[], bool]) -> bool:
    """Whether an entry is of a kind; a link to itself is of none."""
    try:
        return kind()
    except OSError:
        return False


def _entries(parent: Path) -> list[os.DirEntry[str]]:
    with os.scandir(parent) as entries:
        return [entry for entry in entries if not entry.name.startswith(".")]
