"""Ridge probes of every layer and dimension at once, in closed form: the quick look, and the recommended importance.

Shape legend: N utterances · M those of train and development with a rating · L layers · D hidden size · R permutations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.errors import FitError
from probing.files import size
from probing.probes.closed_form import LayerStates
from probing.probes.folds import fold_notes
from probing.probes.ridge_layer import LayerResult, look_at
from probing.probes.ridge_plan import BY_SPEAKER, PERMUTED, Plan, plans_of
from probing.probes.train import FeatureSource, memory_of
from probing.runs.scores import ratings
from probing.statistics.concordance import ccc
from probing.statistics.curves import Curve, confidence_set, r2

__all__ = [
    "BY_SPEAKER",
    "PERMUTED",
    "RIDGE",
    "CrossValidated",
    "Look",
    "pooled_states",
    "refuse_large_states",
    "ridge_look",
]
RIDGE = "ridge"
PERMUTATIONS = 100


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """Out-of-fold predictions of one dimension over train and development, by speaker-grouped cross-validation.

    Args:
        places_M: The utterances' places in the corpus: those of train and development that are rated.
        predictions_LM: Predictions of each layer on the unit scale, by probes that have not seen the speaker.
        baseline_M: What is predicted without features: the mean label of the fold's training part.
        left_out_CL: R² without each of C groups of speakers, neither predicted nor learned from.
        groups: Names of the groups: the speaker, where it is one.
        sizes_C: Utterances of each group.
        speakers_C: Speakers of each group.
    """

    places_M: NDArray[np.int64]
    predictions_LM: NDArray[np.float64]
    baseline_M: NDArray[np.float64]
    left_out_CL: NDArray[np.float64]
    groups: tuple[str, ...]
    sizes_C: NDArray[np.float64]
    speakers_C: NDArray[np.int64]


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
        penalties: Dimension → their penalties α, [L]; see `closed_form`.
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
    notes: tuple[str, ...] = ()

    def curve(self, dimension: str) -> Curve:
        """R² of each layer's out-of-fold predictions: how much each layer tells of a dimension."""
        found = self.crossvalidated[dimension]
        value_L = r2(self._truth(dimension), found.predictions_LM, found.baseline_M)
        return Curve(self.layers, value_L, found.left_out_CL, found.sizes_C, found.groups, together_C=found.speakers_C)

    def left_out(self) -> pd.DataFrame:
        """R² without each group of speakers, from which intervals come.

        Returns:
            dimension, speaker (or the group's name), speakers and utterances (how many they are), then `layer0`, ….
        """
        tables = []
        for dimension in self.dimensions:
            found = self.crossvalidated[dimension]
            columns = {"dimension": dimension, "speaker": found.groups, "speakers": found.speakers_C}
            columns |= {"utterances": found.sizes_C.astype(int)}
            columns |= {f"layer{layer}": own_C for layer, own_C in zip(self.layers, found.left_out_CL.T, strict=True)}
            tables.append(pd.DataFrame(columns))
        return pd.concat(tables, ignore_index=True)

    def importance(self) -> pd.DataFrame:
        """dimension, layer, r2, low, high (95 % interval over speakers), in_set (95 % confidence set), ccc."""
        tables = []
        for dimension in self.dimensions:
            curve = self.curve(dimension)
            best, (low_L, high_L) = confidence_set(curve), curve.intervals()
            columns = {
                "dimension": dimension,
                "layer": self.layers,
                "r2": curve.value_L,
                "low": low_L,
                "high": high_L,
                "in_set": [layer in best for layer in self.layers],
                "ccc": ccc(self._truth(dimension), self.crossvalidated[dimension].predictions_LM),
            }
            tables.append(pd.DataFrame(columns))
        return pd.concat(tables, ignore_index=True)

    def _truth(self, dimension: str) -> NDArray[np.float64]:
        """Ratings of train and development, [M]."""
        return ratings(self.corpus, [dimension])[self.crossvalidated[dimension].places_M, 0]


