"""Read a release of MSP-Podcast as it is unpacked (Lotfian & Busso 2019), in any of the spellings that occur.

A release, itself up to two folders below the one that is named, holds (in any case of letters):

* `Audios/MSP-PODCAST_0001_0008.wav`, or `Audio/`,
* `Labels/labels_consensus.csv`, or `labels_concensus.csv`,
* `Transcripts/MSP-PODCAST_0001_0008.txt`, not for every utterance.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from probing.corpus.model import Corpus, Utterance, partition_name
from probing.corpus.table import demand_unique, ratings, read_cells, rows_of
from probing.errors import CorpusError, first_names

SCALE = (1.0, 7.0)
_LABEL_FILES = ("labels_consensus.csv", "labels_concensus.csv")
_AUDIO_FOLDERS = ("audios", "audio")
_TRANSCRIPT_FOLDER = "transcripts"
_DIMENSIONS = {"EmoAct": "arousal", "EmoVal": "valence", "EmoDom": "dominance"}
_COLUMNS = ("FileName", "Split_Set", *_DIMENSIONS)
_DEPTH = 2  # folders between the one that the user names and the release
# Folders that hold a file an utterance: never searched for a release.
_LEAVES = (*_AUDIO_FOLDERS, _TRANSCRIPT_FOLDER, "labels", "time_labels", "forcealigned")
_TURN = re.compile(r"MSP-PODCAST_(\d+)_\d+(?:_\d+)?", re.IGNORECASE)  # podcast, turn, part of the turn


def read(folder: Path, spec: str, with_text: bool = True) -> Corpus:
    """Read a release.

    Args:
        folder: The release, or a folder up to two levels above it.
        spec: What the user typed.
        with_text: Read the transcripts (one small file an utterance).

    Returns:
        The corpus in the order of its labels file; ids are file names without their ending. An utterance of an
        unknown speaker gets the speaker `podcast:<number>`, so that its podcast is a cluster of its own.

    Raises:
        CorpusError: There is no labels file or more than one, or it cannot be read as it stands.
    """
    source = _labels_file(folder)
    release = source.parent.parent if source.parent.name.lower() == "labels" else source.parent
    cells = read_cells(source, known=(*_COLUMNS, "SpkrID"), needed=_COLUMNS)
    names = cells["FileName"].tolist()
    ids = [_stem(name) for name in names]
    demand_unique(ids, source)
    labels = {name: ratings(cells, column, source, SCALE, "FileName") for column, name in _DIMENSIONS.items()}
    partitions = _partitions(cells, source)
    paths, notes = _audio(release, names, ids)
    speakers, unknown = _speakers(ids, cells["SpkrID"].tolist() if "SpkrID" in cells else [""] * len(cells))
    texts: dict[str, str] = {}
    if with_text:
        texts, remarks = _transcripts(release, ids)
        notes += remarks
    rated = rows_of(labels, len(cells))
    utterances = tuple(
        Utterance(id_, path, partition, speaker, labels_, texts.get(id_))
        for id_, path, partition, speaker, labels_ in zip(ids, paths, partitions, speakers, rated, strict=True)
    )
    if unknown:
        notes.insert(0, f"{unknown:,} utterances of unknown speakers: each of their podcasts counts as a cluster")
    return Corpus("msp-podcast", spec, SCALE, utterances, (*_unlabelled(utterances), *notes))


def _labels_file(folder: Path) -> Path:
    """The one labels file of the release in or below a folder; the nearest level that has one decides."""
    if not folder.is_dir():
        why = "it is a file" if folder.exists() else "there is no such folder"
        raise CorpusError(f"MSP-Podcast release {folder}", why, "type msp-podcast:/path/to/the/unpacked/release")
    level = [folder]
    for _ in range(_DEPTH + 1):
        found = [file for candidate in level for file in _label_files_in(candidate)]
        if len(found) > 1:
            raise CorpusError(
                f"{folder} holds {len(found)} labels files",
                first_names([str(file.relative_to(folder)) for file in found]),
                "name the folder of one release, which holds one of them",
            )
        if found:
            return found[0]
        level = [child for parent in level for child in _folders(parent) if child.name.lower() not in _LEAVES]
    raise CorpusError(
        f"{folder} holds no MSP-Podcast release",
        f"looked for Labels/{_LABEL_FILES[0]} (or {_LABEL_FILES[1]}) there and up to {_DEPTH} folders further down",
        "name the folder that holds Audios, Labels and Transcripts",
    )


def _label_files_in(release: Path) -> list[Path]:
    places = [release, *(child for child in _folders(release) if child.name.lower() == "labels")]
    return sorted(
        Path(entry.path) for place in places for entry in os.scandir(place) if entry.name.lower() in _LABEL_FILES
    )


def _folders(parent: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in os.scandir(parent) if entry.is_dir())


def _partitions(cells: pd.DataFrame, source: Path) -> list[str]:
    blank = cells["FileName"][(cells["Split_Set"] == "") | (cells["FileName"] == "")].tolist()
    if blank:
        raise CorpusError(
            f"{source}: {len(blank):,} rows lack a FileName or a Split_Set",
            first_names(blank),
            "fill them in, or remove these rows",
        )
    return [partition_name(cell) for cell in cells["Split_Set"]]


def _files(release: Path, folder_names: Sequence[str], ending: str = "") -> Iterator[tuple[str, str]]:
    """Stem and path of every file in the release's folder of one of these names; each folder is listed once."""
    for folder in _folders(release):
        if folder.name.lower() not in folder_names:
            continue
        for place, _, files in os.walk(folder, followlinks=True):
            for name in files:
                if not name.startswith(".") and name.lower().endswith(ending):
                    yield _stem(name), f"{place}/{name}"


