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
from probing.encoders.spec import EncoderSpec
from probing.errors import OptionError
from probing.extraction.inputs import refuse_other_inputs
from probing.extraction.options import CacheOptions
from probing.files import absolute
from probing.probes.notes import heard_notes
from probing.probes.options import FitOptions
from probing.probes.ridge import pooled_states, refuse_large_states
from probing.probes.sources import choose_cache, features_from, refuse_store, rows_of
from probing.runs.entries import CacheEntry, EncoderEntry


@dataclass(frozen=True, eq=False)
class Read:
    """States of one encoder.

    Args:
        entry: The encoder, for a record.
        cache: The cache, for a record.
        layers: Indices of the L layers.
        states_NLD: Mean over time of each state, [N, L, D] in float32; see `normalize` of `read_states`.
        audio: Utterance → checksum of its recording; None where the encoder reads text, or a cache does not know.
        notes: What a reader should know of how the encoder heard them.
    """

    entry: EncoderEntry
    cache: CacheEntry
    layers: tuple[int, ...]
    states_NLD: NDArray[np.float32]
    audio: Mapping[str, int] | None = None
    notes: tuple[str, ...] = ()


def read_states(checked: Checked, spec: EncoderSpec, source: CacheOptions, normalize: str = "layer") -> Read:
    """Open the cache of a corpus and an encoder, and read it.

    Args:
        checked: The corpus.
        spec: The encoder.
        source: Which cache to read.
        normalize: `layer` for a layer norm of every state before the mean, or `none`.

    Raises:
        EncoderError: The encoder cannot be opened.
        CacheError: There is no such cache, or it is damaged or made from other audio or text.
        FitError: The states do not fit into memory (code `states-too-large`).
    """
    encoder = open_encoder(spec)
    options = FitOptions(normalize=normalize, pooling="mean", layers="each")
    cache = choose_cache(checked, encoder, source, options)
    entry = EncoderEntry(
        cache.layout.encoder, cache.layout.title, spec.random, cache.layout.identity, spec, encoder.parameters
    )
    return read_cache(cache, checked.corpus, entry, normalize)


def read_cache(cache: Cache, corpus: Corpus, entry: EncoderEntry | None = None, normalize: str = "layer") -> Read:
    """Read an open cache.

    Args:
        cache: Of frames or of pooled states.
        corpus: Utterances, all of which the cache must hold, made from the audio or text that is there now.
        entry: The encoder, if more is known of it than the cache says.
        normalize: As `read_states`.

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
    source = features_from(cache, rows, FitOptions(normalize=normalize, pooling="mean", layers="each"))
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
    return EncoderEntry(layout.encoder, layout.title, "@random" in layout.encoder, layout.identity)
