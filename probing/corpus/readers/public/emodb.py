"""Read EmoDB, the Berlin Database of Emotional Speech, from its file names.

Burkhardt et al. (2005), "A database of German emotional speech", Proc. Interspeech, and the database's own site
(emodb.bilderbar.info) give the parts of a name such as 03a01Fa: two digits of the speaker, three of the text, the first
letter of the German word for the emotion, and the version. The site lists speakers and texts, too; audformat's
documentation repeats both lists.
"""

from __future__ import annotations

from pathlib import Path

from probing.corpus.readers.folders import pattern
from probing.corpus.readers.public.coded import spelt_out
from probing.corpus.readers.tables.cells import Cells

_PATTERN = "{speaker:2}{code:3}{emotion:1}{version:1}"
_EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
_TEXTS = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
_SEXES = dict.fromkeys(("03", "10", "11", "12", "15"), "male") | dict.fromkeys(("08", "09", "13", "14", "16"), "female")


def read(folder: Path) -> Cells:
    """Read a folder of EmoDB's recordings, in any folders below it and any audio format.

    Raises:
        CorpusError: As `pattern.read` and `coded.spelt_out` say.
    """
    codes = {"emotion": ("emotion", _EMOTIONS), "text": ("code", _TEXTS), "sex": ("speaker", _SEXES)}
    return spelt_out(pattern.read(folder, _PATTERN), codes, "EmoDB")
