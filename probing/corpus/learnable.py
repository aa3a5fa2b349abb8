"""Find what could be neither learned nor scored although labels are there: constants, too few utterances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from probing.corpus.audit import other_targets
from probing.corpus.model import DEVELOPMENT, LEARNED, TRAIN, Corpus, Utterance
from probing.errors import first_names, number_of

_FEWEST = 2  # utterances of which a CCC can be computed
_FOLDS = 20  # that a line names


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
                others = other_targets(corpus, [target])
                yield (
                    f"{target} is the same for every utterance of {partition}, and a constant cannot be learned"
                    f"{f': name another, {others}' if others else ''}"
                )


def unlearnable_folds(corpus: Corpus, targets: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Why a fit or a training would stop at other folds than that which is tested: a line, and how many folds.

    Args:
        corpus: A fold of a corpus that was split anew, or (fold None) all of them; of any other, nothing is found.
        targets: As in `unlearnable`.
    """
    number = max(corpus.folds.values(), default=0)
    members: dict[int, list[Utterance]] = {fold: [] for fold in range(1, number + 1)}
    for utterance in corpus.utterances:
        if utterance.id in corpus.folds:
            members[corpus.folds[utterance.id]].append(utterance)
    found: dict[str, list[str]] = {}
    for fold in range(1, number + 1):
        development = members[fold % number + 1]
        if fold != corpus.fold and len(development) < _FEWEST:
            what = f"{DEVELOPMENT} has {number_of(len(development), 'utterance')}, and a score needs two"
            found.setdefault(what, []).append(str(fold))
    for target in targets:
        of_folds = {fold: {label(u, target) for u in own if u.has(target)} for fold, own in members.items()}
        for fold in range(1, number + 1):
            if fold == corpus.fold:
                continue
            for what in _untold(target, of_folds, fold, number):
                found.setdefault(what, []).append(str(fold))
    for what, folds in found.items():
        which = "fold" if len(folds) == 1 else "folds"
        yield f"{which} {first_names(folds, _FOLDS)} of {number:,}: {what}", len(folds)


def _untold(target: str, of_folds: Mapping[int, set[float | str | None]], fold: int, number: int) -> Iterator[str]:
    """Why a target cannot be learned where a fold is tested."""
    rest = (labels for other, labels in of_folds.items() if other not in (fold, fold % number + 1))
    train: set[float | str | None] = set()
    for labels in rest:
        train |= labels
        if len(train) > 1:  # of thousands of folds a few tell it
            break
    for partition, labels in ((TRAIN, train), (DEVELOPMENT, of_folds[fold % number + 1])):
        if not labels:
            yield f"no utterance of {partition} has a label of {target}"
        elif len(labels) == 1:
            yield f"{target} is the same for every utterance of {partition}"


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
