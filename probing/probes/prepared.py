"""What a fit reads, checked and opened: the corpus, its cache, and which encoder made that."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probing.cache.format import Layout
from probing.cache.reader import Cache, open_cache
from probing.corpus.audit import no_labels
from probing.corpus.checked import Checked, Needs, audio_memory, check_corpus, settle_dims, with_leaks
from probing.corpus.identity import Identity, identify
from probing.corpus.model import Corpus
from probing.corpus.scan import AudioScan, remembered
from probing.corpus.spec import CorpusSpec
from probing.encoders.device import settle_device
from probing.encoders.opening import Encoder, open_encoder
from probing.encoders.spec import EncoderSpec, any_random
from probing.errors import CacheError, FitError, OptionError
from probing.extraction.extract import Extraction, prepared
from probing.extraction.inputs import refuse_other_inputs
from probing.extraction.options import CacheOptions, ExtractOptions
from probing.probes.classes import categories_of
from probing.probes.options import FitOptions, FitPlace
from probing.probes.sources import choose_cache, demand_fetchable, refuse_store, rows_of, settle_store
from probing.probes.train import refuse_unfit
from probing.runs.entries import EncoderEntry
from probing.runs.scores import labels_digest

ENCODER = "demo-hubert"
CACHE_FILE = ".h5"


@dataclass(frozen=True)
class Ready:
    """All that a fit reads and is told.

    Args:
        checked: Labelled utterances.
        cache: Their hidden states.
        rows: Their places in the cache.
        encoder: What opens the encoder again; None where only its cache is known.
        parameters: Number of the encoder's parameters; None where only its cache is known.
        options: What to fit; its dimensions are settled.
        device: PyTorch's name of a device.
    """

    checked: Checked
    cache: Cache
    rows: NDArray[np.int64]
    encoder: EncoderSpec | None
    parameters: int | None
    options: FitOptions
    device: str


@dataclass(frozen=True)
class Begun:
    """What a fit is of, before its cache is opened, or made.

    Args:
        checked: Labelled utterances.
        options: What to fit; its dimensions are settled.
        device: PyTorch's name of a device.
        extractor: The encoder, opened on the device, where the cache may have to be made.
    """

    checked: Checked
    options: FitOptions
    device: str
    extractor: Encoder | None


def begin(
    spec: CorpusSpec,
    encoder: EncoderSpec | str | None,
    options: FitOptions,
    source: CacheOptions,
    place: FitPlace,
    remember: bool = True,
) -> Begun:
    """Check what a fit is of; arguments and errors are those of `fit`.

    Args:
        spec: The corpus.
        encoder: Whose cache is read, or made.
        options: What to fit.
        source: The cache.
        place: Whether it may be made, and the device.
        remember: Whether what is found out about the audio is written down.
    """
    device = settle_device(place.device)
    root = Path(source.cache) if of_folder(source) else Path(source.cache).parent.parent
    needs, opened = Needs(dims=options.dims, learns=True), None
    if place.extract and of_folder(source):
        opened = open_encoder(_named(encoder, source), device)
        needs = replace(needs, audio=not opened.reads, text=opened.reads, frames=opened.frames)
    checked = check_corpus(spec, needs, place.allow_missing, root, remember, allow_leaks=place.allow_leaks)
    options = replace(options, dims=_dimensions(checked, options))
    if options.balanced and not categories_of(checked.corpus, options.dims):
        why = f"{', '.join(options.dims)}: ratings have no classes"
        raise OptionError("--class-weights changes nothing", why, "leave it out", code="no-effect")
    refuse_unfit(checked.corpus, options.dims)
    return Begun(checked, options, device, opened)


def prepare(
    spec: CorpusSpec, encoder: EncoderSpec | str | None, options: FitOptions, source: CacheOptions, place: FitPlace
) -> Ready:
    """Check and open all that a fit reads; arguments and errors are those of `fit`."""
    begun = begin(spec, encoder, options, source, place)
    checked, options, opened = begun.checked, begun.options, begun.extractor
    if opened is not None:
        _extract(begun, opened, source)
    elif of_folder(source):
        named = _named(encoder, source)
        demand_fetchable(checked, named, replace(source, cache=Path(source.cache)), options)
        opened = open_encoder(named)
    cache = _open_cache(checked, opened, encoder, source, options)
    command = f"the `probe extract` command that made {cache.path}"
    rows = rows_of(cache, [utterance.id for utterance in checked.corpus.utterances], command)
    refuse_other_inputs(cache, checked.corpus)
    checked = with_leaks(checked, heard_of(checked, cache), place.allow_leaks)
    reopened, parameters = (opened.spec, opened.parameters) if opened is not None else (None, None)
    return Ready(checked, cache, rows, reopened, parameters, options, begun.device)


def of_folder(source: CacheOptions) -> bool:
    """Whether the folder of all caches is named, and not one cache file."""
    return Path(source.cache).suffix != CACHE_FILE


def configuration_of(ready: Ready) -> dict[str, Any]:
    """Everything that settles a fit's numbers."""
    corpus, layout, options = ready.checked.corpus, ready.cache.layout, ready.options
    # Where no class is told, how much one counts settles nothing.
    without = None if categories_of(corpus, options.dims) else "class_weights"
    return {
        "corpus": corpus.name,
        "labels": labels_digest(corpus, options.dims),
        "scale": corpus.scale,
        "fingerprint": layout.fingerprint,
        "store": layout.store,
        "options": {name: value for name, value in asdict(options).items() if name != without},
    }


