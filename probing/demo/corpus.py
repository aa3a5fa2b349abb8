"""Write the built-in corpus: an ordinary table corpus in a folder."""

from __future__ import annotations

import csv
import hashlib
import json
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
from probing.errors import CorpusError

__all__ = ["COUNTS", "SCALE", "VERSION", "perform", "speak", "write_demo"]

VERSION = 2  # of the recipe; raise it with every change that alters a sample, a rating or a word
COLUMNS = ("id", "path", "partition", "speaker", "arousal", "valence", "dominance", "text")
ABANDONED = 3600  # s after which what a killed run left aside is cleared away


def write_demo(folder: Path, counts: Mapping[str, int] = COUNTS, seed: int = 0, progress: bool = True) -> Path:
    """Write the built-in corpus into a folder, or find it there.

    The folder then holds `demo.csv`, `audio/<id>.flac` (16 kHz, mono, 16 bit) and `demo.json`, which says by which
    recipe they were made. What is there already is kept if it is whole and of this recipe, seed and counts, and made
    anew if not. All is made aside and moved in at the end, the table last: a killed run leaves no table, and several
    processes may write the same corpus at once.

    Args:
        folder: Where it goes; made if need be.
        counts: Partition (`train`, `development`, `test1`, `test2`) → number of utterances.
        seed: The same seed and counts give equal tables and samples, bit by bit.
        progress: Whether to show a bar on stderr, if that is a terminal.

    Returns:
        The path of `demo.csv`, whose labels are on the scale 1–7.

    Raises:
        CorpusError: The folder cannot be written to.
    """
    wanted = {"version": VERSION, "seed": seed, "counts": dict(counts)}
    if not _is_whole(folder, wanted):
        try:
            _make(folder, wanted, plan(counts, seed), progress)
        except (OSError, soundfile.LibsndfileError) as error:
            why = getattr(error, "strerror", None) or str(error)
            remedy = "free some 100 MB there, or name a folder that you may write to"
            raise CorpusError(f"the built-in corpus cannot be written to {folder}", why, remedy) from error
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
    """Make everything aside, then move it in, unless another process was first."""
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    _clear_abandoned(folder)
    aside = Path(tempfile.mkdtemp(prefix=".making-", dir=folder))
    try:
        for line in tqdm(lines, desc="demo corpus", unit="utterance", disable=None if progress else True):
            soundfile.write(aside / _audio_name(line), speak(line, wanted["seed"]), SAMPLE_RATE, subtype="PCM_16")
        _write_table(aside / "demo.csv", lines)
        names = [_audio_name(line) for line in lines]
        digests = {"table_sha256": _digest(aside / "demo.csv"), "audio_sizes_sha256": _sizes_digest(aside, names)}
        made = {**wanted, **digests}
        (aside / "demo.json").write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
        if not _is_whole(folder, wanted):
            _move_in(aside, folder, names)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _move_in(aside: Path, folder: Path, names: Sequence[str]) -> None:
    """Replace the corpus: no table stands while the rest changes."""
    (folder / "demo.csv").unlink(missing_ok=True)
    for name in names:
        (aside / name).replace(folder / "audio" / name)
    (aside / "demo.json").replace(folder / "demo.json")
    (aside / "demo.csv").replace(folder / "demo.csv")


def _is_whole(folder: Path, wanted: Mapping[str, Any]) -> bool:
    """Whether the folder holds the corpus that is wanted, all of it, with table and audio as they were written."""
    try:
        made = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
        table = (folder / "demo.csv").read_bytes()
        if hashlib.sha256(table).hexdigest() != made["table_sha256"] or any(made[k] != wanted[k] for k in wanted):
            return False
        names = [f"{row['id']}.flac" for row in csv.DictReader(table.decode("utf-8").splitlines())]
        return bool(made["audio_sizes_sha256"] == _sizes_digest(folder / "audio", names))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write_table(path: Path, lines: Sequence[Line]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for line in lines:
            where = f"audio/{_audio_name(line)}"
            ratings = (f"{rating:.2f}" for rating in line.ratings)
            table.writerow((line.id, where, line.partition, line.speaker.name, *ratings, transcript(line.words)))


def _audio_name(line: Line) -> str:
    return f"{line.id}.flac"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sizes_digest(folder: Path, names: Sequence[str]) -> str:
    """Digest of the audio files' sizes: finds what is missing or cut short without reading all of it."""
    sizes = "\n".join(f"{name} {(folder / name).stat().st_size}" for name in names)
    return hashlib.sha256(sizes.encode()).hexdigest()


def _clear_abandoned(folder: Path) -> None:
    """Remove what runs that were killed left aside."""
    for aside in folder.glob(".making-*"):
        try:
            if time.time() - aside.stat().st_mtime > ABANDONED:
                shutil.rmtree(aside, ignore_errors=True)
        except FileNotFoundError:  # another process was clearing it away too
            continue
