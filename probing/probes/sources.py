"""Features read from a cache: held in memory from the store `pooled`, streamed from the store `frames`.

Shape legend: N utterances · B those of a batch · T frames · L layers · D hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from probing.cache.reader import Cache
from probing.corpus.checked import Checked
from probing.encoders.opening import Encoder
from probing.encoders.sources import source_of
from probing.encoders.spec import EncoderSpec, taken_apart
from probing.errors import CacheError
from probing.extraction.ahead import ahead
from probing.extraction.commands import extract_command
from probing.extraction.cost import layout_of
from probing.extraction.locate import cache_path, demand_begun, find_cache
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
        device: PyTorch's name of the device that computes; a GPU with room for them holds them itself.
    """

    held = True

    def __init__(self, cache: Cache, rows: Rows, pooling: str, normalize: str, device: str = "cpu") -> None:
        prefix = "normed_" if normalize == "layer" else ""
        self._held: dict[str, Tensor] = {}
        for statistic in pooling.split("+"):
            numbers = np.empty((len(rows), cache.layout.n_states, cache.layout.width), cache.layout.dtype)
            with tqdm(total=len(rows), desc=f"read {statistic}", unit="utt", disable=None) as bar:
                for places, found in cache.pieces(rows, prefix + statistic):
                    numbers[places] = found
                    bar.update(len(places))
            self._held[statistic] = torch.from_numpy(numbers).to(_holder(numbers.nbytes, torch.device(device)))
        cache.close()

    def batches(self, batches: Sequence[Rows]) -> Iterator[Features]:
        """Features of each batch; a batch names utterances by their place 0…N−1."""
        for batch in batches:
            index = torch.from_numpy(batch)
            own = {statistic: held[index.to(held.device)].float() for statistic, held in self._held.items()}
            yield Features(own.get(MEAN), own.get(MAX))


def _holder(n_bytes: int, device: torch.device) -> torch.device:
    """Where pooled states are held: the GPU that computes, if they take at most an eighth of what it has free."""
    if device.type == "cuda" and 8 * n_bytes <= torch.cuda.mem_get_info(device)[0]:
        return device
    return torch.device("cpu")


class FrameFeatures:
    """Features from a `frames` cache, read anew in every pass: only the frames of a few batches are in memory.

    They are read in the cache's number format, by threads if there are some, and computed with in float32 on the
    device.

    Args:
        cache: The cache.
        rows: Cache rows of the N utterances.
        pooling: `mean`, `max` or `mean+max`.
        normalize: `none` or `layer`.
        workers: Threads that read ahead, each a batch; 0 reads when a batch is asked for.
        device: PyTorch's name of the device that computes.
    """

    held = False  # a block of probes that asked for them would read the whole cache

    def __init__(
        self, cache: Cache, rows: Rows, pooling: str, normalize: str, workers: int = 0, device: str = "cpu"
    ) -> None:
        self._cache, self._rows, self._workers, self._device = cache, rows, workers, torch.device(device)
        self._pooling, self._normalize = pooling, normalize

    def batches(self, batches: Sequence[Rows]) -> Iterator[Features]:
        """Features of each batch; a batch names utterances by their place 0…N−1."""
        with ThreadPoolExecutor(max(1, self._workers)) as pool:
            read = ahead(pool, self._read, batches, self._workers) if self._workers else map(self._read, batches)
            for frames in read:
                yield features_of([x_TLD.to(self._device) for x_TLD in frames], self._pooling, self._normalize)

    def _read(self, batch: Rows) -> list[Tensor]:
        return [torch.from_numpy(self._cache.read(row, "states")) for row in self._rows[batch].tolist()]


def features_from(cache: Cache, rows: Rows, options: FitOptions, device: str = "cpu") -> PooledFeatures | FrameFeatures:
    """What a bank reads of a cache, whichever its store; frames are pooled on the device."""
    if cache.layout.store == "pooled":
        return PooledFeatures(cache, rows, options.pooling, options.normalize, device)
    return FrameFeatures(cache, rows, options.pooling, options.normalize, options.workers, device)


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


def demand_fetchable(checked: Checked, encoder: EncoderSpec, source: CacheOptions, options: FitOptions) -> None:
    """Make sure that an encoder of the model hub has extracted something, before it is fetched from there.

    Arguments and errors are those of `choose_cache`, which opens an encoder that is here.

    Raises:
        EncoderError: The encoder's name is unknown.
    """
    stem, _ = taken_apart(encoder.name)
    if Path(stem).is_dir() or Path(source_of(stem)).is_dir():
        return
    if source.store is not None:
        refuse_store(f"--store {source.store}", source.store)
    store = source.store or _stores(options)[0]
    command = extract_command(checked.spec, encoder, store, source.dtype, source.cache)
    demand_begun(checked.corpus.name, encoder.name, store, source.dtype, source.cache, command)


def settle_store(checked: Checked, encoder: Encoder, source: CacheOptions, options: FitOptions) -> str:
    """The store to read: the one asked for, or the best one that is there, or else the best one.

    Arguments are those of `choose_cache`.

    Raises:
        CacheError: No probe can be fitted from the store asked for (code `store-unfit`).
    """
    if source.store is not None:
        refuse_store(f"--store {source.store}", source.store)
        return source.store
    stores = _stores(options)
    layouts = {store: layout_of(checked.corpus, encoder, store, source.dtype) for store in stores}
    there = (store for store in stores if cache_path(checked.corpus, layouts[store], source.cache) is not None)
    return next(there, stores[0])


def _stores(options: FitOptions) -> tuple[str, ...]:
    """Stores that a fit can read, the best first."""
    return FIT_STORES if MAX in options.pooling and options.learns_weights else FIT_STORES[::-1]


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
