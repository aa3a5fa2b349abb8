"""The label files of MSP-Podcast: the consensus, and what single raters said.

In the folder Labels (`label` in release 1.6):

* `labels_consensus.csv`, or `labels_concensus.csv` until release 1.9: `FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,
  Gender,Split_Set`; `labels_consensus.json` says the same as an object for each file name,
* `labels_detailed.csv`, a row for each rater: in releases 1.6 and 2.0 columns `FileName`, `EmoClass_Major`,
  `EmoClass_Second`, `EmoAct`, `EmoVal`, `EmoDom`, in those between them `FileName` and `EmoDetail` (see labels.txt),
* `labels_detailed.json`, an object of raters for each file name,
* `labels.txt`, for each utterance a line that begins with its file name, and then a line for each rater:
  `WORKER00000001; Happy; Happy,Amused; A:5.000000; V:6.000000; D:4.000000;`.

This is what public readers of these releases rely on; the releases themselves were not available to us.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from probing.corpus.readers.releases.answers import Answers, Said, chosen, gathered, named, said_in
from probing.corpus.readers.releases.release import files_in, stem
from probing.corpus.readers.tables import json_table
from probing.corpus.readers.tables.cells import Cells, read_cells
from probing.corpus.readers.tables.columns import demand_columns
from probing.corpus.readers.tables.separated import records_of, separator_of
from probing.errors import ProbingError
from probing.files.checked_json import read_json
from probing.files.reading import demand_regular

FILES = ("labels_consensus.csv", "labels_concensus.csv", "labels_consensus.json", "labels_concensus.json")
# In the order of EMOTIONS.
DIMENSIONS = {"EmoAct": "arousal", "EmoVal": "valence", "EmoDom": "dominance"}
_NEEDED = ("FileName", "Split_Set", *DIMENSIONS)
_KNOWN = (*_NEEDED, "SpkrID", "Gender", "EmoClass")
_DETAILED = ("labels_detailed.csv", "labels_detailed.json", "labels.txt")  # the first that is there is read
_MOST_BYTES = 1 << 30  # of labels.txt, which has some 130 MB in release 2.0
_LONGEST_LINE = 1 << 20  # characters


def labels_in(place: Path) -> list[Path]:
    """The files with the consensus in a folder; of two that say the same, the table."""
    found = files_in(place, lambda name: name in FILES)
    tables = [file for file in found if file.suffix.lower() == ".csv"]
    return tables or found


def read_labels(source: Path) -> Cells:
    """The consensus, with columns spelled as in the newest release.

    Raises:
        CorpusError: As `read_cells`, or as `probing.corpus.readers.tables.json_table.read`.
    """
    if source.suffix.lower() == ".csv":
        return read_cells(source, known=_KNOWN, needed=_NEEDED)
    cells = json_table.read(source, key="FileName")
    spelling = {name.lower(): name for name in _KNOWN}
    cells = replace(cells, columns={spelling.get(n.lower(), n): column for n, column in cells.columns.items()})
    demand_columns(list(cells.columns), _NEEDED, source)
    for name in _KNOWN:
        if name in cells:
            cells.demand_printable(name)
    return cells


def read_answers(source: Path, scale: tuple[float, float]) -> tuple[Mapping[str, Answers], list[str]]:
    """What single raters said: by utterance, target → answers; and notes.

    Args:
        source: The consensus; theirs is in the same folder.
        scale: Lowest and highest possible rating.
    """
    found = {file.name.lower(): file for file in files_in(source.parent, lambda name: name in _DETAILED)}
    if not found:
        return {}, []
    name = next(name for name in _DETAILED if name in found)
    reader = {".csv": _said_in_rows, ".json": _said_in_objects, ".txt": _said_in_lines}[Path(name).suffix]
    try:
        return gathered(reader(found[name]), scale)
    except (ProbingError, OSError, ValueError) as error:
        said = repr(str(error).split("\n")[0])  # a damaged file's own words may have control characters
        return {}, [f"single raters' answers are not read: {said}"]


def _said_in_rows(path: Path) -> Iterator[Said]:
    """A rater a row, in either layout of labels_detailed.csv."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        records = records_of(file, path, separator_of(path))
        _, header = next(records, (1, []))
        places = {name.strip().lower(): place for place, name in enumerate(header)}
        demand_columns(list(places), ("filename",), path)
        own, detail = places["filename"], places.get("emodetail")
        for _, row in records:
            if len(row) != len(header):
                continue  # a comma in a rater's own word
            id_ = stem(row[own].strip())
            cells = {} if detail is not None else {name: row[place] for name, place in places.items()}
            one = _said(id_, cells) if detail is None else said_in(row[detail], id_)
            if one is not None:
                yield one


def _said_in_objects(path: Path) -> Iterator[Said]:
    """A rater an object."""
    for name, raters in read_json(path, "copy it from the release again").items():
        for one in raters.values() if isinstance(raters, dict) else ():
            if isinstance(one, dict):
                yield _said(stem(name), {str(key).lower(): str(value) for key, value in one.items()})


def _said_in_lines(path: Path) -> Iterator[Said]:
    """A rater a line, below the line of the utterance."""
    if demand_regular(path) > _MOST_BYTES:
        raise ValueError(f"{path} is larger than such a file ever is")
    id_ = ""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for line in iter(lambda: file.readline(_LONGEST_LINE), ""):
            begin = line.partition(";")[0].strip()
            if begin.lower().endswith(".wav"):
                id_ = stem(begin)
            elif id_ and (one := said_in(line, id_)):
                yield one


def _said(id_: str, cells: Mapping[str, str]) -> Said:
    """A rater's answers in cells of their own; columns are in lower case."""
    ratings = [cells.get(column.lower(), "") for column in DIMENSIONS]
    return Said(id_, ratings, chosen(cells.get("emoclass_major", "")), named(cells.get("emoclass_second", "")))
