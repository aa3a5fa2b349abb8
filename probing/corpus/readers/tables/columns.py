"""Our columns, and what other people call them: a near name is offered where one of ours is lacking."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from probing.corpus.model import ALIASES, DEVELOPMENT, EMOTIONS, TRAIN
from probing.errors import CorpusError, first_names

OWN = ("id", "path", "partition", "speaker", "text")
KNOWN = (*OWN, "start", "end", *EMOTIONS)
# Other names, in lower case, that public corpora and readers give to our columns.
OTHERS = {
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
        "audio_filepath",
        "location",
    ),
    "partition": ("split", "split_set", "splitset", "set", "subset", "fold", "usage"),
    "speaker": ("spkrid", "spk", "spkr", "speaker_id", "speakerid", "actor", "actor_id", "subject", "talker"),
    "text": ("transcript", "transcription", "sentence", "words", "utterance_text"),
    "arousal": ("activation", "emoact", "act", "aro"),
    "valence": ("emoval", "val", "pleasure"),
    "dominance": ("emodom", "dom"),
}
PARTITIONS = frozenset({TRAIN, DEVELOPMENT, "test", "test1", "test2", "testing", "eval", "evaluation", *ALIASES})
_ROW_NUMBERS = re.compile(r"|index|level_0|Unnamed: \d+|__index_level_\d+__")  # what pandas calls its own
MOST_COMPARED = 1_000  # columns; the time to compare spellings grows with them


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
    for other in OTHERS.get(column, ()):
        if other in spelling:
            return spelling[other]
    found = difflib.get_close_matches(column.lower(), list(spelling)[:MOST_COMPARED], n=1, cutoff=alike)
    return spelling[found[0]] if found else None


def meant(lacking: Iterable[str], present: Collection[str]) -> list[str]:
    """What to type, where a column that a table lacks may be there by another name.

    >>> meant(["path", "text"], ["file", "room"])
    ['type --column path=file, if it is that']
    """
    pairs = [(near(column, present, alike=0.8), column) for column in lacking]
    return [f"type --column {column}={found}, if it is that" for found, column in pairs if found]


def numbers_rows(column: str) -> bool:
    """Whether a column is called as pandas calls the numbers of its rows.

    >>> numbers_rows("Unnamed: 0"), numbers_rows("__index_level_0__"), numbers_rows("mfcc_0")
    (True, True, False)
    """
    return _ROW_NUMBERS.fullmatch(column) is not None


def demand_columns(header: Sequence[str], needed: Sequence[str], path: Path, own: Sequence[str] = ()) -> None:
    """Raise a CorpusError where a table lacks a column (code `column-missing`) or has one twice (`column-repeated`).

    Args:
        header: Its columns.
        needed: Those that must be there.
        path: The table.
        own: Those of them that `--column` can name.
    """
    absent = [name for name in needed if name not in header]
    if absent:
        found = near(absent[0], (name for name in header if name not in needed))
        remedy = f"rename column {found} to {absent[0]}" if found else f"add a column {absent[0]}"
        if found and absent[0] in own:
            remedy = "; ".join(meant([name for name in own if name not in header], header)) or remedy
        if len(header) == 1 and (mark := next((m for m in ";\t,|" if m in header[0]), "")):
            remedy = f"its cells are separated by {mark!r}: save it with commas as .csv, or with tabs as .tsv"
        what = f"table {path} has no column {', '.join(absent)}"
        raise CorpusError(what, f"it has {first_names(header, 20)}", remedy, code="column-missing")
    repeated = sorted(name for name, count in Counter(header).items() if name and count > 1)
    if repeated:
        what = f"table {path} has more than one column {first_names(repeated)}"
        raise CorpusError(what, "nobody knows which is meant", "rename or remove one", code="column-repeated")
