"""Read MSP-Improv as it is unpacked (Busso et al. 2017): six sessions of two actors each, 8,438 turns.

The release, which may lie up to two folders below the one that is named, contains (in any case of letters):

* `Evalution.txt` (spelled so; `Evaluation.txt` in some copies): a line for each turn,
  `UTD-IMPROV-S01A-F01-S-FM01.avi; N; A:3.000000; V:3.500000; D:3.000000 ; N:3.600000;` (emotion, activation, valence,
  dominance, naturalness), followed by a line for each of its raters,
  `WORKER00000001; Neutral; Neutral,Concerned; A:3.000000; V:3.000000; D:3.000000; N:4.000000;`, and a blank one. NaN
  means that there is no rating,
* `session1/S01A/S/MSP-IMPROV-S01A-F01-S-FM01.wav` (44.1 kHz), beside the labels or below a folder `Audio`,
* in some copies transcripts `MSP-IMPROV-S01A-F01-S-FM01.txt`, in a folder of any name.

In `S01A-F01-S-FM01`, S01 is the target sentence, A the emotion of the scenario, F01 the woman of session 1, S the kind
of recording (P between the takes, R read, S improvised, T the target sentence in it), 01 the turn. All public readers
that we found take F01 to be the speaker and FM to be only the roles in the scene; the release's own description was not
available to us [unsure]. The split does not depend on it, since both actors are of the same session.

Activation is rated from 1 (active) to 5 (calm), unlike in all other corpora: arousal is 6 − A. We know it from a public
reader that says so, and from published rows of the labels (a sad turn 4.2, neutral ones 4.4 to 4.8, happy ones 2.4 to
2.6), not from the release's own description [unsure].
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from probing.corpus.model import FEMALE, MALE, Corpus, Utterance
from probing.corpus.readers.releases.answers import CLASSES, NO_AGREEMENT, Said, classes_of, gathered, said_in
from probing.corpus.readers.releases.folds import settle_fold
from probing.corpus.readers.releases.release import (
    by_stem,
    descend,
    files_in,
    locate,
    pair_audio,
    read_lines,
    read_transcripts,
    stem,
    walk,
)
from probing.corpus.readers.tables.cells import cut, demand_unique
from probing.errors import CorpusError, first_names, number_of

SCALE = (1.0, 5.0)
SESSIONS = 6
_LABEL_FILES = ("evalution.txt", "evaluation.txt")
_DIMENSIONS = {"A": "arousal", "V": "valence", "D": "dominance"}
_TURN = re.compile(r"S\d\d[A-Z]-(?P<speaker>[FM]0(?P<session>[1-6]))-[A-Z]-[FM]{2}\d+")
_LABELS = re.compile(r"(?:UTD|MSP)-IMPROV-(?P<turn>[^.;\s]*)\.\w+\s*;(?P<emotion>[^;]*);(?P<ratings>.*)")
_STARTS = ("UTD-IMPROV-", "MSP-IMPROV-")


@dataclass(frozen=True)
class _Rated:
    """A turn as the labels list it."""

    turn: re.Match[str]
    labels: Mapping[str, float]
    code: str
    said: tuple[str, ...]  # lines below it

    @property
    def id(self) -> str:
        """The name of its audio file without its ending; the labels name the video."""
        return f"MSP-IMPROV-{self.turn[0]}"


def read(folder: Path, fold: int | None = None, with_text: bool = True, with_answers: bool = False) -> Corpus:
    """Read the release.

    Args:
        folder: The release, or a folder up to two levels above it.
        fold: The session that is test2, 1 to 6; None: 6. The session before it is development.
        with_text: Read the transcripts, where there are any.
        with_answers: Read what single raters said.

    Returns:
        The corpus in the order of its labels; ids are the names of the audio files without their ending. Name and
        utterances are the same in every fold, so that all folds share one cache.

    Raises:
        CorpusError: There is no such fold (code `fold`), no release or more than one (`folder-missing`,
            `release-missing`, `release-several`), a session is missing (`session-missing`), a line of labels cannot be
            read or is off the scale (`label-line`), or a turn occurs twice (`ids-repeated`).
    """
    split = settle_fold(fold, SESSIONS)
    source = _labels_file(folder)
    rated = _labels(source)
    turns = {one.id: one.turn for one in rated}
    ids = [one.id for one in rated]
    demand_unique(ids, source)
    split.demand_all({int(turn["session"]) for turn in turns.values()}, source, "turns")
    release = _root(source, folder)
    files = sorted(walk(release), key=lambda file: file[1], reverse=True)  # by_stem keeps the last of a name
    paths, notes = _audio(release, turns, by_stem(files, ".wav"))
    notes += _repeated(files, turns, ".wav")
    classes, remarks = classes_of([one.code for one in rated], CLASSES, NO_AGREEMENT)
    notes += remarks
    texts: dict[str, str] = {}
    if with_text:
        texts, remarks = _transcripts(release, ids, by_stem(files, ".txt"))
        notes += [*remarks, *_repeated(files, turns, ".txt")]
    answers, remarks = gathered((said for one in rated if with_answers for said in _said(one)), SCALE)
    notes += remarks
    utterances = tuple(
        Utterance(
            one.id,
            path,
            split.partition(int(one.turn["session"])),
            one.turn["speaker"],
            one.labels,
            texts.get(one.id),
            _sex(one.turn),
            categories=of_class,
            answers=answers.get(one.id, {}),
        )
        for one, path, of_class in zip(rated, paths, classes, strict=True)
    )
    about = [split.note(), "arousal is 6 - A: the release rates activation from 1 (active) to 5 (calm)"]
    return Corpus("msp-improv", SCALE, utterances, (*about, *_unrated(utterances), *notes), split.number)


def _sex(turn: re.Match[str]) -> str:
    """The speaker's, whose name begins with F or M."""
    return FEMALE if turn["speaker"].startswith("F") else MALE


