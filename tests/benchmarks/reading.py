"""Reading a cache, and writing one: against the bytes alone, and against HDF5 as other programs use it."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from benchmarks.measure import interleaved, spent
from benchmarks.results import Result, compared, single
from numpy.typing import NDArray

from probing.cache.format import Entry, Layout, parts_folder
from probing.cache.reader import Cache
from probing.cache.writer import PartWriter, write_virtual
from probing.probes.features import features_of
from probing.probes.ridge import pooled_states
from probing.probes.sources import FrameFeatures, PooledFeatures

LAYERS, WIDTH = 13, 768  # as HuBERT base
POOLED_PARTS, POOLED = 10, 105  # as 600 s of utterances of 5.7 s
FRAME_PARTS, FRAMES = 2, 24
BATCH = 4
SIZE = f"{LAYERS} × {WIDTH}, float16"

PEAK = """
import sys
from pathlib import Path
import numpy as np
from probing.bench.memory import peak
from probing.cache.reader import Cache
from probing.probes.sources import FrameFeatures
cache = Cache(Path(sys.argv[1]))
source = FrameFeatures(cache, np.arange(len(cache)), "mean", "layer")
places = np.tile(np.arange(len(cache)), int(sys.argv[2]))
for _ in source.batches(np.split(places, range(4, len(places), 4))):
    pass
print(peak("cpu"))
"""


def measured(folder: Path, rounds: int) -> Iterator[Result]:
    """Rows of this kind."""
    pooled = Cache(_cache(folder, "pooled", POOLED_PARTS, POOLED))
    yield from _of_pooled(pooled, rounds)
    yield from _of_writing(folder, rounds)
    frames = Cache(_cache(folder, "frames", FRAME_PARTS, FRAMES))
    yield from _of_frames(frames, rounds)
    yield _of_memory(frames, rounds)


def _of_pooled(cache: Cache, rounds: int) -> Iterator[Result]:
    n, rows = len(cache), np.arange(len(cache))

    def ours() -> PooledFeatures:
        return PooledFeatures(Cache(cache.path), rows, "mean", "none")

    def plain() -> NDArray[np.float16]:
        with h5py.File(cache.path) as file:
            return file["mean"][:]

    ours()
    took = [1000 * spent(ours).processor / n for _ in range(rounds)]
    yield single(f"pooled cache, mean of {SIZE}, an utterance", took, "processor ms", "≤ 0.1")
    whole = [1000 * spent(lambda: pooled_states(ours(), n)).processor / n for _ in range(rounds)]
    yield single("the same, and in float32 for ridge probes", whole, "processor ms")
    pair = interleaved(ours, plain, rounds)
    yield compared("pooled cache, mean of all utterances", pair, "h5py, the virtual file's whole array, unchecked")


def _of_writing(folder: Path, rounds: int) -> Iterator[Result]:
    took = []
    for number in range(rounds + 1):
        path = folder / "written" / f"{number}"
        took.append(spent(lambda path=path: _cache(path, "pooled", 1, POOLED)).processor)  # type: ignore[misc]
    yield single(
        f"a pooled part of {POOLED} utterances written, read back and opened, an utterance",
        [1000 * one / POOLED for one in took[1:]],
        "processor ms",
    )


def _of_frames(cache: Cache, rounds: int) -> Iterator[Result]:
    rng = np.random.default_rng(0)
    order = rng.permutation(len(cache)).tolist()
    parts = [parts_folder(cache.path) / cache.parts[row // FRAMES] for row in range(len(cache))]
    counts = cache.n_frames * LAYERS * WIDTH
    begins = np.cumsum(counts.reshape(-1, FRAMES), axis=1).ravel() - counts  # about where an utterance is in its part

    def ours(cache: Cache = cache) -> None:
        for row in order:
            cache.read(row, "states")

    def raw() -> None:
        for row in order:
            np.fromfile(parts[row], np.float16, counts[row], offset=2 * int(begins[row]))

    def plain() -> None:
        with h5py.File(cache.path) as file:
            states, offset = file["states"], file["offset"][:].tolist()
            for row in order:
                states[offset[row] : offset[row + 1]]

    what = f"frames of {SIZE}, by utterance"
    bytes_alone = "np.fromfile, as many bytes from the page cache"
    yield compared(what, interleaved(ours, raw, rounds), bytes_alone, "≥ 0.5", faster=True)
    first = interleaved(lambda: ours(Cache(cache.path)), raw, rounds)
    yield compared("the same, first time: with checksums", first, bytes_alone, faster=True)
    yield compared(what, interleaved(ours, plain, rounds), "h5py, slices of the virtual file, unchecked", faster=True)
    yield _of_a_pass(cache, np.array(order), rounds)


def _of_a_pass(cache: Cache, order: NDArray[np.int64], rounds: int) -> Result:
    groups = np.split(order, range(BATCH, len(order), BATCH))
    source = FrameFeatures(cache, np.arange(len(cache)), "mean", "layer")
    held = source._read(order[:BATCH])
    share = sum(len(one) for one in held) / int(cache.n_frames.sum())

    def memory() -> None:
        for _ in range(round(1 / share)):
            features_of(held, "mean", "layer")

    pair = interleaved(lambda: list(source.batches(groups)), memory, rounds)
    note = f"the peer has {BATCH} utterances in memory and goes over them as often as gives about as many frames"
    return compared("a pass over frames, layer norm and mean", pair, "the arithmetic alone", note=note)


def _of_memory(cache: Cache, rounds: int) -> Result:
    def peak(times: int) -> int:
        words = [sys.executable, "-c", PEAK, str(cache.path), str(times)]
        return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)

    ratios = [peak(10) / peak(1) for _ in range(min(rounds, 3))]
    # The same utterances again and again: the longest batch, which settles the peak, is the same.
    return single("peak memory of a pass over frames of 10 × the utterances / of 1 ×", ratios, "ratio", "≤ 1.05")


@functools.cache
def _block() -> NDArray[np.float16]:
    return np.random.default_rng(0).standard_normal((640, LAYERS, WIDTH)).astype(np.float16)


def _cache(folder: Path, store: str, n_parts: int, count: int) -> Path:
    """A cache of random numbers: parts of so many utterances of 1.9 s to 11.9 s each."""
    rng, block = np.random.default_rng(0), _block()
    layout = Layout(store, "float16", LAYERS, WIDTH, "bench", "none", "none", {"weights": "random"})
    path = layout.path(folder)
    parts_folder(path).mkdir(parents=True)
    parts = [f"part-{number:05d}.h5" for number in range(n_parts)]
    for part in parts:
        ids = [f"{part}-{number}" for number in range(count)]
        frames = rng.integers(95, 595, count).tolist()
        with PartWriter(parts_folder(path) / part, layout, ids, [320 * n for n in frames], frames) as writer:
            for id_, n in zip(ids, frames, strict=True):
                kept = [block[:n]] if store == "frames" else block[n:]
                arrays = dict(zip(layout.arrays, kept, strict=False))
                writer.write(id_, Entry(arrays, np.ones(LAYERS, np.float32)))
            writer.finish()
    write_virtual(path, layout, parts)
    return path
