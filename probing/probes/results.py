"""What a fit found as tables and files: weights.csv, and of dimensions scores.csv, predictions.csv and nulls.csv.

Of categories there are category_scores.csv, categories.csv and category_nulls.csv.

Shape legend: P probes · N utterances · L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.files.cells import to_csv
from probing.probes.bank import BY_SPEAKER, PERMUTED, REFIT, SINGLE, WEIGHTED, Probe
from probing.probes.ridge import RIDGE, Look
from probing.probes.ridge_results import CLASS_NULLS, NULLS, ridge_classes, ridge_estimates
from probing.probes.train import Fit
from probing.runs.categories import (
    CATEGORIES,
    CATEGORY_SCORES,
    Names,
    categories_table,
    category_scores_table,
    category_summary,
    coded,
)
from probing.runs.entries import CategoryScore, Score
from probing.runs.records import PREDICTIONS
from probing.runs.scores import Estimator, places, predictions_table, ratings, score_rows, scores_table, summary
from probing.runs.standing import probe_name
from probing.statistics.classification import tally
from probing.statistics.concordance import ccc

WEIGHTS, SCORES = "weights.csv", "scores.csv"
_NULLS = ["dimension", "kind", "labels", "permutation", "layer", "partition", "ccc"]
_CLASS_NULLS = ["category", *_NULLS[1:-1], "uar"]
Estimates = dict[str, Mapping[Estimator, NDArray[np.float64]]]
Classified = dict[str, Mapping[Estimator, Names]]


@dataclass(frozen=True)
class Tables:
    """What a fit found: of dimensions the first three tables, of categories the next three.

    Args:
        scores: As `runs.scores.scores_table`, a row for each probe and partition; None without dimensions.
        predictions: As `runs.scores.predictions_table`, a column for each probe.
        nulls: CCC of probes of permuted labels: dimension, kind, labels, permutation, layer, partition, ccc.
        class_scores: As `runs.categories.category_scores_table`; None without categories.
        classes: As `runs.categories.categories_table`.
        class_nulls: UAR of probes of permuted labels: category, kind, labels, permutation, layer, partition, uar.
        weights: dimension (or category), seed, refit, layer, weight; None where none could be learned.
    """

    scores: pd.DataFrame | None
    predictions: pd.DataFrame | None
    nulls: pd.DataFrame | None
    class_scores: pd.DataFrame | None = None
    classes: pd.DataFrame | None = None
    class_nulls: pd.DataFrame | None = None
    weights: pd.DataFrame | None = None


def tables_of(corpus: Corpus, fits: Sequence[Fit], look: Look | None = None, first_layer: int = 0) -> Tables:
    """The tables of trained probes, of ridge probes, or of both.

    Args:
        corpus: What they were fitted to.
        fits: The trained probes.
        look: The ridge probes.
        first_layer: Index of the first state: 0 or, where it is the convolutions' output, −1.
    """
    rated = [fit for fit in fits if not fit.classes]
    named = [fit for fit in fits if fit.classes]
    estimates = _joined([*(estimates_of(f, first_layer) for f in rated), *([ridge_estimates(look)] if look else [])])
    classes = _joined([*(classes_of(f, first_layer) for f in named), *([ridge_classes(look)] if look else [])])
    nulls = [nulls_table(fit, corpus) for fit in rated] + ([look.nulls] if look else [])
    class_nulls = [class_nulls_table(fit, corpus) for fit in named] + ([look.class_nulls] if look else [])
    weights = [weights_table(fit, first_layer) for fit in fits]
    return Tables(
        scores_table(corpus, estimates) if estimates else None,
        predictions_table(corpus, estimates) if estimates else None,
        _stacked(nulls, _NULLS) if estimates else None,
        category_scores_table(corpus, classes) if classes else None,
        categories_table(corpus, classes) if classes else None,
        _stacked(class_nulls, _CLASS_NULLS) if classes else None,
        pd.concat(weights, ignore_index=True) if weights else None,
    )


def _joined(parts: Sequence[dict[str, Mapping[Estimator, Any]]]) -> dict[str, Mapping[Estimator, Any]]:
    """Target → all its estimators of all parts, in their order."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: {e: found for part in parts for e, found in part.get(name, {}).items()} for name in names}


