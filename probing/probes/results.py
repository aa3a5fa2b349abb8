"""A fitted bank as files: weights.csv, scores.csv, predictions.csv, probes.safetensors, and the table to print.

Shape legend: P probes · N utterances · L layers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from probing.corpus.model import DEVELOPMENT, Corpus
from probing.errors import FitError
from probing.probes.bank import SHUFFLED, SINGLE, WEIGHTED, Probe, ProbeBank
from probing.probes.train import Fit, FitOptions, places, targets
from probing.statistics.concordance import FEW_SPEAKERS, bootstrap_ccc, ccc, interval

PROBES = "probes.safetensors"
SCORE_COLUMNS = ("dimension", "kind", "layer", "seed", "partition", "n", "ccc", "low", "high", "mean_low", "mean_high")


def weights_table(fit: Fit, first_layer: int = 0) -> pd.DataFrame:
    """Learned layer weights: dimension, seed, layer, weight; each dimension and seed sums to 1.

    Args:
        fit: A fitted bank.
        first_layer: Number of the first state, 0 or, where it is the convolution's output, −1.
    """
    weights_PL = fit.bank.weights().detach().cpu().double().numpy()
    return pd.DataFrame(
        [
            (probe.dimension, probe.seed, layer, weight)
            for probe, weights_L in zip(fit.bank.probes, weights_PL, strict=True)
            if probe.kind == WEIGHTED
            for layer, weight in enumerate(weights_L, start=first_layer)
        ],
        columns=["dimension", "seed", "layer", "weight"],
    )


def scores_table(fit: Fit, corpus: Corpus, first_layer: int = 0) -> pd.DataFrame:
    """CCC of every probe on every partition with a 95 % interval by speaker.

    Args:
        fit: A fitted bank.
        corpus: What it was fitted to.
        first_layer: Number of the first state, 0 or, where it is the convolution's output, −1.

    Returns:
        One row a probe and partition: dimension, kind, layer (of a single-layer probe), seed, partition, n (labelled
        utterances), ccc, low, high, and mean_low, mean_high: the interval of the mean CCC over the seeds of that probe.
        Partitions without labels have no row; one speaker alone has no interval (NaN).
    """
    rows = []
    truth_PN = targets(corpus, fit.bank.probes)
    clusters = clusters_of(corpus)
    for partition in corpus.partitions:
        members = places(corpus, partition)
        for dimension in dict.fromkeys(probe.dimension for probe in fit.bank.probes):
            own = [row for row, probe in enumerate(fit.bank.probes) if probe.dimension == dimension]
            rated = members[np.isfinite(truth_PN[own[0], members])]
            if len(rated) == 0:
                continue
            truth_N, predicted_PN = truth_PN[own[0], rated], fit.predictions[np.ix_(own, rated)]
            draws_PR = bootstrap_ccc(truth_N, predicted_PN, [clusters[i] for i in rated])
            if len({clusters[i] for i in rated}) < 2:
                draws_PR[:] = np.nan  # one cluster, drawn again and again, tells nothing of the spread
            score_P, (low_P, high_P) = ccc(truth_N, predicted_PN), interval(draws_PR)
            kinds = [(fit.bank.probes[row].kind, fit.bank.probes[row].layer) for row in own]
            for place, row in enumerate(own):
                probe = fit.bank.probes[row]
                layer = None if probe.layer is None else probe.layer + first_layer
                seeds = [other for other, kind in enumerate(kinds) if kind == kinds[place]]
                mean_low, mean_high = interval(draws_PR[seeds].mean(0))  # the same resamples for every seed
                what = (dimension, probe.kind, layer, probe.seed, partition, len(rated))
                rows.append((*what, score_P[place], low_P[place], high_P[place], mean_low, mean_high))
    table = pd.DataFrame(rows, columns=list(SCORE_COLUMNS))
    return table.astype({"layer": "Int64"})


def clusters_of(corpus: Corpus) -> list[str]:
    """What intervals resample: each utterance's speaker, or the utterance itself where the corpus names none."""
    return [utterance.speaker or f"utterance:{utterance.id}" for utterance in corpus.utterances]


def interval_notes(corpus: Corpus) -> list[str]:
    """What to know about the intervals: by utterance where speakers are not named, too narrow where they are few."""
    notes = []
    for partition, utterances in corpus.partitions.items():
        speakers = {utterance.speaker for utterance in utterances}
        if None in speakers:
            notes.append(f"{partition}: intervals are by utterance where no speaker is named, so they are too narrow")
        elif len(speakers) < FEW_SPEAKERS:
            notes.append(f"{partition}: intervals resample only {len(speakers)} speakers and are too narrow")
    return notes


def predictions_table(fit: Fit, corpus: Corpus, first_layer: int = 0) -> pd.DataFrame:
    """Every probe's estimates on the corpus's own scale: one row an utterance and dimension, one column a probe."""
    blocks = []
    for dimension in dict.fromkeys(probe.dimension for probe in fit.bank.probes):
        columns = {
            "id": [u.id for u in corpus.utterances],
            "partition": [u.partition for u in corpus.utterances],
            "speaker": [u.speaker for u in corpus.utterances],
            "dimension": dimension,
            "truth": [u.labels.get(dimension, np.nan) for u in corpus.utterances],
        }
        for row, probe in enumerate(fit.bank.probes):
            if probe.dimension == dimension:
                columns[probe.name(first_layer)] = corpus.from_unit(fit.predictions[row])
        blocks.append(pd.DataFrame(columns))
    return pd.concat(blocks, ignore_index=True)