def _dimensions(checked: Checked, options: FitOptions) -> tuple[str, ...]:
    """The dimensions to probe, by name."""
    dims = settle_dims(checked.corpus, options.dims)
    if not dims:
        raise FitError(*no_labels(checked.corpus), code="no-labels")
    return dims


def _named(encoder: EncoderSpec | str | None, source: CacheOptions) -> EncoderSpec:
    """The encoder whose cache is read, or made."""
    if encoder is None:
        remedy = "name the encoder, or one cache file with --cache"
        raise OptionError("no encoder is named", f"{source.cache} is a folder of caches", remedy, code="no-encoder")
    return encoder if isinstance(encoder, EncoderSpec) else EncoderSpec.resolve(encoder)


def extraction_of(begun: Begun, encoder: Encoder, source: CacheOptions) -> Extraction:
    """What makes the cache, in the store that serves the fit best."""
    kept = ExtractOptions(settle_store(begun.checked, encoder, source, begun.options), source.dtype)
    return prepared(begun.checked, encoder, kept, Path(source.cache))


def _extract(begun: Begun, encoder: Encoder, source: CacheOptions) -> None:
    """Extract what the cache lacks; of a whole one nothing."""
    extraction = extraction_of(begun, encoder, source)
    print(extraction.forecast, file=sys.stderr)
    if extraction.run() is None:
        why, remedy = "other processes are still writing parts", "run it again when they have ended"
        raise CacheError(f"{extraction.path} is not finished", why, remedy, code="cache-unfinished")


def _open_cache(
    checked: Checked,
    opened: Encoder | None,
    encoder: EncoderSpec | str | None,
    source: CacheOptions,
    options: FitOptions,
) -> Cache:
    """The cache to read: of an encoder, or the one file that is named."""
    path = Path(source.cache)
    if opened is not None:
        return choose_cache(checked, opened, replace(source, cache=path), options)
    if encoder not in (None, ENCODER) or source.store is not None:
        other = "--store" if source.store is not None else "--encoder"
        why = "a cache file settles what was extracted and how"
        remedy = "name the file alone, or the folder of all caches with the options"
        raise OptionError(f"--cache {path} and {other}", why, remedy, code="exclusive")
    cache = open_cache(path)
    refuse_store(f"{path}", cache.layout.store)
    return cache


def identity_of(checked: Checked, cache: Cache) -> Identity:
    """The corpus as it was read: its audio by the cache's own checksums, since nothing is decoded here."""
    corpus, named = checked.corpus, checked.identity.categories is not None
    if "tokenizer" in cache.layout.identity:
        return identify(corpus, text=True, categories=named)
    audio = _cached(corpus, cache).checksums
    return identify(corpus, audio=audio if len(audio) == len(corpus) else None, categories=named)


def heard_of(checked: Checked, cache: Cache) -> AudioScan:
    """What is known of a corpus's audio where nothing is decoded.

    A cache knows the bytes of its recordings; their samples are remembered beside it, where they were decoded.
    """
    known = remembered(checked.corpus.utterances, audio_memory(checked.spec, Path(cache.path).parent.parent))
    cached = _cached(checked.corpus, cache)
    sums = known.checksums | cached.checksums
    return AudioScan(known.samples | cached.samples, checksums=sums, content=known.content)


def _cached(corpus: Corpus, cache: Cache) -> AudioScan:
    """What a cache knows of the audio; nothing where it has read words, or 0 where it does not know a checksum."""
    if "tokenizer" in cache.layout.identity:
        return AudioScan()
    rows = {utterance.id: cache.row[utterance.id] for utterance in corpus.utterances}
    known = {id_: row for id_, row in rows.items() if cache.audio[row]}
    samples = {id_: int(cache.n_samples[row]) for id_, row in known.items()}
    return AudioScan(samples, checksums={id_: int(cache.audio[row]) for id_, row in known.items()})


def encoder_entry(layout: Layout, spec: EncoderSpec | None, parameters: int | None) -> EncoderEntry:
    """What a record says about the encoder of a cache."""
    # Of a cache file only what it says of itself is known; version 0.1.0 said so in the title.
    by_name = any_random(layout.encoder) or "(random weights)" in layout.title
    random = spec.random if spec is not None else by_name
    return EncoderEntry(layout.encoder, layout.title, random, layout.identity, spec, parameters)
