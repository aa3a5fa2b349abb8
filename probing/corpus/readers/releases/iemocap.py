"""Read IEMOCAP as it is unpacked (Busso et al. 2008): five sessions of two actors each, 10,039 rated turns.

The release, which may lie up to two folders below the one that is named, contains (in any case of letters):

* `Session1/dialog/EmoEvaluation/Ses01F_impro01.txt`, with a line
  `[6.2901 - 8.2357]⇥Ses01F_impro01_F000⇥neu⇥[2.5000, 2.5000, 2.5000]` for each turn: emotion, valence, activation,
  dominance; below it are lines of its raters, `C-E2:⇥Neutral; Frustration;⇥()` and `A-E3:⇥val  3; act  2; dom  2;⇥()`,
  of which those of the actors themselves (`C-F1`, `A-M1`) are in no consensus and not read. Neither are its folders
  Attribute, Categorical and Self-evaluation, which say the same by rater,
* `Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav`,
* `Session1/dialog/transcriptions/Ses01F_impro01.txt`, with lines
  `Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.`, and a few of other kinds.

In `Ses01F_impro01_M003` the F means that the woman wears the motion-capture markers, the M that the man is speaking.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from probing.corpus.model import FEMALE, MALE, Corpus, Utterance
from probing.corpus.readers.releases.answers import Said, classes_of, gathered, named
from probing.corpus.readers.releases.folds import Fold, settle_fold
from probing.corpus.readers.releases.release import (
    by_stem,
    descend,
    files_in,
    folders,
    locate,
    pair_audio,
    read_lines,
    transcript_notes,
    walk,
    within_itself,
)
from probing.corpus.readers.tables.cells import cut, demand_unique
from probing.errors import CorpusError, first_names, number_of

SCALE = (1.0, 5.0)
SESSIONS = 5
_MARGIN = 1.0  # a mean rating farther off the scale than this is damage
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]*)?")
_ORDER = ("valence", "arousal", "dominance")  # of the three numbers in brackets
_SESSION = re.compile(r"session([1-5])", re.IGNORECASE)
_TURN = re.compile(r"Ses0(?P<session>[1-5])[FM]_\w+_(?P<speaker>[FM])\d+")
_LABELS = re.compile(r"\[[^]]*\]\s+(?P<turn>\S+)\s+(?P<emotion>\S+)\s+\[(?P<ratings>[^]]*)\]\s*")
_RATER = re.compile(r"(?P<kind>[AC])-E[0-9]+:(?P<said>[^(]*)(?:\(.*)?")  # E: one of the evaluators
_ANSWER = re.compile(r"(?P<dimension>val|act|dom)\s+(?P<rating>[^;\s]+)")
_SHORT = ("act", "val", "dom")  # arousal, valence, dominance
_CLASSES = {
    "ang": "anger",
    "hap": "happiness",
    "exc": "excitement",
    "sad": "sadness",
    "fru": "frustration",
    "fea": "fear",
    "sur": "surprise",
    "dis": "disgust",
    "neu": "neutral",
    "oth": "other",
}
_NO_AGREEMENT = "xxx"
_CHOICES = {"excited": "excitement", "neutral state": "neutral"}  # where raters' words are not the classes' names
_TRANSCRIPT = re.compile(r"\s*(?P<turn>Ses0[1-5]\w+)\s*(?:\[[^]]*\]\s*:?|:)(?P<text>.*)")  # some lines lack the times


@dataclass(frozen=True)
class _Turn:
    """A turn as its dialog's file lists it."""

    id: str
    labels: Mapping[str, float]
    code: str
    said: tuple[str, ...]  # lines below it


