"""One run of `probe fit`: cache → bank → folder with record, weights, scores, predictions and probes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from probing.cache.reader import Cache, open_cache
from probing.corpus.model import Corpus
from probing.errors import CacheError
from probing.extraction.cost import layout_of
from probing.extraction.inputs import Encoder, refuse_other_inputs
from probing.files import digest, slug
from probing.probes.features import FIT_STORES, FrameFeatures, PooledFeatures, choose_cache, rows_of
from probing.probes.results import best_layers, interval_notes, printed, save, summary
from probing.probes.train import FitOptions, fit, learning_rate
from probing.runs.records import new_run, write_record


def open_file(path: Path) -> Cache:
    """Open a cache that the user names, whatever encoder made it.

    Raises:
        CacheError: There is no such file, it is damaged, or it holds no hidden states.
    """
    cache = open_cache(path)
    if cache.layout.store not in FIT_STORES:
        raise CacheError(
            f"{path}", f"its store is {cache.layout.store}", f"probes are fitted from {' or '.join(FIT_STORES)}"
        )
    return cache


def open_store(
    corpus: Corpus,
    encoder: Encoder,
    options: FitOptions,
    store: str | None,
    dtype: str,
    root: Path,
    command: str,
) -> Cache:
    """Open the cache that this encoder, with just these weights, made of the corpus.

    Args:
        corpus: The corpus.
        encoder: The encoder; only its fingerprint is used.
        options: Settle which store is exact.
        store: `frames` or `pooled` where the user asks for one.
        dtype: Number format of the cache.
        root: Folder of all caches.
        command: The `probe extract` command that makes it.

    Raises:
        CacheError: There is none, it is of another fingerprint, or damaged.
    """
    if store is not None and store not in FIT_STORES:
        raise CacheError(f"--store {store}", "probes cannot be fitted from it", f"use {' or '.join(FIT_STORES)}")
    paths = {name: layout_of(corpus, encoder, name, dtype).path(root) for name in FIT_STORES}
    return choose_cache(paths, store, options.pooling, options.layers != "each" or options.shuffled, command)


def run(
    corpus: Corpus,
    cache: Cache,
    options: FitOptions,
    device: str,
    command: str,
    left_out: tuple[str, ...],
    root: Path,
    opened: Mapping[str, str | None] | None = None,
) -> str:
    """Fit, write the run's folder, and return what to print.

    Args:
        corpus: Labelled utterances.
        cache: Their hidden states.
        options: What to fit and how.
        device: PyTorch's name of a device.
        command: The `probe extract` command that makes the cache, for messages.
        left_out: Utterances left out as --allow-missing permits.
        root: Folder of all runs.
        opened: `name` and `revision` that open the encoder again; None where only its cache is known.
    """
    began = time.time()
    layout = cache.layout
    rows = rows_of(cache, [utterance.id for utterance in corpus.utterances], command)
    refuse_other_inputs(cache, corpus)
    source: PooledFeatures | FrameFeatures
    if layout.store == "pooled":
        source = PooledFeatures(cache, rows, options.pooling, options.normalize)
    else:
        source = FrameFeatures(cache, rows, options.pooling, options.normalize, options.workers)
    fitted = fit(corpus, source, layout.n_states, layout.width, options, device)
    notes = [*corpus.notes, *interval_notes(corpus), *_exactness(layout.store, options)]
    with new_run("fit", f"{slug(title_of(corpus))}-{slug(layout.encoder)}", root) as new:
        scores = save(new.aside, fitted, corpus, options, layout.first_layer)
        results: dict[str, Any] = {
            "corpus": {
                "name": corpus.name,
                "title": title_of(corpus),
                "spec": corpus.spec,
                "scale": corpus.scale,
                "utterances": {partition: len(members) for partition, members in corpus.partitions.items()},
                "left_out": left_out,
            },
            "encoder": {"name": layout.encoder, "title": layout.title, "identity": layout.identity, "opened": opened},
            "cache": {"path": cache.path, "store": layout.store, "fingerprint": layout.fingerprint},
            "device": device,
            "threads": torch.get_num_threads(),
            "best_layers": best_layers(scores),
            "scores": _without_nan(summary(scores).round(6).to_dict("records")),
            "best_epochs": fitted.best_epoch.tolist(),
            "used": {"hidden": fitted.bank.inner_PDH.shape[2], "lr": learning_rate(options, layout.width)},
            "notes": notes,
        }
        configuration = {
            "corpus": corpus.name,
            "labels": labels_digest(corpus, options.dims),
            "scale": corpus.scale,
            "fingerprint": layout.fingerprint,
            "store": layout.store,
            "options": asdict(options),
        }
        write_record(new.aside, "fit", configuration, results, began)
    heading = (
        f"CCC, mean over {options.seeds} seed{'s' * (options.seeds > 1)} [95 % interval by speaker] · "
        f"{layout.title} on {corpus.name} · read from store {layout.store}"
    )
    lines = [heading, printed(scores), *(f"note: {note}" for note in notes)]
    lines += [
        f"{new.final}/{name}"
        for name in ("record.json", "weights.csv", "scores.csv", "predictions.csv", "probes.safetensors")
    ]
    return "\n".join(lines)


def title_of(corpus: Corpus) -> str:
    """The corpus's name with its fold, where it has folds: each fold is a result of its own."""
    _, _, fold = corpus.spec.partition(" --fold ")
    return f"{corpus.name} fold {fold}" if fold else corpus.name


def labels_digest(corpus: Corpus, dims: Sequence[str]) -> str:
    """SHA-256 of ids, partitions and labels: what a fit learns from beside the cache."""
    names = sorted(dims)
    rows = [[u.id, u.partition, u.speaker, *(u.labels.get(name) for name in names)] for u in corpus.utterances]
    return digest({"rows": rows})


def _without_nan(rows: list[dict[Any, Any]]) -> list[dict[str, Any]]:
    """NaN is no JSON: null instead."""
    return [{str(key): None if value != value else value for key, value in row.items()} for row in rows]


def _exactness(store: str, options: FitOptions) -> list[str]:
    """What a reader should know about maxima taken from pooled states."""
    if store == "pooled" and "max" in options.pooling and (options.layers != "each" or options.shuffled):
        return [
            "the maximum of a weighted sum is approximated by the weighted sum of the layers' maxima (store pooled)"
        ]
    return []
