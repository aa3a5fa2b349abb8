"""Deal a corpus's utterances to the folds of a split; who is in which is settled by scikit-learn's splitters.

Shape legend: M utterances.
"""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from probing.corpus.model import EMOTION_NAMES, EMOTIONS, TEST1, TEST2, Corpus, Utterance
from probing.errors import CorpusError, first_names, number_of

SPEAKER, LEAVE_ONE_OUT, RANDOM, COLUMN = "speaker", "leave-one-speaker-out", "random", "column"
SEED = 0  # of the order in which speakers and utterances are dealt to folds
FEWEST = 3  # folds: one to test on, one for development, one to learn from
_EXAMPLES = f"type {SPEAKER}:5, {LEAVE_ONE_OUT}, {RANDOM}:5 or {COLUMN}:NAME"
_BINS = 5  # of a rating, where there is no category
_MOST_DEALT = 40_000  # speakers times folds, of which each takes StratifiedGroupKFold 0.1 ms and more


@dataclass(frozen=True)
class Split:
    """What `--split` says.

    Args:
        kind: `speaker`, `leave-one-speaker-out`, `random` or `column`.
        folds: Number of folds, of `speaker` and `random`.
        column: Whose values are the folds, of `column`.
    """

    kind: str
    folds: int | None = None
    column: str | None = None

    @property
    def typed(self) -> str:
        """What a user types."""
        what = self.folds or self.column
        return f"{self.kind}:{what}" if what else self.kind

    @classmethod
    def resolve(cls, typed: str) -> Self:
        """What a user typed.

        Raises:
            CorpusError: It is no split, or of fewer than three folds (code `split`).

        >>> Split.resolve("speaker:5"), Split.resolve("column:session").column
        (Split(kind='speaker', folds=5, column=None), 'session')
        """
        kind, colon, rest = typed.partition(":")
        if kind == LEAVE_ONE_OUT and not colon:
            return cls(kind)
        if kind == COLUMN and rest:
            return cls(kind, column=rest)
        if kind not in (SPEAKER, RANDOM) or not re.fullmatch("[0-9]{1,6}", rest):
            raise CorpusError(f"--split {typed}", "there is no such split", _EXAMPLES, code="split")
        if int(rest) < FEWEST:
            why = "one fold is tested on, one is development, and at least one is train"
            raise CorpusError(f"--split {typed}", why, f"ask for {FEWEST} folds or more", code="split")
        return cls(kind, int(rest))


@dataclass(frozen=True)
class Dealt:
    """Who is in which fold.

    Args:
        folds_M: Each utterance's fold, from 0; −1 of one that is set apart.
        number: Of folds.
        test: What a tested fold is called.
        told: What they are stratified by, or their values, in words.
    """

    folds_M: NDArray[np.int64]
    number: int
    test: str
    told: str


def deal(corpus: Corpus, how: str) -> Dealt:
    """Deal a corpus's utterances to folds; arguments and errors are those of `splits.split_anew`."""
    split, places = Split.resolve(how), _to_split(corpus)
    own = [corpus.utterances[place] for place in places]
    own_M, number, told = _folds_of(corpus, own, split)
    folds_M = np.full(len(corpus), -1)
    folds_M[places] = own_M
    return Dealt(folds_M, number, TEST2 if _unshared(own, own_M) and split.kind != RANDOM else TEST1, told)


def _folds_of(corpus: Corpus, own: Sequence[Utterance], split: Split) -> tuple[NDArray[np.int64], int, str]:
    """The folds of those utterances of a corpus that are split, their number, and what they are dealt by, in words."""
    if split.kind == COLUMN:
        values = _values(corpus, own, str(split.column))
        names = sorted(set(values), key=lambda name: (natural(name.casefold()), name))
        _demand(corpus, len(names), FEWEST, "value", split.typed)
        number = {name: place for place, name in enumerate(names)}
        return np.array([number[value] for value in values]), len(names), f" ({first_names(names, 12)})"
    groups_M = np.unique(_speakers_of(own), return_inverse=True)[1] if split.kind != RANDOM else None
    found = len(own) if groups_M is None else int(groups_M.max(initial=-1)) + 1
    _demand(corpus, found, split.folds or FEWEST, "utterance" if groups_M is None else "speaker", split.typed)
    folds = split.folds or found
    strata_M, told = _strata(own, split, found)
    folds_M = _dealt(_splitter(split, folds, strata_M is not None), strata_M, groups_M, len(own))
    if strata_M is not None and len(np.unique(folds_M)) < folds:  # a stratified fold of groups can stay empty
        folds_M = _dealt(_splitter(split, folds, False), None, groups_M, len(own))
        told = f", not{told.removeprefix(',')}, which leaves a fold empty"
    return folds_M, folds, told


def _to_split(corpus: Corpus) -> list[int]:
    """Places of what is split: all but partitions without any rating or class, where others have some."""
    labelled = {u.partition for u in corpus.utterances if u.labels or u.categories}
    kept = labelled or {u.partition for u in corpus.utterances}
    return [place for place, u in enumerate(corpus.utterances) if u.partition in kept]


def _splitter(split: Split, folds: int, stratified: bool) -> Any:
    """scikit-learn's splitter."""
    from sklearn import model_selection as made  # takes half a second, which nobody else pays

    if split.kind == LEAVE_ONE_OUT:
        return made.LeaveOneGroupOut()
    shuffled = {"shuffle": True, "random_state": SEED}
    if stratified:
        kind = made.StratifiedGroupKFold if split.kind == SPEAKER else made.StratifiedKFold
        return kind(folds, **shuffled)
    return made.GroupKFold(folds) if split.kind == SPEAKER else made.KFold(folds, **shuffled)


