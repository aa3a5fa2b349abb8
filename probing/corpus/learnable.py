"""Find what could be neither learned nor scored although labels are there: constants, too few utterances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probing.corpus.model import LEARNED, TRAIN, Corpus, Utterance
from probing.errors import first_names, number_of

_FEWEST = 2  # utterances of which a CCC can be computed


def unlearnable(corpus: Corpus, targets: Sequence[str]) -> Iterator[str]:
    """Why a fit or a training would stop at train or development, a line each.

    Args:
        corpus: What is to be learned from.
        targets: Dimensions and categories to learn. One that a partition lacks altogether is for the audit to tell.
    """
    for partition in (name for name in LEARNED if name in corpus.partitions):
        group = corpus.partitions[partition]
        if len(group) < _FEWEST:
            yield f"partition {partition} has {number_of(len(group), 'utterance')}, and a score needs two"
            continue
        for target in targets:
            if len({label(u, target) for u in group if u.has(target)}) == 1:
                yield f"{target} is the same for every utterance of {partition}, and a constant cannot be learned"


def unscorable(corpus: Corpus, targets: Sequence[str]) -> Iterator[str]:
    """What test partitions cannot tell, a line each: constants, single utterances, classes that are not in train."""
    for partition, group in corpus.partitions.items():
        if partition in LEARNED:
            continue
        if len(group) < _FEWEST:
            yield f"partition {partition} has {number_of(len(group), 'utterance')}, and a score needs two"
            continue
        for target in targets:
            labels = {label(u, target) for u in group if u.has(target)}
            if len(labels) == 1:
                yield f"{target} is the same for every utterance of {partition}: a score there says nothing"
    known = corpus.partitions.get(TRAIN, ())
    for category in (target for target in targets if target in corpus.categories and known):
        learned = {u.categories.get(category) for u in known}
        new = [name for name in corpus.classes(category) if name not in learned]
        if new:
            what = number_of(len(new), f"class of {category} is", f"classes of {category} are")
            yield f"{what} not in train, and will never be estimated: {first_names(new)}"


def label(utterance: Utterance, target: str) -> float | str | None:
    """Its rating on a dimension, or its class of a category; None where it has neither."""
    return utterance.labels[target] if target in utterance.labels else utterance.categories.get(target)
