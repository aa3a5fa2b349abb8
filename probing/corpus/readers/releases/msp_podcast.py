"""Read a release of MSP-Podcast as it is unpacked (Lotfian & Busso 2019), in any of the spellings that occur.

A release, which may lie up to two folders below the one that is named, contains (in any case of letters):

* `Audios/MSP-PODCAST_0001_0008.wav`, or `Audio/`,
* `Labels/labels_consensus.csv`, in one of its spellings (see `probing.corpus.readers.releases.msp_labels`),
* `Transcripts/MSP-PODCAST_0001_0008.txt`, not for every utterance.

Each folder may lie within another of its name, where its archive was unpacked into a folder of its own. Time_Labels and
ForceAligned, with times within the podcasts and of words, are not read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from probing.corpus.model import Corpus, Utterance, partition_name
from probing.corpus.readers.releases.answers import CLASSES, NO_AGREEMENT, classes_of
from probing.corpus.readers.releases.msp_labels import DIMENSIONS, FILES, labels_in, read_answers, read_labels
from probing.corpus.readers.releases.msp_releases import release_of
from probing.corpus.readers.releases.release import (
    by_stem,
    folders,
    locate,
    pair_audio,
    read_transcripts,
    stem,
    walk,
    within_itself,
)
from probing.corpus.readers.tables.cells import Cells, demand_unique
from probing.corpus.readers.tables.ratings import ratings, rows_of
from probing.corpus.readers.tables.sexes import read_sexes
from probing.errors import CorpusError, first_names, number_of

SCALE = (1.0, 7.0)
_AUDIO_FOLDERS = ("audios", "audio")
_LABEL_FOLDERS = ("labels", "label")
_TRANSCRIPT_FOLDER = "transcripts"
# Folders with a file for each utterance, and those of earlier releases, which are never searched for a release.
_LEAVES = (
    *_AUDIO_FOLDERS,
    *_LABEL_FOLDERS,
    _TRANSCRIPT_FOLDER,
    "time_labels",
    "forcealigned",
    "previous_releases_information",
)
_TURN = re.compile(r"MSP-PODCAST_(\d+)_\d+(?:_\d+)?", re.IGNORECASE)  # podcast, turn, part of the turn


def read(folder: Path, with_text: bool = True, with_answers: bool = False) -> Corpus:
    """Read a release.

    Args:
        folder: The release, or a folder up to two levels above it.
        with_text: Read the transcripts (one small file per utterance).
        with_answers: Read what single raters said, which takes seconds.

    Returns:
        The corpus in the order of its labels file; ids are file names without their ending. An utterance of an
        unknown speaker gets the speaker `podcast:<number>`, so that its podcast is a cluster of its own. One on whose
        emotion the raters did not agree has no class.

    Raises:
        CorpusError: There is no labels file or more than one (codes `folder-missing`, `release-missing`,
            `release-several`), or it cannot be read as it stands (as in `probing.corpus.readers.tables.table`).
    """
    source = _labels_file(folder)
    root = _release(source)
    cells = read_labels(source)
    names = cells.column("FileName")
    ids = [stem(name) for name in names]
    demand_unique(ids, source)
    labels = {name: ratings(cells, column, SCALE, "FileName") for column, name in DIMENSIONS.items()}
    partitions = _partitions(cells, source)
    release = release_of(root, partitions)
    notes = [f"release {release[0]}, told from {release[1]}"] if release else []
    speakers, remarks = _speakers(ids, cells.column("SpkrID"))
    notes += remarks
    paths, remarks = _audio(root, names, ids)
    notes += remarks
    classes, remarks = classes_of(cells.column("EmoClass"), CLASSES, NO_AGREEMENT)
    notes += remarks
    sexes, remarks = read_sexes(cells.column("Gender"), "Gender")
    notes += remarks
    texts, remarks = _transcripts(root, ids) if with_text else ({}, [])
    notes += remarks
    answers, remarks = read_answers(source, SCALE) if with_answers else ({}, [])
    notes += remarks
    rows = zip(ids, paths, partitions, speakers, rows_of(labels, len(cells)), sexes, classes, strict=True)
    utterances = tuple(
        Utterance(
            id_,
            path,
            partition,
            speaker,
            rated,
            texts.get(id_),
            sex,
            categories=named,
            answers=answers.get(id_, {}),
        )
        for id_, path, partition, speaker, rated, sex, named in rows
    )
    number = release[0] if release else None
    return Corpus("msp-podcast", SCALE, utterances, (*_unlabelled(utterances), *notes), release=number)


def _labels_file(folder: Path) -> Path:
    return locate(
        folder,
        "MSP-Podcast",
        _label_files_in,
        what="labels files",
        looked_for=f"Labels/{FILES[0]} (or {', '.join(FILES[1:])})",
        contents="Audios, Labels and Transcripts",
        leaves=_LEAVES,
    )


def _label_files_in(release: Path) -> list[Path]:
    outer = [child for child in folders(release) if child.name.lower() in _LABEL_FOLDERS]
    found = [file for place in (release, *outer) for file in labels_in(place)]
    return found or [file for place in outer for file in labels_in(within_itself(place))]


def _release(source: Path) -> Path:
    """The release of a labels file: what contains the folder Labels, which may be within another one."""
    release = source.parent
    while release.name.lower() in _LABEL_FOLDERS:
        release = release.parent
    return release


def _partitions(cells: Cells, source: Path) -> list[str]:
    rows = zip(cells.column("FileName"), cells.column("Split_Set"), strict=True)
    blank = [name for name, partition in rows if not (name and partition)]
    if blank:
        raise CorpusError(
            f"{source}: {number_of(len(blank), 'row')} without a FileName or a Split_Set",
            first_names(blank),
            "fill them in, or remove these rows",
            code="cell-blank",
        )
    return [partition_name(cell) for cell in cells.column("Split_Set")]


def _files(release: Path, folder_names: Sequence[str], ending: str = "") -> dict[str, str]:
    """Path by stem of every file in the release's folders of these names."""
    chosen = [folder for folder in folders(release) if folder.name.lower() in folder_names]
    return by_stem(chain.from_iterable(map(walk, chosen)), ending)


