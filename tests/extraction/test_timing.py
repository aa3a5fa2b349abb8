"""The time that an extraction will take is forecast from a few of its own batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from segmented import joined

from probing.corpus.spec import CorpusSpec
from probing.extraction import timing
from probing.extraction.extract import Extraction, prepare
from probing.extraction.options import ExtractOptions, ExtractPlace
from probing.extraction.plan import make_plan
from probing.extraction.timing import timed

ENCODING = 2e-6  # s a sample of a batch with its padding
ATTENTION = 1e-10  # s a sample and sample of the longest
DECODING = 1e-6  # s a sample of a recording that is decoded


class Clock:
    """Time that passes only where an extraction decodes or encodes, by a law that is known."""

    def __init__(self, extraction: Extraction) -> None:
        self.now, self.samples, self.segments = 0.0, extraction.scan.samples, extraction.segments

    def perf_counter(self) -> float:
        """The time in s."""
        return self.now

    def job(self, *_: Any) -> Clock:
        """What decodes and encodes."""
        return self

    def feed(self, ids: Sequence[str]) -> Callable[[str], int]:
        """Decode whole files one by one; the first segment of a recording takes the time of all that are cut."""
        cut: set[str] = set()

        def decode(id_: str) -> int:
            recording = self.segments.get(id_, (id_, 0.0))[0]
            if recording not in cut:
                cut.add(recording)
                own = [other for other in ids if self.segments.get(other, (other, 0.0))[0] == recording]
                self.now += DECODING * sum(self.samples[other] for other in own)
            return self.samples[id_]

        return decode

    def encode(self, batch: Sequence[str], lengths: Sequence[int]) -> None:
        """Pass the time of a batch."""
        self.now += ENCODING * len(batch) * max(lengths) + ATTENTION * len(batch) * max(lengths) ** 2


def law(extraction: Extraction, decoded: int) -> float:
    """The time of all batches, after so many samples are decoded."""
    samples = extraction.scan.samples
    plan = make_plan(extraction.lengths, extraction.budget, extraction.options.part_seconds, extraction.segments)
    batches = [[samples[id_] for id_ in batch] for part in plan for batch in part.batches]
    encoded = sum(ENCODING * len(b) * max(b) + ATTENTION * len(b) * max(b) ** 2 for b in batches)
    return encoded + DECODING * decoded


def extraction_of(table: Path, encoder: Path, cache: Path, **options: Any) -> Extraction:
    """An extraction that is ready to run."""
    return prepare(
        CorpusSpec.resolve(str(table)), str(encoder), ExtractOptions(**options), ExtractPlace(cache=cache), dry=True
    )


@pytest.mark.parametrize(
    ("batch_seconds", "segments", "enough"), [(1.0, False, 1e9), (4.0, True, 1e9), (1.0, True, 0.0), (4.0, False, 0.0)]
)
def test_the_time_is_that_of_the_law(
    table: Path,
    checkpoints: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    batch_seconds: float,
    segments: bool,
    enough: float,
) -> None:
    """Whatever the batches, of files or segments; with three batches alone, within a sixth."""
    table = joined(table, tmp_path / "long") if segments else table
    extraction = extraction_of(table, checkpoints["hubert"], tmp_path, batch_seconds=batch_seconds, part_seconds=8)
    clock = Clock(extraction)
    monkeypatch.setattr(timing, "time", clock)
    monkeypatch.setattr(timing, "Job", clock.job)
    monkeypatch.setattr(timing, "_ENOUGH", enough)
    found = timed(extraction)
    true = law(extraction, sum(extraction.lengths.values()))
    assert found.seconds == pytest.approx(true, rel=0.02 if enough else 1 / 6)
    assert found.left == 32 and found.device == "cpu" and (found.utterances <= 32 if enough else found.utterances < 32)


def test_what_is_extracted_takes_no_more_time(
    table: Path, checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finished partition is not counted; of a finished cache nothing is left; a shard is that of one process."""
    monkeypatch.setattr(timing, "_AT_MOST", 3)
    half = extraction_of(table, checkpoints["hubert"], tmp_path, store="pooled", partitions=("train",))
    half.run()
    whole = extraction_of(table, checkpoints["hubert"], tmp_path, store="pooled", part_seconds=4)
    assert timed(half).seconds == 0 and timed(half).left == 0
    assert timed(whole).left == 18
    shards = [replace(whole, options=replace(whole.options, shard=f"{n}/2")) for n in (1, 2)]
    left = [timed(shard).left for shard in shards]
    assert sum(left) == 18 and min(left) > 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert timed(whole).seconds > 0 and {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
