"""What an encoder is given of an utterance: the waveform of its file, or its transcript."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from probing.cache.reader import Cache
from probing.corpus.model import Corpus, Utterance
from probing.corpus.scan import AudioScan, audio_checksums, remembered
from probing.corpus.waveforms import Waveforms
from probing.encoders.audio import AudioEncoder
from probing.encoders.opening import Encoder
from probing.encoders.text import TOKEN, TextEncoder
from probing.errors import CacheError, CorpusError, first_names

_SAMPLED = 8  # files, evenly spaced, whose bytes are read if their checksums are not remembered


def scan_text(corpus: Corpus, encoder: TextEncoder) -> AudioScan:
    """Length and checksum of every transcript, a token counting as 320 samples.

    Args:
        corpus: Utterances with transcripts.
        encoder: The encoder that is to read them.

    Raises:
        CorpusError: Transcripts are longer than the encoder accepts (code `transcript-too-long`).
    """
    texts = {utterance.id: utterance.text or "" for utterance in corpus.utterances}
    tokens = {id_: encoder.tokens(text) for id_, text in texts.items()}
    long = [id_ for id_, count in tokens.items() if count > encoder.limit]
    if long:
        raise CorpusError(
            f"corpus {corpus.name}: {len(long):,} transcripts are too long ({first_names(long)})",
            f"{encoder.name} accepts at most {encoder.limit} tokens, the longest has {max(tokens.values()):,}",
            "shorten them, or split the utterances",
            code="transcript-too-long",
        )
    return AudioScan(
        samples={id_: count * TOKEN for id_, count in tokens.items()},
        checksums={id_: _text_checksum(text) for id_, text in texts.items()},
    )


def feed(utterances: Sequence[Utterance], encoder: Encoder, scan: AudioScan | None = None) -> Callable[[str], Any]:
    """A function from an utterance's id to what the encoder takes of it.

    Segments of one recording are cut together: give only the utterances that will be asked for.

    It raises an AudioError if a file cannot be decoded, and a CacheError if its length is not that of the scan.
    """
    if isinstance(encoder, TextEncoder):
        texts = {utterance.id: utterance.text or "" for utterance in utterances}
        return texts.__getitem__
    paths = {utterance.id: utterance.path for utterance in utterances}
    waveforms = Waveforms(utterances)

    def waveform_of(id_: str) -> NDArray[np.float32]:
        waveform = waveforms(id_)
        if scan and len(waveform) != scan.samples[id_]:
            why = "its length changed while extracting"
            raise CacheError(f"{paths[id_]}", why, "rerun the command", code="audio-changed")
        return waveform

    return waveform_of


def encoding(encoder: Encoder, store: str) -> Callable[[Sequence[Any]], tuple[Tensor, list[int]]]:
    """The function from a batch of inputs to what a store keeps of them: hidden states or, speech only, latents."""
    if store == "latents" and isinstance(encoder, AudioEncoder):
        return encoder.latents
    return encoder.hidden_states


def _text_checksum(text: str) -> int:
    return zlib.crc32(text.encode())


def checksums_of(utterances: Sequence[Utterance], identity: Mapping[str, Any]) -> dict[str, int]:
    """Utterance id → CRC-32 of what an encoder with this identity is given of it, where that is available."""
    if "tokenizer" in identity:
        return {utterance.id: _text_checksum(utterance.text) for utterance in utterances if utterance.text is not None}
    return audio_checksums(utterances)


def known_checksums(
    utterances: Sequence[Utterance], identity: Mapping[str, Any], memory: Path | None = None
) -> dict[str, int]:
    """CRC-32 of what an encoder with this identity is given, for the utterances where it is quickly known.

    For text these are all. For audio they are the files that have not changed since they were remembered, and a few
    of the others.

    Args:
        utterances: Which.
        identity: Of the encoder.
        memory: The file that remembers what sound files hold; it is read only.
    """
    found = {} if memory is None or "tokenizer" in identity else remembered(utterances, memory).checksums
    rest = [utterance for utterance in utterances if utterance.id not in found]
    step = 1 if "tokenizer" in identity else max(1, len(rest) // _SAMPLED)
    return found | checksums_of(rest[::step], identity)


def refuse_other_inputs(cache: Cache, corpus: Corpus) -> None:
    """Make sure, as far as can be seen quickly, that a cache was made from a corpus's audio or text.

    Raises:
        CacheError: It was made from other audio or text (code `cache-other-audio`).
    """
    held = [utterance for utterance in corpus.utterances if utterance.id in cache.row]
    known = known_checksums(held, cache.layout.identity)
    other = [id_ for id_, now in known.items() if int(cache.audio[cache.row[id_]]) not in (0, now)]
    if other:
        raise other_inputs(cache.path, corpus, other, "name the cache of this corpus, or run `probe extract` on it")


def other_inputs(path: Path, corpus: Corpus, other: Sequence[str], remedy: str) -> CacheError:
    """The error of a cache that was made from other audio or text than a corpus has."""
    return CacheError(
        f"{path} was made from other audio or text than that of corpus {corpus.name} ({first_names(other)})",
        "it has changed since, or another corpus of that name made the cache",
        remedy,
        code="cache-other-audio",
    )
