"""What is in a corpus, as lines of text: partitions, ratings, classes, and how far raters agree."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from probing.audio.decode import SAMPLE_RATE
from probing.corpus.model import Corpus, Utterance
from probing.corpus.scan import AudioScan
from probing.errors import number_of
from probing.statistics.reliability import Reliability, reliability

_BINS = 7  # of a label histogram: the answers of a 7-point scale
_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 96
_JOINT = "\N{NO-BREAK SPACE}"  # between a class and its number, which stay on one line


def seconds_of(group: tuple[Utterance, ...], scan: AudioScan) -> NDArray[np.float64]:
    """Duration in s of each utterance whose audio can be used."""
    return np.array([scan.samples[u.id] for u in group if u.id in scan.samples], dtype=np.float64) / SAMPLE_RATE


def speakers_of(group: tuple[Utterance, ...]) -> int:
    """Number of speakers that are named."""
    return len({u.speaker for u in group} - {None})


def partition_lines(corpus: Corpus, scan: AudioScan) -> Iterator[str]:
    """Number of utterances, duration, speakers and texts of each partition and of the whole corpus."""
    yield (
        f"  {'':<14}{'utterances':>10}{'hours':>9}{'seconds':>12}{'(min, mean, max)':>22}{'speakers':>10}{'texts':>9}"
    )
    for name, group in [*corpus.partitions.items(), ("all", corpus.utterances)]:
        seconds = seconds_of(group, scan)
        hours, whole, span = "–", "–", "–"
        if len(seconds):
            hours, whole = f"{seconds.sum() / 3600:.2f}", f"{seconds.sum():,.1f}"
            span = f"{seconds.min():.2f} {seconds.mean():.2f} {seconds.max():.2f}"
        texts = sum(u.text is not None for u in group)
        counts = f"{len(group):>10,}{hours:>9}{whole:>12}{span:>22}{speakers_of(group):>10,}{texts:>9,}"
        yield f"  {name:<14}{counts}"


def rating_lines(corpus: Corpus) -> Iterator[str]:
    """A histogram, mean and standard deviation for each dimension and partition."""
    low, high = corpus.scale
    yield f"labels: a bar for each seventh of the scale, from {low:g} (left) to {high:g} (right)"
    for dimension in corpus.dimensions:
        for name, group in corpus.partitions.items():
            values = np.array([u.labels[dimension] for u in group if dimension in u.labels])
            if len(values):
                spread = f"mean {values.mean():6.2f}   sd {values.std():5.2f}"
                yield f"  {dimension:<14}{name:<14}{len(values):>9,}   {_bars(values, corpus.scale)}   {spread}"
            else:
                yield f"  {dimension:<14}{name:<14}{'–':>9}"


def _bars(values: NDArray[np.float64], scale: tuple[float, float]) -> str:
    """A histogram with seven bins over the scale as characters; the fullest bin is the tallest, an empty one a dot.

    >>> _bars(np.array([0.0, 1.0, 1.0]), (0.0, 1.0))
    '▄·····█'
    """
    counts, _ = np.histogram(values.clip(*scale), bins=_BINS, range=scale)
    # Rounded up, so that a single label among thousands is still seen: 0 is an empty bin, 8 the fullest.
    levels = np.ceil(counts / counts.max() * len(_BARS)).astype(int)
    return "".join(("·" + _BARS)[level] for level in levels)


def class_counts(corpus: Corpus) -> dict[str, dict[str, dict[str, int]]]:
    """Category → partition → class → number of utterances, the most frequent class of the corpus first."""
    found = {}
    for category in corpus.categories:
        whole = Counter(u.categories[category] for u in corpus.utterances if category in u.categories)
        order = [name for name, _ in sorted(whole.items(), key=lambda item: (-item[1], item[0]))]
        counts = {
            partition: Counter(u.categories[category] for u in group if category in u.categories)
            for partition, group in corpus.partitions.items()
        }
        found[category] = {
            partition: {name: own[name] for name in order if own[name]} for partition, own in counts.items()
        }
    return found


def class_lines(corpus: Corpus) -> Iterator[str]:
    """How many utterances of each class there are, for each category and partition."""
    yield "classes"
    wrapped = textwrap.TextWrapper(_WIDTH, subsequent_indent=" " * 42, break_long_words=False, break_on_hyphens=False)
    for category, partitions in class_counts(corpus).items():
        for partition, counts in partitions.items():
            named = ", ".join(f"{name}{_JOINT}{count:,}" for name, count in counts.items())
            head = f"  {category:<14}{partition:<14}{sum(counts.values()):>9,}"
            yield from (line.replace(_JOINT, " ") for line in wrapped.wrap(f"{head}   {named}"))


def agreement(corpus: Corpus) -> dict[str, Reliability]:
    """Dimension or category of which single raters' answers are known → how far they agree."""
    targets = sorted({target for utterance in corpus.utterances for target in utterance.answers})
    found = {t: reliability([u.answers[t] for u in corpus.utterances if t in u.answers]) for t in targets}
    return {target: own for target, own in found.items() if own.utterances}


def agreement_lines(corpus: Corpus) -> Iterator[str]:
    """Krippendorff's alpha of each, with what it is of."""
    found = agreement(corpus)
    if found:
        yield "raters: Krippendorff's alpha (1: all agree, 0: by chance), of utterances with two answers or more"
    for target, own in found.items():
        said = "–" if np.isnan(own.alpha) else f"{own.alpha:.3f}"
        yield f"  {target:<28}{said:>9}   {number_of(own.utterances, 'utterance')}, {own.answers:,} answers"
