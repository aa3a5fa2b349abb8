"""What an encoder is fed of an utterance: the waveform of its file, or its transcript."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from probing.audio.decode import load
from probing.cache.reader import Cache
from probing.corpus.model import Corpus, Utterance
from probing.corpus.scan import AudioScan, file_checksum, scan_audio
from probing.encoders.speech import SpeechEncoder
from probing.encoders.text import TOKEN, TextEncoder
from probing.errors import CacheError, CorpusError, first_names

Encoder = SpeechEncoder | TextEncoder
_LOOKED_AT = 8  # utterances compared with a cache before it is used


def scan_inputs(corpus: Corpus, encoder: Encoder, memory: Path | None = None, remember: bool = True) -> AudioScan:
    """Length and checksum of everything that an encoder is to be fed.

    Args:
        corpus: Utterances with audio or, for a text encoder, with transcripts.
        encoder: Who is fed.
        memory: As in `scan_audio`; a text encoder needs none.
        remember: Likewise.

    Raises:
        CorpusError: Transcripts are longer than the encoder can read.
    """
    if isinstance(encoder, SpeechEncoder):
        return scan_audio(corpus.utterances, memory=memory, remember=remember)
    texts = {utterance.id: utterance.text or "" for utterance in corpus.utterances}
    tokens = {id_: encoder.tokens(text) for id_, text in texts.items()}
    long = [id_ for id_, count in tokens.items() if count > encoder.limit]
    if long:
        raise CorpusError(
            f"corpus {corpus.name}: {len(long):,} transcripts are too long ({first_names(long)})",
            f"{encoder.name} reads {encoder.limit} tokens, the longest has {max(tokens.values()):,}",
            "shorten them, or split the utterances",
        )
    return AudioScan(
        samples={id_: count * TOKEN for id_, count in tokens.items()},
        checksums={id_: zlib.crc32(text.encode()) for id_, text in texts.items()},
    )


def feed(corpus: Corpus, encoder: Encoder, scan: AudioScan | None = None) -> Callable[[str], Any]:
    """A function from an utterance's id to what the encoder takes of it.

    It raises an AudioError if a file cannot be decoded, and a CacheError if its length is not that of the scan.
    """
    if isinstance(encoder, TextEncoder):
        texts = {utterance.id: utterance.text or "" for utterance in corpus.utterances}
        return texts.__getitem__
    paths = {utterance.id: utterance.path for utterance in corpus.utterances}

    def hear(id_: str) -> NDArray[np.float32]:
        waveform = load(paths[id_] or "")
        if scan and len(waveform) != scan.samples[id_]:
            raise CacheError(f"{paths[id_]}", "its length changed while extracting", "run the same command again")
        return waveform

    return hear


def encoding(encoder: Encoder, store: str) -> Callable[[Sequence[Any]], tuple[Tensor, list[int]]]:
    """The function from a batch of inputs to what a store keeps of them: hidden states or, speech only, latents."""
    if store == "latents" and isinstance(encoder, SpeechEncoder):
        return encoder.latents
    return encoder.hidden_states


def checksum(utterance: Utterance, identity: Mapping[str, Any]) -> int | None:
    """CRC-32 of what an encoder with this identity is fed of an utterance; None where it is not at hand."""
    if "tokenizer" in identity:
        return None if utterance.text is None else zlib.crc32(utterance.text.encode())
    there = utterance.path is not None and utterance.path.is_file()
    return file_checksum(utterance.path) if there and utterance.path is not None else None


def refuse_other_inputs(cache: Cache, corpus: Corpus) -> None:
    """Look at a few utterances, where they are at hand: a corpus of the same name may have made the cache."""
    step = max(1, len(corpus.utterances) // _LOOKED_AT)
    looked_at = {u.id: checksum(u, cache.layout.identity) for u in corpus.utterances[::step]}
    known = {id_: int(cache.audio[cache.row[id_]]) for id_ in looked_at}
    other = [id_ for id_, now in looked_at.items() if now is not None and known[id_] not in (0, now)]
    if other:
        raise CacheError(
            f"{cache.path} was made from other audio or text than that of corpus {corpus.name} ({first_names(other)})",
            "it has changed, or another corpus of the same name made the cache",
            "run the same `probe extract` command again; it tells which part to delete",
        )
