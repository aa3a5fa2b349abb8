"""Columns with what single raters said, such as `arousal_1`, `arousal_2`, `rater3_valence` or `emotion_1`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from probing.corpus.model import EMOTION_NAMES, EMOTIONS

_LONGEST = 60  # characters
_BASES = "|".join((*EMOTIONS, *EMOTION_NAMES))
_WHO = "(?:rater|annotator|evaluator|worker|coder|judge|r|a)?"
_FORMS = (
    re.compile(rf"(?P<base>{_BASES})[ _.-]*{_WHO}[ _.-]*(?P<number>[0-9]+)", re.IGNORECASE),
    re.compile(rf"{_WHO.removesuffix('?')}[ _.-]*(?P<number>[0-9]+)[ _.-]+(?P<base>{_BASES})", re.IGNORECASE),
)


def raters_columns(columns: Iterable[str]) -> dict[str, list[str]]:
    """What was rated, in lower case → the columns of its raters, two or more.

    >>> raters_columns(["id", "arousal", "arousal_1", "Arousal_2", "valence_1", "mfcc_1", "mfcc_2"])
    {'arousal': ['arousal_1', 'Arousal_2']}
    >>> raters_columns(["rater1_emotion", "rater2_emotion"])
    {'emotion': ['rater1_emotion', 'rater2_emotion']}
    """
    found: dict[str, dict[int, str]] = {}
    for column in columns:
        if len(column) > _LONGEST:  # of a name without end, the time to match it would grow with its square
            continue
        matched = next((match for form in _FORMS if (match := form.fullmatch(column))), None)
        if matched:
            found.setdefault(matched["base"].lower(), {}).setdefault(int(matched["number"]), column)
    return {base: list(numbered.values()) for base, numbered in found.items() if len(numbered) > 1}


def mean_of(ratings_RB: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the raters who rated each utterance [B], NaN where nobody did.

    >>> mean_of(np.array([[1.0, np.nan], [2.0, np.nan]])).tolist()
    [1.5, nan]
    """
    rated_RB = ~np.isnan(ratings_RB)
    counts_B = rated_RB.sum(0)
    return np.where(counts_B > 0, np.where(rated_RB, ratings_RB, 0.0).sum(0) / np.maximum(counts_B, 1), np.nan)


def most_named(names: Sequence[str]) -> str:
    """The name that most raters gave; none where two are level.

    >>> most_named(["joy", "anger", "joy"]), most_named(["joy", "anger"]), most_named([])
    ('joy', '', '')
    """
    ranked = Counter(names).most_common(2)
    level = len(ranked) > 1 and ranked[0][1] == ranked[1][1]
    return "" if level or not ranked else ranked[0][0]
