"""Read ShEMO, the Sharif Emotional Speech Database, from its file names.

Its authors' description (github.com/pariajm/sharif-emotional-speech-database; Mohamad Nezami et al., 2019, Language
Resources and Evaluation 53) gives the parts of a name such as F03S02: sex and number of the speaker, the emotion, and
the number of the utterance among those of that speaker and emotion.
"""

from __future__ import annotations

from pathlib import Path

from probing.corpus.readers.folders import pattern
from probing.corpus.readers.public.coded import spelt_out
from probing.corpus.readers.tables.cells import Cells

_PATTERN = "{speaker:3}{emotion:1}{utterance}"
_EMOTIONS = {"A": "anger", "F": "fear", "H": "happiness", "N": "neutral", "S": "sadness", "W": "surprise"}
_SEXES = {f"{letter}{number:02}": sex for letter, sex in (("F", "female"), ("M", "male")) for number in range(100)}


def read(folder: Path) -> Cells:
    """Read a folder of ShEMO's recordings, in any folders below it and any audio format.

    Raises:
        CorpusError: As `pattern.read` and `coded.spelt_out` say.
    """
    codes = {"emotion": ("emotion", _EMOTIONS), "sex": ("speaker", _SEXES)}
    return spelt_out(pattern.read(folder, _PATTERN), codes, "ShEMO")
