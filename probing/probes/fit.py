"""Cache → bank → finished run: the work of `probe fit`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from probing.cache.format import Layout
from probing.cache.reader import Cache, open_cache
from probing.corpus.checked import Checked, Needs, check_corpus, settle_dims, with_leaks
from probing.corpus.identity import Identity, identify
from probing.corpus.model import Corpus
from probing.corpus.scan import AudioScan
from probing.corpus.spec import CorpusSpec
from probing.encoders.device import settle_device
from probing.encoders.opening import open_encoder
from probing.encoders.spec import EncoderSpec, any_random
from probing.errors import FitError, OptionError
from probing.extraction.inputs import refuse_other_inputs
from probing.extraction.options import CacheOptions
from probing.files import absolute
from probing.options import with_settings
from probing.probes.features import MAX
from probing.probes.notes import SELECTED_ON, heard_notes, weight_notes
from probing.probes.options import RIDGE, FitOptions, FitPlace
from probing.probes.results import Tables, best_layers, kept_rows, probe_scores, tables_of, write_tables
from probing.probes.ridge import PERMUTATIONS, Look, pooled_states, refuse_large_states, ridge_look
from probing.probes.ridge_results import RIDGE_FILES, said_of_layers, write_look
from probing.probes.saved import PROBES, RIDGE_PROBES, ridge_bank, save_bank
from probing.probes.sources import choose_cache, features_from, refuse_store, rows_of
from probing.probes.train import Fit, learning_rate, refuse_large_bank, refuse_unfit, train_bank
from probing.runs.entries import CacheEntry, EncoderEntry, corpus_entry
from probing.runs.folders import new_run
from probing.runs.records import FitRecord
from probing.runs.scores import interval_notes, labels_digest
from probing.runs.store import provenance, write_record

ENCODER = "demo-hubert"
CACHE_FILE = ".h5"


@dataclass(frozen=True)
class _Ready:
    """All that a fit reads and is told.

    Args:
        checked: Labelled utterances.
        cache: Their hidden states.
        encoder: What opens the encoder again; None where only its cache is known.
        parameters: Number of the encoder's parameters; None where only its cache is known.
        options: What to fit; its dimensions are settled.
        device: PyTorch's name of a device.
    """

    checked: Checked
    cache: Cache
    encoder: EncoderSpec | None
    parameters: int | None
    options: FitOptions
    device: str


@dataclass(frozen=True)
class _Found:
    """What was fitted: ridge probes always, trained ones unless only the others are asked for."""

    look: Look
    trained: Fit | None
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
        The run's record. Its folder also holds importance.csv (how much each layer tells), weights.csv, scores.csv,
        nulls.csv, predictions.csv, crossvalidated.csv, jackknife.csv, probes.safetensors and ridge.safetensors.

    Raises:
        CorpusError: The corpus cannot be opened, lacks labels or a split, or leaks (code `leaks`).
        EncoderError: The encoder cannot be opened.
        CacheError: There is no cache of the corpus and this very encoder, or it is damaged or made from other audio.
        FitError: There is nothing to learn from, states or probes do not fit into memory, or the training fails.
        OptionError: An option is out of bounds, options exclude each other, or there is none of a setting's name (code
            `option-unknown`).
    """
    began = time.time()
    parts = (options or _options_of(settings), source or CacheOptions(), place or FitPlace())
    options, source, place = with_settings(parts, settings)
    device = settle_device(place.device)
    spec = corpus if isinstance(corpus, CorpusSpec) else CorpusSpec.resolve(corpus)
    needs = Needs(dims=options.dims, learns=True)
    checked = check_corpus(spec, needs, place.allow_missing, allow_leaks=place.allow_leaks)
    options = replace(options, dims=_dimensions(checked, options))
    refuse_unfit(checked.corpus, options.dims)
    cache, reopened, parameters = _open_cache(checked, encoder, source, options)
    command = f"the `probe extract` command that made {cache.path}"
    rows = rows_of(cache, [utterance.id for utterance in checked.corpus.utterances], command)
    refuse_other_inputs(cache, checked.corpus)
    checked = with_leaks(checked, _heard(checked.corpus, cache), place.allow_leaks)
    ready = _Ready(checked, cache, reopened, parameters, options, device)
    found = _fitted(ready, rows)
    record = _record(ready, found, began)
    with new_run(f"fit-{record.corpus.file_name}-{record.encoder_file_name}", Path(place.runs)) as new:
        record = write_record(record, new.aside, _written(ready, found, new.aside))
    return replace(record, folder=new.final)


