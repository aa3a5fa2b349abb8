"""What the columns of a table are called: near names are offered, segments and names of emotions are recognised."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from probing.errors import CorpusError, first_names

# Other names, in lower case, that public corpora and readers give to our columns.
_OTHERS = {
    "id": ("utterance", "utterance_id", "utt", "utt_id", "utterance-id", "segment_id", "file_id", "key", "name"),
    "path": (
        "file",
        "filename",
        "file_name",
        "filepath",
        "file_path",
        "wav",
        "wav_path",
        "audio",
        "audio_path",
        "location",
    ),
    "partition": ("split", "split_set", "splitset", "set", "subset", "fold", "usage"),
    "speaker": ("spkrid", "spk", "spkr", "speaker_id", "speakerid", "actor", "actor_id", "subject", "talker"),
    "text": ("transcript", "transcription", "sentence", "words", "utterance_text"),
    "arousal": ("activation", "emoact", "act", "aro"),
    "valence": ("emoval", "val", "pleasure"),
    "dominance": ("emodom", "dom"),
}
_SEGMENTS = (
    ("start", "end"),
    ("begin", "end"),
    ("start_time", "end_time"),
    ("starttime", "endtime"),
    ("begin_time", "end_time"),
    ("onset", "offset"),
    ("tmin", "tmax"),
)
_MOST_COMPARED = 1_000  # columns; the time to compare spellings grows with them
TIMES = frozenset(name for pair in _SEGMENTS for name in pair)  # never dimensions
_EMOTIONS = frozenset(
    "afraid amused amusement angry anger ang annoyed anxiety anxious bored boredom calm calmness contempt dis disgust "
    "disgusted excited excitement exc fear fearful fea fru frustrated frustration happiness happy hap joy joyful love "
    "neutral neu ne pleasant sad sadness surprise surprised sur sad angst freude trauer wut ekel langeweile".split()
)


def near(column: str, present: Iterable[str], alike: float = 0.6) -> str | None:
    """The column of a table that may be meant by one of ours that it lacks; None where none is near.

    Args:
        column: Ours.
        present: Columns of the table.
        alike: How alike the spellings must be, from 0 to 1, unless the name is a usual one.

    >>> near("path", ["id", "File"]), near("partition", ["Partitions"]), near("path", ["id", "sex"])
    ('File', 'Partitions', None)
    """
    spelling = {name.lower(): name for name in present if name}
    for other in _OTHERS.get(column, ()):
        if other in spelling:
            return spelling[other]
    found = difflib.get_close_matches(column.lower(), list(spelling)[:_MOST_COMPARED], n=1, cutoff=alike)
    return spelling[found[0]] if found else None


def meant(lacking: Iterable[str], present: Collection[str]) -> list[str]:
    """What to rename, where a column that a table lacks may be there by another name.

    >>> meant(["path", "text"], ["file", "room"])
    ['rename column file to path, if it is that']
    """
    pairs = [(near(column, present, alike=0.8), column) for column in lacking]
    return [f"rename column {found} to {column}, if it is that" for found, column in pairs if found]


def demand_columns(header: Sequence[str], needed: Sequence[str], path: Path) -> None:
    """Raise a CorpusError where a table lacks a column (code `column-missing`) or has one twice (`column-repeated`)."""
    absent = [name for name in needed if name not in header]
    if absent:
        found = near(absent[0], (name for name in header if name not in needed))
        remedy = f"rename column {found} to {absent[0]}" if found else f"add a column {absent[0]}"
        if len(header) == 1 and (mark := next((m for m in ";\t,|" if m in header[0]), "")):
            remedy = f"its cells are separated by {mark!r}: save it with commas as .csv, or with tabs as .tsv"
        what = f"table {path} has no column {', '.join(absent)}"
        raise CorpusError(what, f"it has {first_names(header, 20)}", remedy, code="column-missing")
    repeated = sorted(name for name, count in Counter(header).items() if name and count > 1)
    if repeated:
        what = f"table {path} has more than one column {first_names(repeated)}"
        raise CorpusError(what, "nobody knows which is meant", "rename or remove one", code="column-repeated")


def refuse_segments(columns: Iterable[str], path: Path) -> None:
    """Raise a CorpusError (code `segments`) where each row is a part of a recording, since whole files are heard."""
    spelling = {name.lower(): name for name in columns}
    for start, end in _SEGMENTS:
        if start in spelling and end in spelling:
            raise CorpusError(
                f"table {path} has columns {spelling[start]} and {spelling[end]}",
                "segments of a recording are not read: each row would be the whole file",
                "cut the recordings into a file for each row, or rename these columns if they mean something else",
                code="segments",
            )


def names_of_emotions(cells: Sequence[str]) -> list[str]:
    """The names of emotions in a column that consists of them; none where it does not.

    >>> names_of_emotions(["anger", "", "Joy"]), names_of_emotions(["0.5", "sad"]), names_of_emotions(["yes", "no"])
    (['anger', 'Joy'], [], [])
    """
    names = list(dict.fromkeys(cell for cell in cells if cell))
    known = [name for name in names if name.lower() in _EMOTIONS]
    return names if names and 2 * len(known) > len(names) else []
