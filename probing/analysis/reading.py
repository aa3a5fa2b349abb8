"""What an analysis reads of a cache: one pooled state a layer and utterance, in the corpus's order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probing.cache.format import Layout
from probing.cache.reader import Cache
from probing.corpus.checked import Checked
from probing.corpus.model import Corpus
from probing.encoders.opening import open_encoder
from probing.encoders.spec import EncoderSpec, any_random
from probing.errors import OptionError
from probing.extraction.inputs import refuse_other_inputs
from probing.extraction.options import CacheOptions
from probing.files import absolute
from probing.probes.notes import heard_notes
from probing.probes.options import FitOptions
from probing.probes.ridge import pooled_states, refuse_large_states
from probing.probes.sources import choose_cache, demand_fetchable, features_from, refuse_store, rows_of
from probing.runs.entries import CacheEntry, EncoderEntry

_AS_FITTED = FitOptions(normalize="layer", pooling="mean", layers="each")


@dataclass(frozen=True, eq=False)
class Read:
    """States of one encoder.

    Args:
        entry: The encoder, for a record.
        cache: The cache, for a record.
        layers: Indices of the L layers.
        states_NLD: Mean over time of each layer-normed state, [N, L, D] in float32, as `probe fit` sees it by default.
        audio: Utterance → checksum of its recording; None where the encoder reads text, or a cache does not know.
        notes: What a reader should know of how the encoder heard them.
    """

    entry: EncoderEntry
    cache: CacheEntry
    layers: tuple[int, ...]
    states_NLD: NDArray[np.float32]
    audio: Mapping[str, int] | None = None
    notes: tuple[str, ...] = ()


def read_states(checked: Checked, spec: EncoderSpec, source: CacheOptions) -> Read:
    """Open the cache of a corpus and an encoder, and read it.

    Args:
        checked: The corpus.
        spec: The encoder.
        source: Which cache to read.

    Raises:
        EncoderError: The encoder cannot be opened.
        CacheError: There is no such cache, or it is damaged or made from other audio or text.
        FitError: The states do not fit into memory (code `states-too-large`).
    """
    demand_fetchable(checked, spec, source, _AS_FITTED)
    encoder = open_encoder(spec)
    cache = choose_cache(checked, encoder, source, _AS_FITTED)
    entry = EncoderEntry(
        cache.layout.encoder, cache.layout.title, spec.random, cache.layout.identity, spec, encoder.parameters
    )
    return read_cache(cache, checked.corpus, entry)


def read_cache(cache: Cache, corpus: Corpus, entry: EncoderEntry | None = None) -> Read:
    """Read an open cache.

    Args:
        cache: Of frames or of pooled states.
        corpus: Utterances, all of which the cache must hold, made from the audio or text that is there now.
        entry: The encoder, if more is known of it than the cache says.

    Raises:
        CacheError: It holds no hidden states, lacks utterances, or is damaged or made from other audio or text.
        FitError: The states do not fit into memory (code `states-too-large`).
    """
    layout = cache.layout
    refuse_store(f"{cache.path}", layout.store)
    refuse_large_states(len(corpus), layout.n_states, layout.width)
    ids = [utterance.id for utterance in corpus.utterances]
    rows = rows_of(cache, ids, f"the `probe extract` command that made {cache.path}")
    refuse_other_inputs(cache, corpus)
    source = features_from(cache, rows, _AS_FITTED)
    states_NLD = pooled_states(source, len(corpus))
    layers = tuple(range(layout.first_layer, layout.first_layer + layout.n_states))
    where = CacheEntry(absolute(cache.path), layout.store, layout.fingerprint, layout.dtype)
    audio = {id_: int(cache.audio[row]) for id_, row in zip(ids, rows, strict=True)}
    known = all(audio.values()) and "tokenizer" not in layout.identity  # 0 where a cache does not know its audio
    notes = heard_notes(layout.identity, cache.n_samples[rows].tolist())
    return Read(entry or _entry(layout), where, layers, states_NLD, audio if known else None, notes)


def refuse_speech(read: Read, what: str) -> None:
    """Raise an OptionError (code `not-text`) where states that shall stand for words are not a text encoder's."""
    if "tokenizer" not in read.entry.identity:
        raise OptionError(
            f"{what} {read.entry.name}",
            "it reads audio, not words",
            "name a text encoder: tinybert, minilm-l6, or any BERT of transformers",
            code="not-text",
        )


def last_states(read: Read) -> NDArray[np.float32]:
    """The last layer's states, [N, D]: what a system takes of its text encoder."""
    return np.ascontiguousarray(read.states_NLD[:, -1])


def _entry(layout: Layout) -> EncoderEntry:
    return EncoderEntry(layout.encoder, layout.title, any_random(layout.encoder), layout.identity)