def read(folder: Path, fold: int | None = None, with_text: bool = True, with_answers: bool = False) -> Corpus:
    """Read the release.

    Args:
        folder: The release, or a folder up to two levels above it.
        fold: The session that is test2, 1 to 5; None: 5. The session before it is development.
        with_text: Read the transcripts.
        with_answers: Read what single raters said.

    Returns:
        The corpus, session by session, in the order of its label files. Ratings off the scale of 1 to 5, of which
        the release has a few, are kept as they are, and a note counts them; turns on whose emotion the raters did not
        agree (xxx) have no class. Name and utterances are the same in every fold, so that all folds share one cache.

    Raises:
        CorpusError: There is no such fold (code `fold`), no release (`folder-missing`, `release-missing`,
            `release-several`), a session has no turn (`session-missing`), nor has a dialog (`labels-empty`), a line
            of labels cannot be read (`label-line`), or a turn occurs twice (`ids-repeated`).
    """
    split = settle_fold(fold, SESSIONS)
    release = _release(folder)
    found = {int(match[1]): child for child in folders(release) if (match := _SESSION.fullmatch(child.name))}
    sessions = {number: within_itself(child) for number, child in sorted(found.items())}
    dialogs = {file: _turns(file, number) for number, session in sessions.items() for file in _label_files(session)}
    turns = list(chain.from_iterable(dialogs.values()))
    ids = [turn.id for turn in turns]
    split.demand_all({int(id_[4]) for id_ in ids}, release, "turns in files Session*/dialog/EmoEvaluation/*.txt")
    _demand_turns(dialogs)
    demand_unique(ids, release)
    paths, notes = _audio(sessions, ids)
    classes, remarks = classes_of([turn.code for turn in turns], _CLASSES, _NO_AGREEMENT)
    notes += remarks
    texts, remarks = _transcripts(sessions, ids) if with_text else ({}, [])
    notes += remarks
    said = chain.from_iterable(map(_said, turns)) if with_answers else ()
    answers, remarks = gathered(said, SCALE)
    notes += remarks
    utterances = tuple(
        replace(
            _utterance(turn, split),
            path=path,
            text=texts.get(turn.id),
            categories=of_class,
            answers=answers.get(turn.id, {}),
        )
        for turn, path, of_class in zip(turns, paths, classes, strict=True)
    )
    return Corpus("iemocap", SCALE, utterances, (split.note(), *_off_scale(utterances), *notes), split.number)


def _release(folder: Path) -> Path:
    """The folder of the sessions."""
    return locate(
        folder,
        "IEMOCAP",
        lambda place: [place] if any(_SESSION.fullmatch(child.name) for child in folders(place)) else [],
        what="folders with sessions",
        looked_for="folders Session1 to Session5",
        contents="Session1 to Session5",
    )


def _label_files(session: Path) -> list[Path]:
    place = descend(session, "dialog", "EmoEvaluation")
    return files_in(place, lambda name: name.endswith(".txt")) if place else []


def _demand_turns(dialogs: Mapping[Path, Sequence[object]]) -> None:
    """Raise a CorpusError (code `labels-empty`) where a dialog has no turn: its file is cut, or overwritten."""
    empty = [str(file) for file, turns in dialogs.items() if not turns]
    if empty:
        what = number_of(len(empty), "label file has no turn", "label files have no turn")
        raise CorpusError(what, first_names(empty), "copy them from the release again", code="labels-empty")


def _turns(file: Path, session: int) -> list[_Turn]:
    """Turns of a dialog; what stands before the first is a header, what stands below a turn are its raters' answers."""
    lines = read_lines(file)
    marks = [place for place, line in enumerate(lines) if line.startswith("[") or _TURN.search(line)]
    ends = [*marks[1:], len(lines)]
    return [
        _turn(lines[mark], tuple(lines[mark + 1 : end]), f"{file}, line {mark + 1}", session)
        for mark, end in zip(marks, ends, strict=False)
    ]