def _options_of(settings: Mapping[str, Any]) -> FitOptions:
    """Options of which some are named. All at once: which layers are probed depends on the head."""
    names = {one.name for one in fields(FitOptions)}
    return FitOptions(**{name: value for name, value in settings.items() if name in names})


def _fitted(ready: _Ready, rows: NDArray[np.int64]) -> _Found:
    """Fit ridge probes, and train the others."""
    corpus, layout, options = ready.checked.corpus, ready.cache.layout, ready.options
    refuse_large_states(len(corpus), layout.n_states, layout.width)  # before anything is read
    if options.head != RIDGE:
        refuse_large_bank(options, layout.n_states, layout.width, ready.device)
    source = features_from(ready.cache, rows, options)
    permutations = max(options.permutations, PERMUTATIONS) if options.permutations else 0
    states = pooled_states(source, len(corpus))
    look = ridge_look(corpus, states, options.dims, layout.first_layer, permutations, ready.device)
    del states  # as large as all pooled states in the cache
    trained = None
    if options.head != RIDGE:
        trained = train_bank(corpus, source, layout.n_states, layout.width, options, ready.device)
    return _Found(look, trained, tables_of(corpus, trained, look, layout.first_layer))


def _written(ready: _Ready, found: _Found, folder: Path) -> list[str]:
    """Write everything but the record; the names of the files."""
    names = write_tables(found.tables, folder)
    write_look(found.look, folder)
    banks = {RIDGE_PROBES: ridge_bank(found.look, ready.options.pooling)}
    if found.trained is not None:
        bank = found.trained.bank
        banks[PROBES] = bank.narrow(kept_rows(bank.probes))
    for name, bank in banks.items():
        save_bank(bank, ready.options.normalize, ready.checked.corpus.scale, folder / name)
    return [*names, *RIDGE_FILES, *banks]


def _dimensions(checked: Checked, options: FitOptions) -> tuple[str, ...]:
    """The dimensions to probe, by name."""
    dims = settle_dims(checked.corpus, options.dims)
    if not dims:
        why = "no utterance has a rating"
        raise FitError(f"corpus {checked.corpus.name}", why, "add a column of ratings to the table", code="no-labels")
    return dims


def _open_cache(
    checked: Checked, encoder: EncoderSpec | str | None, source: CacheOptions, options: FitOptions
) -> tuple[Cache, EncoderSpec | None, int | None]:
    """The cache to read; what opens its encoder again and the number of its parameters, if that is known."""
    path = Path(source.cache)
    if path.suffix == CACHE_FILE:
        if encoder not in (None, ENCODER) or source.store is not None:
            other = "--store" if source.store is not None else "--encoder"
            why = "a cache file settles what was extracted and how"
            remedy = "name the file alone, or the folder of all caches with the options"
            raise OptionError(f"--cache {path} and {other}", why, remedy, code="exclusive")
        cache = open_cache(path)
        refuse_store(f"{path}", cache.layout.store)
        return cache, None, None
    if encoder is None:
        remedy = "name the encoder, or one cache file with --cache"
        raise OptionError("no encoder is named", f"{path} is a folder of caches", remedy, code="no-encoder")
    spec = encoder if isinstance(encoder, EncoderSpec) else EncoderSpec.resolve(encoder)
    opened = open_encoder(spec)
    return choose_cache(checked, opened, replace(source, cache=path), options), spec, opened.parameters


