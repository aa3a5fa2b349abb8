"""Reading whole utterances, and one layer of all of them, by the shape of a cache's chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
from benchmarks.measure import Pair, in_turn
from benchmarks.results import Result, compared

_FRAMES, _LAYERS, _WIDTH, _LENGTH = 20_000, 13, 768, 250  # of which an utterance has 250 frames
_CHOSEN = (85, 1, _WIDTH)  # by `probing.cache.writer`
_SHAPES: dict[str, tuple[int, int, int] | None] = {
    "contiguous": None,
    "16 × 1 × 768": (16, 1, _WIDTH),
    "512 × 1 × 768": (512, 1, _WIDTH),
    "8 × 13 × 768": (8, _LAYERS, _WIDTH),
}


def measured(folder: Path, rounds: int) -> Iterator[Result]:
    """Rows of this kind."""
    rng = np.random.default_rng(0)
    block = rng.standard_normal((_FRAMES, _LAYERS, _WIDTH)).astype(np.float16)
    starts = rng.permutation(range(0, _FRAMES, _LENGTH)).tolist()

    def reading(path: Path, chunks: tuple[int, int, int] | None, one_layer: bool) -> Callable[[], None]:
        if not path.exists():
            with h5py.File(path, "w") as file:
                file.create_dataset("states", data=block, chunks=chunks)

        def read() -> None:
            with h5py.File(path, "r") as file:
                states = file["states"]
                if one_layer:
                    for start in range(0, _FRAMES, 5000):
                        states[start : start + 5000, 6]
                else:
                    for start in starts:
                        states[start : start + _LENGTH]

        return read

    for what, one_layer in (("whole utterances", False), ("one layer of all frames", True)):
        works = [reading(folder / "chosen.h5", _CHOSEN, one_layer)]
        works += [reading(folder / f"{name}.h5", shape, one_layer) for name, shape in _SHAPES.items()]
        for work in works:
            work()
        own, *others = zip(*in_turn(works, rounds), strict=True)
        for name, other in zip(_SHAPES, others, strict=True):
            # Chunks of all layers would serve utterances, but not the reading of one layer.
            bar = "≤ 1" if one_layer and name == "8 × 13 × 768" else ""
            yield compared(f"{what}, chunks of 85 × 1 × 768", Pair(own, other), f"chunks: {name}", bar)
