"""Split a corpus anew: into folds of speakers, of utterances, or by a column.

    speaker:K                K folds of whole speakers
    leave-one-speaker-out    a fold for each speaker
    random:K                 K folds of utterances, of which most speakers are in several
    column:NAME              a fold for each value of a column, in their natural order

Fold k is tested on, fold k + 1 (after the last the first) is development, and the others are train. The tested fold is
called test2 where none of its speakers is in another fold, and test1 otherwise. Who is in which fold is settled by
scikit-learn's splitters: StratifiedGroupKFold or GroupKFold, LeaveOneGroupOut, StratifiedKFold or KFold.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from probing.corpus.model import (
    DEVELOPMENT,
    EMOTION_NAMES,
    EMOTIONS,
    TEST1,
    TEST2,
    TRAIN,
    Corpus,
    Utterance,
)
from probing.errors import CorpusError, first_names, number_of

SPEAKER, LEAVE_ONE_OUT, RANDOM, COLUMN = "speaker", "leave-one-speaker-out", "random", "column"
SEED = 0  # of the order in which speakers and utterances are dealt to folds
FEWEST = 3  # folds: one to test on, one for development, one to learn from
SPLIT_BY = "split by "  # begins the note on a split
_EXAMPLES = f"type {SPEAKER}:5, {LEAVE_ONE_OUT}, {RANDOM}:5 or {COLUMN}:NAME"
_BINS = 5  # of a rating, where there is no category
_MOST_SHOWN = 30  # names of tested speakers
_OWN = ("partition", "speaker", "sex")  # columns by which any corpus can be split


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


def columns_to_read(how: str | None, columns: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """What columns are called where a split by one of them is asked for: that one is then read as the partition.

    Args:
        how: What a user typed as the split.
        columns: Ours and theirs, as in `Reading.columns`.

    >>> columns_to_read("column:session", [("path", "file")])
    (('path', 'file'), ('partition', 'session'))
    """
    name = Split.resolve(how).column if how else None
    if name is None or name in _OWN or name in {theirs: ours for ours, theirs in columns}:
        return tuple(columns)
    return (*(pair for pair in columns if pair[0] != "partition"), ("partition", name))


def split_anew(
    corpus: Corpus, how: str, fold: int | None = None, columns: Sequence[tuple[str, str]] = (), table: bool = True
) -> Corpus:
    """The same corpus with other partitions, whatever it had before.

    A partition without any rating or class stays what it is where others have some: of it nothing can be learned or
    tested.

    Args:
        corpus: Its utterances.
        how: What a user typed, for example `speaker:5`.
        fold: The fold to test on, from 1; None: the last.
        columns: Ours and theirs, as in `Reading.columns`.
        table: Whether it was read with `columns_to_read`, so that its partitions are the values of a column.

    Raises:
        CorpusError: The split is unknown, or the corpus has too few speakers, utterances or values for it, or does not
            name them all (code `split`); or there is no such fold (`fold`).
    """
    split = Split.resolve(how)
    places = _to_split(corpus)
    own = [corpus.utterances[place] for place in places]
    folds_M, number, told = folds_of(own, split, columns, table)
    fold = number if fold is None else fold
    if not 1 <= fold <= number:
        what, why = f"--fold {fold}", f"--split {how} makes {number} folds of {corpus.name}"
        raise CorpusError(what, why, f"name a fold from 1 to {number}", code="fold")
    test = TEST2 if _unshared(own, folds_M) and split.kind != RANDOM else TEST1
    parts = {fold - 1: test, fold % number: DEVELOPMENT}
    utterances = list(corpus.utterances)
    for place, utterance, number_of_fold in zip(places, own, folds_M, strict=True):
        utterances[place] = replace(utterance, partition=parts.get(int(number_of_fold), TRAIN))
    tested = [utterance for utterance, its in zip(own, folds_M, strict=True) if its == fold - 1]
    note = f"{SPLIT_BY}{how}{told}: fold {fold} of {number} is {test}{_speakers(tested) if test == TEST2 else ''}, "
    note += f"fold {fold % number + 1} is {DEVELOPMENT}, the rest is {TRAIN}"
    return replace(corpus, utterances=tuple(utterances), fold=fold, notes=(*corpus.notes, note))


def folds_of(
    utterances: Sequence[Utterance], split: Split, columns: Sequence[tuple[str, str]] = (), table: bool = True
) -> tuple[NDArray[np.int64], int, str]:
    """Each utterance's fold.

    Args:
        utterances: M of them.
        split: How.
        columns: As in `split_anew`.
        table: As in `split_anew`.

    Returns:
        Folds from 0, [M]; their number; and what the folds are stratified by, in words.

    Raises:
        CorpusError: As `split_anew` (code `split`).
    """
    if split.kind == COLUMN:
        values = _values(utterances, str(split.column), {theirs: ours for ours, theirs in columns}, table)
        names = sorted(set(values), key=_natural)
        _demand(len(names), FEWEST, "value", split.typed)
        number = {name: place for place, name in enumerate(names)}
        return np.array([number[value] for value in values]), len(names), f" ({first_names(names, 12)})"
    groups = _speakers_of(utterances) if split.kind != RANDOM else None
    found = len(set(groups)) if groups else len(utterances)
    _demand(found, split.folds or FEWEST, "speaker" if groups else "utterance", split.typed)
    splitter, strata, told = _splitter(split, utterances, found)
    folds_M = _dealt(splitter, strata or ["0"] * len(utterances), groups)
    if strata and len(set(folds_M.tolist())) < (split.folds or found):  # a stratified fold of groups can stay empty
        splitter, strata, told = _splitter(split, (), found)
        folds_M = _dealt(splitter, ["0"] * len(utterances), groups)
    return folds_M, split.folds or found, told


def _to_split(corpus: Corpus) -> list[int]:
    """Places of what is split: all but partitions without any rating or class, where others have some."""
    labelled = {u.partition for u in corpus.utterances if u.labels or u.categories}
    kept = labelled or {u.partition for u in corpus.utterances}
    return [place for place, u in enumerate(corpus.utterances) if u.partition in kept]


def _splitter(split: Split, utterances: Sequence[Utterance], number: int) -> tuple[Any, list[str], str]:
    """scikit-learn's splitter, what it is stratified by (nothing: it is not), and that in words."""
    from sklearn import model_selection as made  # takes half a second, which nobody else pays

    if split.kind == LEAVE_ONE_OUT:
        return made.LeaveOneGroupOut(), [], ""
    folds, shuffled = split.folds or number, {"shuffle": True, "random_state": SEED}
    strata, named = _strata(utterances)
    if strata and max(Counter(strata).values()) >= folds and len(set(strata)) > 1:
        kind = made.StratifiedGroupKFold if split.kind == SPEAKER else made.StratifiedKFold
        return kind(folds, **shuffled), strata, f", stratified by {named}"
    return (made.GroupKFold(folds) if split.kind == SPEAKER else made.KFold(folds, **shuffled)), [], ""