def _stacked(tables: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    known = [own for own in tables if len(own)]  # of an empty table the columns have no types
    if not known:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(known, ignore_index=True).astype({"layer": "Int64"})


def estimates_of(fit: Fit, first_layer: int = 0) -> Estimates:
    """Dimension → each of its trained probes → estimates [N] on the unit scale.

    Those of permuted labels and of resampled speakers are left out: they are no results of their own.
    """
    found: dict[str, dict[Estimator, NDArray[np.float64]]] = {}
    for row in kept_rows(fit.bank.probes):
        probe = fit.bank.probes[row]
        found.setdefault(probe.dimension, {})[estimator_of(probe, first_layer)] = fit.predictions[row]
    return dict(found)


def classes_of(fit: Fit, first_layer: int = 0) -> Classified:
    """Category → each of its trained probes → estimated classes [N], as `estimates_of`."""
    names = np.array(fit.classes, dtype=np.str_)
    found = estimates_of(fit, first_layer)
    return {
        category: {one: names[codes_N.astype(np.int64)] for one, codes_N in own.items()}
        for category, own in found.items()
    }


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

    def scored(name: str, members: NDArray[np.int64], estimates_N: NDArray[np.float64]) -> float | None:
        truth = ratings(corpus, [name])[members, 0]
        rated = np.isfinite(truth)
        return float(ccc(truth[rated], estimates_N[members[rated]])) if rated.any() else None

    return pd.DataFrame(_nulls(fit, corpus, scored), columns=_NULLS).astype({"layer": "Int64"})


def class_nulls_table(fit: Fit, corpus: Corpus) -> pd.DataFrame:
    """UAR of weighted sums that were fitted to permuted labels, as `nulls_table`."""

    def scored(name: str, members: NDArray[np.int64], estimates_N: NDArray[np.float64]) -> float | None:
        truth = coded(corpus, name)[members]
        there = truth >= 0
        return float(tally(truth[there], estimates_N[members[there]], len(fit.classes)).uar) if there.any() else None

    return pd.DataFrame(_nulls(fit, corpus, scored), columns=_CLASS_NULLS).astype({"layer": "Int64"})


def _nulls(
    fit: Fit, corpus: Corpus, scored: Callable[[str, NDArray[np.int64], NDArray[np.float64]], float | None]
) -> Iterator[tuple[Any, ...]]:
    """Rows of a table of permutations; `scored` gives a score on some utterances, None where none has a label."""
    rows = [row for row, probe in enumerate(fit.bank.probes) if probe.kind in (PERMUTED, BY_SPEAKER)]
    for partition in corpus.partitions:
        members = places(corpus, partition)
        for row in rows if partition != TRAIN else []:
            probe = fit.bank.probes[row]
            on_test = scored(probe.dimension, members, fit.predictions[row]) if partition != DEVELOPMENT else None
            score = float(fit.best_score[row]) if partition == DEVELOPMENT else on_test
            if score is not None:
                yield probe.dimension, WEIGHTED, probe.kind, probe.draw, None, partition, score


def best_layers(tables: Tables) -> dict[str, int]:
    """Target → the trained single layer with the best mean development CCC or UAR over seeds."""
    return _best(tables.scores, "dimension", "ccc") | _best(tables.class_scores, "category", "uar")


def _best(scores: pd.DataFrame | None, key: str, value: str) -> dict[str, int]:
    if scores is None:
        return {}
    single = scores[(scores.kind == SINGLE) & (scores.partition == DEVELOPMENT)]
    means = single.groupby([key, "layer"])[value].mean()
    return {str(name): int(means[name].idxmax()) for name in means.index.unique(key)}


def probe_scores(tables: Tables, recommended: Mapping[str, int] | None = None) -> tuple[Score, ...]:
    """Mean and spread over seeds of each dimension, probe (`weighted`, `best layer: K`, `ridge, layer K`), partition.

    The trained single layer named is the one that is best on development, the ridge probe's that of the highest
    cross-validated R²; neither is ever the best on a test partition. Scores on train are left out.

    Args:
        tables: What a fit found.
        recommended: Target → layer of the highest R².
    """
    if tables.scores is None:
        return ()
    kept = _standing(tables.scores, "dimension", best_layers(tables), recommended or {})
    return tuple(Score(**row) for row in score_rows(summary(kept, ("dimension", "probe", "partition"))))


def class_scores(tables: Tables, recommended: Mapping[str, int] | None = None) -> tuple[CategoryScore, ...]:
    """The same of each category, as `probe_scores`."""
    if tables.class_scores is None:
        return ()
    kept = _standing(tables.class_scores, "category", best_layers(tables), recommended or {})
    rows = score_rows(category_summary(kept, ("category", "probe", "partition")))
    return tuple(CategoryScore(**row) for row in rows)


def _standing(scores: pd.DataFrame, key: str, single: Mapping[str, int], ridge: Mapping[str, int]) -> pd.DataFrame:
    """The scores that stand for a fit, with the names of their probes."""
    parts = [scores[scores.kind == WEIGHTED].assign(probe=probe_name(WEIGHTED))]
    for kind, chosen in ((SINGLE, single), (RIDGE, ridge)):
        own = scores[(scores.kind == kind) & (scores.layer == scores[key].map(chosen))]
        parts.append(own.assign(probe=[probe_name(kind, layer) for layer in own.layer]))
    kept = pd.concat([part for part in parts if len(part)])
    return kept[kept.partition != TRAIN]


def write_tables(tables: Tables, folder: Path) -> list[str]:
    """Write the tables into a run's folder; the names of the files."""
    scores = {SCORES: tables.scores, NULLS: tables.nulls, WEIGHTS: tables.weights}
    scores |= {CATEGORY_SCORES: tables.class_scores, CLASS_NULLS: tables.class_nulls}
    estimates = {PREDICTIONS: tables.predictions, CATEGORIES: tables.classes}
    digits = (("%.8g", scores), ("%.7g", estimates))
    forms = {name: (table, form) for form, own in digits for name, table in own.items()}
    written = {name: (table, form) for name, (table, form) in forms.items() if table is not None}
    for name, (table, form) in written.items():
        to_csv(table, folder / name, form)
    return list(written)
