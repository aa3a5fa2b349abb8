"""Folds for cross-validation that no speaker is in two of, and the groups that a jackknife leaves out of them.

Shape legend: N utterances of a corpus · M those that are cross-validated · C groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probing.corpus.model import Corpus, Utterance
from probing.runs.scores import clusters_of

FOLDS = 10
CROSS_VALIDATION = "cross-validation "  # begins all that is noted of them
GROUPS = 10  # of each fold at most: a hundred are as many as an interval can use


@dataclass(frozen=True)
class Folding:
    """Who is predicted together, and who is left out together.

    Args:
        folds_N: Each utterance's fold; −1 where it is in none.
        groups_N: Each utterance's group, a speaker or several of one fold; −1 where it is in none.
        names: Names of the C groups: the speaker, where it is one.
        speakers_C: How many speakers they are.
    """

    folds_N: NDArray[np.int64]
    groups_N: NDArray[np.int64]
    names: tuple[str, ...]
    speakers_C: NDArray[np.int64]


def folding_of(corpus: Corpus, places: NDArray[np.int64]) -> Folding:
    """Ten folds of whole speakers, and in each the speakers, in at most ten groups.

    An utterance without a speaker counts as a speaker of its own. Of a single speaker each utterance is in a fold by
    itself, and there is one group: who else there could have been is not known.

    Args:
        corpus: The N utterances.
        places: Those that are cross-validated, [M].
    """
    clusters = clusters_of(corpus)
    own = np.array([clusters[place] for place in places])
    folds_N, groups_N = np.full(len(corpus), -1), np.full(len(corpus), -1)
    if len(set(own.tolist())) < 2:
        folds_N[places], groups_N[places] = grouped_folds([corpus.utterances[place].id for place in places]), 0
        return Folding(folds_N, groups_N, tuple(set(own.tolist())), np.ones(1, np.int64))
    folds_M = grouped_folds(own.tolist())
    folds_N[places] = folds_M
    names: list[str] = []
    speakers: list[int] = []
    for fold in range(folds_M.max() + 1):
        inside = folds_M == fold
        groups_M = grouped_folds(own[inside].tolist(), GROUPS)
        groups_N[places[inside]] = len(names) + groups_M
        for group in range(groups_M.max() + 1):
            together = sorted(set(own[inside][groups_M == group].tolist()))
            names.append(together[0] if len(together) == 1 else f"fold {fold}, group {group}")
            speakers.append(len(together))
    return Folding(folds_N, groups_N, tuple(names), np.array(speakers))


def grouped_folds(groups: Sequence[str], count: int = FOLDS, seed: int = 0) -> NDArray[np.int64]:
    """Put whole groups into folds of nearly equal size.

    The largest group is placed first, each into the fold that is smallest so far; groups of one size come in random
    order.

    Args:
        groups: Each utterance's group, its speaker for example, M names.
        count: Number of folds; fewer where there are fewer groups.
        seed: Of the order.

    Returns:
        Each utterance's fold, [M], from 0.

    >>> grouped_folds(["ann", "ann", "bob", "eve"], count=2).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    True
    """
    names, member_M = np.unique(np.asarray(groups), return_inverse=True)
    sizes = np.bincount(member_M)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = np.zeros(min(count, len(names)), np.int64)
    fold_of = np.empty(len(names), np.int64)
    for group in order:
        fold_of[group] = int(filled.argmin())
        filled[fold_of[group]] += sizes[group]
    return fold_of[member_M]


def fold_notes(utterances: Sequence[Utterance]) -> list[str]:
    """What a reader should know about the folds of some utterances."""
    speakers = {utterance.speaker for utterance in utterances}
    if None in speakers:
        return [f"{CROSS_VALIDATION}is by utterance where no speaker is named, so a voice may count as knowledge"]
    if len(speakers) == 1:
        return [f"{CROSS_VALIDATION}is by utterance, since there is one speaker"]
    if len(speakers) < FOLDS:
        return [f"{CROSS_VALIDATION}leaves out one of only {len(speakers)} speakers at a time"]
    return []
