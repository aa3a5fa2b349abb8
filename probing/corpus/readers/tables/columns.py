"""Our columns, and what other people call them: a near name is offered where one of ours is lacking."""

from __future__ import annotations

import difflib
import re
import shlex
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
_FOLD = re.compile(r"(?:fold|split|set|part|cv)?[-_ ]?[0-9]{1,3}", re.ASCII)
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


def meant(lacking: Iterable[str], present: Collection[str], paths: str | None = None) -> list[str]:
    """What to type, where columns that a table lacks may be there by other names: one line to paste, or none.

    Args:
        lacking: Ours.
        present: Columns of the table.
        paths: The one that has the names of audio files, by what is in it.

    >>> meant(["path", "speaker", "text"], ["file", "actor", "room"])
    ['type --column path=file --column speaker=actor, if they are that']
    >>> meant(["path", "id"], ["file_id"], paths="file_id"), meant(["path"], ["room"])
    (['type --column path=file_id, if it is that'], [])
    """
    others = [column for column in present if column != paths]
    pairs = [(column, paths if paths and column == "path" else near(column, others, alike=0.8)) for column in lacking]
    typed = [f"--column {shlex.quote(f'{column}={found}')}" for column, found in pairs if found]
    return [f"type {' '.join(typed)}, if {'it is' if len(typed) == 1 else 'they are'} that"] if typed else []


def numbers_rows(column: str) -> bool:
    """Whether a column is called as pandas calls the numbers of its rows.

    >>> numbers_rows("Unnamed: 0"), numbers_rows("__index_level_0__"), numbers_rows("mfcc_0")
    (True, True, False)
    """
    return _ROW_NUMBERS.fullmatch(column) is not None


def splits(column: str, written: Iterable[str]) -> bool:
    """Whether a column is called like one of partitions, and has their names, or those of folds, and nothing else.

    >>> splits("split", ["train", "Test"]), splits("fold", ["fold_1", "2"]), splits("set", ["indoors", "outdoors"])
    (True, True, False)
    """
    if column.lower() not in OTHERS["partition"]:
        return False
    names = {name.lower() for name in written if name}
    return bool(names) and all(name in PARTITIONS or _FOLD.fullmatch(name) for name in names)


def demand_columns(
    header: Sequence[str], needed: Sequence[str], path: Path, own: Sequence[str] = (), paths: str | None = None
) -> None:
    """Raise a CorpusError where a table lacks a column (code `column-missing`) or has one twice (`column-repeated`).

    Args:
        header: Its columns.
        needed: Those that must be there.
        path: The table.
        own: Those of them that `--column` can name.
        paths: The column that has the names of audio files, by what is in it.
    """
    absent = [name for name in needed if name not in header]
    if absent:
        found = near(absent[0], (name for name in header if name not in (*needed, paths)))
        found = paths if absent[0] == "path" and paths else found
        remedy = f"rename column {found} to {absent[0]}" if found else f"add a column {absent[0]}"
        if found and absent[0] in own:
            remedy = "; ".join(meant([name for name in own if name not in header], header, paths)) or remedy
        if len(header) == 1 and (mark := next((m for m in ";\t,|" if m in header[0]), "")):
            remedy = f"its cells are separated by {mark!r}: save it with commas as .csv, or with tabs as .tsv"
        what = f"table {path} has no column {', '.join(absent)}"
        raise CorpusError(what, f"it has {first_names(header, 20)}", remedy, code="column-missing")
    repeated = sorted(name for name, count in Counter(header).items() if name and count > 1)
    if repeated:
        what = f"table {path} has more than one column {first_names(repeated)}"
        raise CorpusError(what, "nobody knows which is meant", "rename or remove one", code="column-repeated")
