"""Fits whose folders hold a ridge look, with planted curves: what figures and reports of today's runs are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from builders import DIMENSIONS, SCORE_COLUMNS, entry_of, write_fit

from probing.runs.entries import Clusters, CorpusEntry
from probing.runs.records import FitRecord
from probing.runs.store import RECORD, read_kind, write_record
from probing.statistics.curves import r2_curve

EACH = 6  # utterances of each speaker
REFITS, PERMUTATIONS = 4, 100


def write_ridge_fit(
    root: Path,
    encoder: str = "owner/model",
    dims: Sequence[str] = DIMENSIONS,
    states: int = 5,
    first_layer: int = 0,
    seeds: int = 3,
    speakers: int = 12,
    partitions: Sequence[str] = ("train", "development", "test1", "test2"),
    head: str = "mlp",
    share: float | None = None,
    **changes: Any,
) -> FitRecord:
    """A fit whose dimension number k is best at state 1 + k, in R² about .8 there and less around it.

    On random weights (`@random` in the encoder's name) it is a `share` of that, .3 by default, at every layer; layers
    within .15 of the best are marked as those that may be the best. Ridge probes have a CCC of .8 l / L at state l,
    times the share, and .05 more on test1; intervals go from .03 below to .04 above. Permuted labels give up to ±.08,
    and .05 more within speakers. With --head ridge there are no weights.

    Args:
        root: Where the run's folder goes.
        encoder: Its name.
        dims: Dimensions.
        states: L.
        first_layer: −1 where state C stands in front.
        seeds: Training seeds.
        speakers: Speakers of train and development, and of each other partition.
        partitions: Those of the corpus.
        head: `mlp`, or `ridge` for the look alone.
        share: Of what is planted.
        changes: As of `builders.write_fit`.
    """
    share = (0.3 if "@random" in encoder else 1.0) if share is None else share
    options = {"head": head, "normalize": "layer", "permutations": 20, "refits": 10, **changes.pop("options", {})}
    entry = changes.pop("entry", None) or sized_entry(changes.get("corpus", "made-up"), speakers, partitions)
    layers = "each" if head == "ridge" else "weighted"
    given = {"states": states, "first_layer": first_layer, "seeds": seeds, "layers": layers, "share": share}
    record = write_fit(root, encoder, dims, options=options, entry=entry, **given, **changes)
    place, indices = record.folder, range(first_layer, first_layer + states)
    tables = {"crossvalidated.csv": _crossvalidated(dims, indices, speakers, share, encoder)}
    tables["importance.csv"] = _importance(tables["crossvalidated.csv"], dims, indices)
    tables["scores.csv"] = _scores(place, dims, indices, partitions, share)
    tables["nulls.csv"] = _nulls(dims, indices, partitions, weighted=head != "ridge")
    (place / "ridge.safetensors").write_text("stands for probes")
    if head == "ridge":
        (place / "weights.csv").unlink()
        (place / "probes.safetensors").unlink()
    else:
        tables["weights.csv"] = _weights(place)
    for name, table in tables.items():
        table.to_csv(place / name, index=False)
    (place / RECORD).unlink()
    write_record(replace(record, files=None), place, [path.name for path in sorted(place.iterdir())])
    return read_kind(place, FitRecord)


def sized_entry(corpus: str, speakers: int, partitions: Sequence[str]) -> CorpusEntry:
    """A made-up corpus that knows its speakers."""
    clusters = {partition: Clusters("speaker", speakers) for partition in partitions}
    return replace(entry_of(corpus, EACH * speakers, partitions), clusters=clusters)


def _crossvalidated(
    dims: Sequence[str], layers: Sequence[int], speakers: int, share: float, encoder: str
) -> pd.DataFrame:
    """Out-of-fold predictions with errors as large as the planted R² leaves; the truth is the same for all encoders."""
    rng, errors, blocks = np.random.default_rng(0), np.random.default_rng(sum(map(ord, encoder))), []
    n = EACH * speakers
    for number, dimension in enumerate(dims):
        truth = rng.uniform(0, 1, n)
        frame: dict[str, Any] = {
            "id": [f"u{i}" for i in range(n)],
            "partition": np.where(np.arange(n) % speakers < max(1, speakers * 3 // 4), "train", "development"),
            "speaker": [f"s{i % speakers}" for i in range(n)],
            "dimension": dimension,
            "truth": truth,
            "baseline": 0.5,
        }
        for i, layer in enumerate(layers):
            away = 0 if "@random" in encoder else abs(i - 1 - number)
            explained = share * 0.8 * np.exp(-0.15 * away)
            noise = errors.standard_normal(n) * np.sqrt(max(1e-4, (1 - explained) / 12))
            frame[f"layer{layer}"] = truth + noise
        blocks.append(pd.DataFrame(frame))
    return pd.concat(blocks, ignore_index=True)


def _importance(table: pd.DataFrame, dims: Sequence[str], layers: Sequence[int]) -> pd.DataFrame:
    rows = []
    for dimension in dims:
        own = table[table.dimension == dimension]
        predictions = own[[f"layer{layer}" for layer in layers]].to_numpy().T
        curve = r2_curve(list(layers), own.truth, predictions, own.baseline, list(own.speaker))
        low, high = curve.intervals()
        chosen = curve.value_L > curve.value_L.max() - 0.15
        for i, layer in enumerate(layers):
            rows.append((dimension, layer, curve.value_L[i], low[i], high[i], chosen[i], 0.5))
    return pd.DataFrame(rows, columns=["dimension", "layer", "r2", "low", "high", "in_set", "ccc"])


def _scores(
    place: Path, dims: Sequence[str], layers: Sequence[int], partitions: Sequence[str], share: float
) -> pd.DataFrame:
    old = pd.read_csv(place / "scores.csv")
    rows = []
    for dimension in dims:
        for partition in partitions:
            for i, layer in enumerate(layers):
                value = share * 0.8 * i / len(layers) + 0.05 * (partition == "test1")
                ends = (value - 0.03, value + 0.04)
                rows.append((dimension, "ridge", layer, 0, partition, 72, value, *ends, *ends))
    kept = old[(old.kind == "weighted") & old.partition.isin(partitions)]
    return pd.concat([kept, pd.DataFrame(rows, columns=SCORE_COLUMNS)], ignore_index=True)


def _nulls(dims: Sequence[str], layers: Sequence[int], partitions: Sequence[str], weighted: bool) -> pd.DataFrame:
    rows = []
    tests = [partition for partition in partitions if partition != "train"]
    for labels, partition in [("by-speaker", "test1"), *(("permuted", partition) for partition in tests)]:
        for k in range(PERMUTATIONS):
            value = 0.02 * (k % 5) * (-1) ** k + 0.05 * (labels == "by-speaker")
            for dimension in dims:
                rows += [(dimension, "ridge", labels, k, layer, partition, value) for layer in layers]
                rows += [(dimension, "weighted", labels, k, None, partition, value / 2)] * (weighted and k < 20)
    return pd.DataFrame(rows, columns=["dimension", "kind", "labels", "permutation", "layer", "partition", "ccc"])


def _weights(place: Path) -> pd.DataFrame:
    """The fit's own, and refits of which one is ten per cent above and the next as much below the mean over seeds."""
    own = pd.read_csv(place / "weights.csv").assign(refit=None)
    mean = own.groupby(["dimension", "layer"], sort=False).weight.mean().reset_index()
    refits = [mean.assign(seed=0, refit=k + 1, weight=mean.weight * (1 + 0.1 * (-1) ** k)) for k in range(REFITS)]
    return pd.concat([own, *refits], ignore_index=True)[["dimension", "seed", "refit", "layer", "weight"]]
