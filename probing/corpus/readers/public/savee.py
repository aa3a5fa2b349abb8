"""Read SAVEE, the Surrey Audio-Visual Expressed Emotion database, from its file names.

The database's own `AudioData/Info.txt` gives four male speakers, whose folders are DC, JE, JK and KL, and names such as
sa03: the first letters of the emotion, and the number of the sentence.
"""

from __future__ import annotations

from pathlib import Path

from probing.corpus.readers.folders import pattern
from probing.corpus.readers.public.coded import spelt_out
from probing.corpus.readers.tables.cells import Cells

_PATTERN = "{speaker}/{emotion}{sentence:2}"
_EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
_SEXES = dict.fromkeys(("DC", "JE", "JK", "KL"), "male")


def read(folder: Path) -> Cells:
    """Read SAVEE's folder of audio, in any folder above or below it.

    Raises:
        CorpusError: As `pattern.read` and `coded.spelt_out` say.
    """
    codes = {"emotion": ("emotion", _EMOTIONS), "sex": ("speaker", _SEXES)}
    return spelt_out(pattern.read(folder, _PATTERN), codes, "SAVEE")
