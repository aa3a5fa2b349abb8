"""Cache → bank → finished run: the work of `probe fit`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from probing.corpus.spec import CorpusSpec
from probing.corpus.untaught import untaught
from probing.encoders.spec import EncoderSpec
from probing.extraction.options import CacheOptions
from probing.files import absolute
from probing.options import with_settings
from probing.probes.features import MAX
from probing.probes.memory import refuse_large_bank
from probing.probes.notes import SELECTED_ON, heard_notes, weight_notes
from probing.probes.options import RIDGE, FitOptions, FitPlace
from probing.probes.prepared import ENCODER, Ready, configuration_of, encoder_entry, identity_of, prepare
from probing.probes.results import (
    Tables,
    best_layers,
    class_scores,
    kept_rows,
    probe_scores,
    tables_of,
    write_tables,
)
from probing.probes.ridge import PERMUTATIONS, Look, pooled_states, refuse_large_states, ridge_look
from probing.probes.ridge_results import RIDGE_FILES, said_of_layers, write_look
from probing.probes.saved import PROBES, RIDGE_PROBES, numbered, ridge_banks, save_bank
from probing.probes.sources import features_from
from probing.probes.train import Fit, learning_rate, train_banks
from probing.runs.entries import CacheEntry, corpus_entry
from probing.runs.folders import new_run
from probing.runs.records import FitRecord
from probing.runs.scores import interval_notes
from probing.runs.store import provenance, write_record


@dataclass(frozen=True)
class _Found:
    """What was fitted: ridge probes always, trained ones unless only the others are asked for."""

    look: Look
    trained: tuple[Fit, ...]
    tables: Tables


def fit(
    corpus: CorpusSpec | str,
    encoder: EncoderSpec | str | None = ENCODER,
    options: FitOptions | None = None,
    source: CacheOptions | None = None,
    place: FitPlace | None = None,
    **settings: Any,
) -> FitRecord:
    """Fit probes to the cached hidden states of a corpus, and write a run's folder.

    In a notebook: `fit("demo", layers="both", seeds=3)`.

    Args:
        corpus: What names the corpus.
        encoder: What names the encoder. None, or left at its default, where `source.cache` is one cache file, which is
            then read whatever encoder made it.
        options: What to fit and how.
        source: Which cache to read.
        place: Where to compute, and where the run goes.
        **settings: Fields of `options`, `source` and `place` by their names.

    Returns:
        The run's record. Its folder also holds importance.csv (how much each layer tells), weights.csv,
        crossvalidated.csv, jackknife.csv, probes.safetensors and ridge.safetensors; of dimensions scores.csv, nulls.csv
        and predictions.csv, of categories category_scores.csv, category_nulls.csv and categories.csv.

    Raises:
        CorpusError: The corpus cannot be opened, lacks labels or a split, or leaks (code `leaks`).
        EncoderError: The encoder cannot be opened.
        CacheError: There is no cache of the corpus and this very encoder, or it is damaged or made from other audio.
        FitError: There is nothing to learn from, states or probes do not fit into memory, or the training fails.
        OptionError: An option is out of bounds, options exclude each other, or there is none of a setting's name (code
            `option-unknown`).
    """
    began = time.time()
    parts = (options or options_named(settings), source or CacheOptions(), place or FitPlace())
    options, source, place = with_settings(parts, settings)
    spec = corpus if isinstance(corpus, CorpusSpec) else CorpusSpec.resolve(corpus)
    return make(prepare(spec, encoder, options, source, place), place, began)


def make(ready: Ready, place: FitPlace, began: float) -> FitRecord:
    """Fit, and write the run's folder.

    Args:
        ready: What is read.
        place: Where the run goes.
        began: time.time() at the start.
    """
    found = _fitted(ready)
    record = _record(ready, found, began)
    with new_run(f"fit-{record.corpus.file_name}-{record.encoder_file_name}", Path(place.runs)) as new:
        record = write_record(record, new.aside, _written(ready, found, new.aside))
    return replace(record, folder=new.final)


def options_named(settings: Mapping[str, Any]) -> FitOptions:
    """Options of which some are named. All at once: which layers are probed depends on the head."""
    names = {one.name for one in fields(FitOptions)}
    return FitOptions(**{name: value for name, value in settings.items() if name in names})


def _fitted(ready: Ready) -> _Found:
    """Fit ridge probes, and train the others."""
    corpus, layout, options = ready.checked.corpus, ready.cache.layout, ready.options
    refuse_large_states(len(corpus), layout.n_states, layout.width)  # before anything is read
    if options.head != RIDGE:
        held = layout.store == "pooled"
        refuse_large_bank(corpus, options, layout.n_states, layout.width, ready.device, held)
    source = features_from(ready.cache, ready.rows, options, ready.device)
    permutations = max(options.permutations, PERMUTATIONS) if options.permutations else 0
    states = pooled_states(source, len(corpus))
    place, device = layout.first_layer, ready.device
    look = ridge_look(corpus, states, options.dims, place, permutations, device, options.balanced)
    del states  # as large as all pooled states in the cache
    trained: tuple[Fit, ...] = ()
    if options.head != RIDGE:
        trained = tuple(train_banks(corpus, source, layout.n_states, layout.width, options, device))
    return _Found(look, trained, tables_of(corpus, trained, look, layout.first_layer))


def _written(ready: Ready, found: _Found, folder: Path) -> list[str]:
    """Write everything but the record; the names of the files."""
    names = write_tables(found.tables, folder)
    write_look(found.look, folder)
    banks = numbered(RIDGE_PROBES, ridge_banks(found.look, ready.options.pooling))
    trained = [(fit.bank.narrow(kept_rows(fit.bank.probes)), fit.classes) for fit in found.trained]
    banks |= numbered(PROBES, trained)
    for name, (bank, classes) in banks.items():
        save_bank(bank, ready.options.normalize, ready.checked.corpus.scale, folder / name, classes)
    return [*names, *RIDGE_FILES, *banks]


def _record(ready: Ready, found: _Found, began: float) -> FitRecord:
    """What the run's record says."""
    layout, options = ready.cache.layout, ready.options
    findings, layers = said_of_layers(found.look, found.tables.scores, found.tables.class_scores)
    recommended = {name: summary.best_layer for name, summary in layers.items()}
    return FitRecord(
        command="fit",
        corpus=corpus_entry(ready.checked, identity_of(ready.checked, ready.cache)),
        encoder=encoder_entry(layout, ready.encoder, ready.parameters),
        cache=CacheEntry(absolute(ready.cache.path), layout.store, layout.fingerprint, layout.dtype),
        device=ready.device,
        threads=torch.get_num_threads(),
        best_layers=best_layers(found.tables),
        best_epochs=_best_epochs(found.trained),
        used=_used(found.trained, options),
        layers=layers,
        findings=findings,
        scores=probe_scores(found.tables, recommended),
        category_scores=class_scores(found.tables, recommended),
        notes=tuple(_notes(ready, found)),
        **provenance(configuration_of(ready), began),
    )