def _dealt(splitter: Any, strata: Sequence[str], groups: Sequence[str] | None) -> NDArray[np.int64]:
    """Each utterance's fold, by the order in which the splitter tests them."""
    folds_M = np.full(len(strata), -1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)  # such a class is in fewer folds
        for fold, (_, tested) in enumerate(splitter.split(np.zeros((len(strata), 1)), strata, groups)):
            folds_M[tested] = fold
    return folds_M


def _strata(utterances: Sequence[Utterance]) -> tuple[list[str], str]:
    """What folds should hold alike: the classes of a category, or a rating in five bins; and its name."""
    corpus = Corpus("", (0.0, 1.0), tuple(utterances))
    rated, named = corpus.dimensions, corpus.categories
    # Other categories may say who speaks or where: they are the last resort.
    lowered = {name.lower(): name for name in named}
    likeliest = [lowered[name] for name in EMOTION_NAMES if name in lowered]
    likeliest += [name for name in EMOTIONS if name in rated] + [*named, *rated]
    if not likeliest:
        return [], ""
    chosen = likeliest[0]
    if chosen in named:
        return [u.categories.get(chosen, "") for u in utterances], chosen
    ratings = np.array([u.labels.get(chosen, np.nan) for u in utterances])
    edges = np.unique(np.nanquantile(ratings, np.arange(1, _BINS) / _BINS))
    bins = np.where(np.isnan(ratings), -1, np.digitize(ratings, edges))
    return [str(one) for one in bins], chosen


def _values(utterances: Sequence[Utterance], name: str, ours: dict[str, str], table: bool) -> list[str]:
    """The values of a column."""
    known = {"partition": [u.partition for u in utterances]}
    known |= {"speaker": [u.speaker or "" for u in utterances], "sex": [u.sex or "" for u in utterances]}
    for category in sorted({name for u in utterances for name in u.categories}):
        known.setdefault(category, [u.categories.get(category, "") for u in utterances])
    found = known.get(ours.get(name, name), known["partition"] if table else None)
    if found is None:
        why = f"it can be split by {', '.join(known)}"
        raise CorpusError(f"--split {COLUMN}:{name}", f"there is no such column; {why}", _EXAMPLES, code="split")
    if blank := [u.id for u, value in zip(utterances, found, strict=True) if not value]:
        why = f"{number_of(len(blank), 'utterance has', 'utterances have')} no {name}: {first_names(blank)}"
        raise CorpusError(f"--split {COLUMN}:{name}", why, "fill the column, or choose another split", code="split")
    return found


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


def _demand(found: int, needed: int, noun: str, how: str) -> None:
    if found < needed:
        why = f"the corpus has {number_of(found, noun)}, and {needed} folds need one each"
        raise CorpusError(f"--split {how}", why, f"ask for fewer folds, but {FEWEST} at least", code="split")


def _unshared(utterances: Sequence[Utterance], folds_M: NDArray[np.int64]) -> bool:
    """Whether every speaker is named, and in one fold alone."""
    pairs = {(u.speaker, int(fold)) for u, fold in zip(utterances, folds_M, strict=True)}
    speakers = [speaker for speaker, _ in pairs]
    return None not in speakers and len(set(speakers)) == len(speakers)


def _speakers(tested: Sequence[Utterance]) -> str:
    """Who is tested, in words."""
    names = sorted({u.speaker for u in tested if u.speaker}, key=_natural)
    return f" (speakers {first_names(names, _MOST_SHOWN)})" if names else ""


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts 2 before 10.

    >>> sorted(["s10", "s2", "s1"], key=_natural)
    ['s1', 's2', 's10']
    """
    parts = re.split("([0-9]+)", name)  # every second one is a number, of any length
    return [(len(part.lstrip("0")), part.lstrip("0")) if place % 2 else (0, part) for place, part in enumerate(parts)]
