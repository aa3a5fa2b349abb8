"""Many recordings: a table of their estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from probing.audio.decode import listen
from probing.audio.notes import summed_up
from probing.errors import AudioError, EncoderError, OptionError
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
