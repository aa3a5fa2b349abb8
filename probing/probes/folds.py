"""Folds for cross-validation that no speaker is in two of.

Shape legend: M utterances.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from probing.corpus.model import Utterance

FOLDS = 10


def speaker_folds(utterances: Sequence[Utterance]) -> NDArray[np.int64]:
    """Folds that no speaker is in two of, [M].

    An utterance without a speaker is a group of its own; so is each utterance of a single speaker, for whom there is
    nothing else to leave out.
    """
    groups = [utterance.speaker or f"utterance:{utterance.id}" for utterance in utterances]
    return grouped_folds(groups if len(set(groups)) > 1 else [utterance.id for utterance in utterances])


def fold_notes(utterances: Sequence[Utterance]) -> list[str]:
    """What a reader should know about the folds of `speaker_folds`."""
    speakers = {utterance.speaker for utterance in utterances}
    if None in speakers:
        return ["cross-validation is by utterance where no speaker is named, so a voice may count as knowledge"]
    if len(speakers) == 1:
        return ["cross-validation is by utterance, since there is one speaker"]
    if len(speakers) < FOLDS:
        return [f"cross-validation leaves out one of only {len(speakers)} speakers at a time"]
    return []


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
