"""Read a Kaldi data folder: `wav.scp`, and, where they are there, `segments`, `text`, `utt2spk` and other `utt2…`.

Kaldi's "Data preparation" (kaldi-asr.org/doc/data_prep.html) gives the lines: `RECORDING FILE` in wav.scp, `UTTERANCE
RECORDING START END` in segments (without it, each recording is an utterance; an END of -1 is the recording's own),
`UTTERANCE WORDS …` in text, `UTTERANCE SPEAKER` in utt2spk, `SPEAKER m or f` in spk2gender. A line of another `utt2…`
(`utt2emotion`, `utt2valence`) is a value of a column of that name. A recording that is the output of a command
(`sox … |`) is refused: no command of a corpus is ever run. Paths are relative to the folder, unless `--audio-root` says
where Kaldi was run.

A folder without wav.scp whose subfolders (`train`, `dev`, `test`) have one is a corpus with these partitions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from probing.corpus.readers.releases.release import folders
from probing.corpus.readers.tables.cells import Cells, cut, demand_unique
from probing.corpus.readers.tables.segments import ENDLESS
from probing.corpus.readers.tables.stacked import stacked
from probing.errors import CorpusError, first_names, number_of
from probing.files.reading import bounded_bytes

_MARK = "wav.scp"
_MOST_BYTES = 1 << 28
_OTHERS = ("utt2spk", "utt2dur", "utt2num_frames", "utt2uniq")  # what is read elsewhere, or says nothing of its own


def holds(folder: Path) -> bool:
    """Whether a folder is such a folder."""
    return (folder / _MARK).is_file() or bool(_parts(folder))


def read(folder: Path) -> Cells:
    """Read a data folder, or one whose subfolders are the partitions.

    Raises:
        CorpusError: A file is not UTF-8 or too large (code `kaldi-file`), a line is not as above (`kaldi-line`), a
            recording is the output of a command or a part of an archive (`kaldi-command`), an utterance is of a
            recording that is not there (`kaldi-recording`), or an id repeats (`ids-repeated`).
    """
    if (folder / _MARK).is_file():
        return _read_one(folder)
    return stacked(folder, [(part.name, _read_one(part)) for part in _parts(folder)])


def _parts(folder: Path) -> list[Path]:
    """The data folders in a folder."""
    return [part for part in folders(folder) if (part / _MARK).is_file()]


def _read_one(folder: Path) -> Cells:
    recordings = _pairs(folder / _MARK)
    files = {recording: _file(folder, recording, said) for recording, said in recordings.items()}
    columns: dict[str, list[str]] = {"id": list(files), "path": list(files.values())}
    notes = []
    if (folder / "segments").is_file():
        columns = _segments(folder, files)
        if unused := files.keys() - set(columns.pop("recording")):
            what = number_of(len(unused), "recording has no segment and is", "recordings have no segment and are")
            notes.append(f"{what} left out: {first_names(sorted(unused))}")
    ids = columns["id"]
    for name, column in _of_utterances(folder):
        said = _pairs(folder / name)
        columns[column] = [said.get(id_, "") for id_ in ids]
        if others := said.keys() - set(ids):
            what = number_of(len(others), f"line of {name} is", f"lines of {name} are")
            notes.append(f"{what} not used, since the utterances are not there: {first_names(sorted(others))}")
    if (folder / "spk2gender").is_file():
        sexes = _pairs(folder / "spk2gender")
        columns["sex"] = [sexes.get(speaker, "") for speaker in columns.get("speaker", [""] * len(ids))]
    counted = f"utterance of {folder.name},"
    return Cells(folder, columns, list(range(1, len(ids) + 1)), notes=tuple(notes), counted=counted)


def _of_utterances(folder: Path) -> list[tuple[str, str]]:
    """The files with a line for each utterance, and what their columns are called."""
    own = [(name, column) for name, column in (("text", "text"), ("utt2spk", "speaker")) if (folder / name).is_file()]
    others = sorted(path.name for path in folder.glob("utt2*") if path.is_file() and path.name not in _OTHERS)
    return own + [(name, name.removeprefix("utt2")) for name in others if name != "utt2"]


def _segments(folder: Path, files: dict[str, str]) -> dict[str, list[str]]:
    """Columns id, recording, path, start and end (s)."""
    columns: dict[str, list[str]] = {name: [] for name in ("id", "recording", "path", "start", "end")}
    path = folder / "segments"
    for number, id_, said in _lines(path):
        parts = said.split()
        if len(parts) != 3 or not all(map(_is_time, parts[1:])):
            raise _malformed(path, number, f"{id_} {said}", "UTTERANCE RECORDING START END, the times in seconds")
        recording, start, end = parts
        if recording not in files:
            why = f"{recording!r} is not in {_MARK}"
            raise CorpusError(f"{path}, line {number}", why, "add it, or remove the line", code="kaldi-recording")
        for name, cell in zip(columns, (id_, recording, files[recording], start, end), strict=True):
            columns[name].append(cell)
    demand_unique(columns["id"], path)
    for row, (start, end) in enumerate(zip(columns["start"], columns["end"], strict=True)):
        if float(end) == -1:
            columns["start"][row], columns["end"][row] = ("", "") if float(start) == 0 else (start, ENDLESS)
    return columns


def _file(folder: Path, recording: str, said: str) -> str:
    """The path of a recording's file."""
    path = folder / _MARK
    if said.endswith("|") or said.startswith("|"):
        raise CorpusError(
            f"{path}: {recording} is the output of a command",
            f"{cut(said)!r}; no command of a corpus is run",
            f"run it yourself, write its output to a file, and put the file's path into {_MARK}",
            code="kaldi-command",
        )
    archive, _, offset = said.rpartition(":")
    if archive and offset.isdecimal():
        why = f"{cut(said)!r} is a place in an archive"
        remedy = f"write its recordings to files, and name them in {_MARK}"
        raise CorpusError(f"{path}: {recording} is no file", why, remedy, code="kaldi-command")
    return said


def _pairs(path: Path) -> dict[str, str]:
    """What each line of a file says of its first word."""
    lines = list(_lines(path))
    demand_unique([key for _, key, _ in lines], path)
    return {key: said for _, key, said in lines}


def _lines(path: Path) -> Iterator[tuple[int, str, str]]:
    """The number of each line of a file, its first word and the rest; blank lines are passed over."""
    try:
        text = bounded_bytes(path, _MOST_BYTES).decode("utf-8-sig")
    except ValueError as error:  # also UnicodeDecodeError
        raise CorpusError(f"{path}", f"{error}", "copy it again, or save it as UTF-8", code="kaldi-file") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        if "\0" in line:
            raise _malformed(path, number, line, "text without NUL bytes")
        key, *said = line.split(maxsplit=1)
        if not said and path.name != "text":
            raise _malformed(path, number, line, "a name and what is said of it")
        yield number, key, " ".join(said).strip()


def _is_time(written: str) -> bool:
    try:
        return math.isfinite(float(written))
    except ValueError:
        return False


def _malformed(path: Path, number: int, line: str, expected: str) -> CorpusError:
    why = f"{cut(line)!r} is not {expected}"
    return CorpusError(f"{path}, line {number}", why, "correct it, or copy the file again", code="kaldi-line")
