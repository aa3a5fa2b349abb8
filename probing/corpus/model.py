"""What a corpus is: utterances with partition, speaker, labels and text, on one label scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probing.errors import CorpusError

EMOTIONS = ("arousal", "valence", "dominance")  # the paper's three; any other numeric column may be probed too
FEMALE, MALE = "female", "male"
TRAIN, DEVELOPMENT, TEST1, TEST2 = "train", "development", "test1", "test2"
ALIASES = {
    "validation": DEVELOPMENT,
    "valid": DEVELOPMENT,
    "val": DEVELOPMENT,
    "dev": DEVELOPMENT,
    "training": TRAIN,
}


@dataclass(frozen=True)
class Utterance:
    """One recording with its labels.

    Args:
        id: Unique within the corpus.
        path: Audio file, or None for text-only work.
        partition: `train`, `development`, `test1` (seen speakers or podcasts), `test2` (unseen), or another name.
        speaker: Whose voice it is; the cluster that intervals leave out in turn. None where the corpus does not say.
        labels: Dimension → rating on the corpus's own scale; a dimension without a rating is absent.
        text: Transcript, or None where there is none; an empty string is the transcript of somebody who says nothing.
        sex: The speaker's, `female` or `male`; None where the corpus does not say. It is no part of the identity.
    """

    id: str
    path: Path | None
    partition: str
    speaker: str | None = None
    labels: Mapping[str, float] = field(default_factory=dict)
    text: str | None = None
    sex: str | None = None


@dataclass(frozen=True)
class Corpus:
    """Utterances in the order of their source, and the scale of their labels.

    Args:
        name: Short name, used in file names and titles.
        scale: Lowest and highest possible rating.
        utterances: All utterances; ids are unique.
        notes: What a user should know but need not mend (unlabelled partitions, unknown speakers …).
        fold: The session that is test2, of a corpus that is split by session.
        unused: Column of a table that is no dimension → why.
    """

    name: str
    scale: tuple[float, float]
    utterances: tuple[Utterance, ...]
    notes: tuple[str, ...] = ()
    fold: int | None = None
    unused: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its name, with its fold where it has folds: each fold is a result of its own."""
        return self.name if self.fold is None else f"{self.name} fold {self.fold}"

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Dimensions that at least one utterance is rated on: the emotions first, then others by name."""
        found = {name for utterance in self.utterances for name in utterance.labels}
        return tuple(d for d in EMOTIONS if d in found) + tuple(sorted(found.difference(EMOTIONS)))

    @property
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


def partition_name(spelling: str) -> str:
    """The toolkit's name of a partition, whatever its spelling in the source.

    >>> partition_name(" Validation "), partition_name("Test1"), partition_name("held-out")
    ('development', 'test1', 'held-out')
    """
    lowered = spelling.strip().lower()
    return ALIASES.get(lowered, lowered)
