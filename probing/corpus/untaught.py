"""Classes that a split keeps from train or development, so that they count in a score without being learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from probing.corpus.learnable import unscorable
from probing.corpus.model import DEVELOPMENT, LEARNED, TRAIN, Corpus
from probing.errors import first_names, number_of


def untaught(corpus: Corpus, targets: Sequence[str]) -> Iterator[str]:
    """What a reader of a fit's or a training's scores should know of labels that are lacking, a line each.

    Args:
        corpus: What is learned from and tested.
        targets: Dimensions and categories that are learned.
    """
    yield from unscorable(corpus, targets)
    known = corpus.partitions.get(DEVELOPMENT, ())
    for category in (target for target in targets if target in corpus.categories and known):
        there = {u.categories.get(category) for u in known}
        if absent := [name for name in corpus.classes(category) if name not in there]:
            what = number_of(len(absent), f"class of {category} is", f"classes of {category} are")
            yield f"{what} not in development, and no part of what is selected on: {first_names(absent)}"


def untaught_in_folds(folds: Sequence[Corpus], targets: Sequence[str]) -> Iterator[str]:
    """Classes that some folds test without having learned them, such as those of a single speaker, a line each.

    Args:
        folds: The corpus as each fold has it.
        targets: Dimensions and categories that are learned.
    """
    for category in targets:
        lacking: Counter[str] = Counter()
        for corpus in folds:
            taught = {u.categories.get(category) for u in corpus.partitions.get(TRAIN, ())}
            tested = (u.categories.get(category) for u in corpus.utterances if u.partition not in LEARNED)
            lacking.update({name for name in tested if name is not None and name not in taught})
        named = [f"{name} ({number_of(count, 'fold')})" for name, count in sorted(lacking.items())]
        if named:
            what = number_of(len(named), f"class of {category} is", f"classes of {category} are")
            yield f"{what} tested in folds whose train has none of it, and never estimated there: {first_names(named)}"
