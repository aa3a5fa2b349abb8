"""Cache → bank → finished run: the work of `probe fit`."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from probing.cache.format import Layout
from probing.cache.reader import Cache, open_cache
from probing.corpus.checked import Checked, Needs, check_corpus, settle_dims
from probing.corpus.identity import Identity, identify
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
from probing.probes.options import FitOptions, FitPlace
from probing.probes.results import FILES, Tables, best_layers, probe_scores, save_bank, tables_of, write_tables
from probing.probes.sources import choose_cache, features_from, refuse_store, rows_of
from probing.probes.train import Fit, learning_rate, refuse_unfit, train_bank
from probing.runs.entries import CacheEntry, EncoderEntry, corpus_entry
from probing.runs.records import FitRecord
from probing.runs.scores import interval_notes, labels_digest
from probing.runs.store import new_run, provenance, write_record

ENCODER = "demo-hubert"
CACHE_FILE = ".h5"


@dataclass(frozen=True)
class _Ready:
    """All that a fit reads and is told.

    Args:
        checked: Labelled utterances.
        cache: Their hidden states.
        encoder: What opens the encoder again; None where only its cache is known.
        options: What to fit; its dimensions are settled.
        device: PyTorch's name of a device.
    """

    checked: Checked
    cache: Cache
    encoder: EncoderSpec | None
    options: FitOptions
    device: str


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
        The run's record. Its folder also holds weights.csv, scores.csv, predictions.csv and probes.safetensors.

    Raises:
        CorpusError: The corpus cannot be opened or lacks labels.
        EncoderError: The encoder cannot be opened.
        CacheError: There is no cache of the corpus and this very encoder, or it is damaged or made from other audio.
        FitError: There is nothing to learn from, or the training fails.
        OptionError: An option is out of bounds, options exclude each other, or there is none of a setting's name (code
            `option-unknown`).
    """
    began = time.time()
    parts = (options or FitOptions(), source or CacheOptions(), place or FitPlace())
    options, source, place = with_settings(parts, settings)
    device = settle_device(place.device)
    spec = corpus if isinstance(corpus, CorpusSpec) else CorpusSpec.resolve(corpus)
    checked = check_corpus(spec, Needs(dims=options.dims), place.allow_missing)
    options = replace(options, dims=_dimensions(checked, options))
    refuse_unfit(checked.corpus, options.dims)
    cache, reopened = _open_cache(checked, encoder, source, options)
    command = f"the `probe extract` command that made {cache.path}"
    rows = rows_of(cache, [utterance.id for utterance in checked.corpus.utterances], command)
    refuse_other_inputs(cache, checked.corpus)
    ready = _Ready(checked, cache, reopened, options, device)
    layout = cache.layout
    features = features_from(cache, rows, options)
    fitted = train_bank(checked.corpus, features, layout.n_states, layout.width, options, device)
    tables = tables_of(fitted, checked.corpus, layout.first_layer)
    record = _record(ready, fitted, tables, began)
    with new_run(f"fit-{record.corpus.file_name}-{record.encoder_file_name}", Path(place.runs)) as new:
        write_tables(tables, new.aside)
        save_bank(fitted.bank, options, checked.corpus.scale, new.aside)
        record = write_record(record, new.aside, FILES)
    return replace(record, folder=new.final)


def _dimensions(checked: Checked, options: FitOptions) -> tuple[str, ...]:
    """The dimensions to probe, by name."""
    dims = settle_dims(checked.corpus, options.dims)
    if not dims:
        why = "no utterance has a rating"
        raise FitError(f"corpus {checked.corpus.name}", why, "add a column of ratings to the table", code="no-labels")
    return dims


def _open_cache(
    checked: Checked, encoder: EncoderSpec | str | None, source: CacheOptions, options: FitOptions
) -> tuple[Cache, EncoderSpec | None]:
    """The cache to read, and what opens its encoder again, if that is known."""
    path = Path(source.cache)
    if path.suffix == CACHE_FILE:
        if encoder not in (None, ENCODER) or source.store is not None:
            other = "--store" if source.store is not None else "--encoder"
            why = "a cache file settles what was extracted and how"
            remedy = "name the file alone, or the folder of all caches with the options"
            raise OptionError(f"--cache {path} and {other}", why, remedy, code="exclusive")
        cache = open_cache(path)
        refuse_store(f"{path}", cache.layout.store)
        return cache, None
    if encoder is None:
        remedy = "name the encoder, or one cache file with --cache"
        raise OptionError("no encoder is named", f"{path} is a folder of caches", remedy, code="no-encoder")
    spec = encoder if isinstance(encoder, EncoderSpec) else EncoderSpec.resolve(encoder)
    return choose_cache(checked, open_encoder(spec), replace(source, cache=path), options), spec


def _record(ready: _Ready, fitted: Fit, tables: Tables, began: float) -> FitRecord:
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
    return FitRecord(
        command="fit",
        corpus=corpus_entry(ready.checked, _identity(ready.checked, ready.cache)),
        encoder=_encoder_entry(layout, ready.encoder),
        cache=CacheEntry(absolute(ready.cache.path), layout.store, layout.fingerprint, layout.dtype),
        device=ready.device,
        threads=torch.get_num_threads(),
        best_layers=best_layers(tables.scores),
        best_epochs=tuple(fitted.best_epoch.tolist()),
        used={"hidden": fitted.bank.inner_PDH.shape[2], "lr": learning_rate(options, layout.width)},
        scores=probe_scores(tables.scores),
        notes=(*corpus.notes, *interval_notes(corpus), *_exactness(layout.store, options)),
        **provenance(configuration, began),
    )


def _identity(checked: Checked, cache: Cache) -> Identity:
    """The corpus as it was read: its audio by the cache's own checksums, since nothing is decoded here."""
    corpus = checked.corpus
    if "tokenizer" in cache.layout.identity:
        return identify(corpus, text=True)
    audio = {utterance.id: int(cache.audio[cache.row[utterance.id]]) for utterance in corpus.utterances}
    return identify(corpus, audio=audio if all(audio.values()) else None)  # 0 where a cache does not know its audio


def _encoder_entry(layout: Layout, spec: EncoderSpec | None) -> EncoderEntry:
    # Of a cache file only what it says of itself is known; version 0.1.0 said so in the title.
    by_name = any_random(layout.encoder) or "(random weights)" in layout.title
    random = spec.random if spec is not None else by_name
    return EncoderEntry(layout.encoder, layout.title, random, layout.identity, spec)


def _exactness(store: str, options: FitOptions) -> list[str]:
    """What to know of maxima taken from pooled states."""
    if store == "pooled" and MAX in options.pooling and options.learns_weights:
        return [
            "the maximum of a weighted sum is approximated by the weighted sum of the layers' maxima (store pooled)"
        ]
    return []
