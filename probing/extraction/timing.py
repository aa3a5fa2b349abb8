"""How long an extraction will take: a few of its own batches are decoded and encoded, and the rest follows from them.

A second of a long utterance takes longer than one of a short one, and a small batch wastes what a large one does not:
batches from all over the corpus are timed, from the middle of its lengths on outwards, until a few seconds have passed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from probing.cache.format import part_files, parts_folder
from probing.cache.writer import inputs_of
from probing.extraction.extract import Extraction
from probing.extraction.options import parse_shard
from probing.extraction.parts import DECODERS, Job
from probing.extraction.plan import Part, make_plan
from probing.files import duration

_ENOUGH = 4.0  # s, behind which no further batch is timed
_AT_LEAST, _AT_MOST = 3, 32  # batches


@dataclass(frozen=True)
class Timing:
    """How long the rest of an extraction will take.

    Args:
        seconds: The time, but for waiting for the disk.
        utterances: Number of utterances that were timed.
        left: Number of utterances that are still to be extracted.
        device: PyTorch's name of the device.
    """

    seconds: float
    utterances: int
    left: int
    device: str

    def __str__(self) -> str:
        if not self.left:
            return "nothing is left to extract"
        return f"about {duration(self.seconds)} on one {self.device}, by {self.utterances:,} utterances that were timed"


@dataclass(frozen=True)
class _Timed:
    """A batch that was timed.

    Args:
        samples: Of its longest utterance.
        rate: Seconds of encoding for each of its samples, padding included.
        decoding: Seconds of decoding.
        heard: Samples that it gave, of segments also those of others that are cut on the way.
    """

    samples: int
    rate: float
    decoding: float
    heard: int


def timed(extraction: Extraction) -> Timing:
    """Time a few batches of what is still to be extracted; nothing is written.

    Args:
        extraction: An extraction that is ready to run.

    Raises:
        CacheError: A batch does not fit into the device's memory (code `memory`), or a value into the number format.
        AudioError: A file cannot be decoded any more.
    """
    samples, device = extraction.scan.samples, extraction.encoder.device
    batches = sorted(
        ((part, batch) for part in _left(extraction) for batch in part.batches),
        key=lambda pair: samples[pair[1][0]],
    )
    left = [id_ for _, batch in batches for id_ in batch]
    if not left:
        return Timing(0.0, 0, 0, f"{device}")
    job = Job(extraction.path, extraction.layout, extraction.checked.corpus, extraction.scan, extraction.encoder)
    _timed(extraction, job, *batches[len(batches) // 2])  # so that nothing is measured that happens only once
    found, utterances, began = list[_Timed](), 0, time.perf_counter()
    for place in _outwards(len(batches)):
        found.append(_timed(extraction, job, *batches[place]))
        utterances += len(batches[place][1])
        if len(found) >= _AT_LEAST and time.perf_counter() - began > _ENOUGH:
            break
    found.sort(key=lambda one: one.samples)
    lengths = np.array([samples[batch[0]] for _, batch in batches])
    padded = lengths * [len(batch) for _, batch in batches]
    encoding = (padded * np.interp(lengths, [one.samples for one in found], [one.rate for one in found])).sum()
    heard = sum(one.heard for one in found)
    decoding = sum(one.decoding for one in found) * sum(samples[id_] for id_ in left) / heard
    # Threads decode while a GPU encodes; on a CPU both want the same cores.
    seconds = encoding + decoding if device.type == "cpu" else max(encoding, decoding / DECODERS)
    return Timing(float(seconds), utterances, len(left), f"{device}")


def _left(extraction: Extraction) -> list[Part]:
    """The parts of what this process still has to extract, as they would be planned anew."""
    options, folder = extraction.options, parts_folder(extraction.path)
    held = {id_ for part in part_files(folder) for id_ in inputs_of(part)}
    lengths = {id_: length for id_, length in extraction.lengths.items() if id_ not in held}
    plan = make_plan(lengths, extraction.budget, options.part_seconds, extraction.segments)
    shard = parse_shard(options.shard) if options.shard else None
    return [part for part in plan if shard is None or part.number in shard]


def _timed(extraction: Extraction, job: Job, part: Part, batch: Sequence[str]) -> _Timed:
    """Decode and encode a batch of a part, with the segments of the part that are cut on the way."""
    samples, segments = extraction.scan.samples, extraction.segments
    recordings = {segments[id_][0] for id_ in batch if id_ in segments}
    beside = [id_ for id_ in part.ids if id_ in segments and segments[id_][0] in recordings]
    heard = list(dict.fromkeys([*batch, *beside]))
    fed = job.feed(heard)
    began = time.perf_counter()
    inputs = [fed(id_) for id_ in batch]
    decoded = time.perf_counter()
    job.encode(batch, inputs)
    rate = (time.perf_counter() - decoded) / (samples[batch[0]] * len(batch))
    return _Timed(samples[batch[0]], rate, decoded - began, sum(samples[id_] for id_ in heard))


def _outwards(count: int) -> Iterator[int]:
    """Places in a row: its middle, the middles of its halves, of their halves …; at most so many, each once."""
    places = dict.fromkeys(count * odd // size for size in (2, 4, 8, 16, 32, 64, 128) for odd in range(1, size, 2))
    return iter(list(places)[:_AT_MOST])