def _best_epochs(trained: Sequence[Fit]) -> tuple[int, ...]:
    """Of the probes in probes.safetensors, and in the files that follow it, in their order."""
    return tuple(epoch for fit in trained for epoch in fit.best_epoch[kept_rows(fit.bank.probes)].tolist())


def _used(trained: Sequence[Fit], options: FitOptions) -> dict[str, Any]:
    """What the options left open: the hidden units, if there are any, and the learning rate."""
    if not trained:
        return {}
    sizes = trained[0].bank.head.sizes
    hidden = {"hidden": sizes["hidden"]} if "hidden" in sizes else {}
    return hidden | {"lr": learning_rate(options, sizes["width"])}


def _notes(ready: Ready, found: _Found) -> list[str]:
    """What a reader should know."""
    corpus, options = ready.checked.corpus, ready.options
    cache = ready.cache
    samples = [int(cache.n_samples[cache.row[utterance.id]]) for utterance in corpus.utterances]
    heard = heard_notes(cache.layout.identity, samples)
    notes = [
        *corpus.notes,
        *untaught(corpus, options.dims),
        *interval_notes(corpus),
        *heard,
        *found.look.notes,
        SELECTED_ON,
    ]
    if found.trained:
        notes += _exactness(ready.cache.layout.store, options)
    for trained in found.trained:
        notes += weight_notes(trained, options.patience, options.epochs)
    return notes


def _exactness(store: str, options: FitOptions) -> list[str]:
    """What to know of maxima taken from pooled states."""
    if store == "pooled" and MAX in options.pooling and options.learns_weights:
        return [
            "the maximum of a weighted sum is approximated by the weighted sum of the layers' maxima (store pooled)"
        ]
    return []
