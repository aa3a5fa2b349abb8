"""Read CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset, from its file names and two of its tables.

Cao et al. (2014), IEEE Trans. Affective Computing 5(4), 377–390, and the dataset's own README
(github.com/CheyneyComputerScience/CREMA-D) give the parts of a name such as 1001_DFA_ANG_XX: actor, sentence, emotion
and its level, of which XX says nothing (one file has X). `VideoDemographics.csv` gives the actors' sex,
`processedResults/summaryTable.csv` the emotion that most raters of the voice alone heard: the class of `heard`, blank
where two had as many votes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from probing.corpus.readers.folders import pattern
from probing.corpus.readers.public.coded import spelt_out
from probing.corpus.readers.releases.release import descend
from probing.corpus.readers.tables.cells import Cells, read_cells

_PATTERN = "{speaker}_{sentence}_{emotion}_{level}"
_EMOTIONS = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
_VOTES = {name[0].upper(): name for name in _EMOTIONS.values()}
_LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "", "X": ""}
_TEXTS = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}


def read(folder: Path) -> Cells:
    """Read the dataset's folder, or that of its audio; of both audio formats the WAV files where they are there.

    Raises:
        CorpusError: As `pattern.read`, `coded.spelt_out` and, of its tables, `read_cells` say.
    """
    audio = descend(folder, "AudioWAV") or folder
    root = folder.parent if folder.name.lower() in ("audiowav", "audiomp3") else folder
    codes = {"emotion": ("emotion", _EMOTIONS), "intensity": ("level", _LEVELS), "text": ("sentence", _TEXTS)}
    cells = spelt_out(pattern.read(audio, _PATTERN), codes, "CREMA-D")
    columns = dict(cells.columns)
    if sexes := _two_columns(root / "VideoDemographics.csv", "ActorID", "Sex"):
        columns["sex"] = [sexes.get(speaker, "") for speaker in cells.column("speaker")]
    if votes := _two_columns(root / "processedResults" / "summaryTable.csv", "FileName", "VoiceVote"):
        columns["heard"] = [_VOTES.get(votes.get(id_, ""), "") for id_ in cells.column("id")]
    return replace(cells, columns=columns, names=cells.names.union({"heard"}.intersection(columns)))


def _two_columns(path: Path, keys: str, values: str) -> Mapping[str, str]:
    """The cells of one column by those of another; nothing where the table is not there."""
    if not path.is_file():
        return {}
    cells = read_cells(path, known=(keys, values), needed=(keys, values))
    return dict(zip(cells.column(keys), cells.column(values), strict=True))