def _stem(name: str) -> str:
    """A file name without its ending; pathlib takes seconds for the names of a whole release."""
    return name.rpartition(".")[0] or name


def _audio(release: Path, names: Sequence[str], ids: Sequence[str]) -> tuple[list[Path | None], list[str]]:
    """The audio file of each utterance and notes; a file that is not there keeps the place where it should be."""
    folders = [folder for folder in _folders(release) if folder.name.lower() in _AUDIO_FOLDERS]
    if not folders:
        return [None] * len(ids), [f"there is no folder Audios in {release}: no audio"]
    found = dict(_files(release, _AUDIO_FOLDERS))
    paths: list[Path | None] = [Path(found.get(id_) or folders[0] / name) for id_, name in zip(ids, names, strict=True)]
    notes = []
    absent = [id_ for id_ in ids if id_ not in found]
    if absent:
        notes.append(f"{len(absent):,} utterances have no file in {folders[0].name}: {first_names(absent)}")
    others = len(found.keys() - set(ids))
    if others:
        notes.append(f"{others:,} files in {folders[0].name} are not in the labels file and are not used")
    return paths, notes


def _speakers(ids: Sequence[str], given: Sequence[str]) -> tuple[list[str | None], int]:
    """Speaker of each utterance, or its podcast where the speaker is unknown, and how many are unknown."""
    speakers: list[str | None] = []
    unknown = 0
    for id_, speaker in zip(ids, given, strict=True):
        if speaker and speaker.lower() != "unknown":
            speakers.append(speaker)
            continue
        unknown += 1
        turn = _TURN.fullmatch(id_)
        speakers.append(f"podcast:{turn[1]}" if turn else None)
    return speakers, unknown


def _transcripts(release: Path, ids: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Text by utterance, and notes; what is absent or not UTF-8 is counted, and stops only who reads text."""
    files = dict(_files(release, [_TRANSCRIPT_FOLDER], ".txt"))
    if not files:
        return {}, [f"there are no transcripts in {release}"]
    texts: dict[str, str] = {}
    unreadable = []
    for id_ in tqdm(ids, desc="transcripts", unit="file", disable=None):
        if id_ not in files:
            continue
        raw = Path(files[id_]).read_bytes()
        try:
            texts[id_] = " ".join(raw.decode("utf-8-sig").split())
        except UnicodeDecodeError:
            unreadable.append(id_)
    notes = []
    absent = [id_ for id_ in ids if id_ not in files]
    if absent:
        notes.append(f"{len(absent):,} utterances have no transcript: {first_names(absent)}")
    if unreadable:
        notes.append(f"{len(unreadable):,} transcripts are not UTF-8 and not used: {first_names(unreadable)}")
    empty = [id_ for id_, text in texts.items() if not text]
    if empty:
        notes.append(f"{len(empty):,} transcripts are empty: {first_names(empty)}")
    return texts, notes


def _unlabelled(utterances: Sequence[Utterance]) -> list[str]:
    """A note on every partition of which no utterance has a label."""
    sizes = Counter(utterance.partition for utterance in utterances)
    labelled = {utterance.partition for utterance in utterances if utterance.labels}
    return [f"partition {name} is unlabelled ({sizes[name]:,} utterances)" for name in sizes if name not in labelled]
