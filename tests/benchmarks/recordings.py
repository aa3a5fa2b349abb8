"""Small corpora of synthetic recordings, for benchmarks that need files on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import soundfile
from builders import RATE, waveform

_DIMENSIONS = ("arousal", "valence", "dominance")
_PARTITIONS = ("train", "train", "development", "test1")


def corpus_of(folder: Path, seconds: Sequence[float]) -> Path:
    """A table of recordings of these lengths at 16 kHz, half of them to train on, in a folder that is made."""
    folder.mkdir(exist_ok=True)
    lines = [",".join(("id", "path", "partition", "speaker", *_DIMENSIONS))]
    for number, length in enumerate(seconds):
        soundfile.write(folder / f"{number}.wav", waveform(length, number), RATE)
        partition = _PARTITIONS[number % len(_PARTITIONS)]
        ratings = (f"{number * step % 7 / 7:.3f}" for step in (1, 2, 3))
        lines.append(",".join((f"u{number}", f"{number}.wav", partition, f"{partition}{number % 5}", *ratings)))
    (folder / "bench.csv").write_text("\n".join(lines) + "\n")
    return folder / "bench.csv"
