"""Utterances as a system's batches: read, put together, and drawn in buckets of like length.

Shape legend: N utterances · B those of a batch · S samples · T frames · C front end's channels · P pooled numbers
· K dimensions of emotion.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset, Sampler

from probing.corpus.model import Corpus
from probing.systems.processor import Processor

Hear = Callable[[str], NDArray[Any]]  # an utterance's id → its waveform [S] or latents [T, C]
Item = dict[str, Any]
_POOL = 50  # batches that are drawn together before they are sorted by length


class Utterances(Dataset[Item]):
    """A corpus's utterances, each as the parts of which a batch is made.

    Args:
        corpus: The utterances.
        dimensions: The K names whose ratings are the labels.
        hear: What the audio encoder is given of an utterance; None for text alone.
    """

    def __init__(
        self,
        corpus: Corpus,
        dimensions: Sequence[str],
        hear: Hear | None = None,
    ) -> None:
        self._utterances, self._hear = corpus.utterances, hear
        self.labels_NK = unit_labels(corpus, dimensions)

    def with_labels(self, labels_NK: NDArray[np.float64]) -> Utterances:
        """The same with other labels."""
        other = copy.copy(self)
        other.labels_NK = labels_NK
        return other

    def __len__(self) -> int:
        return len(self._utterances)

    def __getitem__(self, place: int) -> Item:
        utterance = self._utterances[place]
        item: Item = {"place": place, "text": utterance.text, "labels": torch.from_numpy(self.labels_NK[place]).float()}
        return item | ({"heard": self._hear(utterance.id)} if self._hear else {})


class Vectors(Dataset[Item]):
    """What a head alone is trained on: pooled vectors [N, P], computed once, and labels [N, K]."""

    def __init__(self, vectors_NP: Tensor, labels_NK: NDArray[np.float64]) -> None:
        self._vectors_NP, self.labels_NK = vectors_NP, labels_NK

    def __len__(self) -> int:
        return len(self._vectors_NP)

    def __getitem__(self, place: int) -> Item:
        return {
            "place": place,
            "vectors": self._vectors_NP[place],
            "labels": torch.from_numpy(self.labels_NK[place]).float(),
        }


class Collate:
    """A batch, the arguments of `EmotionSystem.forward` and `places` [B], of what the two datasets give.

    Args:
        processor: The system's.
        samples: Utterance's place → its length in samples, where it is heard as latents; else None.
    """

    def __init__(self, processor: Processor, samples: Sequence[int] | None = None) -> None:
        self._processor, self._samples = processor, samples

    def __call__(self, items: Sequence[Item]) -> dict[str, Tensor]:
        """Put items together."""
        places = [item["place"] for item in items]
        batch = {"labels": torch.stack([item["labels"] for item in items]), "places": torch.tensor(places)}
        if "vectors" in items[0]:
            return batch | {"vectors": torch.stack([item["vectors"] for item in items])}
        heard = [item["heard"] for item in items] if "heard" in items[0] else None
        texts = [item["text"] or "" for item in items] if self._processor.text is not None else None
        if heard is None or self._samples is None:
            return batch | dict(self._processor(heard, texts))
        latents = pad_sequence([torch.from_numpy(latents_TC).float() for latents_TC in heard], batch_first=True)
        lengths = torch.tensor([self._samples[place] for place in places])
        return batch | {"latents": latents, "lengths": lengths} | dict(self._processor(None, texts))


class Buckets(Sampler[int]):
    """An order in which every `batch` utterances on end are of like length (section 3.2).

    It depends on the seed and the epoch alone, so that a run that is taken up again sees what it would have seen. The
    utterances that fill no batch, other ones in every epoch, wait for the next.

    Args:
        lengths: Of each utterance, in any unit.
        batch: Utterances in a batch; all of them where there are fewer.
        seed: Of the order.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self._lengths, self._batch, self._seed = np.asarray(lengths), min(batch, len(lengths)), seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch begins."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths) // self._batch * self._batch

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng((self._seed, self.epoch))
        order = rng.permutation(len(self._lengths))[: len(self)]
        pools = np.split(order, range(_POOL * self._batch, len(order), _POOL * self._batch))
        ordered = np.concatenate([pool[np.argsort(self._lengths[pool], kind="stable")] for pool in pools])
        yield from rng.permutation(ordered.reshape(-1, self._batch)).ravel().tolist()


def unit_labels(corpus: Corpus, dimensions: Sequence[str]) -> NDArray[np.float64]:
    """Ratings [N, K] mapped to [0, 1]; NaN where there is none."""
    ratings = [[utterance.labels.get(name, np.nan) for name in dimensions] for utterance in corpus.utterances]
    return corpus.to_unit(np.array(ratings, np.float64).reshape(len(corpus), len(dimensions)))


def by_length(lengths: Sequence[int], places: Sequence[int]) -> list[int]:
    """Places, the longest first, so that batches hold little padding and the first one needs the most memory."""
    return sorted(places, key=lambda place: -lengths[place])
