"""What ridge probes find in every layer: predictions, importance, and what permuted labels give.

Shape legend: N utterances · M those of train and development with a label · J rows: each of these, or each with each
class of a category · L layers · D hidden size · K classes of a category · C groups of speakers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from probing.corpus.model import Corpus
from probing.probes.classes import Classes, decided
from probing.statistics.classification import tally
from probing.statistics.concordance import ccc
from probing.statistics.curves import Curve, confidence_set, r2


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """Out-of-fold predictions of one target over train and development, by speaker-grouped cross-validation.

    A dimension has a row for each utterance, a category one for each utterance and class: R² over these rows is the
    skill of probabilities by the Brier score (Brier, 1950), 1 − Σ SSE / Σ SST over the classes.

    Args:
        places_J: The rows' utterances, by their places in the corpus: those of train and development with a label.
        truth_J: Ratings on the unit scale, or 1 where the utterance is of the row's class and else 0.
        predictions_LJ: Predictions of each layer, by probes that have not seen the speaker.
        baseline_J: What is predicted without features: the mean label of the fold's training part.
        classes: Of a category, in the order of an utterance's rows; none of a dimension.
        left_out_CL: R² without each of C groups of speakers, neither predicted nor learned from.
        groups: Names of the groups: the speaker, where it is one.
        sizes_C: Utterances of each group.
        speakers_C: Speakers of each group.
    """

    places_J: NDArray[np.int64]
    truth_J: NDArray[np.float64]
    predictions_LJ: NDArray[np.float64]
    baseline_J: NDArray[np.float64]
    classes: Classes
    left_out_CL: NDArray[np.float64]
    groups: tuple[str, ...]
    sizes_C: NDArray[np.float64]
    speakers_C: NDArray[np.int64]

    def uar(self, balanced: bool) -> NDArray[np.float64]:
        """UAR of the classes that each layer predicts, [L]."""
        count = len(self.classes)
        shape = (len(self.predictions_LJ), -1, count)
        estimates_LMK, share_MK = self.predictions_LJ.reshape(shape), self.baseline_J.reshape(-1, count)
        found_LM = decided(torch.from_numpy(estimates_LMK), torch.from_numpy(share_MK), balanced).numpy()
        return tally(self.truth_J.reshape(-1, count).argmax(1), found_LM, count).uar


@dataclass(frozen=True, eq=False)
class Look:
    """What ridge probes find in every layer; everything is on the unit scale.

    Args:
        corpus: The N utterances.
        targets: What was probed: dimensions and categories.
        categories: Those that are categories → their classes.
        balanced: Whether all classes of a category count alike (`classes.decided`).
        layers: Indices of the L layers.
        predictions: Target → predictions of all utterances, [L, N] of a dimension, [L, N, K] of a category's classes,
            by probes of train with the penalty that is best on development.
        coefficients: Target → the same probes' coefficients, [L, D] or [L, D, K]; they act on the pooled states as they
            are.
        intercepts: Target → their intercepts, [L] or [L, K].
        shares: Category → the share of train that is of each class, [K].
        penalties: Target → their penalties α, [L]; see `closed_form`.
        crossvalidated: Target → out-of-fold predictions.
        nulls: CCC of probes of permuted labels: dimension, kind, labels, permutation, layer, partition, ccc.
        class_nulls: UAR of the same: category, kind, labels, permutation, layer, partition, uar.
        notes: What a reader should know.
    """

    corpus: Corpus
    targets: tuple[str, ...]
    categories: Mapping[str, Classes]
    balanced: bool
    layers: tuple[int, ...]
    predictions: Mapping[str, NDArray[np.float64]]
    coefficients: Mapping[str, NDArray[np.float64]]
    intercepts: Mapping[str, NDArray[np.float64]]
    shares: Mapping[str, NDArray[np.float64]]
    penalties: Mapping[str, NDArray[np.float64]]
    crossvalidated: Mapping[str, CrossValidated]
    nulls: pd.DataFrame
    class_nulls: pd.DataFrame
    notes: tuple[str, ...] = ()

    def curve(self, target: str) -> Curve:
        """R² of each layer's out-of-fold predictions: how much each layer tells of a target."""
        found = self.crossvalidated[target]
        value_L = r2(found.truth_J, found.predictions_LJ, found.baseline_J)
        return Curve(self.layers, value_L, found.left_out_CL, found.sizes_C, found.groups, together_C=found.speakers_C)

    def estimated(self, category: str) -> NDArray[np.int64]:
        """Each layer's estimated class of every utterance, as its number, [L, N]."""
        estimates, share_K = self.predictions[category], self.shares[category]
        found: NDArray[np.int64] = decided(
            torch.from_numpy(estimates), torch.from_numpy(share_K), self.balanced
        ).numpy()
        return found

    def decisive(self, target: str) -> NDArray[np.float64]:
        """What estimates are multiplied by so that the largest is that of the predicted class, [K]; 1 of others."""
        if not (self.balanced and target in self.categories):
            return np.ones(len(self.categories.get(target, ())) or 1)
        share_K = self.shares[target]
        return np.divide(1, share_K, out=np.zeros_like(share_K), where=share_K > 0)

    def left_out(self) -> pd.DataFrame:
        """R² without each group of speakers, from which intervals come.

        Returns:
            dimension, speaker (or the group's name), speakers and utterances (how many they are), then `layer0`, ….
        """
        tables = []
        for target in self.targets:
            found = self.crossvalidated[target]
            columns = {"dimension": target, "speaker": found.groups, "speakers": found.speakers_C}
            columns |= {"utterances": found.sizes_C.astype(int)}
            columns |= {f"layer{layer}": own_C for layer, own_C in zip(self.layers, found.left_out_CL.T, strict=True)}
            tables.append(pd.DataFrame(columns))
        return pd.concat(tables, ignore_index=True)

    def importance(self) -> pd.DataFrame:
        """How much each layer tells of each target.

        Returns:
            dimension, layer, r2, low, high (95 % interval over speakers), in_set (95 % confidence set), and of the
            out-of-fold predictions ccc of dimensions and uar of categories; the last two where there are any.
        """
        tables = []
        for target in self.targets:
            curve, found = self.curve(target), self.crossvalidated[target]
            best, (low_L, high_L) = confidence_set(curve), curve.intervals()
            columns: dict[str, Any] = {
                "dimension": target,
                "layer": self.layers,
                "r2": curve.value_L,
                "low": low_L,
                "high": high_L,
                "in_set": [layer in best for layer in self.layers],
            }
            if found.classes:
                columns["uar"] = found.uar(self.balanced)
            else:
                columns["ccc"] = ccc(found.truth_J, found.predictions_LJ)
            tables.append(pd.DataFrame(columns))
        return pd.concat(tables, ignore_index=True)
