"""Write the built-in corpus: an ordinary table corpus in a folder."""

from __future__ import annotations

import csv
import hashlib
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from tqdm import tqdm

from probing.audio.decode import SAMPLE_RATE
from probing.demo.language import transcript
from probing.demo.script import COUNTS, SCALE, Line, delivery, plan
from probing.demo.timing import Segment, schedule
from probing.demo.voice import synthesise
from probing.errors import CorpusError, ProbingError
from probing.files import file_digest, read_json, write_json

__all__ = ["COUNTS", "SCALE", "VERSION", "perform", "speak", "write_demo"]

VERSION = 3  # of the recipe; increase it with every change that alters a sample or the table
COLUMNS = ("id", "path", "partition", "speaker", "arousal", "valence", "dominance", "text", "sex")
ABANDONED = 3600  # s after which the unfinished files of a killed process are deleted


def write_demo(folder: Path, counts: Mapping[str, int] = COUNTS, seed: int = 0, progress: bool = True) -> Path:
    """Write the built-in corpus into a folder, unless it is there already.

    The folder then contains `demo.csv`, `audio/<id>.flac` (16 kHz, mono, 16 bit) and `demo.json`, which states the
    recipe, seed and counts. A corpus that is there is kept if it is complete and of this recipe, seed and counts, and
    replaced otherwise. Everything is made in a folder aside and moved in at the end, the table last: a killed process
    leaves no table, and several processes may write the same corpus at the same time.

    Args:
        folder: Where to write it; created if necessary.
        counts: Partition (`train`, `development`, `test1`, `test2`) → number of utterances.
        seed: The same seed and counts give the same table and samples, bit by bit.
        progress: Whether to show a progress bar on stderr, if that is a terminal.

    Returns:
        The path of `demo.csv`, whose labels are on the scale 1–7.

    Raises:
        CorpusError: The folder cannot be written to (code `not-writable`).
    """
    wanted = {"version": VERSION, "seed": seed, "counts": dict(counts)}
    if not _is_whole(folder, wanted):
        try:
            _make(folder, wanted, plan(counts, seed), progress)
        except (OSError, soundfile.LibsndfileError) as error:
            why = getattr(error, "strerror", None) or str(error)
            what = f"the built-in corpus cannot be written to {folder}"
            remedy = "free about 100 MB there, or work in a folder that you may write to"
            raise CorpusError(what, why, remedy, code="not-writable") from error
    return folder / "demo.csv"


def speak(line: Line, seed: int = 0) -> NDArray[np.float32]:
    """Synthesise one line of a plan.

    Returns:
        Waveform [S] at 16 kHz, 2–5 s; it depends on the line and the seed alone, not on what was spoken before.
    """
    return perform(line, seed)[1]


def perform(line: Line, seed: int = 0) -> tuple[list[Segment], NDArray[np.float32]]:
    """Synthesise one line of a plan.

    Returns:
        The alignment (every phone in its place) and the waveform [S] of `speak`.
    """
    rng = np.random.default_rng([seed, 2, int(line.id.rpartition("-")[2])])
    voice = delivery(line.speaker, line.arousal, line.voice_dominance, rng)
    segments = schedule(line.words, voice.rate, rng)
    return segments, synthesise(segments, voice, rng)


def _make(folder: Path, wanted: Mapping[str, Any], lines: Sequence[Line], progress: bool) -> None:
    """Make everything in a folder aside, then move it in, unless another process was faster."""
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    _clear_abandoned(folder)
    aside = Path(tempfile.mkdtemp(prefix=".making-", dir=folder))
    try:
        for line in tqdm(lines, desc="demo corpus", unit="utterance", disable=None if progress else True):
            soundfile.write(aside / _audio_name(line), speak(line, wanted["seed"]), SAMPLE_RATE, subtype="PCM_16")
        _write_table(aside / "demo.csv", lines)
        names = [_audio_name(line) for line in lines]
        digests = {"table_sha256": file_digest(aside / "demo.csv"), "audio_sizes_sha256": _sizes_digest(aside, names)}
        write_json(aside / "demo.json", {**wanted, **digests})
        if not _is_whole(folder, wanted):
            _move_in(aside, folder, names)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _move_in(aside: Path, folder: Path, names: Sequence[str]) -> None:
    """Replace the corpus; there is no table while the rest changes."""
    (folder / "demo.csv").unlink(missing_ok=True)
    for name in names:
        (aside / name).replace(folder / "audio" / name)
    (aside / "demo.json").replace(folder / "demo.json")
    (aside / "demo.csv").replace(folder / "demo.csv")


def _is_whole(folder: Path, wanted: Mapping[str, Any]) -> bool:
    """Whether the folder contains the whole corpus that is wanted, with table and audio as they were written."""
    table = folder / "demo.csv"
    try:
        made = read_json(folder / "demo.json", "delete it")
        if file_digest(table) != made["table_sha256"] or any(made[key] != wanted[key] for key in wanted):
            return False
        with table.open(encoding="utf-8", newline="") as file:
            names = [f"{row['id']}.flac" for row in csv.DictReader(file)]
        return bool(made["audio_sizes_sha256"] == _sizes_digest(folder / "audio", names))
    except (OSError, ValueError, KeyError, ProbingError):  # something is missing or damaged
        return False


def _write_table(path: Path, lines: Sequence[Line]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for line in lines:
            where = f"audio/{_audio_name(line)}"
            ratings = (f"{rating:.2f}" for rating in line.ratings)
            who, said = line.speaker, transcript(line.words)
            table.writerow((line.id, where, line.partition, who.name, *ratings, said, who.sex))


def _audio_name(line: Line) -> str:
    return f"{line.id}.flac"


def _sizes_digest(folder: Path, names: Sequence[str]) -> str:
    """Digest of the audio files' sizes, which shows what is missing or truncated without reading all of it."""
    sizes = "\n".join(f"{name} {(folder / name).stat().st_size}" for name in names)
    return hashlib.sha256(sizes.encode()).hexdigest()


def _clear_abandoned(folder: Path) -> None:
    """Delete the unfinished files of processes that were killed."""
    for aside in folder.glob(".making-*"):
        try:
            if time.time() - aside.stat().st_mtime > ABANDONED:
                shutil.rmtree(aside, ignore_errors=True)
        except FileNotFoundError:  # another process is deleting it too
            continue
