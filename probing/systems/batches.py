"""Utterances as a system's batches: each one's parts, put together with padding.

Shape legend: N utterances · B those of a batch · S samples · T frames · C front end's channels · P pooled numbers
· K what is learned: dimensions of emotion, and categories (`probing.systems.targets`).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from probing.corpus.model import Corpus
from probing.errors import FitError, ProbingError, Terminated
from probing.systems.processor import Processor
from probing.systems.targets import Categories, targets_of

if TYPE_CHECKING:
    import numpy as np

    from probing.cache.reader import Cache  # for its type alone: inference does not load the cache's library

Sound = Callable[[str], NDArray[Any]]  # an utterance's id → its waveform [S] or latents [T, C]
Item = dict[str, Any]
_IN_A_READER = r"Caught {0} in DataLoader worker process \d+\.\n.*\n[\w.]*{0}: (.*?)\n*"  # as PyTorch writes it


class Utterances(Dataset[Item]):
    """A corpus's utterances, each as the parts of which a batch is made.

    Args:
        corpus: The utterances.
        dimensions: Those whose ratings are labels.
        sound: What the audio encoder is given of an utterance; None for text alone.
        categories: Those of which the places of the classes are labels.
    """

    def __init__(
        self,
        corpus: Corpus,
        dimensions: Sequence[str],
        sound: Sound | None = None,
        categories: Categories | None = None,
    ) -> None:
        self._utterances, self._sound = corpus.utterances, sound
        self.labels_NK = targets_of(corpus, dimensions, categories or {})

    def with_labels(self, labels_NK: NDArray[np.float64]) -> Utterances:
        """The same with other labels [N, K]."""
        other = copy.copy(self)
        other.labels_NK = labels_NK
        return other

    def __len__(self) -> int:
        return len(self._utterances)

    def __getitem__(self, place: int) -> Item:
        utterance = self._utterances[place]
        item: Item = {"place": place, "text": utterance.text, "labels": torch.from_numpy(self.labels_NK[place]).float()}
        return item | ({"sound": self._sound(utterance.id)} if self._sound else {})


class Vectors(Dataset[Item]):
    """What a head alone is trained on: pooled vectors [N, P], computed once, and labels [N, K]."""

    def __init__(self, vectors_NP: Tensor, labels_NK: NDArray[np.float64]) -> None:
        self._vectors_NP, self.labels_NK = vectors_NP, labels_NK

    def with_labels(self, labels_NK: NDArray[np.float64]) -> Vectors:
        """The same with other labels [N, K]."""
        return Vectors(self._vectors_NP, labels_NK)

    def __len__(self) -> int:
        return len(self._vectors_NP)

    def __getitem__(self, place: int) -> Item:
        return {
            "place": place,
            "vectors": self._vectors_NP[place],
            "labels": torch.from_numpy(self.labels_NK[place]).float(),
        }


class Collate:
    """Makes a batch, the arguments of `EmotionSystem.forward` and `places` [B], of what the two datasets give.

    Args:
        processor: The system's.
        samples: Utterance's place → its length in samples, where its sound is given as latents; else None.
    """

    def __init__(self, processor: Processor, samples: Sequence[int] | None = None) -> None:
        self._processor, self._samples = processor, samples

    def __call__(self, items: Sequence[Item]) -> dict[str, Tensor]:
        """Put items together."""
        places = [item["place"] for item in items]
        batch = {"labels": torch.stack([item["labels"] for item in items]), "places": torch.tensor(places)}
        if "vectors" in items[0]:
            return batch | {"vectors": torch.stack([item["vectors"] for item in items])}
        sounds = [item["sound"] for item in items] if "sound" in items[0] else None
        texts = [item["text"] or "" for item in items] if self._processor.text is not None else None
        if sounds is None or self._samples is None:
            return batch | dict(self._processor(sounds, texts))
        latents = pad_sequence([torch.from_numpy(latents_TC).float() for latents_TC in sounds], batch_first=True)
        lengths = torch.tensor([self._samples[place] for place in places])
        return batch | {"latents": latents, "lengths": lengths} | dict(self._processor(None, texts))


@dataclass(frozen=True)
class Feed:
    """A corpus as a system takes it.

    Args:
        items: One for each utterance.
        lengths: Of each, in samples, or in tokens for text alone.
        collate: Puts items together.
        latents: The cache that the front end's output is read from, if any.
        truncated: Utterances whose transcripts are truncated.
        notes: What a reader of a record should know of how the utterances are heard.
    """

    items: Utterances | Vectors
    lengths: Sequence[int]
    collate: Collate
    latents: Cache | None = None
    truncated: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@contextmanager
def readers_watched() -> Iterator[None]:
    """Say by one error what went wrong in a process that reads ahead.

    Raises:
        Terminated: It was sent SIGTERM, which schedulers send to all processes of a job.
        FitError: It was killed (code `reader-killed`).
        ProbingError, OSError: What it came upon, without the traceback that PyTorch makes of it.
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        if "signal: Terminated" in str(error):
            raise Terminated from error
        raise _reader_killed(error) from error
    except (ConnectionError, EOFError) as error:  # it was killed while it passed a batch on
        raise _reader_killed(error) from error
    except (ProbingError, OSError) as error:
        found = re.fullmatch(_IN_A_READER.format(re.escape(type(error).__name__)), str(error), flags=re.DOTALL)
        if found is None:
            raise
        raise type(error)(found[1]) from error


def _reader_killed(error: Exception) -> FitError:
    why = f"{error}".partition("\n")[0]
    remedy = "perhaps memory was short: use fewer --workers, or 0, or a smaller --batch"
    return FitError("a process that reads data ahead was killed", why, remedy, code="reader-killed")


def by_length(lengths: Sequence[int], places: Sequence[int]) -> list[int]:
    """Places, the longest first, so that batches hold little padding and the first one needs the most memory."""
    return sorted(places, key=lambda place: -lengths[place])
