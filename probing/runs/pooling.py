"""What pooled runs have in common: how they name their members, are found again, and what they say of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from probing.corpus.model import Corpus
from probing.corpus.opening import open_corpus
from probing.corpus.splits import SPLIT_BY
from probing.corpus.untaught import untaught_in_folds
from probing.errors import RunError
from probing.runs.folds import CATEGORY_FOLDS, FOLDS, Member
from probing.runs.records import Record
from probing.runs.scores import interval_notes
from probing.runs.store import all_records, missing_files

_Kind = TypeVar("_Kind", bound=Record)


def members_of(records: Sequence[Record], folder: Path) -> tuple[Member, ...]:
    """The runs of all folds as a pooled run names them.

    Args:
        records: The runs, that of the first fold first.
        folder: The pooled run's.
    """
    return tuple(
        Member(number, os.path.relpath(record.folder, folder), record.signature)
        for number, record in enumerate(records, 1)
    )


def pooled_there(kind: type[_Kind], root: Path, signature: str, records: Sequence[Record]) -> _Kind | None:
    """The pooled run of some members that has ended; None where there is none.

    Args:
        kind: Of its record.
        root: Folder of all runs.
        signature: The pooled run's.
        records: Its members.
    """
    folders = [record.folder.resolve() for record in records]
    for found in reversed(all_records(root)):
        if not isinstance(found, kind) or found.signature != signature or missing_files(found, digests=True):
            continue
        if [(found.folder / member.folder).resolve() for member in found.members] == folders:
            return found
    return None


def whole_of(record: _Kind) -> _Kind:
    """The latest run that pools a fold's run with those of all others; a pooled run is one itself.

    Raises:
        RunError: There is none beside it (code `no-run`).
    """
    if record.members:
        return record
    own = record.folder.resolve()
    for found in reversed(all_records(record.folder.parent)):
        folders = [(found.folder / member.folder).resolve() for member in found.members]
        if isinstance(found, type(record)) and own in folders:
            return found
    what, why = f"{record.folder}", f"no run in {record.folder.parent} pools it with other folds"
    raise RunError(what, why, f"run `probe {record.command} --folds all` on its corpus first", code="no-run")


def corpus_of(record: Record) -> Corpus:
    """The corpus as the run of a fold has it."""
    corpus, gone = open_corpus(record.corpus.spec), set(record.corpus.left_out)
    return replace(corpus, utterances=tuple(u for u in corpus.utterances if u.id not in gone))


def pooled_notes(records: Sequence[Record], corpora: Sequence[Corpus], pooled: Corpus) -> list[str]:
    """What a reader of a pooled run should know: what is true of all folds, and what pooling makes of them.

    Args:
        records: The runs of all folds.
        corpora: The corpus as each of them has it.
        pooled: What they test.
    """
    # What begins with a partition is true of a fold alone.
    alone = tuple(f"{name}: " for corpus in corpora for name in corpus.partitions)
    shared = [note for note in records[0].notes if all(note in record.notes for record in records)]
    kept = [FOLDS] * bool(records[0].scores) + [CATEGORY_FOLDS] * bool(records[0].category_scores)
    how = [note.partition(": fold ")[0] for note in corpora[0].notes if note.startswith(SPLIT_BY)]
    return [
        f"{pooled.utterances[0].partition} is what each of {len(records)} folds tests, every utterance once "
        f"({'; '.join(how) or 'split by session'}); scores are over the whole, and those of each fold are in "
        f"{' and '.join(kept)}",
        *(note for note in shared if not note.startswith(alone)),
        *untaught_in_folds(corpora, sorted({score.category for record in records for score in record.category_scores})),
        *interval_notes(pooled),
    ]
