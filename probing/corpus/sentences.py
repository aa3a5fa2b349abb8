"""Find out whether the words alone give a label away: sentences that always have the same one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import sqrt

from probing.corpus.learnable import label
from probing.corpus.model import Corpus

_COARSE = 10  # different ratings of a dimension, at most, for two utterances to have the same one not by chance alone
_SURE = 3  # standard deviations above what chance gives


def giveaways(corpus: Corpus, targets: Sequence[str]) -> Iterator[str]:
    """A line for each category and each coarsely rated dimension that sentences give away.

    A sentence that is said more than once is expected to have one label throughout as often as if labels were drawn by
    their frequencies. More of them than that, by three standard deviations, are a design: each sentence was written for
    an emotion, or is a scene that everybody plays alike.

    Args:
        corpus: Its words; upper and lower case and spaces make no difference.
        targets: Dimensions and categories.
    """
    coarse = [target for target in targets if _is_coarse(corpus, target)]
    sentences = [" ".join((u.text or "").casefold().split()) for u in corpus.utterances] if coarse else []
    for target in coarse:
        said: dict[str, list[float | str | None]] = {}
        for utterance, sentence in zip(corpus.utterances, sentences, strict=True):
            if utterance.text and utterance.has(target):
                said.setdefault(sentence, []).append(label(utterance, target))
        counts = Counter(name for labels in said.values() for name in labels)
        repeated = [labels for labels in said.values() if len(labels) > 1]
        if not repeated or len(counts) < 2:
            continue
        alike = [labels for labels in repeated if len(set(labels)) == 1]
        expected, deviation = _by_chance(Counter(map(len, repeated)), counts)
        if len(alike) > 1 and len(alike) > expected + _SURE * deviation:
            utterances = sum(map(len, alike))
            yield (
                f"{len(alike):,} of {len(repeated):,} sentences that are said more than once always have the same "
                f"{target} (by chance {expected:.0f}; {utterances:,} utterances): the words may give it away"
            )


def _is_coarse(corpus: Corpus, target: str) -> bool:
    """Whether a target is a category, or a dimension with few different ratings."""
    if target not in corpus.dimensions:
        return True
    return len({u.labels[target] for u in corpus.utterances if u.text and target in u.labels}) <= _COARSE


def _by_chance(sizes: Mapping[int, int], counts: Mapping[float | str | None, int]) -> tuple[float, float]:
    """How many sentences would have one label throughout, and the standard deviation of that.

    Args:
        sizes: How often a sentence is said → how many sentences are.
        counts: Label → number of utterances.
    """
    total = sum(counts.values())
    shares = [count / total for count in counts.values()]
    alike = {size: sum(share**size for share in shares) for size in sizes}
    expected = sum(number * alike[size] for size, number in sizes.items())
    return expected, sqrt(sum(number * alike[size] * (1 - alike[size]) for size, number in sizes.items()))
