"""What ridge probes found as tables and files, and in words: importance.csv, crossvalidated.csv, findings.

Shape legend: N utterances · L layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.files.cells import to_csv
from probing.probes.ridge import RIDGE, Look
from probing.runs.scores import Estimator, ratings
from probing.statistics.layers import LayerSummary, carried_findings, layer_findings, layer_summaries
from probing.statistics.verdicts import Finding

IMPORTANCE, CROSSVALIDATED, NULLS = "importance.csv", "crossvalidated.csv", "nulls.csv"
JACKKNIFE = "jackknife.csv"
RIDGE_FILES = (IMPORTANCE, CROSSVALIDATED, JACKKNIFE)


def ridge_estimates(look: Look) -> dict[str, Mapping[Estimator, NDArray[np.float64]]]:
    """Dimension → each layer's ridge probe → predictions [N] on the unit scale."""
    return {
        dimension: {
            Estimator(f"{RIDGE}-layer{layer}", 0, RIDGE, layer): predictions_N
            for layer, predictions_N in zip(look.layers, look.predictions[dimension], strict=True)
        }
        for dimension in look.dimensions
    }


def crossvalidated_table(look: Look) -> pd.DataFrame:
    """Out-of-fold predictions on the unit scale, a row for each rated utterance of train and development, by dimension.

    Returns:
        id, partition, speaker, dimension, truth, baseline (what is predicted without features), then `layer0`, ….
    """
    blocks = []
    for dimension in look.dimensions:
        found = look.crossvalidated[dimension]
        own = [look.corpus.utterances[place] for place in found.places_M]
        columns = {
            "id": [utterance.id for utterance in own],
            "partition": [utterance.partition for utterance in own],
            "speaker": [utterance.speaker for utterance in own],
            "dimension": dimension,
            "truth": ratings(look.corpus, [dimension])[found.places_M, 0],
            "baseline": found.baseline_M,
        }
        by_layer = zip(look.layers, found.predictions_LM, strict=True)
        columns |= {f"layer{layer}": predictions_M for layer, predictions_M in by_layer}
        blocks.append(pd.DataFrame(columns))
    return pd.concat(blocks, ignore_index=True)


def write_look(look: Look, folder: Path) -> None:
    """Write importance.csv, crossvalidated.csv and jackknife.csv into a run's folder."""
    to_csv(look.importance(), folder / IMPORTANCE, "%.8g")
    to_csv(crossvalidated_table(look), folder / CROSSVALIDATED, "%.7g")
    to_csv(look.left_out(), folder / JACKKNIFE, "%.10g")


def said_of_layers(look: Look, scores: pd.DataFrame) -> tuple[tuple[Finding, ...], dict[str, LayerSummary]]:
    """Claims about layers with their verdicts, and where each dimension is.

    Args:
        look: What ridge probes found.
        scores: CCC of the same probes on every partition, as `runs.scores.scores_table`.
    """
    curves = {dimension: look.curve(dimension) for dimension in look.dimensions}
    carried = carried_findings(scores[scores.kind == RIDGE], look.nulls)
    claims = layer_findings(curves, carried, above="0")
    return (*carried, *claims), layer_summaries(curves, carried)
