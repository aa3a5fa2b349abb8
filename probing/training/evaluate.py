"""A trained system, or a published model, × a corpus → an evaluation: the work of `probe evaluate`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from probing.corpus.checked import Checked, Needs, check_corpus, with_leaks
from probing.corpus.model import Corpus
from probing.corpus.opening import open_corpus
from probing.corpus.reading import Reading
from probing.corpus.spec import DEMO, CorpusSpec, exact
from probing.corpus.transcripts import OWN
from probing.encoders.device import settle_device
from probing.errors import OptionError, RunError
from probing.files import absolute, file_digest, slug
from probing.options import with_settings
from probing.runs.entries import CorpusEntry, corpus_entry
from probing.runs.published import names_published
from probing.runs.records import EvaluationRecord, FinetuneRecord
from probing.runs.scores import interval_notes
from probing.runs.store import (
    RECORD,
    missing_files,
    provenance,
    read_kind,
    signature,
    write_record,
)
from probing.systems.inference import estimates
from probing.systems.inputs import feed
from probing.training.options import EvaluateOptions, EvaluatePlace
from probing.training.resume import sole_writer, sweep
from probing.training.scored import Scored, to_score
from probing.training.start import readers
from probing.training.tables import demand_labels, write_tables


def evaluate(
    run: Path | str,
    corpus: CorpusSpec | str | None = None,
    options: EvaluateOptions = EvaluateOptions(),  # noqa: B008 - frozen
    place: EvaluatePlace = EvaluatePlace(),  # noqa: B008
    revision: str | None = None,
    **settings: Any,
) -> EvaluationRecord:
    """Score a fine-tuned run, or a published model, on every partition of a corpus.

    Args:
        run: The run's folder; or the folder or the hub id of a published emotion model.
        corpus: What to score it on (`corpus_to_score`); None: what the run was trained on, with the same words.
        options: How.
        place: Where to compute, and where the evaluation of a published model is kept.
        revision: Branch, tag or commit of a published model on the hub.
        **settings: Fields of both by their names: `evaluate(run, snr=10)`.

    Returns:
        The evaluation's record; read back where the same evaluation had finished before.

    Raises:
        RunError: The folder holds no whole `finetune` run (code `no-run`, `run-kind`, `run-incomplete` …), or another
            process is writing the evaluation (`run-busy`).
        EncoderError: The published model cannot be opened.
        CorpusError: The corpus cannot be opened, lacks what the system takes, or is the one that it learned from and
            leaks (code `leaks`).
        FitError: The corpus has no label of what the system estimates (code `no-ratings`).
        OptionError: An option changes nothing (code `no-effect`), or no corpus is named for a published model
            (`no-corpus`).
    """
    began = time.time()
    options, place = with_settings((options, place), settings)
    if corpus is None and names_published(run):
        raise _no_corpus()
    scored = to_score(run, revision, Path(place.runs))
    system = scored.system
    if options.snr is not None and not system.hears:
        what = f"--snr {exact(options.snr)} changes nothing"
        raise OptionError(what, "the system takes no audio", "leave --snr out", code="no-effect")
    device = settle_device(place.device)
    spec = CorpusSpec.resolve(corpus) if isinstance(corpus, str) else corpus or corpus_to_score(scored.run)
    needs = Needs(audio=system.hears, text=system.reads)
    checked = check_corpus(spec, needs, place.allow_missing, Path(place.cache))
    if scored.run is not None and spec.source == scored.run.corpus.spec.source:
        learned = _as_learned(scored.run.corpus.spec, checked.spec)
        checked = with_leaks(checked, checked.scan, place.allow_leaks, learned)
    demand_labels(checked.corpus, system)
    configuration = _configuration(scored, checked, options)
    named = scored.folder / _name(scored, checked, options)
    folder, there = _settled(named, configuration)
    if there is not None and not missing_files(there, digests=True):
        return there
    with sole_writer(named):
        folder, there = _settled(named, configuration)  # another process may have ended meanwhile
        if there is not None and not missing_files(there, digests=True):
            return there
        return _made(scored, checked, options, device, folder, configuration, began)


def _as_learned(own: CorpusSpec, spec: CorpusSpec) -> Corpus | None:
    """A run's own corpus where the corpus to score is the same one split otherwise; None where the split is the same.

    What was train in fold 1 may be test2 in fold 2.
    """
    alike = (own.fold, own.reading.split) == (spec.fold, spec.reading.split)
    return None if alike else open_corpus(own.without_other_words())


def corpus_to_score(
    trained: FinetuneRecord | None,
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
        raise _no_corpus()
    own = trained.corpus.spec
    spec = replace(own.without_other_words(), scale=scale or own.scale, fold=own.fold if fold is None else fold)
    if transcripts is not None or trained.words.human:
        return replace(spec, transcripts=table, corrupt_words=corrupt_words)
    _demand_transcripts(trained)
    rate = trained.words.rate if corrupt_words is None else corrupt_words
    return replace(spec, transcripts=own.transcripts, corrupt_words=rate)


def _no_corpus() -> OptionError:
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


def _configuration(scored: Scored, checked: Checked, options: EvaluateOptions) -> dict[str, Any]:
    """All that settles an evaluation's numbers."""
    words = checked.words
    return {
        **scored.settled,
        "corpus": checked.identity.to_json(),
        "words": {"method": words.method, "sha256": words.sha256, "rate": words.rate},
        "snr": options.snr,
    }


