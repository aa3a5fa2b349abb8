"""What a system is fed of a corpus: waveforms, or the frozen front end's latents where they have been extracted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probing.audio.decode import load
from probing.audio.noise import degraded
from probing.cache.reader import Cache, find_cache
from probing.corpus.model import Corpus
from probing.corpus.scan import AudioScan
from probing.encoders.speech import SpeechEncoder, open_encoder
from probing.errors import CorpusError, first_names
from probing.extraction.cost import layout_of
from probing.extraction.inputs import refuse_other_inputs
from probing.probes.features import rows_of
from probing.systems.build import parts_of
from probing.systems.model import EmotionSystem
from probing.systems.processor import Processor
from probing.training.datasets import Collate, Utterances

_DTYPES = ("float32", "float16")  # of a latents cache, the exacter first
_TIMED = 16  # utterances on which the front end's time is measured


@dataclass(frozen=True)
class Feed:
    """A corpus as a system takes it.

    Args:
        items: One for each utterance.
        lengths: In samples, or in tokens for text alone.
        collate: Puts items together.
        latents: The cache that the front end's output is read from, if any.
        truncated: Utterances whose transcripts are cut off.
    """

    items: Utterances
    lengths: list[int]
    collate: Collate
    latents: Cache | None = None
    truncated: tuple[str, ...] = ()


def feed(
    corpus: Corpus,
    dimensions: Sequence[str],
    processor: Processor,
    scan: AudioScan,
    latents: Cache | None = None,
    snr: float | None = None,
) -> Feed:
    """Get a corpus ready for a system.

    Args:
        corpus: Utterances with what the system reads.
        dimensions: Names of its outputs.
        processor: The system's.
        scan: Lengths of the audio; empty for text alone.
        latents: A cache of the front end's output, from `find_latents`.
        snr: Audio is put into a room and noise at this ratio, in dB (`probing.audio.noise`); None: it is left as it is.

    Raises:
        CorpusError: Transcripts are longer than the text encoder reads and are not to be cut off.
    """
    counts = token_counts(corpus, processor)
    long = tuple(id_ for id_, count in counts.items() if count > processor.limit)
    if long and not processor.truncate:
        raise CorpusError(
            f"corpus {corpus.name}: {len(long):,} transcripts are too long ({first_names(long)})",
            f"the text encoder reads {processor.limit} tokens, the longest has {max(counts.values()):,}",
            "shorten them, split the utterances, or add --truncate-text, which cuts their ends off",
        )
    ids = [utterance.id for utterance in corpus.utterances]
    if processor.audio is None:
        return Feed(Utterances(corpus, dimensions), [counts[i] for i in ids], Collate(processor), None, long)
    lengths = [scan.samples[id_] for id_ in ids]
    samples = lengths if latents else None
    heard = _from_cache(latents) if latents else _from_files(corpus, snr)
    return Feed(Utterances(corpus, dimensions, heard), lengths, Collate(processor, samples), latents, long)


def token_counts(corpus: Corpus, processor: Processor) -> dict[str, int]:
    """Utterance id → tokens of its transcript; empty where the system does not read."""
    return {u.id: processor.tokens(u.text or "") for u in corpus.utterances} if processor.text is not None else {}


def find_latents(corpus: Corpus, system: str, root: Path, command: str) -> Cache | None:
    """The cache of what the system's front end gives of this corpus, if there is one.

    Args:
        corpus: All of its utterances must be in it.
        system: The system's name; the cache is that of its audio encoder.
        root: Folder of all caches.
        command: The `probe extract` command that completes it.

    Raises:
        CacheError: There is one, but it is damaged, lacks utterances, or was made from other audio.
    """
    encoder = next((e for e in map(open_encoder, parts_of(system)) if isinstance(e, SpeechEncoder)), None)
    if encoder is None:
        return None
    for dtype in _DTYPES:
        path = layout_of(corpus, encoder, "latents", dtype).path(root)
        if path.is_file():
            cache = find_cache(path, command)
            rows_of(cache, [utterance.id for utterance in corpus.utterances], command)
            refuse_other_inputs(cache, corpus)
            return cache
    return None


def seconds_saved(corpus: Corpus, system: EmotionSystem, waveforms: Feed, latents: Feed, device: str) -> float:
    """Time that reading latents saves on an utterance, in s: measured on a few, decoding and front end against reading.

    Args:
        corpus: The corpus.
        system: Whose front end is meant.
        waveforms: The corpus as audio.
        latents: The corpus as latents.
        device: Where the front end would compute.
    """
    places = np.linspace(0, len(corpus) - 1, min(_TIMED, len(corpus))).astype(int).tolist()

    def timed(source: Feed, then: Callable[[dict[str, Tensor]], object]) -> float:
        began = time.perf_counter()
        then(source.collate([source.items[place] for place in places]))
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        return time.perf_counter() - began

    def compute(batch: dict[str, Tensor]) -> Tensor:
        return module.front_end(batch["input_values"].to(device), batch["lengths"])

    module: Any = system
    module.to(device)
    for source, then in ((waveforms, compute), (latents, lambda _: None)):
        timed(source, then)  # once before, so that nothing is measured that happens only once
    return (timed(waveforms, compute) - timed(latents, lambda _: None)) / len(places)


def _from_files(corpus: Corpus, snr: float | None) -> Callable[[str], NDArray[np.float32]]:
    paths = {utterance.id: utterance.path for utterance in corpus.utterances}
    if snr is None:
        return lambda id_: load(paths[id_] or "")
    return lambda id_: degraded(load(paths[id_] or ""), snr, id_)


def _from_cache(cache: Cache) -> Callable[[str], NDArray[np.float32]]:
    return lambda id_: cache.read(cache.row[id_], "latents")[:, 0]