def _audio(release: Path, names: Sequence[str], ids: Sequence[str]) -> tuple[list[Path | None], list[str]]:
    """The audio file of each utterance, and notes."""
    places = [folder for folder in folders(release) if folder.name.lower() in _AUDIO_FOLDERS]
    if not places:
        return [None] * len(ids), [f"there is no folder Audios in {release}: no audio"]
    name_of = dict(zip(ids, names, strict=True))
    place = within_itself(places[0])
    return pair_audio(ids, _files(release, _AUDIO_FOLDERS), lambda id_: place / name_of[id_], place.name)


def _speakers(ids: Sequence[str], given: Sequence[str]) -> tuple[list[str | None], list[str]]:
    """Speaker of each utterance, or its podcast where the speaker is unknown, and a note on how many are unknown."""
    speakers: list[str | None] = []
    unknown = 0
    for id_, speaker in zip(ids, given, strict=True):
        if speaker and speaker.lower() != "unknown":
            speakers.append(speaker)
            continue
        unknown += 1
        turn = _TURN.fullmatch(id_)
        speakers.append(f"podcast:{turn[1]}" if turn else None)
    if not unknown:
        return speakers, []
    what = number_of(unknown, "utterance of an unknown speaker", "utterances of unknown speakers")
    return speakers, [f"{what}: each of their podcasts counts as a cluster"]


def _transcripts(release: Path, ids: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Text by utterance, and notes."""
    files = _files(release, [_TRANSCRIPT_FOLDER], ".txt")
    return read_transcripts(ids, files) if files else ({}, [f"there are no transcripts in {release}"])


def _unlabelled(utterances: Sequence[Utterance]) -> list[str]:
    """A note on every partition of which no utterance has a label."""
    sizes = Counter(utterance.partition for utterance in utterances)
    labelled = {utterance.partition for utterance in utterances if utterance.labels}
    blank = [(name, number_of(sizes[name], "utterance")) for name in sizes if name not in labelled]
    return [f"partition {name} is unlabelled ({size})" for name, size in blank]