def _name(scored: Scored, checked: Checked, options: EvaluateOptions) -> str:
    """An evaluation's name: its corpus, and what is not as in training."""
    parts = [scored.named(checked.name)]
    parts += [] if checked.words.same(scored.words) else [checked.words.name]
    parts += [] if options.snr is None else [f"snr{exact(options.snr)}"]
    return slug("-".join(parts))


def _settled(named: Path, configuration: Mapping[str, Any]) -> tuple[Path, EvaluationRecord | None]:
    """The folder of an evaluation, never another one's, and the evaluation where it has been made."""
    there = _there(named)
    if there is None or _same(there, configuration):
        return named, there
    other = named.with_name(f"{named.name}-{signature(configuration)[:6]}")
    return other, _there(other)


def _there(folder: Path) -> EvaluationRecord | None:
    """The evaluation that a folder holds; None where it holds none that can be read."""
    try:
        return read_kind(folder, EvaluationRecord)
    except RunError as error:
        if error.code in ("run-kind", "run-version"):
            raise
        return None


def _same(there: EvaluationRecord, configuration: Mapping[str, Any]) -> bool:
    """Whether an evaluation is that of this configuration.

    Of one of version 0.1.0, which knows no digest of its corpus, this is known only on the built-in corpus.
    """
    if there.version > 1:
        return there.signature == signature(configuration)
    words = {"method": there.words.method, "sha256": there.words.sha256, "rate": there.words.rate}
    seeds = [f"seed{seed}/model.safetensors" for seed in there.seeds]
    return (
        there.corpus.spec.prefix == DEMO
        and (there.run_signature, words, there.snr)
        == (configuration["run"], configuration["words"], configuration["snr"])
        and seeds == list(configuration["systems"])
    )


def _made(
    scored: Scored,
    checked: Checked,
    options: EvaluateOptions,
    device: str,
    folder: Path,
    configuration: Mapping[str, Any],
    began: float,
) -> EvaluationRecord:
    """Estimate, score and write."""
    system, corpus = scored.system, checked.corpus
    found = {}
    for seed in scored.seeds:
        model, processor = scored.opened(seed)
        source = feed(checked, system.dimensions, processor, snr=options.snr)
        found[seed] = estimates(model, source, device, options.batch, workers=readers(None, device)).numpy()
    entry = corpus_entry(checked)
    sweep(folder)
    (folder / RECORD).unlink(missing_ok=True)  # of an evaluation that is damaged
    tables = write_tables(corpus, found, system, folder)
    record = EvaluationRecord(
        command="evaluate",
        corpus=entry,
        scores=tables.scores,
        category_scores=tables.category_scores,
        notes=(*_notes(scored, checked, entry, options), *source.notes, *tables.notes),
        system=system,
        seeds=scored.seeds,
        words=checked.words,
        run=os.path.relpath(scored.run.folder, folder) if scored.run else system.spec[0],
        run_signature=scored.signature,
        snr=options.snr,
        device=device,
        published=scored.published,
        **provenance(configuration, began),
    )
    return write_record(record, folder, tables.files)


def _notes(scored: Scored, checked: Checked, entry: CorpusEntry, options: EvaluateOptions) -> tuple[str, ...]:
    """What a reader of the record should know."""
    corpus = checked.corpus
    notes = [*corpus.notes, *interval_notes(corpus), *checked.words.notes()]
    if options.snr is not None:
        notes.append(f"audio in a room and pink noise, {exact(options.snr)} dB")
    if corpus.scale != scored.scale and {*scored.system.dimensions} & {*corpus.dimensions}:
        (low, high), (bottom, top) = scored.scale, corpus.scale
        notes.append(f"estimates were mapped from {low:g} to {high:g} through [0, 1] to {bottom:g} to {top:g}")
    if scored.published is not None and scored.published.trained_on(entry):
        notes.append("models of this layout were trained on MSP-Podcast, and selected on its development partition")
    return tuple(notes)