def save(folder: Path, fit: Fit, corpus: Corpus, options: FitOptions, first_layer: int = 0) -> pd.DataFrame:
    """Write a fit's files into a run's folder and return its scores.

    probes.safetensors holds the bank's parameters, with the probes and the options in its metadata.
    """
    scores = scores_table(fit, corpus, first_layer)
    weights_table(fit, first_layer).to_csv(folder / "weights.csv", index=False, float_format="%.8g")
    scores.to_csv(folder / "scores.csv", index=False, float_format="%.8g")
    predictions_table(fit, corpus, first_layer).to_csv(folder / "predictions.csv", index=False, float_format="%.7g")
    probes = [[probe.dimension, probe.kind, probe.seed, probe.layer] for probe in fit.bank.probes]
    save_file(
        {name: tensor.detach().cpu().contiguous() for name, tensor in fit.bank.state_dict().items()},
        folder / PROBES,
        metadata={
            "probes": json.dumps(probes),
            "pooling": options.pooling,
            "normalize": options.normalize,
            "scale": json.dumps(corpus.scale),
        },
    )
    return scores


def load_bank(folder: Path) -> tuple[ProbeBank, str]:
    """Read the bank that `save` wrote.

    Args:
        folder: A `fit` run's folder.

    Returns:
        The bank, and how states are normalized for it: `none` or `layer`.

    Raises:
        FitError: The file is not there, or damaged.
    """
    path = folder / PROBES
    try:
        with safe_open(path, "pt") as held:
            parameters = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118 - it is no mapping
            said = held.metadata()
    except (OSError, SafetensorError) as error:
        why = "there is no such file" if not path.is_file() else f"it is damaged ({error})"
        raise FitError(f"{path}", why, "fit again: type the command in record.json") from error
    probes = [Probe(*what) for what in json.loads(said["probes"])]
    _, width, hidden = parameters["inner_PDH"].shape
    bank = ProbeBank(probes, parameters["logits_WL"].shape[1], width, hidden, said["pooling"])
    bank.load_state_dict(parameters)
    return bank, said["normalize"]


def best_layers(scores: pd.DataFrame) -> dict[str, int]:
    """Dimension → the single layer with the best mean development CCC over seeds."""
    single = scores[(scores.kind == SINGLE) & (scores.partition == DEVELOPMENT)]
    means = single.groupby(["dimension", "layer"]).ccc.mean()
    return {dimension: int(means[dimension].idxmax()) for dimension in means.index.unique("dimension")}


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread over seeds: dimension, probe (`weighted`, `layer k`, `shuffled`), partition, ccc, sd, n.

    The single layer named is the one that is best on development, never the best on a test partition.
    """
    best = best_layers(scores)
    chosen = (scores.kind != SINGLE) | (scores.layer == scores.dimension.map(best))
    kept = scores[chosen & scores.partition.ne("train")].copy()
    kept["probe"] = np.where(kept.kind == SINGLE, "best layer: " + kept.layer.astype(str), kept.kind)
    groups = kept.groupby(["dimension", "probe", "partition"], sort=False)
    table = groups.agg(
        ccc=("ccc", "mean"), sd=("ccc", "std"), low=("mean_low", "first"), high=("mean_high", "first"), n=("n", "first")
    )
    return table.reset_index()


def printed(scores: pd.DataFrame) -> str:
    """The summary as a text table: CCC as mean over seeds with the 95 % interval of that mean by speaker."""
    order = {WEIGHTED: 0, SHUFFLED: 2}
    table = summary(scores).sort_values("probe", key=lambda names: names.map(order).fillna(1), kind="stable")
    return crossed(table.replace({"probe": {SHUFFLED: "shuffled labels"}}), {"dimension": 12, "probe": 18})


def crossed(table: pd.DataFrame, keys: Mapping[str, int]) -> str:
    """Scores as text: one line for each value of the keys, one column a partition.

    Args:
        table: Columns dimension, partition, ccc, low, high (NaN for no interval) and the keys; dimensions and
            partitions keep their order.
        keys: Name of a column, `dimension` first → its width in letters.
    """
    partitions = list(dict.fromkeys(table.partition))
    lines = ["".join(f"{key:{width}s}" for key, width in keys.items()) + "".join(f"{p:26s}" for p in partitions)]
    for _, own in table.groupby("dimension", sort=False):
        for names, row in own.groupby(list(keys), sort=False):
            cells = {r.partition: _cell(r.ccc, r.low, r.high) for r in row.itertuples()}
            head = "".join(f"{name:{width}s}" for name, width in zip(names, keys.values(), strict=True))
            lines.append(head + "".join(f"{cells.get(p, '—'):26s}" for p in partitions))
    return "\n".join(line.rstrip() for line in lines)


def _cell(score: float, low: float, high: float) -> str:
    return f"{score:6.3f} [{low:6.3f}, {high:6.3f}]" if np.isfinite(low) else f"{score:6.3f} [no interval]"
