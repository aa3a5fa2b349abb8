"""What `probe check CORPUS` prints: partitions, hours, speakers, label histograms, and every problem."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from probing.corpus.audit import demand_targets
from probing.corpus.checked import ALL, settle_dims
from probing.corpus.histograms import agreement_lines, class_lines, partition_lines, rating_lines
from probing.corpus.leaks import Leaks, find_leaks
from probing.corpus.model import Corpus
from probing.corpus.opening import open_corpus
from probing.corpus.problems import notes_of, problems_of, problems_of_folds
from probing.corpus.scan import AudioScan, scan_audio
from probing.corpus.spec import CorpusSpec
from probing.corpus.transcripts import Words, reworded
from probing.errors import number_of

_WRAP = textwrap.TextWrapper(
    96, initial_indent="  - ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
)


@dataclass(frozen=True)
class Overview:
    """What is in a corpus, and what is wrong with it.

    Args:
        corpus: The whole corpus.
        scan: Lengths of its audio, and the files that cannot be used.
        notes: What a user should know but need not fix.
        problems: Everything to fix, a line each.
        count: Number of things to fix: unusable files, utterances without what others of the corpus have, train or
            development without any label, with a constant one or with fewer than two utterances, leaks, and what no
            utterance has and no command can do without.
        leaks: What test partitions share with train and development.
    """

    corpus: Corpus
    scan: AudioScan
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    count: int
    leaks: Leaks = field(default_factory=Leaks)

    def __str__(self) -> str:
        """At most some 100 columns wide."""
        corpus = self.corpus
        low, high = corpus.scale
        rated = f", labels on {low:g} to {high:g}" if corpus.dimensions else ""
        blocks = [[f"{corpus.full_title}: {number_of(len(corpus), 'utterance')}{rated}"]]
        blocks.append([*partition_lines(corpus, self.scan)])
        blocks.append([*rating_lines(corpus)] if corpus.dimensions else [])
        blocks.append([*class_lines(corpus)] if corpus.categories else [])
        blocks.append([*agreement_lines(corpus)])
        blocks.append([*_items("notes", self.notes)] if self.notes else [])
        found = [*_items(f"problems: {self.count:,}", self.problems)]
        blocks.append(found if self.problems else ["problems: none"])
        return "\n\n".join("\n".join(block) for block in blocks if block)


def check(spec: CorpusSpec | str, dims: Sequence[str] = (ALL,)) -> Overview:
    """Audit a corpus before any work: open it, decode every recording, count what is missing or damaged.

    Of a corpus that is split anew every fold is audited, unless one is named.

    Args:
        spec: What names it; where that names transcripts, their word errors are counted.
        dims: Dimensions and categories that the next command learns; `all` as in settle_dims.

    Raises:
        CorpusError: It cannot be opened (see `probing.corpus.opening`), or has no such dimension or category (code
            `dimension-unknown`).
    """
    spec = CorpusSpec.resolve(spec) if isinstance(spec, str) else spec
    corpus = open_corpus(spec, answers=True)
    demand_targets(corpus, settle_dims(corpus, dims))  # before the audio is decoded
    words = Words()
    if spec.transcripts is not None:
        _, words = reworded(corpus, open_corpus(spec.without_other_words()), spec)
    found = overview(corpus, scan_audio(corpus.utterances), dims)
    if spec.fold is None:  # all of them may be tested in turn
        others = [*problems_of_folds(corpus, found.scan, settle_dims(corpus, dims))]
        lines, count = tuple(line for line, _ in others), sum(n for _, n in others)
        found = replace(found, problems=(*found.problems, *lines), count=found.count + count)
    return replace(found, notes=(*found.notes, *words.notes()))


def overview(corpus: Corpus, scan: AudioScan, dims: Sequence[str] = (ALL,)) -> Overview:
    """What is in a corpus whose audio has been decoded, and what is wrong with it."""
    targets = settle_dims(corpus, dims)
    leaks = find_leaks(corpus, scan)
    problems = [*problems_of(corpus, scan, leaks, targets)]
    notes = tuple(notes_of(corpus, scan, leaks, targets))
    return Overview(corpus, scan, notes, tuple(line for line, _ in problems), sum(n for _, n in problems), leaks)


def _items(title: str, items: Sequence[str]) -> Iterator[str]:
    """A title, and its items wrapped to the report's width."""
    yield title
    for item in items:
        yield from _WRAP.wrap(item)
