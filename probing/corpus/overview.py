"""What `probe check CORPUS` prints: partitions, hours, speakers, label histograms, and every problem."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from probing.audio.decode import SAMPLE_RATE
from probing.corpus.audit import gaps, unlabelled, without
from probing.corpus.leaks import Leaks, find_leaks, seen_note
from probing.corpus.model import ALIASES, DEVELOPMENT, EMOTIONS, TRAIN, Corpus
from probing.corpus.opening import open_corpus
from probing.corpus.readers.columns import meant
from probing.corpus.readers.sexes import sex_column
from probing.corpus.scan import AudioScan, scan_audio
from probing.corpus.spec import CorpusSpec
from probing.corpus.transcripts import Words, reworded
from probing.errors import first_names, number_of

_BINS = 7  # of a label histogram: the answers of a 7-point scale
_BARS = "▁▂▃▄▅▆▇█"
_WRAP = textwrap.TextWrapper(
    96, initial_indent="  - ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
)
_COLUMNS = 5  # columns of which a problem says why they are no ratings
_COMPARED = 100  # partitions whose spelling is compared with the usual names
_ALIKE = 0.75  # of two spellings, from 0 to 1
_NAMED = 20  # utterances named for each problem; other commands' errors name five


@dataclass(frozen=True)
class Overview:
    """What is in a corpus, and what is wrong with it.

    Args:
        corpus: The whole corpus.
        scan: Lengths of its audio, and the files that cannot be used.
        notes: What a user should know but need not fix.
        problems: Everything to fix, a line each.
        count: Number of things to fix: unusable files, utterances without what others of the corpus have, train or
            development without any rating, speakers of test2 or a plain test who are also in train or development,
            recordings of a test partition that are there too, and what no utterance has and no command can do without.
    """

    corpus: Corpus
    scan: AudioScan
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    count: int

    def __str__(self) -> str:
        """At most some 100 columns wide."""
        corpus = self.corpus
        low, high = corpus.scale
        lines = [f"{corpus.title}: {number_of(len(corpus), 'utterance')}, labels on {low:g} to {high:g}", ""]
        lines += _partition_lines(corpus, self.scan)
        if corpus.dimensions:
            lines += ["", f"labels: a bar for each seventh of the scale, from {low:g} (left) to {high:g} (right)"]
            lines += _label_lines(corpus)
        lines += ["", *_items("notes", self.notes)] if self.notes else []
        found = _items(f"problems: {self.count:,}", self.problems) if self.problems else ["problems: none"]
        return "\n".join([*lines, "", *found])


def check(spec: CorpusSpec | str) -> Overview:
    """Audit a corpus before any work: open it, decode every recording, count what is missing or damaged.

    Args:
        spec: What names it; where that names transcripts, their word errors are counted.

    Raises:
        CorpusError: It cannot be opened (see `probing.corpus.opening`).
    """
    spec = CorpusSpec.resolve(spec) if isinstance(spec, str) else spec
    corpus = open_corpus(spec)
    words = Words()
    if spec.transcripts is not None:
        _, words = reworded(corpus, open_corpus(spec.without_other_words()), spec)
    found = overview(corpus, scan_audio(corpus.utterances))
    return replace(found, notes=(*found.notes, *words.notes()))


def overview(corpus: Corpus, scan: AudioScan) -> Overview:
    """What is in a corpus whose audio has been decoded, and what is wrong with it."""
    leaks = find_leaks(corpus, scan)
    problems, count = _problems(corpus, scan, leaks)
    seen = [seen_note(partition, *numbers) for partition, numbers in leaks.seen.items()]
    lacking = [
        f"no {name} partition, so probes cannot be fitted"
        for name in (TRAIN, DEVELOPMENT)
        if name not in corpus.partitions
    ]
    offers = meant(_unnamed(corpus), [*corpus.unused, *corpus.dimensions])
    others = _misspelt(list(corpus.partitions))
    notes = (*corpus.notes, *scan.remarks(), *seen, *lacking, *others, *offers)
    return Overview(corpus, scan, notes, tuple(problems), count)


def _misspelt(partitions: Sequence[str]) -> list[str]:
    """A note on each partition that is nearly called train or development.

    >>> _misspelt(["train", "trian", "test1", "held-out"])
    ['partition trian is not train: correct its name, if it is that']
    """
    names = {TRAIN: TRAIN, DEVELOPMENT: DEVELOPMENT, **ALIASES}
    notes = []
    for partition in [name for name in partitions if name not in names][:_COMPARED]:
        near = difflib.get_close_matches(partition, names, n=1, cutoff=_ALIKE)
        if near:
            notes.append(f"partition {partition} is not {names[near[0]]}: correct its name, if it is that")
    return notes


def _unnamed(corpus: Corpus) -> list[str]:
    """Columns of ours of which no utterance has anything, as far as that is no problem."""
    speakers = [] if any(u.speaker for u in corpus.utterances) else ["speaker"]
    emotions = [dimension for dimension in EMOTIONS if dimension not in corpus.dimensions]
    absent = without(corpus)
    return [*(absent if len(absent) == 1 else []), *speakers, *emotions]  # without both, it is a problem


def _partition_lines(corpus: Corpus, scan: AudioScan) -> Iterator[str]:
    """Number of utterances, duration, speakers and texts of each partition and of the whole corpus."""
    yield f"  {'':<14}{'utterances':>10}{'hours':>9}{'seconds (min, mean, max)':>28}{'speakers':>10}{'texts':>9}"
    for name, group in [*corpus.partitions.items(), ("all", corpus.utterances)]:
        seconds = np.array([scan.samples[u.id] for u in group if u.id in scan.samples]) / SAMPLE_RATE
        hours, span = "–", "–"
        if len(seconds):
            hours = f"{seconds.sum() / 3600:.2f}"
            span = f"{seconds.min():.2f} {seconds.mean():.2f} {seconds.max():.2f}"
        speakers = len({u.speaker for u in group if u.speaker is not None})
        texts = sum(u.text is not None for u in group)
        yield f"  {name:<14}{len(group):>10,}{hours:>9}{span:>28}{speakers:>10,}{texts:>9,}"


def _label_lines(corpus: Corpus) -> Iterator[str]:
    """A histogram, mean and standard deviation for each dimension and partition."""
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


def _problems(corpus: Corpus, scan: AudioScan, leaks: Leaks) -> tuple[list[str], int]:
    """Every problem as a line, and the number of things to fix."""
    found = [*_lacking_throughout(corpus), *_lacking(corpus), *_leaks(leaks)]
    found += [(f"{id_}: {error.what}: {error.why}", 1) for id_, error in scan.damaged.items()]
    return [line for line, _ in found], sum(count for _, count in found)


def _lacking_throughout(corpus: Corpus) -> Iterator[tuple[str, int]]:
    """What no utterance has, although a command that comes next asks for it; each with its count."""
    absent = without(corpus)
    if len(absent) == 2:
        offers = ", ".join(meant(absent, corpus.unused))
        yield (
            "no utterance has an audio path or a text, so nothing can be extracted" + (f": {offers}" if offers else ""),
            1,
        )
    learned = [partition for partition in (TRAIN, DEVELOPMENT) if partition in corpus.partitions]
    if len(learned) == 2 and not corpus.dimensions:  # without both, a note says that nothing is learned
        sex = sex_column(list(corpus.unused))
        about = [f"column {column}: {why}" for column, why in corpus.unused.items() if column != sex]
        hints = [*about[:_COLUMNS], *meant(EMOTIONS, corpus.unused)]
        yield _with("no utterance has a rating, so nothing can be learned", hints), 1
    for partition, dimension in unlabelled(corpus, corpus.dimensions):
        if partition in learned:
            yield f"no utterance of {partition} is rated on {dimension}", 1


def _with(line: str, hints: Sequence[str]) -> str:
    return f"{line} ({'; '.join(hints)})" if hints else line


def _lacking(corpus: Corpus) -> Iterator[tuple[str, int]]:
    """What some utterances lack that others have."""
    has_audio = any(u.path is not None for u in corpus.utterances)
    rated = [dimension for dimension in corpus.dimensions if dimension in EMOTIONS]  # others are read only on request
    for what, ids in gaps(corpus, rated, False, has_audio).items():
        yield f"{number_of(len(ids), 'utterance')} without {what}: {first_names(ids, _NAMED)}", len(ids)


def _leaks(leaks: Leaks) -> Iterator[tuple[str, int]]:
    """What test partitions share with train and development although they must not."""
    for leak in leaks.found:
        yield f"{leak.what}: {first_names(leak.named, _NAMED)}", len(leak.named)


def _items(title: str, items: Sequence[str]) -> Iterator[str]:
    """A title, and its items wrapped to the report's width."""
    yield title
    for item in items:
        yield from _WRAP.wrap(item)
