"""Read RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song, from its file names.

Livingstone & Russo (2018), "The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS)", PLoS ONE 13(5):
e0196391, and the description of its release (doi.org/10.5281/zenodo.1188976) give the seven numbers of a name such as
03-01-06-01-02-01-12: modality (03: audio only), vocal channel, emotion, intensity, statement, repetition, actor; odd
actors are male, even ones female. A folder of speech and song has the two as classes of `channel`.
"""

from __future__ import annotations

from pathlib import Path

from probing.corpus.readers.folders import pattern
from probing.corpus.readers.public.coded import spelt_out
from probing.corpus.readers.tables.cells import Cells

_PATTERN = "03-{channel:2}-{emotion:2}-{intensity:2}-{statement:2}-{repetition:2}-{speaker:2}"
_EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
_TEXTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
_SEXES = {f"{actor:02}": "male" if actor % 2 else "female" for actor in range(1, 25)}


def read(folder: Path) -> Cells:
    """Read a folder of RAVDESS's audio-only files, in any folders below it and any audio format.

    Raises:
        CorpusError: As `pattern.read` and `coded.spelt_out` say.
    """
    codes = {
        "emotion": ("emotion", _EMOTIONS),
        "intensity": ("intensity", {"01": "normal", "02": "strong"}),
        "channel": ("channel", {"01": "speech", "02": "song"}),
        "text": ("statement", _TEXTS),
        "sex": ("speaker", _SEXES),
    }
    return spelt_out(pattern.read(folder, _PATTERN), codes, "RAVDESS")
