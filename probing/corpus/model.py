"""What a corpus is: utterances with partition, speaker, labels and text, on one label scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probing.errors import CorpusError

EMOTIONS = ("arousal", "valence", "dominance")  # the paper's three; any other numeric column may be probed too
EMOTION_NAMES = (  # of the category of emotion, the likeliest first
    "emotion",
    "emoclass",
    "emotion_label",
    "emotion_class",
    "emotion_category",
    "emotion_name",
    "emo",
    "affect",
    "label",
    "class",
    "category",
)
FEMALE, MALE = "female", "male"
TRAIN, DEVELOPMENT, TEST1, TEST2 = "train", "development", "test1", "test2"
LEARNED = (TRAIN, DEVELOPMENT)  # what is learned from, and chosen by
UNSPLIT = "unsplit"  # the partition of every utterance of a corpus without a split
ALIASES = {
    "validation": DEVELOPMENT,
    "valid": DEVELOPMENT,
    "val": DEVELOPMENT,
    "dev": DEVELOPMENT,
    "training": TRAIN,
}


@dataclass(frozen=True)
class Utterance:
    """One recording, or a segment of one, with its labels.

    Args:
        id: Unique within the corpus.
        path: Audio file, or None for text-only work.
        partition: `train`, `development`, `test1` (seen speakers or podcasts), `test2` (unseen), or another name.
        speaker: Whose voice it is; the cluster that intervals leave out in turn. None where the corpus does not say.
        labels: Dimension → rating on the corpus's own scale; a dimension without a rating is absent.
        text: Transcript, or None where there is none; an empty string is the transcript of somebody who says nothing.
        sex: The speaker's, `female` or `male`; None where the corpus does not say. It is no part of the identity.
        categories: Category (`emotion`) → the utterance's class (`anger`); one without a class is absent.
        segment: Start and end in seconds where the utterance is a part of its file; None: the whole file.
        answers: What single raters said: dimension → their ratings on the corpus's own scale, category → the classes
            that they named; in no particular order. It is no part of the identity.
    """

    id: str
    path: Path | None
    partition: str
    speaker: str | None = None
    labels: Mapping[str, float] = field(default_factory=dict)
    text: str | None = None
    sex: str | None = None
    categories: Mapping[str, str] = field(default_factory=dict)
    segment: tuple[float, float] | None = None
    answers: Mapping[str, tuple[float, ...] | tuple[str, ...]] = field(default_factory=dict)

    def has(self, target: str) -> bool:
        """Whether it is rated on a dimension, or has a class of a category."""
        return target in self.labels or target in self.categories


@dataclass(frozen=True)
class Corpus:
    """Utterances in the order of their source, and the scale of their labels.

    Args:
        name: Short name, used in file names and titles.
        scale: Lowest and highest possible rating.
        utterances: All utterances; ids are unique.
        notes: What a user should know but need not mend (unlabelled partitions, unknown speakers …).
        fold: The fold that is tested on, of a corpus that is split into folds.
        unused: Column of a table that is neither a dimension nor a category → why.
        off_scale: Those of them that may be ratings, though on another scale than the one that was given.
        release: Which release of the corpus it is, such as `1.11`; None where nothing tells it. It is no part of file
            names.
        folds: Utterance id → the fold that tests it, from 1, of a corpus that was split anew.
        values: Utterance id → what a table's column has, verbatim, where the corpus is to be split by that column.
    """

    name: str
    scale: tuple[float, float]
    utterances: tuple[Utterance, ...]
    notes: tuple[str, ...] = ()
    fold: int | None = None
    unused: Mapping[str, str] = field(default_factory=dict)
    off_scale: tuple[str, ...] = ()
    release: str | None = None
    folds: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its name, with its fold where it has folds: each fold is a result of its own."""
        return self.name if self.fold is None else f"{self.name} fold {self.fold}"

    @property
    def full_title(self) -> str:
        """Its title with its release, as a reader must see it: two releases are never to be compared."""
        return with_release(self.title, self.name, self.release)

    def __len__(self) -> int:
        return len(self.utterances)

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """Dimensions that at least one utterance is rated on: the emotions first, then others by name."""
        found = {name for utterance in self.utterances for name in utterance.labels}
        return tuple(d for d in EMOTIONS if d in found) + tuple(sorted(found.difference(EMOTIONS)))

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """Categories of which at least one utterance has a class, by name."""
        return tuple(sorted({name for utterance in self.utterances for name in utterance.categories}))

    def classes(self, category: str) -> tuple[str, ...]:
        """The classes of a category that occur in any partition, sorted: their order is that of a probe's outputs."""
        return tuple(sorted({u.categories[category] for u in self.utterances if category in u.categories}))

    @cached_property
    def partitions(self) -> dict[str, tuple[Utterance, ...]]:
        """Partition → its utterances: train, development, test1, test2, then others by name."""
        groups: dict[str, list[Utterance]] = {}
        for utterance in self.utterances:
            groups.setdefault(utterance.partition, []).append(utterance)
        known = [p for p in (TRAIN, DEVELOPMENT, TEST1, TEST2) if p in groups]
        return {p: tuple(groups[p]) for p in known + sorted(set(groups).difference(known))}

    def select(self, partitions: Sequence[str]) -> Corpus:
        """The same corpus with only the utterances of some partitions.

        Raises:
            CorpusError: The corpus lacks one of the partitions (code `partition-unknown`).
        """
        absent = [p for p in partitions if p not in self.partitions]
        if absent:
            raise CorpusError(
                f"corpus {self.name} has no partition {', '.join(absent)}",
                f"its partitions are {', '.join(self.partitions)}",
                "name one of those",
                code="partition-unknown",
            )
        return replace(self, utterances=tuple(u for u in self.utterances if u.partition in partitions))

    def to_unit(self, ratings: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map ratings from the corpus's scale to [0, 1] (section 3.2)."""
        low, high = self.scale
        return (ratings - low) / (high - low)

    def from_unit(self, ratings: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map [0, 1] back to the corpus's scale."""
        low, high = self.scale
        return low + ratings * (high - low)


def with_release(title: str, name: str, release: str | None) -> str:
    """A corpus's title with its release behind its name.

    >>> with_release("msp-podcast fold 2", "msp-podcast", "1.11"), with_release("mine", "mine", None)
    ('msp-podcast 1.11 fold 2', 'mine')
    """
    return title if release is None else f"{name} {release}{title.removeprefix(name)}"


def partition_name(spelling: str) -> str:
    """The toolkit's name of a partition, whatever its spelling in the source.

    >>> partition_name(" Validation "), partition_name("Test1"), partition_name("held-out")
    ('development', 'test1', 'held-out')
    """
    lowered = spelling.strip().lower()
    return ALIASES.get(lowered, lowered)
