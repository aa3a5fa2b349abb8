"""Whether a planted category is recovered as a planted dimension is: a world's ratings, cut into classes.

The classes are of unequal size, and where they are cut is drawn from the world's number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from probing.calibration.trials import Identity
from probing.calibration.worlds import DIMENSION, NULL, STANDARD, draw
from probing.corpus.model import TEST2, TRAIN, Corpus
from probing.probes.results import tables_of
from probing.probes.ridge import PERMUTATIONS, ridge_look
from probing.probes.ridge_results import said_of_layers
from probing.statistics.layers import carried_claim
from probing.statistics.verdicts import HOLDS

CATEGORY = "emotion"
_FEWEST, _MOST = 2, 6  # classes
_CONCENTRATION = 3.0  # of the Dirichlet distribution that their shares are drawn from


def trials(worlds: Sequence[int], nulls: Sequence[int]) -> Iterator[Identity]:
    """Planted worlds, and worlds in which nothing is planted."""
    for kind, numbers in ((STANDARD, worlds), (NULL, nulls)):
        for number in numbers:
            yield {"kind": kind, "world": number}


def recover(identity: Identity) -> dict[str, Any]:
    """What is named and claimed of a category in one world, with balanced classes.

    Returns:
        planted; classes (how many); named (place of the layer of the highest R²); set (the confidence set); uar (of the
        planted layer on test2), low and high (its interval); carried (whether some layer is said to carry the
        category on test2).
    """
    world, drawn = draw(identity["world"], identity["kind"])
    corpus = named(drawn.corpus, identity["world"])
    look = ridge_look(corpus, drawn.normalized().states, (CATEGORY,), 0, PERMUTATIONS, balanced=True)
    importance, table = look.importance(), tables_of(corpus, [], look).class_scores
    findings, _ = said_of_layers(look, None, table)
    carried = [f.verdict == HOLDS for f in findings if f.claim == carried_claim(CATEGORY) and f.on == TEST2]
    found: dict[str, Any] = {
        "planted": world.planted,
        "classes": len(corpus.classes(CATEGORY)),
        "named": int(importance.r2.argmax()),
        "set": importance.layer[importance.in_set].tolist(),
        "carried": carried[0],
    }
    if table is not None:
        own = table[(table.layer == world.planted) & (table.partition == TEST2)].iloc[0]
        found |= {name: round(float(own[name]), 4) for name in ("uar", "low", "high")}
    return found


def named(corpus: Corpus, number: int) -> Corpus:
    """A world's corpus with a category instead of its ratings: two to six classes of unequal size."""
    generator = np.random.default_rng([number, 79])
    shares = generator.dirichlet(np.full(int(generator.integers(_FEWEST, _MOST + 1)), _CONCENTRATION))
    ratings = np.array([utterance.labels[DIMENSION] for utterance in corpus.utterances])
    train = np.array([utterance.partition == TRAIN for utterance in corpus.utterances])
    # No class of train is empty, however small its share.
    cuts = np.quantile(ratings[train], np.cumsum(np.maximum(shares, 0.05) / np.maximum(shares, 0.05).sum())[:-1])
    classes = np.digitize(ratings, cuts)
    utterances = (
        replace(utterance, labels={}, categories={CATEGORY: f"class {code}"})
        for utterance, code in zip(corpus.utterances, classes, strict=True)
    )
    return replace(corpus, utterances=tuple(utterances))
