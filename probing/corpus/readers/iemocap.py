"""Read IEMOCAP as it is unpacked (Busso et al. 2008): five sessions of two actors each, 10,039 rated turns.

The release, which may lie up to two folders below the one that is named, contains (in any case of letters):

* `Session1/dialog/EmoEvaluation/Ses01F_impro01.txt`, with a line
  `[6.2901 - 8.2357]⇥Ses01F_impro01_F000⇥neu⇥[2.5000, 2.5000, 2.5000]` for each turn: valence, activation, dominance;
  its folders Attribute, Categorical and Self-evaluation have the files of single raters, which are not read,
* `Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav`,
* `Session1/dialog/transcriptions/Ses01F_impro01.txt`, with lines
  `Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.`, and a few of other kinds.

In `Ses01F_impro01_M003` the F means that the woman wears the motion-capture markers, the M that the man is speaking.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from probing.corpus.model import FEMALE, MALE, Corpus, Utterance
from probing.corpus.readers.cells import cut, demand_unique
from probing.corpus.readers.folds import Fold, settle_fold
from probing.corpus.readers.release import (
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
from probing.errors import CorpusError, first_names, number_of

SCALE = (1.0, 5.0)
SESSIONS = 5
_MARGIN = 1.0  # a mean rating farther off the scale than this is damage
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]*)?")
_ORDER = ("valence", "arousal", "dominance")  # of the three numbers in brackets
_SESSION = re.compile(r"session([1-5])", re.IGNORECASE)
_TURN = re.compile(r"Ses0(?P<session>[1-5])[FM]_\w+_(?P<speaker>[FM])\d+")
_LABELS = re.compile(r"\[[^]]*\]\s+(?P<turn>\S+)\s+\S+\s+\[(?P<ratings>[^]]*)\]\s*")
_TRANSCRIPT = re.compile(r"\s*(?P<turn>Ses0[1-5]\w+)\s*(?:\[[^]]*\]\s*:?|:)(?P<text>.*)")  # some lines lack the times


def read(folder: Path, fold: int | None = None, with_text: bool = True) -> Corpus:
    """Read the release.

    Args:
        folder: The release, or a folder up to two levels above it.
        fold: The session that is test2, 1 to 5; None: 5. The session before it is development.
        with_text: Read the transcripts.

    Returns:
        The corpus, session by session, in the order of its label files. Ratings off the scale of 1 to 5, of which
        the release has a few, are kept as they are, and a note counts them. Name and utterances are the same in every
        fold, so that all folds share one cache.

    Raises:
        CorpusError: There is no such fold (code `fold`), no release (`folder-missing`, `release-missing`,
            `release-several`), a session has no turn (`session-missing`), nor has a dialog (`labels-empty`), a line
            of labels cannot be read (`label-line`), or a turn occurs twice (`ids-repeated`).
    """
    split = settle_fold(fold, SESSIONS)
    release = _release(folder)
    found = {int(match[1]): child for child in folders(release) if (match := _SESSION.fullmatch(child.name))}
    sessions = {number: within_itself(child) for number, child in sorted(found.items())}
    dialogs = {file: _labels(file, number) for number, session in sessions.items() for file in _label_files(session)}
    rated = list(chain.from_iterable(dialogs.values()))
    ids = [turn for turn, _ in rated]
    split.demand_all({int(turn[4]) for turn in ids}, release, "turns in files Session*/dialog/EmoEvaluation/*.txt")
    _demand_turns(dialogs)
    demand_unique(ids, release)
    paths, notes = _audio(sessions, ids)
    texts: dict[str, str] = {}
    if with_text:
        texts, remarks = _transcripts(sessions, ids)
        notes += remarks
    utterances = tuple(
        _utterance(turn, path, split, labels, texts.get(turn))
        for (turn, labels), path in zip(rated, paths, strict=True)
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


def _labels(file: Path, session: int) -> list[tuple[str, dict[str, float]]]:
    """Turns of a dialog and their ratings; the other lines are a header and the answers of single raters."""
    found = []
    for number, line in enumerate(read_lines(file), start=1):
        if not (line.startswith("[") or _TURN.search(line)):
            continue
        labels = _LABELS.fullmatch(line)
        turn = _TURN.fullmatch(labels["turn"]) if labels else None
        values = _numbers(labels["ratings"]) if labels else []
        if labels is None or turn is None or len(values) != len(_ORDER):
            raise CorpusError(
                f"{file}, line {number}",
                f"{cut(repr(line))} is not [start - end], turn, emotion, [valence, activation, dominance], "
                "separated by tabs",
                "copy this file from the release again",
                code="label-line",
            )
        if int(turn["session"]) != session:
            raise CorpusError(
                f"{file}, line {number}",
                f"turn {turn[0]} is in Session{session}",
                "copy this file from the release again",
                code="label-line",
            )
        found.append((turn[0], dict(zip(_ORDER, values, strict=True))))
    return found


def _numbers(written: str) -> list[float]:
    """Ratings separated by commas; an empty list where one of them is no number, or none that anybody gave."""
    words = [word.strip() for word in written.split(",")]
    values = [float(word) for word in words if _NUMBER.fullmatch(word)]
    low, high = SCALE
    sane = all(low - _MARGIN <= value <= high + _MARGIN for value in values)
    return values if sane and len(values) == len(words) else []


def _utterance(turn: str, path: Path | None, split: Fold, labels: dict[str, float], text: str | None) -> Utterance:
    parts = _TURN.fullmatch(turn)
    assert parts is not None  # _labels has refused all others
    speaker = f"Ses0{parts['session']}{parts['speaker']}"
    sex = {"F": FEMALE, "M": MALE}[parts["speaker"]]
    return Utterance(turn, path, split.partition(int(parts["session"])), speaker, labels, text, sex)


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
