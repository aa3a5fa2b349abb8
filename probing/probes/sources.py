"""Features read from a cache: held in memory from the store `pooled`, streamed from the store `frames`.

Shape legend: N utterances · B those of a batch · T frames · L layers · D hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from probing.cache.reader import Cache
from probing.corpus.checked import Checked
from probing.encoders.opening import Encoder
from probing.errors import CacheError
from probing.extraction.commands import extract_command
from probing.extraction.cost import layout_of
from probing.extraction.locate import cache_path, find_cache
from probing.extraction.options import CacheOptions
from probing.probes.features import MAX, MEAN, Features, features_of
from probing.probes.options import FitOptions

FIT_STORES = ("frames", "pooled")
Rows = NDArray[np.int64]


class PooledFeatures:
    """Features from a `pooled` cache, all utterances held in memory in the cache's number format.

    Args:
        cache: The cache.
        rows: Cache rows of the N utterances.
        pooling: `mean`, `max` or `mean+max`.
        normalize: `none`, or `layer` for a layer norm of every state before anything else.
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
            mean, maximum = (self._held.get(statistic) for statistic in (MEAN, MAX))
            yield Features(
                None if mean is None else mean[index].float(), None if maximum is None else maximum[index].float()
            )


class FrameFeatures:
    """Features from a `frames` cache, read anew in every pass: only the frames of a batch are in memory.

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


class _Frames(Dataset[Tensor]):
    """Utterances of a cache, [T, L, D] float32 each."""

    def __init__(self, cache: Cache, rows: Rows) -> None:
        self._cache, self._rows = cache, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> Tensor:
        return torch.from_numpy(self._cache.read(int(self._rows[place]), "states")).float()


def features_from(cache: Cache, rows: Rows, options: FitOptions) -> PooledFeatures | FrameFeatures:
    """What a bank reads of a cache, whichever its store."""
    if cache.layout.store == "pooled":
        return PooledFeatures(cache, rows, options.pooling, options.normalize)
    return FrameFeatures(cache, rows, options.pooling, options.normalize, options.workers)


def choose_cache(checked: Checked, encoder: Encoder, source: CacheOptions, options: FitOptions) -> Cache:
    """Open the cache of a corpus and an encoder, in the store that serves a fit best.

    `pooled` is read at once and is exact for mean pooling and for single layers; `frames` is exact always. So `pooled`
    comes first unless a maximum of learned weighted sums is asked for.

    Args:
        checked: The corpus.
        encoder: The encoder, of which only the identity is used.
        source: The store that the user asks for, if any; number format and folder.
        options: What is to be fitted.

    Raises:
        CacheError: No probe can be fitted from the store asked for (code `store-unfit`), there is no cache of the
            corpus and this very encoder (as `find_cache`), or it is damaged.
    """
    store = settle_store(checked, encoder, source, options)
    command = extract_command(checked.spec, encoder.spec, store, source.dtype, source.cache)
    return find_cache(checked.corpus, layout_of(checked.corpus, encoder, store, source.dtype), source.cache, command)


def settle_store(checked: Checked, encoder: Encoder, source: CacheOptions, options: FitOptions) -> str:
    """The store to read: the one asked for, or the best one that is there, or else the best one.

    Arguments are those of `choose_cache`.

    Raises:
        CacheError: No probe can be fitted from the store asked for (code `store-unfit`).
    """
    if source.store is not None:
        refuse_store(f"--store {source.store}", source.store)
        return source.store
    stores = FIT_STORES if MAX in options.pooling and options.learns_weights else FIT_STORES[::-1]
    layouts = {store: layout_of(checked.corpus, encoder, store, source.dtype) for store in stores}
    there = (store for store in stores if cache_path(checked.corpus, layouts[store], source.cache) is not None)
    return next(there, stores[0])


def refuse_store(what: str, store: str) -> None:
    """Raise a CacheError (code `store-unfit`) where a store holds no hidden states.

    Args:
        what: The option or the file that names the store.
        store: The store.
    """
    if store not in FIT_STORES:
        why = f"the store {store} holds no hidden states"
        raise CacheError(what, why, f"probes are fitted from {' or '.join(FIT_STORES)}", code="store-unfit")


def rows_of(cache: Cache, ids: Sequence[str], command: str) -> Rows:
    """Cache rows of some utterances.

    Args:
        cache: The cache.
        ids: The utterances.
        command: The `probe extract` command that completes the cache.

    Raises:
        CacheError: The cache lacks some of them (code `cache-incomplete`).
    """
    lacking = [id_ for id_ in ids if id_ not in cache.row]
    if lacking:
        raise CacheError(
            f"{cache.path} lacks {len(lacking):,} of the corpus's {len(ids):,} utterances, the first {lacking[0]}",
            "the corpus has grown, or only some partitions were extracted",
            f"type: {command} (what is there stays)",
            code="cache-incomplete",
        )
    return np.array([cache.row[id_] for id_ in ids], dtype=np.int64)
