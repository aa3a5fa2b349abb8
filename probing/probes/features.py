"""What a bank of probes sees of a cache: held in memory from the store `pooled`, streamed from the store `frames`.

Shape legend: N utterances · B those of a batch · T frames · L layers · D hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import layer_norm
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from probing.cache.reader import Cache, find_cache
from probing.errors import CacheError
from probing.probes.bank import Features

FIT_STORES = ("frames", "pooled")
NORMALIZE = ("none", "layer")
Rows = NDArray[np.int64]


class PooledFeatures:
    """Features from a `pooled` cache, all utterances held in memory in the cache's number format.

    Args:
        cache: The cache.
        rows: Cache rows of the N utterances.
        pooling: `mean`, `max` or `mean+max`.
        normalize: `none`, or `layer` for a layer norm of every frame's state before anything else.
    """

    def __init__(self, cache: Cache, rows: Rows, pooling: str, normalize: str) -> None:
        prefix = "normed_" if normalize == "layer" else ""
        self._held: dict[str, Tensor] = {}
        for statistic in pooling.split("+"):
            numbers = np.empty((len(rows), cache.layout.n_states, cache.layout.width), cache.layout.dtype)
            for place, row in enumerate(tqdm(rows, desc=f"read {statistic}", unit="utt", disable=None)):
                numbers[place] = cache.read(int(row), prefix + statistic)
            self._held[statistic] = torch.from_numpy(numbers)
        cache.close()

    def batches(self, batches: Sequence[Rows]) -> Iterator[Features]:
        """Features of each batch; a batch names utterances by their place 0…N−1."""
        for batch in batches:
            index = torch.from_numpy(batch)
            mean, maximum = (self._held.get(statistic) for statistic in ("mean", "max"))
            yield Features(
                None if mean is None else mean[index].float(), None if maximum is None else maximum[index].float()
            )


class FrameFeatures:
    """Features from a `frames` cache, read anew in every pass, so that memory does not grow with the corpus.

    Args:
        cache: The cache.
        rows: Cache rows of the N utterances.
        pooling: `mean`, `max` or `mean+max`.
        normalize: `none` or `layer`.
        workers: Processes that read ahead; 0 reads in this one.
    """

    def __init__(self, cache: Cache, rows: Rows, pooling: str, normalize: str, workers: int = 0) -> None:
        self._frames = _Frames(cache, rows)
        self._pooling, self._normalize, self._workers = pooling, normalize, workers

    def batches(self, batches: Sequence[Rows]) -> Iterator[Features]:
        """Features of each batch; a batch names utterances by their place 0…N−1."""
        loader = DataLoader(
            self._frames,
            batch_sampler=[batch.tolist() for batch in batches],
            collate_fn=self._collate,
            num_workers=self._workers,
        )
        yield from loader

    def _collate(self, frames: list[Tensor]) -> Features:
        return features_of(frames, self._pooling, self._normalize)


def features_of(frames: Sequence[Tensor], pooling: str, normalize: str, whole: bool = True) -> Features:
    """Features of a batch of utterances with all their frames.

    Args:
        frames: B tensors [T, L, D], float32.
        pooling: `mean`, `max` or `mean+max`.
        normalize: `none` or `layer`.
        whole: Keep the frames for exact maxima of weighted sums; without, maxima are as from the store `pooled`.
    """
    if normalize == "layer":
        frames = [layer_norm(x_TLD, x_TLD.shape[-1:]) for x_TLD in frames]
    statistics = pooling.split("+")
    mean = torch.stack([x_TLD.mean(0) for x_TLD in frames]) if "mean" in statistics else None
    if "max" not in statistics:
        return Features(mean, None)
    return Features(mean, torch.stack([x_TLD.amax(0) for x_TLD in frames]), frames if whole else None)


class _Frames(Dataset[Tensor]):
    """Utterances of a cache, [T, L, D] float32 each."""

    def __init__(self, cache: Cache, rows: Rows) -> None:
        self._cache, self._rows = cache, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> Tensor:
        return torch.from_numpy(self._cache.read(int(self._rows[place]), "states")).float()


def choose_cache(paths: dict[str, Path], store: str | None, pooling: str, learns: bool, command: str) -> Cache:
    """Open the store that serves a fit best.

    `pooled` is read at once and is exact for mean pooling and for single layers; `frames` is exact always. So `pooled`
    comes first unless a maximum of learned weighted sums is asked for.

    Args:
        paths: Store → where its cache belongs.
        store: The store that the user asks for, or None.
        pooling: The probes' pooling.
        learns: Whether a probe learns its layer weights.
        command: The `probe extract` command that makes the cache, without its `--store`.

    Raises:
        CacheError: There is none, or it is damaged.
    """
    order = ["frames", "pooled"] if "max" in pooling and learns else ["pooled", "frames"]
    for candidate in [store] if store else order:
        if paths[candidate].is_file():
            return find_cache(paths[candidate], "")
    wanted = store or order[0]
    return find_cache(paths[wanted], f"{command} --store {wanted}")


def rows_of(cache: Cache, ids: Sequence[str], command: str) -> Rows:
    """Cache rows of some utterances.

    Raises:
        CacheError: The cache lacks some of them.
    """
    lacking = [id_ for id_ in ids if id_ not in cache.row]
    if lacking:
        raise CacheError(
            f"{cache.path} lacks {len(lacking):,} of the corpus's {len(ids):,} utterances, the first {lacking[0]}",
            "the corpus has grown, or only some partitions were extracted",
            f"type: {command} --store {cache.layout.store} (what is there stays)",
        )
    return np.array([cache.row[id_] for id_ in ids], dtype=np.int64)
