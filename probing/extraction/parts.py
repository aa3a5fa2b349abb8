"""Write the parts of a cache: decoding ahead of the device, the encoder on it, writing behind.

Shape legend: B utterances · T frames · L states · D hidden size.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from probing.audio.decode import SAMPLE_RATE
from probing.cache.format import Entry, Layout
from probing.cache.writer import PartWriter
from probing.corpus.model import Corpus
from probing.corpus.scan import AudioScan
from probing.encoders.opening import Encoder
from probing.errors import CacheError
from probing.extraction.ahead import ahead
from probing.extraction.inputs import encoding, feed
from probing.extraction.plan import Part
from probing.extraction.pooling import Summary, summary_of

_BEHIND = 2  # batches that are still being written while the device goes on
DECODERS = 2  # threads that decode audio


class Job:
    """One process's share of an extraction.

    Args:
        folder: Where the parts go.
        layout: What every part says of itself.
        corpus: Whose utterances.
        scan: Their lengths and checksums.
        encoder: A frozen encoder.
    """

    def __init__(self, folder: Path, layout: Layout, corpus: Corpus, scan: AudioScan, encoder: Encoder) -> None:
        self._folder, self._layout, self._scan, self._encoder = folder, layout, scan, encoder
        self._utterances = {utterance.id: utterance for utterance in corpus.utterances}

    def amount(self, parts: Iterable[Part]) -> float:
        """What some parts hold, in the encoder's unit."""
        return sum(self._scan.samples[id_] for part in parts for id_ in part.ids) / self._encoder.unit_samples

    def write(self, part: Part, bar: tqdm[Any]) -> None:
        """Extract one part."""
        lengths = [self._scan.samples[id_] for id_ in part.ids]
        frames = [self._encoder.frames(length) for length in lengths]
        audio = [self._scan.checksums.get(id_, 0) for id_ in part.ids]
        fed = self.feed(part.ids)

        def decode(batch: Sequence[str]) -> list[Any]:
            return [fed(id_) for id_ in batch]

        with (
            PartWriter(self._folder / part.name, self._layout, part.ids, lengths, frames, audio) as writer,
            ThreadPoolExecutor(DECODERS) as decoders,
            ThreadPoolExecutor(1) as pen,
        ):

            def write(batch: Sequence[str], summaries: Sequence[Summary]) -> None:
                for id_, summary in zip(batch, summaries, strict=True):
                    writer.write(id_, self._entry(id_, summary))

            written: deque[Future[None]] = deque()
            for batch, inputs in zip(part.batches, ahead(decoders, decode, part.batches), strict=True):
                written.append(pen.submit(write, batch, self._summaries(batch, inputs)))
                if len(written) > _BEHIND:
                    written.popleft().result()
                bar.update(sum(self._scan.samples[id_] for id_ in batch) / self._encoder.unit_samples)
            for one in written:
                one.result()
            writer.finish()

    def feed(self, ids: Sequence[str]) -> Callable[[str], Any]:
        """What the encoder is given of some utterances, by their ids; of a recording nothing else is cut and kept."""
        return feed([self._utterances[id_] for id_ in ids], self._encoder, self._scan)

    def encode(self, batch: Sequence[str], inputs: list[Any]) -> list[Entry]:
        """What the store keeps of a batch.

        Raises:
            CacheError: It does not fit into the device's memory (code `memory`), or a value not into the number format.
        """
        summaries = self._summaries(batch, inputs)
        return [self._entry(id_, summary) for id_, summary in zip(batch, summaries, strict=True)]

    def _summaries(self, batch: Sequence[str], inputs: list[Any]) -> list[Summary]:
        """The same, still on the device, which may not even have begun: what waits for it is for another thread."""
        lengths = [self._scan.samples[id_] for id_ in batch]
        try:
            states_BTLD, frames_B = encoding(self._encoder, self._layout.store)(inputs)
        except torch.OutOfMemoryError as error:
            samples = len(batch) * max(lengths)
            half = samples / SAMPLE_RATE / 2
            smaller = f"add `--batch-seconds {half:.3g}`" if len(batch) > 1 else "add `--device cpu`"
            raise CacheError(
                f"a batch of {samples / self._encoder.unit_samples:.6g} {self._encoder.unit} does not fit into the "
                "device's memory",
                f"it holds {len(batch)} utterances",
                f"{smaller}; finished parts stay as they are",
                code="memory",
            ) from error
        store, dtype = self._layout.store, self._layout.dtype
        return [
            summary_of(states_TLD[:count], store, dtype)
            for states_TLD, count in zip(states_BTLD, frames_B, strict=True)
        ]

    def _entry(self, id_: str, summary: Summary) -> Entry:
        return summary.entry(f"utterance {id_}", self._layout.state_names)
