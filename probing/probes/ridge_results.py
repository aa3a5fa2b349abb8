"""What ridge probes found as tables and files, and in words: importance.csv, crossvalidated.csv, findings.

Shape legend: N utterances · J rows: labelled utterances, or each with each class of a category · L layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.files.cells import to_csv
from probing.probes.ridge import RIDGE, CrossValidated, Look
from probing.runs.categories import Names
from probing.runs.scores import Estimator
from probing.statistics.layers import LayerSummary, carried_findings, layer_findings, layer_summaries
from probing.statistics.verdicts import Finding

IMPORTANCE, CROSSVALIDATED, NULLS = "importance.csv", "crossvalidated.csv", "nulls.csv"
JACKKNIFE, CLASS_NULLS = "jackknife.csv", "category_nulls.csv"
RIDGE_FILES = (IMPORTANCE, CROSSVALIDATED, JACKKNIFE)


def ridge_estimates(look: Look) -> dict[str, Mapping[Estimator, NDArray[np.float64]]]:
    """Dimension → each layer's ridge probe → predictions [N] on the unit scale."""
    rated = [name for name in look.targets if name not in look.categories]
    return {name: dict(zip(_estimators(look), look.predictions[name], strict=True)) for name in rated}


def ridge_classes(look: Look) -> dict[str, Mapping[Estimator, Names]]:
    """Category → each layer's ridge probe → estimated classes [N]."""
    found: dict[str, Mapping[Estimator, Names]] = {}
    for category, classes in look.categories.items():
        names_LN = np.array(classes, dtype=np.str_)[look.estimated(category)]
        found[category] = dict(zip(_estimators(look), names_LN, strict=True))
    return found


def _estimators(look: Look) -> list[Estimator]:
    return [Estimator(f"{RIDGE}-layer{layer}", 0, RIDGE, layer) for layer in look.layers]


def crossvalidated_table(look: Look) -> pd.DataFrame:
    """Out-of-fold predictions on the unit scale, a row for each labelled utterance of train and development, by target.

    A category has a row for each utterance and class, whose truth is 1 or 0.

    Returns:
        id, partition, speaker, dimension, class (where there is a category), truth, baseline (what is predicted without
        features), then `layer0`, ….
    """
    blocks = []
    for target in look.targets:
        found = look.crossvalidated[target]
        own = [look.corpus.utterances[place] for place in found.places_J]
        columns = {
            "id": [utterance.id for utterance in own],
            "partition": [utterance.partition for utterance in own],
            "speaker": [utterance.speaker for utterance in own],
            "dimension": target,
            **_classes(look, found),
            "truth": found.truth_J,
            "baseline": found.baseline_J,
        }
        by_layer = zip(look.layers, found.predictions_LJ, strict=True)
        columns |= {f"layer{layer}": predictions_J for layer, predictions_J in by_layer}
        blocks.append(pd.DataFrame(columns))
    return pd.concat(blocks, ignore_index=True)


def _classes(look: Look, found: CrossValidated) -> dict[str, Any]:
    """A column of each row's class, where there is a category; blank for dimensions."""
    if not look.categories:
        return {}
    return {"class": np.tile(found.classes, len(found.places_J) // len(found.classes)) if found.classes else None}


def write_look(look: Look, folder: Path) -> None:
    """Write importance.csv, crossvalidated.csv and jackknife.csv into a run's folder."""
    to_csv(look.importance(), folder / IMPORTANCE, "%.8g")
    to_csv(crossvalidated_table(look), folder / CROSSVALIDATED, "%.7g")
    to_csv(look.left_out(), folder / JACKKNIFE, "%.10g")


def said_of_layers(
    look: Look, scores: pd.DataFrame | None, class_scores: pd.DataFrame | None = None
) -> tuple[tuple[Finding, ...], dict[str, LayerSummary]]:
    """Claims about layers with their verdicts, and where each target is.

    Args:
        look: What ridge probes found.
        scores: CCC of the same probes on every partition, as `runs.scores.scores_table`; None without dimensions.
        class_scores: UAR of the same, as `runs.categories.category_scores_table`; None without categories.
    """
    curves = {target: look.curve(target) for target in look.targets}
    of_ridge = [None if own is None else own[own.kind == RIDGE] for own in (scores, class_scores)]
    carried = carried_findings(of_ridge[0], look.nulls, of_ridge[1], look.class_nulls)
    claims = layer_findings(curves, carried, above="0")
    return (*carried, *claims), layer_summaries(curves, carried)
