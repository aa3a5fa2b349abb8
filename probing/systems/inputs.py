"""A corpus made ready for a system: waveforms, or the frozen front end's latents where they have been extracted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probing.audio.noise import degraded
from probing.cache.reader import Cache
from probing.corpus.checked import Checked
from probing.corpus.model import Corpus
from probing.corpus.waveforms import Waveforms
from probing.encoders.opening import open_encoder
from probing.encoders.speech import SpeechEncoder
from probing.encoders.whisper import window_notes
from probing.errors import CorpusError, first_names
from probing.extraction.commands import extract_command
from probing.extraction.cost import layout_of
from probing.extraction.locate import cache_path, find_cache
from probing.systems.batches import Collate, Feed, Utterances
from probing.systems.build import parts_of
from probing.systems.processor import Processor
from probing.systems.targets import Categories

LATENTS = "latents"
_DTYPES = ("float32", "float16")  # of a latents cache, the more exact first


def feed(
    checked: Checked,
    dimensions: Sequence[str],
    processor: Processor,
    latents: Cache | None = None,
    snr: float | None = None,
    categories: Categories | None = None,
) -> Feed:
    """Get a corpus ready for a system.

    Args:
        checked: Utterances with what the system takes.
        dimensions: Names of the dimensions that it estimates.
        processor: The system's.
        latents: A cache of the front end's output, from `find_latents`.
        snr: Audio is put into a room and noise at this ratio, in dB (`probing.audio.noise`); None: it is left as it is.
        categories: The categories that it estimates, with their classes.

    Raises:
        CorpusError: Transcripts are longer than the text encoder's maximum and are not to be truncated (code
            `transcript-too-long`).
    """
    corpus, scan = checked.corpus, checked.scan
    counts = token_counts(corpus, processor)
    long = tuple(id_ for id_, count in counts.items() if count > processor.limit)
    if long and not processor.truncate:
        raise CorpusError(
            f"corpus {corpus.name}: {len(long):,} transcripts are too long ({first_names(long)})",
            f"the text encoder accepts at most {processor.limit} tokens, the longest has {max(counts.values()):,}",
            "shorten them, split the utterances, or add --truncate-text",
            code="transcript-too-long",
        )
    ids = [utterance.id for utterance in corpus.utterances]
    if processor.audio is None:
        items = Utterances(corpus, dimensions, categories=categories)
        return Feed(items, [counts[id_] for id_ in ids], Collate(processor), None, long)
    lengths = [scan.samples[id_] for id_ in ids]
    sound = _from_cache(latents) if latents else _from_files(corpus, snr)
    collate = Collate(processor, lengths if latents else None)
    heard = window_notes(lengths, processor.window) if processor.window else ()
    return Feed(Utterances(corpus, dimensions, sound, categories), lengths, collate, latents, long, heard)


def token_counts(corpus: Corpus, processor: Processor) -> dict[str, int]:
    """Utterance id → number of tokens of its transcript; empty where the system takes no text."""
    return {u.id: processor.tokens(u.text or "") for u in corpus.utterances} if processor.text is not None else {}


def find_latents(checked: Checked, system: str, root: Path) -> Cache | None:
    """The cache of what the system's front end gives of a corpus, if there is one.

    Args:
        checked: The corpus, all of whose utterances must be in it.
        system: The system's name; the cache is that of its audio encoder.
        root: Folder of all caches.

    Raises:
        CacheError: There is one, but it is damaged, lacks utterances, or was made from other audio.
    """
    encoder = _audio_encoder(system)
    if encoder is None:
        return None
    for dtype in _DTYPES:
        layout = layout_of(checked.corpus, encoder, LATENTS, dtype)
        if cache_path(checked.corpus, layout, root) is not None:
            command = extract_command(checked.spec, encoder.spec, LATENTS, dtype, root)
            return find_cache(checked.corpus, layout, root, command)
    return None


def latents_command(checked: Checked, system: str, root: Path) -> str | None:
    """The `probe extract` command that makes that cache; None for text alone."""
    encoder = _audio_encoder(system)
    return None if encoder is None else extract_command(checked.spec, encoder.spec, LATENTS, "float16", root)


def _audio_encoder(system: str) -> SpeechEncoder | None:
    return next((e for e in map(open_encoder, parts_of(system)) if isinstance(e, SpeechEncoder)), None)


def _from_files(corpus: Corpus, snr: float | None) -> Callable[[str], NDArray[np.float32]]:
    waveforms = Waveforms(corpus.utterances)
    if snr is None:
        return waveforms
    return lambda id_: degraded(waveforms(id_), snr, id_)


def _from_cache(cache: Cache) -> Callable[[str], NDArray[np.float32]]:
    return lambda id_: cache.read(cache.row[id_], LATENTS)[:, 0]