def _record(ready: _Ready, found: _Found, began: float) -> FitRecord:
    """What the run's record says."""
    corpus, layout, options = ready.checked.corpus, ready.cache.layout, ready.options
    configuration = {
        "corpus": corpus.name,
        "labels": labels_digest(corpus, options.dims),
        "scale": corpus.scale,
        "fingerprint": layout.fingerprint,
        "store": layout.store,
        "options": asdict(options),
    }
    findings, layers = said_of_layers(found.look, found.tables.scores)
    recommended = {name: summary.best_layer for name, summary in layers.items()}
    return FitRecord(
        command="fit",
        corpus=corpus_entry(ready.checked, _identity(ready.checked, ready.cache)),
        encoder=_encoder_entry(layout, ready.encoder, ready.parameters),
        cache=CacheEntry(absolute(ready.cache.path), layout.store, layout.fingerprint, layout.dtype),
        device=ready.device,
        threads=torch.get_num_threads(),
        best_layers=best_layers(found.tables.scores),
        best_epochs=_best_epochs(found.trained),
        used=_used(found.trained, options),
        layers=layers,
        findings=findings,
        scores=probe_scores(found.tables.scores, recommended),
        notes=tuple(_notes(ready, found)),
        **provenance(configuration, began),
    )


def _best_epochs(trained: Fit | None) -> tuple[int, ...]:
    """Of the probes in probes.safetensors, in their order."""
    return () if trained is None else tuple(trained.best_epoch[kept_rows(trained.bank.probes)].tolist())


def _used(trained: Fit | None, options: FitOptions) -> dict[str, Any]:
    """What the options left open: the hidden units, if there are any, and the learning rate."""
    if trained is None:
        return {}
    sizes = trained.bank.head.sizes
    hidden = {"hidden": sizes["hidden"]} if "hidden" in sizes else {}
    return hidden | {"lr": learning_rate(options, sizes["width"])}


def _notes(ready: _Ready, found: _Found) -> list[str]:
    """What a reader should know."""
    corpus, options = ready.checked.corpus, ready.options
    cache = ready.cache
    samples = [int(cache.n_samples[cache.row[utterance.id]]) for utterance in corpus.utterances]
    heard = heard_notes(cache.layout.identity, samples)
    notes = [*corpus.notes, *interval_notes(corpus), *heard, *found.look.notes, SELECTED_ON]
    if found.trained is not None:
        notes += _exactness(ready.cache.layout.store, options)
        notes += weight_notes(found.trained, options.patience, options.epochs)
    return notes


def _identity(checked: Checked, cache: Cache) -> Identity:
    """The corpus as it was read: its audio by the cache's own checksums, since nothing is decoded here."""
    corpus, named = checked.corpus, checked.identity.categories is not None
    if "tokenizer" in cache.layout.identity:
        return identify(corpus, text=True, categories=named)
    audio = _heard(corpus, cache).checksums
    return identify(corpus, audio=audio if len(audio) == len(corpus) else None, categories=named)


def _heard(corpus: Corpus, cache: Cache) -> AudioScan:
    """What a cache knows of the audio; nothing where it has read words, or 0 where it does not know a checksum."""
    if "tokenizer" in cache.layout.identity:
        return AudioScan()
    rows = {utterance.id: cache.row[utterance.id] for utterance in corpus.utterances}
    known = {id_: row for id_, row in rows.items() if cache.audio[row]}
    samples = {id_: int(cache.n_samples[row]) for id_, row in known.items()}
    return AudioScan(samples, checksums={id_: int(cache.audio[row]) for id_, row in known.items()})


def _encoder_entry(layout: Layout, spec: EncoderSpec | None, parameters: int | None) -> EncoderEntry:
    # Of a cache file only what it says of itself is known; version 0.1.0 said so in the title.
    by_name = any_random(layout.encoder) or "(random weights)" in layout.title
    random = spec.random if spec is not None else by_name
    return EncoderEntry(layout.encoder, layout.title, random, layout.identity, spec, parameters)


def _exactness(store: str, options: FitOptions) -> list[str]:
    """What to know of maxima taken from pooled states."""
    if store == "pooled" and MAX in options.pooling and options.learns_weights:
        return [
            "the maximum of a weighted sum is approximated by the weighted sum of the layers' maxima (store pooled)"
        ]
    return []
