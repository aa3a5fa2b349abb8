"""What single raters said, as the label files of releases list it: gathered by utterance.

Answers are kept for what they say of the labels' reliability; nothing is learned from them. So what cannot be read of
them is counted, and stops no command.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from probing.corpus.model import EMOTIONS
from probing.corpus.readers.tables.cells import cut
from probing.errors import first_names, number_of

EMOTION, SECONDARY = "emotion", "secondary emotions"  # the class that a rater chose, and all classes heard
Answers = Mapping[str, tuple[float, ...] | tuple[str, ...]]  # of one utterance
_REMEMBERED = 4096  # spellings: most raters use few words
# Letters of the consensus, and what raters of MSP-Podcast and MSP-Improv could choose; X is no agreement, so no class.
CLASSES = {
    "A": "anger",
    "S": "sadness",
    "H": "happiness",
    "U": "surprise",
    "F": "fear",
    "D": "disgust",
    "C": "contempt",
    "N": "neutral",
    "O": "other",
}
NO_AGREEMENT = "X"
_CHOICES = {"angry": "anger", "sad": "sadness", "happy": "happiness"} | {name: name for name in CLASSES.values()}
_RATER = re.compile(r"[^;]*;([^;]*);(.*?);\s*A:([^;]*);\s*V:([^;]*);\s*D:([^;]*).*")


class Said(NamedTuple):
    """One rater's answers on one utterance, as written; blank where there is none.

    Args:
        id: The utterance.
        ratings: Arousal, valence, dominance.
        emotion: The class chosen.
        secondary: All classes heard, as one answer (see `named`).
    """

    id: str
    ratings: Sequence[str] = ()
    emotion: str = ""
    secondary: str = ""


def said_in(line: str, id_: str) -> Said | None:
    """A rater's line of MSP-Podcast and MSP-Improv, `WORKER1; Happy; Happy,Amused; A:5.0; V:6.0; D:4.0;`; else None.

    >>> said_in("W1; Sad; Tired,Sad; A:2; V:1; D:3;", "u1")
    Said(id='u1', ratings=('2', '1', '3'), emotion='sadness', secondary='sad, tired')
    """
    found = _RATER.fullmatch(line.strip())
    if found is None:
        return None
    emotion, secondary, *ratings = found.groups()
    return Said(id_, tuple(ratings), chosen(emotion), named(secondary))


@lru_cache(_REMEMBERED)
def chosen(written: str) -> str:
    """The class that a rater of MSP-Podcast or MSP-Improv chose; any other word is other.

    >>> chosen(" Angry "), chosen("Other-annoyed"), chosen("")
    ('anger', 'other', '')
    """
    word = written.strip().lower()
    return _CHOICES.get(word, "other") if word else ""


@lru_cache(_REMEMBERED)
def named(written: str, separator: str = ",") -> str:
    """The names of a list, sorted and once each, as one answer: raters agree who heard the same.

    >>> named("Happy, Amused,happy,"), named(" ; ", ";")
    ('amused, happy', '')
    """
    return ", ".join(sorted({name for part in written.split(separator) if (name := part.strip().lower())}))


def gathered(said: Iterable[Said], scale: tuple[float, float]) -> tuple[dict[str, Answers], list[str]]:
    """All raters' answers by utterance, and a note on ratings that are no numbers on the scale.

    Args:
        said: One rater after the other, in any order.
        scale: Lowest and highest possible rating.
    """
    found: dict[str, dict[str, list[Any]]] = {}
    numbers: dict[str, float | None] = {}  # hundreds of thousands of ratings repeat few numbers
    odd = 0
    for one in said:
        given = found.setdefault(one.id, {})
        for dimension, written in zip(EMOTIONS, one.ratings, strict=False):
            if written not in numbers:
                numbers[written] = _number(written, scale)
            value = numbers[written]
            if value is not None:
                given.setdefault(dimension, []).append(value)
            elif written.strip().lower() not in ("", "nan"):
                odd += 1
        for target, name in ((EMOTION, one.emotion), (SECONDARY, one.secondary)):
            if name:
                given.setdefault(target, []).append(name)
    low, high = scale
    what = number_of(odd, "rating of a single rater is", "ratings of single raters are")
    notes = [f"{what} no number from {low:g} to {high:g}, and not used"] if odd else []
    return {id_: {target: tuple(all_) for target, all_ in given.items()} for id_, given in found.items()}, notes


def classes_of(codes: Iterable[str], classes: Mapping[str, str], none: str) -> tuple[list[dict[str, str]], list[str]]:
    """The class of each utterance from its code, and notes on codes that are none.

    Args:
        codes: Blank where the source has none.
        classes: Code → name of the class.
        none: The code that says that the raters did not agree.
    """
    written = list(codes)
    of_code = {code: {EMOTION: name} for code, name in classes.items()}  # one for all utterances of a class
    return [of_code.get(code, {}) for code in written], list(_lacking(written, classes, none))


def _lacking(codes: list[str], classes: Mapping[str, str], none: str) -> Iterator[str]:
    """Notes on what has no class."""
    disagreed = codes.count(none)
    if disagreed:
        yield f"{number_of(disagreed, 'utterance has', 'utterances have')} no class of emotion: raters did not agree"
    unknown = sorted({code for code in codes if code and code not in classes and code != none})
    if unknown:
        count = number_of(sum(code in unknown for code in codes), "utterance has", "utterances have")
        yield f"{count} an unknown code of emotion, and no class: {first_names([cut(repr(code)) for code in unknown])}"


def _number(written: str, scale: tuple[float, float]) -> float | None:
    try:
        value = float(written)
    except ValueError:
        return None
    return value if math.isfinite(value) and scale[0] <= value <= scale[1] else None
