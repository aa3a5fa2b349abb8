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

from collections.abc import Sequence
from dataclasses import replace

from probing.corpus.dealing import Dealt, deal, natural
from probing.corpus.model import DEVELOPMENT, LEARNED, TEST1, TEST2, TRAIN, Corpus, Utterance
from probing.errors import CorpusError, first_names

SPLIT_BY = "split by "  # begins the note on a split
_MOST_SHOWN = 30  # names of tested speakers


def split_anew(corpus: Corpus, how: str, fold: int | None = None) -> Corpus:
    """The same corpus with other partitions, whatever it had before.

    A partition without any rating or class is set apart where others have some, since of it nothing can be learned or
    tested: it keeps its name, unless that is one that folds have (`unlabelled-test2`).

    Args:
        corpus: Its utterances.
        how: What a user typed, for example `speaker:5`.
        fold: The fold to test on, from 1; None: the last.

    Raises:
        CorpusError: The split is unknown, or the corpus has too few speakers, utterances or values for it, or does not
            name them all (code `split`); or there is no such fold (`fold`).
    """
    dealt = deal(corpus, how)
    fold = dealt.number if fold is None else fold
    if not 1 <= fold <= dealt.number:
        what, why = f"--fold {fold}", f"--split {how} makes {dealt.number} folds of {corpus.name}"
        raise CorpusError(what, why, f"name a fold from 1 to {dealt.number}", code="fold")
    parts = {fold - 1: dealt.test, fold % dealt.number: DEVELOPMENT}
    apart = _apart(corpus, dealt)
    utterances = tuple(
        replace(u, partition=apart.get(u.partition, u.partition) if its < 0 else parts.get(its, TRAIN))
        for u, its in zip(corpus.utterances, dealt.folds_M.tolist(), strict=True)
    )
    tested = [u for u, its in zip(corpus.utterances, dealt.folds_M, strict=True) if its == fold - 1]
    note = f"{SPLIT_BY}{how}{dealt.told}: fold {fold} of {dealt.number} is {dealt.test}"
    note += _speakers(tested) if dealt.test == TEST2 else ""
    note += f", fold {fold % dealt.number + 1} is {DEVELOPMENT}, the rest is {TRAIN}"
    said = [f"{old} has no labels, and is set apart as {new}" for old, new in apart.items()]
    folds = {u.id: its + 1 for u, its in zip(corpus.utterances, dealt.folds_M.tolist(), strict=True) if its >= 0}
    return replace(corpus, utterances=utterances, fold=fold, notes=(*corpus.notes, *said, note), folds=folds)


def _apart(corpus: Corpus, dealt: Dealt) -> dict[str, str]:
    """Partition that is set apart → its new name, where it has one that folds have."""
    others = {u.partition for u, its in zip(corpus.utterances, dealt.folds_M, strict=True) if its < 0}
    return {name: f"unlabelled-{name}" for name in sorted(others.intersection((*LEARNED, TEST1, TEST2)))}


def _speakers(tested: Sequence[Utterance]) -> str:
    """Who is tested, in words."""
    names = sorted({u.speaker for u in tested if u.speaker}, key=natural)
    return f" (speakers {first_names(names, _MOST_SHOWN)})" if names else ""
