"""Estimates of a trained system, and their scores over whole partitions with intervals by speaker.

Shape legend: N utterances · B those of a batch · P pooled numbers · K dimensions of emotion · S training seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset
from tqdm import tqdm

from probing.corpus.model import Corpus
from probing.encoders.numerics import ExactFloat32
from probing.probes.results import clusters_of, crossed
from probing.statistics.concordance import bootstrap_ccc, ccc, interval
from probing.systems.model import EmotionSystem
from probing.training.datasets import Collate, Item, by_length

SCORE_COLUMNS = ["dimension", "seed", "partition", "n", "ccc", "low", "high", "mean_low", "mean_high"]


def estimates(
    system: EmotionSystem,
    items: Dataset[Item],
    lengths: Sequence[int],
    collate: Collate,
    device: str = "cpu",
    batch: int = 16,
    what: str = "estimate",
    workers: int = 0,
) -> Tensor:
    """Estimates of every utterance, in float32; a batch never changes an answer.

    Args:
        system: A trained system.
        items: One for each of the N utterances.
        lengths: Their lengths, in any unit.
        collate: Puts items together.
        device: PyTorch's name of a device.
        batch: Utterances in a batch.
        what: `estimate`, or `pool` for the vectors that the head sees.
        workers: Processes that read ahead.

    Returns:
        Estimates [N, K], 0 and 1 being the ends of the corpus's scale; or vectors [N, P].
    """
    found: dict[int, Tensor] = {}
    was_training = system.training
    module: Any = system  # whose `to` transformers wraps without types
    module.to(device).eval()
    with torch.inference_mode(), ExactFloat32():
        for inputs in _batches(items, lengths, collate, batch, what, workers):
            places = inputs.pop("places").tolist()
            inputs = {name: tensor.to(device) for name, tensor in inputs.items() if name != "labels"}
            rows = system.pool(**inputs) if what == "pool" else system(**inputs).logits
            found |= dict(zip(places, rows.float().cpu(), strict=True))
    module.to("cpu").train(was_training)
    return torch.stack([found[place] for place in range(len(found))]).clone()


def _batches(
    items: Dataset[Item], lengths: Sequence[int], collate: Collate, batch: int, what: str, workers: int
) -> Iterator[dict[str, Tensor]]:
    order = by_length(lengths, range(len(lengths)))
    loader = DataLoader(Subset(items, order), batch_size=batch, collate_fn=collate, num_workers=workers)
    yield from tqdm(loader, desc=what, unit="batch", disable=None)


def predictions_table(
    corpus: Corpus, dimensions: Sequence[str], estimates_SNK: Mapping[str, NDArray[np.floating]]
) -> pd.DataFrame:
    """Estimates on the corpus's own scale: one row an utterance and dimension, one column a training seed.

    Args:
        corpus: The N utterances.
        dimensions: Names of the K estimates.
        estimates_SNK: Name of a training seed → estimates [N, K] in [0, 1].
    """
    blocks = []
    for k, dimension in enumerate(dimensions):
        columns = {
            "id": [u.id for u in corpus.utterances],
            "partition": [u.partition for u in corpus.utterances],
            "speaker": [u.speaker for u in corpus.utterances],
            "dimension": dimension,
            "truth": [u.labels.get(dimension, np.nan) for u in corpus.utterances],
        }
        columns |= {seed: corpus.from_unit(np.asarray(e_NK, np.float64)[:, k]) for seed, e_NK in estimates_SNK.items()}
        blocks.append(pd.DataFrame(columns))
    return pd.concat(blocks, ignore_index=True)


def scores_table(corpus: Corpus, predictions: pd.DataFrame) -> pd.DataFrame:
    """CCC of each training seed on each partition, over the whole partition.

    Args:
        corpus: What was estimated.
        predictions: From `predictions_table`.

    Returns:
        `SCORE_COLUMNS`: n is the number of rated utterances; low and high are the 95 % interval by speaker of that
        seed's CCC, mean_low and mean_high that of the mean over seeds (NaN for one speaker). Partitions without
        ratings have no row.
    """
    cluster = dict(zip((u.id for u in corpus.utterances), clusters_of(corpus), strict=True))
    seeds = [name for name in predictions.columns if name.startswith("seed")]
    rows = []
    for partition in corpus.partitions:
        for dimension in dict.fromkeys(predictions.dimension):
            chosen = (predictions.partition == partition) & (predictions.dimension == dimension)
            own = predictions[chosen & predictions.truth.notna()]
            if own.empty:
                continue
            truth_N, estimates_SN = own.truth.to_numpy(), own[seeds].to_numpy().T
            clusters = [cluster[id_] for id_ in own.id]
            draws_SR = bootstrap_ccc(truth_N, estimates_SN, clusters)
            if len(set(clusters)) < 2:
                draws_SR[:] = np.nan  # one cluster, drawn again and again, tells nothing of the spread
            score_S, (low_S, high_S) = ccc(truth_N, estimates_SN), interval(draws_SR)
            mean_low, mean_high = interval(draws_SR.mean(0))
            rows += [
                (dimension, int(seed.removeprefix("seed")), partition, len(own), *numbers, mean_low, mean_high)
                for seed, *numbers in zip(seeds, score_S, low_S, high_S, strict=True)
            ]
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread over training seeds: dimension, partition, ccc, sd, low, high, n."""
    return (
        scores.groupby(["dimension", "partition"], sort=False)
        .agg(
            ccc=("ccc", "mean"),
            sd=("ccc", "std"),
            low=("mean_low", "first"),
            high=("mean_high", "first"),
            n=("n", "first"),
        )
        .reset_index()
    )


def printed(scores: pd.DataFrame) -> str:
    """The summary as a text table: mean over seeds with the 95 % interval of that mean."""
    return crossed(summary(scores), {"dimension": 12})
