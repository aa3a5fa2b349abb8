"""The corpus that a run is scored on, of what a user types beside the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from probing.corpus.model import Corpus
from probing.corpus.opening import open_corpus
from probing.corpus.reading import Reading
from probing.corpus.spec import CorpusSpec
from probing.corpus.transcripts import OWN
from probing.errors import OptionError, RunError
from probing.files import absolute, file_digest
from probing.runs.records import FinetuneRecord, FitRecord


def as_learned(own: CorpusSpec, spec: CorpusSpec) -> Corpus | None:
    """A run's own corpus where the corpus to score is the same one split otherwise; None where the split is the same.

    What was train in fold 1 may be test2 in fold 2.
    """
    alike = (own.fold, own.reading.split) == (spec.fold, spec.reading.split)
    return None if alike else open_corpus(own.without_other_words())


def corpus_to_score(
    trained: FinetuneRecord | FitRecord | None,
    typed: str | None = None,
    scale: tuple[float, float] | None = None,
    fold: int | None = None,
    transcripts: str | None = None,
    corrupt_words: float | None = None,
    reading: Reading | None = None,
) -> CorpusSpec:
    """The corpus to score a run on, of what a user types beside the run.

    Args:
        trained: The run; None: a published model, which has no corpus of its own.
        typed: Another corpus; None: that which it was trained on, and then also its scale, fold and words, where no
            others are given.
        scale: Lowest and highest possible rating of a table.
        fold: The fold that is tested on.
        transcripts: A table of words, or `own` for the corpus's own words.
        corrupt_words: Word errors made on purpose, per word.
        reading: How another corpus is read.

    Raises:
        RunError: The transcripts that it was trained on are missing or have changed (code `transcripts-changed`).
        OptionError: No corpus is named for a published model (code `no-corpus`).
    """
    table = None if transcripts is None or transcripts == OWN else absolute(transcripts)
    if typed is not None:
        return CorpusSpec.resolve(typed, scale, fold, table, corrupt_words, reading)
    if trained is None:
        raise no_corpus()
    own = trained.corpus.spec
    spec = replace(own.without_other_words(), scale=scale or own.scale, fold=own.fold if fold is None else fold)
    if isinstance(trained, FitRecord) or transcripts is not None or trained.words.human:
        return replace(spec, transcripts=table, corrupt_words=corrupt_words)
    _demand_transcripts(trained)
    rate = trained.words.rate if corrupt_words is None else corrupt_words
    return replace(spec, transcripts=own.transcripts, corrupt_words=rate)


def no_corpus() -> OptionError:
    """The error where no corpus is named for a published model."""
    why, remedy = "a published model has no corpus of its own", "name one: --corpus CORPUS"
    return OptionError("there is no corpus to evaluate on", why, remedy, code="no-corpus")


def _demand_transcripts(trained: FinetuneRecord) -> None:
    """The table that a run was trained on must be there as it was."""
    table = trained.corpus.spec.transcripts
    if table is None:
        return
    there = Path(table).is_file()
    if not there or file_digest(Path(table)) != trained.words.sha256:
        raise RunError(
            f"{trained.folder} was trained on the transcripts {table}",
            "they have changed since" if there else "the file no longer exists",
            f"name the transcripts: --transcripts FILE, or --transcripts {OWN} for the corpus's own",
            code="transcripts-changed",
        )
