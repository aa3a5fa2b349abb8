"""A table's recordings joined to a few long ones, of which each utterance is a segment."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile

RECORDINGS = 3
PAUSE = 777  # samples


def joined(table: Path, folder: Path) -> Path:
    """Write three long recordings, and the same table with start and end in place of files of its own.

    Args:
        table: A table of recordings at one rate.
        folder: Where the new table, of the same name, and its recordings go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    pieces: list[list[np.ndarray]] = [[] for _ in range(RECORDINGS)]
    ends = [0] * RECORDINGS
    for number, row in enumerate(rows):
        samples, rate = soundfile.read(table.parent / row["path"], dtype="int16")
        long = number % RECORDINGS
        pieces[long] += [np.full(PAUSE, number, np.int16), samples]
        start, ends[long] = ends[long] + PAUSE, ends[long] + PAUSE + len(samples)
        row |= {"path": f"long{long}.wav", "start": f"{start / rate}", "end": f"{ends[long] / rate}"}
    for long, own in enumerate(pieces):
        soundfile.write(folder / f"long{long}.wav", np.concatenate(own), rate)
    with (folder / table.name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / table.name