def _turn(line: str, said: tuple[str, ...], where: str, session: int) -> _Turn:
    """A turn, from its line and the lines below it."""
    labels = _LABELS.fullmatch(line)
    turn = _TURN.fullmatch(labels["turn"]) if labels else None
    values = _numbers(labels["ratings"]) if labels else []
    if labels is None or turn is None or len(values) != len(_ORDER):
        raise CorpusError(
            where,
            f"{cut(repr(line))} is not [start - end], turn, emotion, [valence, activation, dominance], "
            "separated by tabs",
            "copy this file from the release again",
            code="label-line",
        )
    if int(turn["session"]) != session:
        raise CorpusError(
            where, f"turn {turn[0]} is in Session{session}", "copy this file from the release again", code="label-line"
        )
    return _Turn(turn[0], dict(zip(_ORDER, values, strict=True)), labels["emotion"].lower(), said)


def _said(turn: _Turn) -> Iterator[Said]:
    """What each of a turn's evaluators said: a line for the emotion, another for the ratings."""
    for line in turn.said:
        found = _RATER.fullmatch(line.strip())
        if found is None:
            continue
        if found["kind"] == "C":
            words = [word.strip().lower() for word in found["said"].split(";")]
            yield Said(turn.id, emotion=named(",".join(_CHOICES.get(word, word) for word in words)))
        else:
            given = {answer["dimension"]: answer["rating"] for answer in _ANSWER.finditer(found["said"])}
            yield Said(turn.id, [given.get(short, "") for short in _SHORT])


def _numbers(written: str) -> list[float]:
    """Ratings separated by commas; an empty list where one of them is no number, or none that anybody gave."""
    words = [word.strip() for word in written.split(",")]
    values = [float(word) for word in words if _NUMBER.fullmatch(word)]
    low, high = SCALE
    sane = all(low - _MARGIN <= value <= high + _MARGIN for value in values)
    return values if sane and len(values) == len(words) else []


def _utterance(turn: _Turn, split: Fold) -> Utterance:
    """What a turn's name and line say of it."""
    parts = _TURN.fullmatch(turn.id)
    assert parts is not None  # _turn has refused all others
    speaker = f"Ses0{parts['session']}{parts['speaker']}"
    sex = {"F": FEMALE, "M": MALE}[parts["speaker"]]
    return Utterance(turn.id, None, split.partition(int(parts["session"])), speaker, turn.labels, sex=sex)


def _off_scale(utterances: tuple[Utterance, ...]) -> list[str]:
    low, high = SCALE
    off = [
        f"{utterance.id} ({dimension} {value:g})"
        for utterance in utterances
        for dimension, value in utterance.labels.items()
        if not low <= value <= high
    ]
    if not off:
        return []
    what = number_of(len(off), "rating")
    return [f"{what} off the scale {low:g} to {high:g}, kept as in the release: {first_names(off)}"]


def _audio(sessions: dict[int, Path], ids: list[str]) -> tuple[list[Path | None], list[str]]:
    """The audio file of each turn, and notes."""
    places = {number: descend(session, "sentences", "wav") for number, session in sessions.items()}
    if not any(places.values()):
        return [None] * len(ids), ["no session has a folder sentences/wav: no audio"]
    found: dict[str, str] = {}
    for place in places.values():
        found |= by_stem(walk(place), ".wav") if place else {}

    def expected(turn: str) -> Path:
        number = int(turn[4])  # Ses01…
        place = places[number] or sessions[number] / "sentences" / "wav"
        return place / turn.rpartition("_")[0] / f"{turn}.wav"

    return pair_audio(ids, found, expected, "sentences/wav")


def _transcripts(sessions: dict[int, Path], ids: list[str]) -> tuple[dict[str, str], list[str]]:
    """Text by turn, and notes; lines about anything else than rated turns are passed over."""
    said: dict[str, str] = {}
    places = [descend(session, "dialog", "transcriptions") for session in sessions.values()]
    if not any(places):
        return {}, ["no session has a folder dialog/transcriptions: no transcripts"]
    for place in places:
        for file in files_in(place, lambda name: name.endswith(".txt")) if place else []:
            for line in read_lines(file):
                if match := _TRANSCRIPT.fullmatch(line):
                    said.setdefault(match["turn"], " ".join(match["text"].split()))
    texts = {turn: said[turn] for turn in ids if turn in said}
    return texts, transcript_notes([turn for turn in ids if turn not in said], texts)