def ridge_look(
    corpus: Corpus,
    states: NDArray[np.float32],
    dims: Sequence[str],
    first_layer: int = 0,
    permutations: int = PERMUTATIONS,
    device: str = "cpu",
) -> Look:
    """Fit ridge probes to every layer and dimension.

    Each feature is standardised by the probe's own training part, so the scale of a layer does not matter. The probes
    of train take the penalty of the highest CCC on development, as their scores are CCC: the penalty of the smallest
    squared error predicts too little spread. The cross-validated ones, whose measure is R², take for each fold the
    penalty of the smallest squared error over all other folds. (The probes that predict those have seen the fold; one
    number chosen from nine tenths of the data tells next to nothing of it.)

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
    device = "cpu" if torch.device(device).type == "mps" else device  # Apple's has no float64
    layers = tuple(range(first_layer, first_layer + states.shape[1]))
    plans = plans_of(corpus, dims, permutations)
    # Layer by layer: only one is held in another order, and none in float64.
    found = [(plan, _look_at_all(states, plan, device)) for plan in plans]
    by_dimension = {name: (plan, results, k) for plan, results in found for k, name in enumerate(plan.names)}
    ordered = {name: by_dimension[name] for name in dims}
    taught = [utterance for utterance in corpus.utterances if utterance.partition in (TRAIN, DEVELOPMENT)]
    return Look(
        corpus,
        tuple(dims),
        layers,
        {name: np.stack([one.predictions_KN[k] for one in own]) for name, (_, own, k) in ordered.items()},
        {name: np.stack([one.coefficients_KD[k] for one in own]) for name, (_, own, k) in ordered.items()},
        {name: np.stack([one.intercepts_K[k] for one in own]) for name, (_, own, k) in ordered.items()},
        {name: np.stack([one.penalties_K[k] for one in own]) for name, (_, own, k) in ordered.items()},
        {name: _crossvalidated(plan, own, k) for name, (plan, own, k) in ordered.items()},
        _nulls_table([(name, layers, own, k) for name, (_, own, k) in ordered.items()]),
        tuple(fold_notes(taught)),
    )


def _look_at_all(states: NDArray[np.float32], plan: Plan, device: str) -> list[LayerResult]:
    """What the probes of every layer found."""
    return [look_at(LayerStates(states[:, place], plan.known, device), plan) for place in range(states.shape[1])]


def _crossvalidated(plan: Plan, results: Sequence[LayerResult], k: int) -> CrossValidated:
    """The out-of-fold predictions of a plan's dimension number k."""
    folding = plan.folding
    return CrossValidated(
        plan.known,
        np.stack([one.out_of_fold_KM[k] for one in results]),
        plan.baseline_MK[:, k],
        np.stack([one.left_out_CK[:, k] for one in results], axis=1),
        folding.names,
        np.bincount(folding.groups_N[plan.known], minlength=len(folding.names)).astype(float),
        folding.speakers_C,
    )


def _nulls_table(found: Sequence[tuple[str, Sequence[int], Sequence[LayerResult], int]]) -> pd.DataFrame:
    """CCC of probes of permuted labels, a row for each dimension, kind, permutation, layer and partition."""
    tables = [
        pd.DataFrame(
            {
                "dimension": name,
                "kind": RIDGE,
                "labels": labels,
                "permutation": np.arange(len(ccc_RK)),
                "layer": layer,
                "partition": partition,
                "ccc": ccc_RK[:, k],
            }
        )
        for name, layers, results, k in found
        for layer, one in zip(layers, results, strict=True)
        for (labels, partition), ccc_RK in one.nulls.items()
    ]
    columns = ["dimension", "kind", "labels", "permutation", "layer", "partition", "ccc"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def refuse_large_states(n: int, n_layers: int, width: int) -> None:
    """The pooled states of all utterances must fit into memory, whichever store they are read from.

    Args:
        n: Number of utterances.
        n_layers: L.
        width: D.

    Raises:
        FitError: They do not (code `states-too-large`).
    """
    needed, memory = np.dtype(np.float32).itemsize * n * n_layers * width, memory_of("cpu")
    if needed > memory:
        raise FitError(
            f"the pooled states of {n:,} utterances, {n_layers} layers and {width:,} units need {size(needed)} of "
            "memory",
            f"this machine has {size(memory)}",
            "extract fewer layers (--encoder-layers), or fit on a machine with more memory",
            code="states-too-large",
        )


def pooled_states(source: FeatureSource, n: int, batch: int = 32) -> NDArray[np.float32]:
    """What a single-layer probe sees of each utterance: mean, maximum, or their sum over time.

    Of all that a fit reads this alone grows with the corpus: N · L · D · 4 bytes (`refuse_large_states`).

    Args:
        source: Features of n utterances.
        n: Their number.
        batch: Utterances that are read at once; from a cache of frames all their frames are in memory.

    Returns:
        [N, L, D].
    """
    groups = [np.arange(start, min(start + batch, n)) for start in range(0, n, batch)]
    states: NDArray[np.float32] | None = None
    for places, features in zip(groups, source.batches(groups), strict=True):
        known = [x_BLD for x_BLD in (features.mean_BLD, features.max_BLD) if x_BLD is not None]
        pooled_BLD = sum(known[1:], start=known[0]).float().cpu().numpy()
        if states is None:
            states = np.empty((n, *pooled_BLD.shape[1:]), np.float32)
        states[places] = pooled_BLD
    return np.empty((0, 0, 0), np.float32) if states is None else states
