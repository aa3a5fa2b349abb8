"""Notes on many sound files, summed up in a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from probing.errors import first_names, number_of


def summed_up(notes: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Each note once, with the number of files and the first of them.

    Args:
        notes: Name of a file → what is noted of it.

    >>> summed_up({"a": ["zeros behind its audio are left out"], "b": ["zeros behind its audio are left out"], "c": []})
    ('2 audio files, each: zeros behind its audio are left out (a, b)',)
    """
    found: dict[str, list[str]] = {}
    for name, own in notes.items():
        for note in own:
            found.setdefault(note, []).append(name)
    return tuple(
        f"{number_of(len(of), 'audio file', 'audio files, each')}: {note} ({first_names(of)})"
        for note, of in found.items()
    )
