"""Which corpus it is: a digest of its utterances, since `labels.csv` is everybody's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from probing.corpus.model import Corpus
from probing.files import digest

_DIGITS = 16  # hexadecimal digits of a digest in a record
_SHORT = 8  # in a name


@dataclass(frozen=True)
class Identity:
    """Digests of what was read of a corpus; what was not read is None.

    Args:
        labels: Ids, partitions, speakers, ratings and their scale, in the corpus's order.
        audio: Checksums of the audio files.
        text: The corpus's own words.
        categories: The classes of its utterances.
    """

    labels: str
    audio: str | None = None
    text: str | None = None
    categories: str | None = None

    @property
    def short(self) -> str:
        """Eight digits for names; those of a corpus of which no category was read are as they were without any."""
        parts = [self.labels, self.audio, self.text, *([self.categories] if self.categories else [])]
        return digest(parts)[:_SHORT]

    def agrees(self, other: Identity) -> bool:
        """Whether both are of one corpus, as far as both were read."""
        pairs = ((self.audio, other.audio), (self.text, other.text), (self.categories, other.categories))
        return self.labels == other.labels and all(a == b for a, b in pairs if a is not None and b is not None)

    def to_json(self) -> dict[str, str | None]:
        """JSON-ready, without the categories where none was read, so that earlier configurations stay as they are."""
        found = {"labels": self.labels, "audio": self.audio, "text": self.text}
        return found | ({"categories": self.categories} if self.categories else {})


def identify(
    corpus: Corpus, audio: Mapping[str, int] | None = None, text: bool = False, categories: bool = False
) -> Identity:
    """The identity of a corpus as a command has read it.

    Args:
        corpus: Its utterances.
        audio: Utterance id → checksum of its audio file, or of its segment of it, where the audio is read.
        text: Whether the words are read.
        categories: Whether a category is read.
    """
    rows = [[u.id, u.partition, u.speaker, sorted(u.labels.items())] for u in corpus.utterances]
    return Identity(
        digest({"scale": [float(end) for end in corpus.scale], "rows": rows})[:_DIGITS],  # JSON tells 1 from 1.0
        None if audio is None else digest([audio.get(u.id) for u in corpus.utterances])[:_DIGITS],
        digest([u.text for u in corpus.utterances])[:_DIGITS] if text else None,
        digest([sorted(u.categories.items()) for u in corpus.utterances])[:_DIGITS] if categories else None,
    )
