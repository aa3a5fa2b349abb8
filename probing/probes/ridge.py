"""Ridge probes of every layer and dimension at once, in closed form: the quick look, and the recommended importance.

Shape legend: N utterances · M those of train and development with a rating · L layers · D hidden size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.corpus.model import Corpus
from probing.probes.train import FeatureSource
from probing.statistics.curves import Curve

RIDGE, PERMUTED, BY_SPEAKER = "ridge", "permuted", "by-speaker"
PERMUTATIONS = 100
NULL_COLUMNS = ("dimension", "kind", "labels", "permutation", "layer", "partition", "ccc")
IMPORTANCE_COLUMNS = ("dimension", "layer", "r2", "low", "high", "in_set", "ccc")


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """Out-of-fold predictions of one dimension over train and development, by speaker-grouped cross-validation.

    Args:
        places_M: The utterances' places in the corpus: those of train and development that are rated.
        predictions_LM: Predictions of each layer on the unit scale, by probes that have not seen the speaker.
        baseline_M: What is predicted without features: the mean label of the fold's training part.
    """

    places_M: NDArray[np.int64]
    predictions_LM: NDArray[np.float64]
    baseline_M: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Look:
    """What ridge probes find in every layer; everything is on the unit scale.

    Args:
        corpus: The N utterances.
        dimensions: What was probed.
        layers: Indices of the L layers.
        predictions: Dimension → predictions of all utterances, [L, N], by probes of train with the penalty that is best
            on development.
        coefficients: Dimension → the same probes' coefficients, [L, D]; they act on the pooled states as they are.
        intercepts: Dimension → their intercepts, [L].
        penalties: Dimension → penalties, [L], in units of what a standardised feature's sum of squares is.
        crossvalidated: Dimension → out-of-fold predictions.
        nulls: CCC of probes of permuted labels: dimension, kind, labels, permutation, layer, partition, ccc.
        notes: What a reader should know.
    """

    corpus: Corpus
    dimensions: tuple[str, ...]
    layers: tuple[int, ...]
    predictions: Mapping[str, NDArray[np.float64]]
    coefficients: Mapping[str, NDArray[np.float64]]
    intercepts: Mapping[str, NDArray[np.float64]]
    penalties: Mapping[str, NDArray[np.float64]]
    crossvalidated: Mapping[str, CrossValidated]
    nulls: pd.DataFrame
    notes: tuple[str, ...] = field(default=())

    def curve(self, dimension: str) -> Curve:
        """R² of each layer's out-of-fold predictions: how much each layer tells of a dimension."""
        raise NotImplementedError

    def importance(self) -> pd.DataFrame:
        """dimension, layer, r2, low, high (95 % interval over speakers), in_set (95 % confidence set), ccc."""
        raise NotImplementedError


def ridge_look(
    corpus: Corpus,
    states: NDArray[np.float32],
    dims: Sequence[str],
    first_layer: int = 0,
    permutations: int = PERMUTATIONS,
    device: str = "cpu",
) -> Look:
    """Fit ridge probes to every layer and dimension.

    Args:
        corpus: The N utterances.
        states: Their pooled states, [N, L, D], in the corpus's order.
        dims: Dimensions to probe.
        first_layer: Index of the first state: 0 or, where it is the convolutions' output, −1.
        permutations: Permutations of each kind of null; 0 for none.
        device: PyTorch's name of a device.

    Raises:
        FitError: A dimension has fewer than two ratings in train or in development (code `too-few`).
    """
    raise NotImplementedError


def pooled_states(source: FeatureSource, n: int, batch: int = 256) -> NDArray[np.float32]:
    """What a single-layer probe sees of each utterance: mean, maximum, or their sum over time.

    Args:
        source: Features of n utterances.
        n: Their number.
        batch: Utterances that are read at once.

    Returns:
        [N, L, D].
    """
    raise NotImplementedError
