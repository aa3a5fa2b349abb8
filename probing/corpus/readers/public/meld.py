"""Read MELD, the Multimodal EmotionLines Dataset, from its three tables and the clips that they list.

Its README (github.com/declare-lab/MELD; Poria et al., 2019, ACL) gives the tables train_sent_emo.csv, dev_sent_emo.csv
and test_sent_emo.csv, their columns, and a clip diaX_uttY for each row, by Dialogue_ID and Utterance_ID, in a folder
for each table. The clips are video, which libsndfile does not decode; where one was converted, to a file of the same
name in a folder whose name has the split in it, that file is read. The times in the tables are those of the episode.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from probing.corpus.readers.folders.pattern import recordings_in
from probing.corpus.readers.tables.cells import Cells, plain_cells, read_cells
from probing.corpus.readers.tables.stacked import stacked
from probing.errors import CorpusError

_SPLITS = ("train", "dev", "test")
_COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")
_CLIP = re.compile(r"dia\d+_utt\d+")
_VIDEO = ".mp4"


def read(folder: Path) -> Cells:
    """Read the folder that has tables and clips, in any folders below it.

    Raises:
        CorpusError: It has none of the tables (code `release-missing`), or no recordings (as `recordings_in` says), or
            a table cannot be read (as `read_cells` says).
    """
    tables = {path.stem.partition("_")[0]: path for path in sorted(folder.rglob("*_sent_emo.csv"))}
    found = {split: tables[split] for split in _SPLITS if split in tables}
    if not found:
        why = "it has no train_sent_emo.csv, dev_sent_emo.csv or test_sent_emo.csv"
        remedy = "name the folder that has MELD's tables and clips"
        raise CorpusError(f"folder {folder} is not MELD", why, remedy, code="release-missing")
    clips = _clips(recordings_in(folder))
    return stacked(folder, [(split, _read_one(path, split, clips[split])) for split, path in found.items()])


def _clips(recordings: list[str]) -> dict[str, dict[str, str]]:
    """Split → clip → its file; of a video and what it was converted to, the latter."""
    found: dict[str, dict[str, str]] = {split: {} for split in _SPLITS}
    for path in sorted(recordings, key=lambda path: not path.lower().endswith(_VIDEO)):
        clip, folders = Path(path).stem, Path(path).parent.as_posix().lower()
        split = next((split for split in _SPLITS if split in folders), None)
        if split and _CLIP.fullmatch(clip):
            found[split][clip] = path
    return found


def _read_one(path: Path, split: str, clips: Mapping[str, str]) -> Cells:
    """The rows of a table; a clip that is not there keeps the place where it should be."""
    cells = read_cells(path, _COLUMNS, _COLUMNS)
    numbers = zip(cells.column("Dialogue_ID"), cells.column("Utterance_ID"), strict=True)
    names = [f"dia{dialogue}_utt{utterance}" for dialogue, utterance in numbers]
    places = Counter((str(Path(clip).parent), Path(clip).suffix) for clip in clips.values())
    place, ending = places.most_common(1)[0][0] if places else (split, _VIDEO)
    columns = {
        "id": [f"{split}_{name}" for name in names],
        "path": [clips.get(name, f"{place}/{name}{ending}") for name in names],
        "speaker": cells.column("Speaker"),
        "text": cells.column("Utterance"),
        "emotion": cells.column("Emotion"),
        "sentiment": cells.column("Sentiment"),
    }
    return plain_cells(path, columns, cells.lines, {}, "line")