def _labels_file(folder: Path) -> Path:
    return locate(
        folder,
        "MSP-Improv",
        lambda place: files_in(place, lambda name: name in _LABEL_FILES),
        what="labels files",
        looked_for="Evalution.txt (or Evaluation.txt)",
        contents="Evalution.txt and the folders session1 to session6, or Audio",
    )


def _labels(source: Path) -> list[_Rated]:
    """Turns; the lines below each, up to the next, are the answers of its raters."""
    lines = read_lines(source)
    marks = [place for place, line in enumerate(lines) if line.startswith(_STARTS) or _TURN.search(line)]
    ends = [*marks[1:], len(lines)]
    return [
        _rated(lines[mark], tuple(lines[mark + 1 : end]), f"{source}, line {mark + 1}")
        for mark, end in zip(marks, ends, strict=False)
    ]


def _rated(line: str, said: tuple[str, ...], where: str) -> _Rated:
    """A turn, from its line and the lines below it."""
    labels = _LABELS.fullmatch(line)
    turn = _TURN.fullmatch(labels["turn"]) if labels else None
    ratings = _ratings(labels["ratings"]) if labels else None
    if labels is None or turn is None or ratings is None:
        raise CorpusError(
            where,
            f"{cut(repr(line))} is not UTD-IMPROV-<turn>.avi; emotion; A:…; V:…; D:…; with ratings from 1 to 5 or NaN",
            "copy this file from the release again",
            code="label-line",
        )
    return _Rated(turn, ratings, labels["emotion"].strip().upper(), said)


def _said(one: _Rated) -> Iterator[Said]:
    """What each of a turn's raters said, with their activation turned round too."""
    for line in one.said:
        said = said_in(line, one.id)
        if said is not None:
            activation, *others = said.ratings
            yield said._replace(ratings=(_turned(activation), *others))


def _turned(written: str) -> str:
    """An activation turned round; as it is where it is no number."""
    try:
        return str(sum(SCALE) - float(written))
    except ValueError:
        return written


def _ratings(written: str) -> dict[str, float] | None:
    """Ratings by dimension, without those that are NaN; None where they cannot be read or are off the scale."""
    cells = dict(cell.strip().partition(":")[::2] for cell in written.split(";"))
    try:
        values = {dimension: float(cells[letter]) for letter, dimension in _DIMENSIONS.items()}
    except (KeyError, ValueError):
        return None
    rated = {dimension: value for dimension, value in values.items() if not math.isnan(value)}
    low, high = SCALE
    if not all(low <= value <= high for value in rated.values()):
        return None
    return {name: low + high - value if name == "arousal" else value for name, value in rated.items()}


def _unrated(utterances: tuple[Utterance, ...]) -> list[str]:
    """A note on every dimension on which some turns have no rating."""
    notes = []
    for dimension in _DIMENSIONS.values():
        lacking = [utterance.id for utterance in utterances if dimension not in utterance.labels]
        if lacking:
            what = number_of(len(lacking), "utterance")
            notes.append(f"{what} without a rating of {dimension} (NaN): {first_names(lacking)}")
    return notes


def _root(source: Path, folder: Path) -> Path:
    """The release: the folder of the labels, or the one above if only that contains audio."""
    holder = source.parent
    if holder == folder or any(name.lower().endswith(".wav") for name, _ in walk(holder)):
        return holder
    return holder.parent


def _audio(
    release: Path, turns: Mapping[str, re.Match[str]], found: Mapping[str, str]
) -> tuple[list[Path | None], list[str]]:
    """The audio file of each turn, and notes."""
    if not found:
        return [None] * len(turns), [f"there is no WAV file in {release}: no audio"]
    top = descend(release, "Audio") or release

    def expected(id_: str) -> Path:
        sentence, _, kind, _ = turns[id_][0].split("-")
        return top / f"session{turns[id_]['session']}" / sentence / kind / f"{id_}.wav"

    return pair_audio(list(turns), found, expected, release.name)


def _transcripts(release: Path, ids: list[str], found: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Text by turn, and notes."""
    if found.keys().isdisjoint(ids):
        return {}, [f"there are no transcripts in {release}"]
    return read_transcripts(ids, found)


def _repeated(files: list[tuple[str, str]], ids: Collection[str], ending: str) -> list[str]:
    """A note on turns that have more than one file of a kind."""
    counts = Counter(stem(name) for name, _ in files if name.lower().endswith(ending))
    repeated = [id_ for id_ in ids if counts[id_] > 1]
    if not repeated:
        return []
    kind = ending[1:].upper()
    what = f"{number_of(len(repeated), 'utterance')} with more than one {kind} file, of which the first by path is used"
    return [f"{what}: {first_names(repeated)}"]