def _dealt(
    splitter: Any, strata_M: NDArray[np.int64] | None, groups_M: NDArray[np.int64] | None, count: int
) -> NDArray[np.int64]:
    """Each utterance's fold, by the order in which the splitter tests them."""
    folds_M = np.full(count, -1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)  # such a class is in fewer folds
        for fold, (_, tested) in enumerate(splitter.split(np.zeros((count, 1)), strata_M, groups_M)):
            folds_M[tested] = fold
    return folds_M


def _strata(own: Sequence[Utterance], split: Split, found: int) -> tuple[NDArray[np.int64] | None, str]:
    """What folds should hold alike, and that in words; None where they cannot."""
    if split.folds is None:
        return None, ""
    strata_M, named = _likeliest(own)
    counts = np.unique(strata_M, return_counts=True)[1]
    if not named or len(counts) < 2 or counts.max() < split.folds:
        return None, ""
    if split.kind == SPEAKER and found * split.folds > _MOST_DEALT:
        return (
            None,
            f", not stratified by {named}, which takes too long for {found:,} speakers in {split.folds:,} folds",
        )
    return strata_M, f", stratified by {named}"


def _likeliest(own: Sequence[Utterance]) -> tuple[NDArray[np.int64], str]:
    """The classes of a category, or a rating in five bins, as numbers; and its name."""
    corpus = Corpus("", (0.0, 1.0), tuple(own))
    rated, named = corpus.dimensions, corpus.categories
    # Other categories may say who speaks or where: they are the last resort.
    lowered = {name.lower(): name for name in named}
    likeliest = [lowered[name] for name in EMOTION_NAMES if name in lowered]
    likeliest += [name for name in EMOTIONS if name in rated] + [*named, *rated]
    if not likeliest:
        return np.zeros(len(own), int), ""
    chosen = likeliest[0]
    if chosen in named:
        return np.unique([u.categories.get(chosen, "") for u in own], return_inverse=True)[1], chosen
    ratings = np.array([u.labels.get(chosen, np.nan) for u in own])
    edges = np.unique(np.nanquantile(ratings, np.arange(1, _BINS) / _BINS))
    return np.where(np.isnan(ratings), -1, np.digitize(ratings, edges)), chosen


def _values(corpus: Corpus, own: Sequence[Utterance], name: str) -> list[str]:
    """The values of a column: as a table has them or else, of a corpus without such a column, as utterances do."""
    found = [corpus.values[u.id] for u in own] if corpus.values else _of_utterances(corpus, own, name)
    if blank := [u.id for u, value in zip(own, found, strict=True) if not value]:
        why = f"{number_of(len(blank), 'utterance has', 'utterances have')} no {name}: {first_names(blank)}"
        raise CorpusError(f"--split {COLUMN}:{name}", why, "fill the column, or choose another split", code="split")
    return found


def _of_utterances(corpus: Corpus, own: Sequence[Utterance], name: str) -> list[str]:
    """What utterances have by the name of a column."""
    if name in ("partition", "speaker", "sex"):
        return [getattr(u, name) or "" for u in own]
    if name in corpus.categories:
        return [u.categories.get(name, "") for u in own]
    known = dict.fromkeys(["partition", "speaker", "sex", *corpus.categories, *corpus.unused])
    near = difflib.get_close_matches(name, known, n=1)
    why, remedy = f"it can be split by {first_names([*known], 20)}", f"type {COLUMN}:{near[0]}" if near else _EXAMPLES
    raise CorpusError(f"--split {COLUMN}:{name}", f"there is no such column; {why}", remedy, code="split")


def _speakers_of(utterances: Sequence[Utterance]) -> list[str]:
    """Each utterance's speaker; all must be named."""
    if unnamed := [u.id for u in utterances if not u.speaker]:
        raise CorpusError(
            f"--split {SPEAKER}",
            f"{number_of(len(unnamed), 'utterance has', 'utterances have')} no speaker: {first_names(unnamed)}",
            f"name the speakers (--column speaker=THEIRS where their column is called otherwise), or type {RANDOM}:5",
            code="split",
        )
    return [str(u.speaker) for u in utterances]


def _demand(corpus: Corpus, found: int, needed: int, noun: str, how: str) -> None:
    """Raise a CorpusError (code `split`) where folds would be empty; it says what was left out of the corpus."""
    if found < needed:
        remedy = f"ask for fewer folds, but {FEWEST} at least" if found >= FEWEST else "choose another split"
        why = f"the corpus has {number_of(found, noun)}, and {needed} folds need one each"
        why = "; ".join([why, *(note for note in corpus.notes if " left out" in note)])
        raise CorpusError(f"--split {how}", why, remedy, code="split")


def _unshared(utterances: Sequence[Utterance], folds_M: NDArray[np.int64]) -> bool:
    """Whether every speaker is named, and in one fold alone."""
    pairs = {(u.speaker, int(fold)) for u, fold in zip(utterances, folds_M, strict=True)}
    speakers = [speaker for speaker, _ in pairs]
    return None not in speakers and len(set(speakers)) == len(speakers)


def natural(name: str) -> list[tuple[int, str]]:
    """Sorts 2 before 10.

    >>> sorted(["s10", "s2", "s1"], key=natural)
    ['s1', 's2', 's10']
    """
    parts = re.split("([0-9]+)", name)  # every second one is a number, of any length
    return [(len(part.lstrip("0")), part.lstrip("0")) if place % 2 else (0, part) for place, part in enumerate(parts)]
