"""A fitted bank as tables and files: weights.csv, scores.csv, predictions.csv, probes.safetensors.

Shape legend: P probes · N utterances · L layers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.errors import RunError
from probing.probes.bank import SINGLE, WEIGHTED, Probe, ProbeBank
from probing.probes.options import FitOptions
from probing.probes.train import Fit
from probing.runs.entries import Score
from probing.runs.records import PREDICTIONS
from probing.runs.scores import Estimator, predictions_table, score_rows, scores_table, summary

PROBES, WEIGHTS, SCORES = "probes.safetensors", "weights.csv", "scores.csv"
FILES = (WEIGHTS, SCORES, PREDICTIONS, PROBES)
_AGAIN = "copy the run again, or rerun the command in its record.json"


@dataclass(frozen=True)
class Tables:
    """What a fit found.

    Args:
        weights: dimension, seed, layer, weight.
        scores: As `runs.scores.scores_table`, a row for each probe and partition.
        predictions: As `runs.scores.predictions_table`, a column for each probe.
    """

    weights: pd.DataFrame
    scores: pd.DataFrame
    predictions: pd.DataFrame


def tables_of(fit: Fit, corpus: Corpus, first_layer: int = 0) -> Tables:
    """The tables of a fitted bank.

    Args:
        fit: A fitted bank.
        corpus: What it was fitted to.
        first_layer: Index of the first state: 0 or, where it is the convolutions' output, −1.
    """
    estimates = estimates_of(fit, first_layer)
    weights = weights_table(fit, first_layer)
    return Tables(weights, scores_table(corpus, estimates), predictions_table(corpus, estimates))


def estimates_of(fit: Fit, first_layer: int = 0) -> dict[str, Mapping[Estimator, NDArray[np.float64]]]:
    """Dimension → each of its probes → estimates [N] on the unit scale."""
    found: dict[str, dict[Estimator, NDArray[np.float64]]] = {}
    for probe, predictions_N in zip(fit.bank.probes, fit.predictions, strict=True):
        found.setdefault(probe.dimension, {})[estimator_of(probe, first_layer)] = predictions_N
    return dict(found)


def estimator_of(probe: Probe, first_layer: int = 0) -> Estimator:
    """A probe's column in predictions.csv and what scores.csv says of it.

    >>> estimator_of(Probe("valence", "single", 1, layer=3)).column
    'layer3-seed1'
    >>> estimator_of(Probe("valence", "weighted", 0)).column
    'weighted-seed0'
    """
    layer = None if probe.layer is None else probe.layer + first_layer
    what = probe.kind if layer is None else f"layer{layer}"
    return Estimator(f"{what}-seed{probe.seed}", probe.seed, probe.kind, layer)


def weights_table(fit: Fit, first_layer: int = 0) -> pd.DataFrame:
    """Learned layer weights: dimension, seed, layer, weight; those of each dimension and seed sum to 1.

    Args:
        fit: A fitted bank.
        first_layer: Index of the first state: 0 or, where it is the convolutions' output, −1.
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


def best_layers(scores: pd.DataFrame) -> dict[str, int]:
    """Dimension → the single layer with the best mean development CCC over seeds."""
    single = scores[(scores.kind == SINGLE) & (scores.partition == DEVELOPMENT)]
    means = single.groupby(["dimension", "layer"]).ccc.mean()
    return {dimension: int(means[dimension].idxmax()) for dimension in means.index.unique("dimension")}


def probe_scores(scores: pd.DataFrame) -> tuple[Score, ...]:
    """Mean and spread over seeds of each dimension, probe (`weighted`, `best layer: K`, `shuffled`) and partition.

    The single layer named is the one that is best on development, never the best on a test partition. Scores on train
    are left out.
    """
    best = best_layers(scores)
    chosen = (scores.kind != SINGLE) | (scores.layer == scores.dimension.map(best))
    kept = scores[chosen & scores.partition.ne(TRAIN)].copy()
    kept["probe"] = np.where(kept.kind == SINGLE, "best layer: " + kept.layer.astype(str), kept.kind)
    return tuple(Score(**row) for row in score_rows(summary(kept, ("dimension", "probe", "partition"))))


def write_tables(tables: Tables, folder: Path) -> None:
    """Write weights.csv, scores.csv and predictions.csv into a run's folder."""
    tables.weights.to_csv(folder / WEIGHTS, index=False, float_format="%.8g")
    tables.scores.to_csv(folder / SCORES, index=False, float_format="%.8g")
    tables.predictions.to_csv(folder / PREDICTIONS, index=False, float_format="%.7g")


def save_bank(bank: ProbeBank, options: FitOptions, scale: tuple[float, float], folder: Path) -> None:
    """Write a bank's parameters into a run's folder, with its probes and how to feed them in the file's metadata."""
    probes = [[probe.dimension, probe.kind, probe.seed, probe.layer] for probe in bank.probes]
    save_file(
        {name: tensor.detach().cpu().contiguous() for name, tensor in bank.state_dict().items()},
        folder / PROBES,
        metadata={
            "probes": json.dumps(probes),
            "pooling": options.pooling,
            "normalize": options.normalize,
            "scale": json.dumps(scale),
        },
    )


def load_bank(folder: Path) -> tuple[ProbeBank, str]:
    """Read the bank that `save_bank` wrote.

    Args:
        folder: A fit's folder.

    Returns:
        The bank, and how states are normalized for it: `none` or `layer`.

    Raises:
        RunError: The file is not there (code `run-incomplete`) or damaged (`run-damaged`).
    """
    path = folder / PROBES
    if not path.is_file():
        raise RunError(f"{path}", "there is no such file", _AGAIN, code="run-incomplete")
    try:
        with safe_open(path, "pt") as held:
            parameters = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118 - it is no mapping
            metadata = held.metadata()
        probes = [Probe(*what) for what in json.loads(metadata["probes"])]
        _, width, hidden = parameters["inner_PDH"].shape
        bank = ProbeBank(probes, parameters["logits_WL"].shape[1], width, hidden, metadata["pooling"])
        bank.load_state_dict(parameters)
        return bank, metadata["normalize"]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        # RuntimeError is what load_state_dict raises over other names or shapes.
        raise RunError(f"{path}", f"it is damaged ({error})", _AGAIN, code="run-damaged") from error
