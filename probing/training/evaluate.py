"""A trained system, a fit's probes or a published model × a corpus → an evaluation: the work of `probe evaluate`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probing.corpus.checked import Checked, Needs, audio_memory, check_corpus, with_leaks
from probing.corpus.scan import remembered
from probing.corpus.spec import DEMO, CorpusSpec, exact
from probing.encoders.device import settle_device
from probing.errors import OptionError, RunError
from probing.files import slug
from probing.options import with_settings
from probing.probes.prepared import heard_of
from probing.runs.entries import CorpusEntry, corpus_entry
from probing.runs.published import names_published
from probing.runs.records import EvaluationRecord, FitRecord
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
from probing.training.learned import UNKNOWN, apart_from_learned
from probing.training.options import EvaluateOptions, EvaluatePlace
from probing.training.probed import States, states_of
from probing.training.resume import sole_writer, sweep
from probing.training.scored import Scored, to_score
from probing.training.scored_corpus import as_learned, corpus_to_score, no_corpus
from probing.training.start import readers
from probing.training.tables import demand_labels, write_tables


def evaluate(
    run: Path | str,
    corpus: CorpusSpec | str | None = None,
    options: EvaluateOptions = EvaluateOptions(),  # noqa: B008 - frozen
    place: EvaluatePlace = EvaluatePlace(),  # noqa: B008
    revision: str | None = None,
    encoder: str | None = None,
    **settings: Any,
) -> EvaluationRecord:
    """Score a fine-tuned run, the probes of a fit, or a published model, on every partition of a corpus.

    Args:
        run: The run's folder; or the folder or the hub id of a published emotion model.
        corpus: What to score it on (`corpus_to_score`); None: what the run was trained on, with the same words.
        options: How.
        place: Where to compute, and where the evaluation of a published model is kept.
        revision: Branch, tag or commit of a published model on the hub.
        encoder: What opens a fit's encoder, where its record does not say so or it has moved.
        **settings: Fields of both by their names: `evaluate(run, snr=10)`.

    Returns:
        The evaluation's record; read back where the same evaluation had finished before.

    Raises:
        RunError: The folder holds no whole `finetune` or `fit` run (code `no-run`, `run-kind`, `run-incomplete` …), or
            another process is writing the evaluation (`run-busy`).
        CacheError: The corpus's hidden states are not in a cache, which the probes of a fit read.
        EncoderError: The published model cannot be opened.
        CorpusError: The corpus cannot be opened, lacks what the system takes, or has recordings in a test
            partition that were learned from (code `leaks`).
        FitError: The corpus has no label of what the system estimates (code `no-ratings`).
        OptionError: An option changes nothing (code `no-effect`), or no corpus is named for a published model
            (`no-corpus`).
    """
    began = time.time()
    options, place = with_settings((options, place), settings)
    if corpus is None and names_published(run):
        raise no_corpus()
    device = settle_device(place.device)
    scored = to_score(run, revision, Path(place.runs), device)
    system, fitted = scored.system, isinstance(scored.run, FitRecord)
    _refuse_idle(scored, options, encoder)
    spec = CorpusSpec.resolve(corpus) if isinstance(corpus, str) else corpus or corpus_to_score(scored.run)
    # A fit's probes decode no audio and read no words: the cache has what their encoder made of them.
    needs = Needs(audio=system.hears and not fitted, text=system.reads and not fitted, classes=bool(system.categories))
    checked = check_corpus(spec, needs, place.allow_missing, Path(place.cache))
    demand_labels(checked.corpus, system)
    heard, states = checked.scan, None
    if isinstance(scored.run, FitRecord):
        states = states_of(scored.run, checked, Path(place.cache), encoder)
        checked, heard = replace(checked, identity=states.identity), heard_of(checked, states.cache)
    if scored.run is not None and spec.source == scored.run.corpus.spec.source:
        learned = as_learned(scored.run.corpus.spec, checked.spec)
        checked = with_leaks(checked, heard, place.allow_leaks, learned)
    elif scored.run is not None:
        if not needs.audio and not fitted:  # it reads words alone
            heard = remembered(checked.corpus.utterances, audio_memory(checked.spec, Path(place.cache)))
        checked = apart_from_learned(checked, heard, scored.run, Path(place.cache), place.allow_leaks)
    task = _Task(scored, checked, options, device, states)
    configuration = _configuration(scored, checked, options)
    named = scored.folder / _name(scored, checked, options)
    folder, there = _settled(named, configuration)
    if there is not None and not missing_files(there, digests=True):
        return there
    with sole_writer(named):
        folder, there = _settled(named, configuration)  # another process may have ended meanwhile
        if there is not None and not missing_files(there, digests=True):
            return there
        return _made(task, folder, configuration, began)


def _refuse_idle(scored: Scored, options: EvaluateOptions, encoder: str | None) -> None:
    """Raise an OptionError (code `no-effect`) where an option changes nothing."""
    fitted = isinstance(scored.run, FitRecord)
    if options.snr is not None and (fitted or not scored.system.hears):
        why = "the probes of a fit read a cache" if fitted else "the system takes no audio"
        raise OptionError(f"--snr {exact(options.snr)} changes nothing", why, "leave --snr out", code="no-effect")
    if encoder is not None and not fitted:
        why = "only the probes of a fit need an encoder to be named"
        raise OptionError(f"--encoder {encoder} changes nothing", why, "leave --encoder out", code="no-effect")


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


@dataclass(frozen=True)
class _Task:
    """What is scored on what, and how; of a fit its corpus's hidden states."""

    scored: Scored
    checked: Checked
    options: EvaluateOptions
    device: str
    states: States | None = None

    def outputs(self) -> tuple[dict[int, NDArray[np.float32]], tuple[str, ...]]:
        """Training seed → outputs [N, O], and notes of how the utterances were heard."""
        scored, device = self.scored, self.device
        if self.states is not None and scored.probes is not None:
            return self.states.outputs(scored.probes, device), ()
        found: dict[int, NDArray[np.float32]] = {}
        assert scored.opened is not None  # only a fit has nothing to open
        for seed in scored.seeds:
            model, processor = scored.opened(seed)
            source = feed(self.checked, scored.system.dimensions, processor, snr=self.options.snr)
            workers = readers(None, device)
            found[seed] = estimates(model, source, device, self.options.batch, workers=workers).numpy()
        return found, source.notes


def _made(task: _Task, folder: Path, configuration: Mapping[str, Any], began: float) -> EvaluationRecord:
    """Estimate, score and write."""
    scored, checked, options = task.scored, task.checked, task.options
    found, heard = task.outputs()
    entry = corpus_entry(checked)
    sweep(folder)
    (folder / RECORD).unlink(missing_ok=True)  # of an evaluation that is damaged
    tables = write_tables(checked.corpus, found, scored.system, folder)
    record = EvaluationRecord(
        command="evaluate",
        corpus=entry,
        scores=tables.scores,
        category_scores=tables.category_scores,
        notes=(*_notes(scored, checked, entry, options), *heard, *tables.notes),
        system=scored.system,
        seeds=scored.seeds,
        words=checked.words,
        run=os.path.relpath(scored.run.folder, folder) if scored.run else scored.system.spec[0],
        run_signature=scored.signature,
        snr=options.snr,
        device=task.device,
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
    if scored.published is not None:
        notes.append(f"{UNKNOWN}: those of a published model are not known")
    if scored.published is not None and scored.published.trained_on(entry):
        notes.append("models of this layout were trained on MSP-Podcast, and selected on its development partition")
    return tuple(notes)
