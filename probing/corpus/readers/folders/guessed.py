"""What a pattern of a folder may be, where nobody has said: a proposal to be corrected, and never read by itself."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from probing.corpus.readers.folders.naming import compiled
from probing.errors import CorpusError, number_of

_MOST = 10_000  # names that are looked at
_MARK = re.compile(r"([/_-])")
_USUAL = "{speaker}_{emotion}_{id}.wav"  # where the names have no form in common
_LETTERS = re.compile(r"[^\W\d_]+")
_MOST_CLASSES = 20


def refuse_without_pattern(folder: Path, found: Sequence[str], remedy: str = "") -> None:
    """Raise a CorpusError (code `corpus-unknown`) on a folder that holds recordings, with what to type.

    Args:
        folder: The folder.
        found: Paths of its recordings, from there; of none, nothing is raised.
        remedy: What else may be typed.
    """
    if found:
        why = f"it holds {number_of(len(found), 'recording')}, and no pattern says what their names mean"
        typed = f"say what they mean, for example --pattern '{guessed(found)}'"
        raise CorpusError(f"folder {folder}", why, f"{typed}{remedy and f'; {remedy}'}", code="corpus-unknown")


def guessed(found: Sequence[str]) -> str:
    """A pattern for some paths: by their own form where all have the same separators, else the usual one.

    The last part is the id where it tells more apart than it repeats; the first part of few words is the emotion, the
    first other part that repeats the speaker; a part that is the same throughout is a text, and any other a `*`.

    >>> guessed(["03_sad_1.wav", "03_joy_2.wav", "04_sad_1.wav", "04_joy_2.wav"])
    '{speaker}_{emotion}_{id}.wav'
    >>> guessed(["s1/x-sad.wav", "s1/x-joy.wav", "s2/x-sad.wav", "s2/x-joy.wav"])
    '{speaker}/x-{emotion}.wav'
    >>> guessed(["a_1.wav", "b.wav"])
    '{speaker}_{emotion}_{id}.wav'
    """
    stems, endings = zip(*(os.path.splitext(path.replace(os.sep, "/")) for path in found[:_MOST]), strict=True)  # noqa: PTH122
    split = [_MARK.split(stem) for stem in stems]
    if len({tuple(parts[1::2]) for parts in split}) > 1 or not all(all(parts[::2]) for parts in split):
        return _USUAL
    columns = list(zip(*(parts[::2] for parts in split), strict=True))
    marks = [*split[0][1::2], endings[0] if len(set(endings)) == 1 else ""]
    fields = _fields(columns)
    pattern = "".join(field + mark for field, mark in zip(fields, marks, strict=True))
    return pattern if {"{speaker}", "{emotion}"} & {*fields} and _reads(pattern, found[0]) else _USUAL


def _fields(columns: Sequence[Sequence[str]]) -> list[str]:
    """What each part of the names may be."""
    fields: list[str] = []
    for place, column in enumerate(columns):
        names = set(column)
        repeats = 2 * len(names) <= len(column)
        words = all(map(_LETTERS.fullmatch, names))
        if len(names) == 1:
            fields.append(column[0] if not set(column[0]) & set("{}*") else "*")
        elif words and repeats and len(names) <= _MOST_CLASSES and "{emotion}" not in fields:
            fields.append("{emotion}")
        elif place == len(columns) - 1:
            fields.append("{id}")
        else:
            fields.append("{speaker}" if repeats and "{speaker}" not in fields else "*")
    return fields


def _reads(pattern: str, path: str) -> bool:
    """Whether a pattern can be typed in quotes, can be meant, and fits a path."""
    if "'" in pattern or not pattern.isprintable():
        return False
    try:
        return compiled(pattern)[1](path) is not None
    except CorpusError:
        return False
