"""Hidden states that no encoder made: a world in which one layer tells the labels, its caches, and its features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from probing.cache.format import Entry, Layout, parts_folder
from probing.cache.reader import Cache
from probing.cache.writer import PartWriter, write_virtual
from probing.corpus.model import Corpus, Utterance
from probing.probes.features import Features
from probing.probes.options import FitOptions

N_LAYERS, WIDTH = 6, 12
OPTIONS = FitOptions(("valence",), layers="both", seeds=2, epochs=60, layer_lr=3e-2, permutations=0, refits=0)


def planted_layer(layer: int, seed: int = 0, count: int = 240) -> tuple[Corpus, np.ndarray]:
    """A corpus and states [N, T, L, D] in which only `layer` tells the labels; the layers' scales are unequal."""
    rng = np.random.default_rng(seed)
    labels = rng.uniform(0, 1, count)
    states = rng.standard_normal((count, 4, N_LAYERS, WIDTH))
    states[:, :, layer, :3] += 3 * (labels[:, None, None] - 0.5)
    states *= rng.permutation([0.1, 0.3, 1.0, 3.0, 10.0, 30.0])[:, None]
    partitions = np.resize(["train", "train", "train", "development", "test2"], count)
    utterances = tuple(
        Utterance(f"u{i}", None, partitions[i], f"{partitions[i]}{i % 7}", {"valence": float(labels[i])})
        for i in range(count)
    )
    return Corpus("planted", (0.0, 1.0), utterances), states.astype(np.float32)


def write_table(corpus: Corpus, path: Path) -> Path:
    """The corpus as a table; it has no audio."""
    lines = ["id,partition,speaker,valence"]
    lines += [f"{u.id},{u.partition},{u.speaker},{u.labels['valence']!r}" for u in corpus.utterances]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_cache(
    folder: Path,
    states: np.ndarray,
    store: str,
    state_names: Sequence[str] = (),
    ids: Sequence[str] = (),
    audio: Sequence[int] | None = None,
) -> Cache:
    """The states as a cache of one part, with the pooled statistics by NumPy."""
    identity: dict[str, object] = {"weights": "planted", "architecture": {"num_hidden_layers": N_LAYERS - 1}}
    identity |= {"convolution": True} if "C" in state_names else {}
    layout = Layout(store, "float32", N_LAYERS, WIDTH, "planted", "none", "none", identity, "", tuple(state_names))
    path = layout.path(folder)
    parts_folder(path).mkdir(parents=True)
    ids = ids or [f"u{i}" for i in range(len(states))]
    normed = (states - states.mean(-1, keepdims=True)) / np.sqrt(states.var(-1, keepdims=True) + 1e-5)
    frames = [states.shape[1]] * len(ids)
    with PartWriter(parts_folder(path) / "part-00000.h5", layout, ids, [1600] * len(ids), frames, audio) as writer:
        for id_, x, n in zip(ids, states, normed, strict=True):
            pooled = {"mean": x.mean(0), "max": x.max(0), "normed_mean": n.mean(0), "normed_max": n.max(0)}
            arrays = {"states": x} if store == "frames" else pooled
            writer.write(id_, Entry(arrays, np.ones(N_LAYERS, np.float32)))
        writer.finish()
    write_virtual(path, layout, ["part-00000.h5"])
    return Cache(path)


class Held:
    """Means over time from memory, without a cache."""

    held = True

    def __init__(self, states: np.ndarray) -> None:
        self.mean = torch.from_numpy(states.mean(1))

    def batches(self, batches: Sequence[np.ndarray]) -> Iterator[Features]:
        for batch in batches:
            yield Features(self.mean[batch], None)


def relabelled(corpus: Corpus, partition: str, value: float) -> Corpus:
    """The corpus with one rating throughout a partition."""
    utterances = (replace(u, labels={"valence": value}) if u.partition == partition else u for u in corpus.utterances)
    return replace(corpus, utterances=tuple(utterances))
