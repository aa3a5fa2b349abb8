"""Many recordings: which files are meant, and a table of their estimates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from probing.audio.decode import listen
from probing.audio.endings import AUDIO_ENDINGS
from probing.audio.notes import summed_up
from probing.errors import AudioError, EncoderError, OptionError, ProbingError
from probing.files import readable
from probing.predict.predictor import Predictor, Recognise


@dataclass(frozen=True)
class Predicted:
    """The estimates of some recordings.

    Args:
        table: file, start, end (s), what was estimated (`Predictor.predict`) and, of a run that reads, text; a row for
            each window.
        refused: Why the other files could not be used.
        notes: What is to be known of files that could be used, a line for each kind.
    """

    table: pd.DataFrame
    refused: tuple[AudioError, ...]
    notes: tuple[str, ...] = ()


def found_files(named: Iterable[str | Path]) -> list[Path]:
    """The files that names, folders and patterns stand for, each once.

    Of a folder these are the audio files below it, told by their endings; a file that is named, or that a pattern
    names, is taken whatever its ending.

    Raises:
        ProbingError: There is no audio file in a folder (code `no-audio`), or nothing fits a pattern (`no-match`).
    """
    files: dict[Path, None] = {}
    for name in named:
        path = Path(name)
        if path.is_dir():
            own = _audio_below(path)
        elif set(str(name)) & set("*?[") and not path.exists():
            own = _matching(path)
        else:
            own = [path]
        files |= dict.fromkeys(own)
    return list(files)


def predict_files(
    predictor: Predictor,
    files: Sequence[Path],
    text: str | None = None,
    window: float | None = None,
    hop: float | None = None,
    asr: Recognise | None = None,
) -> Predicted:
    """Estimate every file that can be decoded.

    Args:
        predictor: A finished run.
        files: Recordings.
        text: What is said in the only one.
        window: Seconds in a window.
        hop: Seconds from one window to the next.
        asr: Recognises what is said.

    Raises:
        OptionError: One text is given for several files (code `one-text`), or as `Predictor.demand_words`.
    """
    predictor.demand_words(text is not None or asr is not None)
    if text is not None and len(files) > 1:
        why = f"it is one text for {len(files):,} files"
        raise OptionError("--text", why, "name one file, or let --asr recognise what is said", code="one-text")
    tables, refused, notes = [], [], dict[str, tuple[str, ...]]()
    for path in tqdm(files, desc="predict", unit="file", disable=None):
        try:
            sound = listen(path)
            table = predictor.predict(sound.waveform, text, window, hop, asr)
        except (AudioError, EncoderError) as error:
            refused.append(_unusable(path, error))
            continue
        notes[str(path)] = sound.notes
        table.insert(0, "file", readable(path))
        tables.append(table)
    columns = ["file", "start", "end", *predictor.columns] + ["text"] * predictor.reads
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    return Predicted(table, tuple(refused), summed_up(notes))


def _unusable(path: Path, error: AudioError | EncoderError) -> AudioError:
    """Why one file cannot be used; what is wrong with the encoder itself is raised."""
    if isinstance(error, AudioError):
        return error
    if error.code != "audio-too-short":
        raise error
    return AudioError(f"{path}", error.why, "use a longer recording", code="audio-short")


def _audio_below(folder: Path) -> list[Path]:
    """The audio files in a folder and below; hidden ones are left out."""
    found = [p for p in folder.rglob("*") if p.suffix.lower() in AUDIO_ENDINGS and p.is_file()]
    own = sorted(p for p in found if not p.name.startswith("."))
    if not own:
        why = "there is no audio file in it"
        raise ProbingError(f"{folder}", why, "name audio files, a folder of them, or a pattern", code="no-audio")
    return own


def _matching(pattern: Path) -> list[Path]:
    """The files that fit a pattern."""
    root, rest = (Path(pattern.anchor), pattern.relative_to(pattern.anchor)) if pattern.anchor else (Path(), pattern)
    own = sorted(p for p in root.glob(str(rest)) if p.is_file())
    if not own:
        remedy = "name audio files, a folder of them, or a pattern"
        raise ProbingError(f"{pattern}", "no file fits that pattern", remedy, code="no-match")
    return own
