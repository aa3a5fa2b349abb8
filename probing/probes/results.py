"""What a fit found as tables and files: weights.csv, scores.csv, predictions.csv, nulls.csv.

Shape legend: P probes · N utterances · L layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.files.cells import to_csv
from probing.probes.bank import BY_SPEAKER, PERMUTED, REFIT, SINGLE, WEIGHTED, Probe
from probing.probes.ridge import RIDGE, Look
from probing.probes.ridge_results import NULLS, ridge_estimates
from probing.probes.train import Fit
from probing.runs.entries import Score
from probing.runs.records import PREDICTIONS
from probing.runs.scores import Estimator, places, predictions_table, ratings, score_rows, scores_table, summary
from probing.statistics.concordance import ccc

WEIGHTS, SCORES = "weights.csv", "scores.csv"
TABLES = (SCORES, NULLS, PREDICTIONS)
_NULLS = ["dimension", "kind", "labels", "permutation", "layer", "partition", "ccc"]
Estimates = Mapping[str, Mapping[Estimator, NDArray[np.float64]]]


@dataclass(frozen=True)
class Tables:
    """What a fit found.

    Args:
        scores: As `runs.scores.scores_table`, a row for each probe and partition.
        predictions: As `runs.scores.predictions_table`, a column for each probe.
        nulls: CCC of probes of permuted labels: dimension, kind, labels, permutation, layer, partition, ccc.
        weights: dimension, seed, refit, layer, weight; None where none could be learned.
    """

    scores: pd.DataFrame
    predictions: pd.DataFrame
    nulls: pd.DataFrame
    weights: pd.DataFrame | None = None


def tables_of(corpus: Corpus, fit: Fit | None, look: Look | None = None, first_layer: int = 0) -> Tables:
    """The tables of trained probes, of ridge probes, or of both.

    Args:
        corpus: What they were fitted to.
        fit: The trained probes.
        look: The ridge probes.
        first_layer: Index of the first state: 0 or, where it is the convolutions' output, −1.
    """
    trained = estimates_of(fit, first_layer) if fit else {}
    ridge = ridge_estimates(look) if look else {}
    estimates = {name: {**trained.get(name, {}), **ridge.get(name, {})} for name in {**trained, **ridge}}
    known = ([nulls_table(fit, corpus)] if fit else []) + ([look.nulls] if look else [])
    nulls = [own for own in known if len(own)]  # of an empty table the columns have no types
    return Tables(
        scores_table(corpus, estimates),
        predictions_table(corpus, estimates),
        pd.concat(nulls, ignore_index=True).astype({"layer": "Int64"}) if nulls else pd.DataFrame(columns=_NULLS),
        weights_table(fit, first_layer) if fit else None,
    )


def estimates_of(fit: Fit, first_layer: int = 0) -> dict[str, Mapping[Estimator, NDArray[np.float64]]]:
    """Dimension → each of its trained probes → estimates [N] on the unit scale.

    Those of permuted labels and of resampled speakers are left out: they are no results of their own.
    """
    found: dict[str, dict[Estimator, NDArray[np.float64]]] = {}
    for row in kept_rows(fit.bank.probes):
        probe = fit.bank.probes[row]
        found.setdefault(probe.dimension, {})[estimator_of(probe, first_layer)] = fit.predictions[row]
    return dict(found)


def kept_rows(probes: Sequence[Probe]) -> NDArray[np.int64]:
    """Rows of the probes that are results of their own."""
    return np.array([row for row, probe in enumerate(probes) if probe.kind in (WEIGHTED, SINGLE)], np.int64)


def estimator_of(probe: Probe, first_layer: int = 0) -> Estimator:
    """A trained probe's column in predictions.csv and what scores.csv says of it.

    >>> estimator_of(Probe("valence", "single", 1, layer=3)).column
    'layer3-seed1'
    >>> estimator_of(Probe("valence", "weighted", 0)).column
    'weighted-seed0'
    """
    layer = None if probe.layer is None else probe.layer + first_layer
    what = probe.kind if layer is None else f"layer{layer}"
    return Estimator(f"{what}-seed{probe.seed}", probe.seed, probe.kind, layer)


def weights_table(fit: Fit, first_layer: int = 0) -> pd.DataFrame:
    """Learned layer weights: dimension, seed, refit, layer, weight; those of each probe sum to 1.

    Args:
        fit: A fitted bank.
        first_layer: Index of the first state: 0 or, where it is the convolutions' output, −1.

    Returns:
        refit is the number of the resample, from 1, and empty for the fit itself.
    """
    weights_PL = fit.bank.weights().detach().cpu().double().numpy()
    table = pd.DataFrame(
        [
            (probe.dimension, probe.seed, probe.draw, layer, weight)
            for probe, weights_L in zip(fit.bank.probes, weights_PL, strict=True)
            if probe.kind in (WEIGHTED, REFIT)
            for layer, weight in enumerate(weights_L, start=first_layer)
        ],
        columns=["dimension", "seed", "refit", "layer", "weight"],
    )
    return table.astype({"refit": "Int64"})


def nulls_table(fit: Fit, corpus: Corpus) -> pd.DataFrame:
    """CCC of weighted sums that were fitted to permuted labels, a row for each permutation and partition.

    On development it is that with the permuted labels, by which training stopped; on test partitions that with the true
    ones, which no permutation touches. Scores on train are left out.
    """
    rows = [row for row, probe in enumerate(fit.bank.probes) if probe.kind in (PERMUTED, BY_SPEAKER)]
    found = []
    for partition in corpus.partitions:
        members = places(corpus, partition)
        for row in rows if partition != TRAIN else []:
            probe = fit.bank.probes[row]
            truth = ratings(corpus, [probe.dimension])[members, 0]
            rated = np.isfinite(truth)
            if partition == DEVELOPMENT:
                score = float(fit.best_ccc[row])
            elif rated.any():
                score = float(ccc(truth[rated], fit.predictions[row, members[rated]]))
            else:
                continue
            found.append((probe.dimension, WEIGHTED, probe.kind, probe.draw, None, partition, score))
    return pd.DataFrame(found, columns=_NULLS).astype({"layer": "Int64"})


def best_layers(scores: pd.DataFrame) -> dict[str, int]:
    """Dimension → the trained single layer with the best mean development CCC over seeds."""
    single = scores[(scores.kind == SINGLE) & (scores.partition == DEVELOPMENT)]
    means = single.groupby(["dimension", "layer"]).ccc.mean()
    return {dimension: int(means[dimension].idxmax()) for dimension in means.index.unique("dimension")}


def probe_scores(scores: pd.DataFrame, recommended: Mapping[str, int] | None = None) -> tuple[Score, ...]:
    """Mean and spread over seeds of each dimension, probe (`weighted`, `best layer: K`, `ridge, layer K`), partition.

    The trained single layer named is the one that is best on development, the ridge probe's that of the highest
    cross-validated R²; neither is ever the best on a test partition. Scores on train are left out.

    Args:
        scores: As `runs.scores.scores_table`.
        recommended: Dimension → layer of the highest R².
    """
    layers = {SINGLE: best_layers(scores), RIDGE: recommended or {}}
    names = {SINGLE: "best layer: ", RIDGE: "ridge, layer "}
    parts = [scores[scores.kind == WEIGHTED].assign(probe=WEIGHTED)]
    for kind, chosen in layers.items():
        own = scores[(scores.kind == kind) & (scores.layer == scores.dimension.map(chosen))]
        parts.append(own.assign(probe=names[kind] + own.layer.astype(str)))
    kept = pd.concat([part for part in parts if len(part)])
    kept = kept[kept.partition != TRAIN]
    return tuple(Score(**row) for row in score_rows(summary(kept, ("dimension", "probe", "partition"))))


def write_tables(tables: Tables, folder: Path) -> list[str]:
    """Write the tables into a run's folder; the names of the files."""
    written = {SCORES: tables.scores, NULLS: tables.nulls}
    written |= {WEIGHTS: tables.weights} if tables.weights is not None else {}
    for name, table in written.items():
        to_csv(table, folder / name, "%.8g")
    to_csv(tables.predictions, folder / PREDICTIONS, "%.7g")
    return [*written, PREDICTIONS]
