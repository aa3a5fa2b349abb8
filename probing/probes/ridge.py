"""Ridge probes of every layer and target at once, in closed form: the quick look, and the recommended importance.

Shape legend: N utterances · M those of train and development with a label · L layers · D hidden size · Q targets of a
plan · K their columns (`ridge_plan`) · C groups of speakers · R permutations.
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
from probing.probes.classes import Classes
from probing.probes.closed_form import LayerStates
from probing.probes.folds import fold_notes
from probing.probes.look import CrossValidated, Look
from probing.probes.memory import memory_of
from probing.probes.ridge_layer import LayerResult, look_at
from probing.probes.ridge_plan import BY_SPEAKER, PERMUTED, Plan, plans_of
from probing.probes.train import FeatureSource

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


def ridge_look(
    corpus: Corpus,
    states: NDArray[np.float32],
    dims: Sequence[str],
    first_layer: int = 0,
    permutations: int = PERMUTATIONS,
    device: str = "cpu",
    balanced: bool = False,
) -> Look:
    """Fit ridge probes to every layer and target.

    Each feature is standardised by the probe's own training part, so the scale of a layer does not matter. The probes
    of train take the penalty of the highest CCC on development, as their scores are CCC: the penalty of the smallest
    squared error predicts too little spread. The cross-validated ones, whose measure is R², take for each fold the
    penalty of the smallest squared error over all other folds. (The probes that predict those have seen the fold; one
    number chosen from nine tenths of the data tells next to nothing of it.)

    Each class of a category is a column of zeros and ones. These columns have one penalty, chosen by all of them
    together (`penalties.best_penalties`), so that estimates sum to 1.

    Args:
        corpus: The N utterances.
        states: Their pooled states, [N, L, D], in the corpus's order.
        dims: Dimensions and categories to probe.
        first_layer: Index of the first state: 0 or, where it is the convolutions' output, −1.
        permutations: Permutations of each kind of null; 0 for none.
        device: PyTorch's name of a device.
        balanced: Whether all classes of a category count alike (`classes.decided`).

    Raises:
        FitError: A target has fewer than two labels in train or in development (code `too-few`).
    """
    device = "cpu" if torch.device(device).type == "mps" else device  # Apple's has no float64
    layers = tuple(range(first_layer, first_layer + states.shape[1]))
    plans = plans_of(corpus, dims, permutations)
    # Layer by layer: only one is held in another order, and none in float64.
    found = [(plan, _look_at_all(states, plan, device, balanced)) for plan in plans]
    by_name = {name: _Target(plan, own, q) for plan, own in found for q, name in enumerate(plan.names)}
    targets = {name: by_name[name] for name in dims}
    named = {name: target for name, target in targets.items() if target.classes}
    taught = [utterance for utterance in corpus.utterances if utterance.partition in (TRAIN, DEVELOPMENT)]
    return Look(
        corpus,
        tuple(targets),
        {name: target.classes for name, target in named.items()},
        balanced,
        layers,
        predictions={name: one.of_layers([r.predictions_KN for r in one.results]) for name, one in targets.items()},
        coefficients={name: one.of_layers([r.coefficients_KD for r in one.results]) for name, one in targets.items()},
        intercepts={name: one.of_layers([r.intercepts_K for r in one.results]) for name, one in targets.items()},
        shares={name: one.plan.labels_NK[one.plan.members[TRAIN], one.columns].mean(0) for name, one in named.items()},
        penalties={
            name: np.stack([r.penalties_K[one.columns][0] for r in one.results]) for name, one in targets.items()
        },
        crossvalidated={name: _crossvalidated(target) for name, target in targets.items()},
        nulls=_nulls_table({name: one for name, one in targets.items() if not one.classes}, layers),
        class_nulls=_nulls_table(named, layers).rename(columns={"dimension": "category", "ccc": "uar"}),
        notes=tuple(fold_notes(taught)),
    )


@dataclass(frozen=True)
class _Target:
    """What was found of one target.

    Args:
        plan: The plan that has it.
        results: Of every layer.
        number: Of the target in the plan.
    """

    plan: Plan
    results: Sequence[LayerResult]
    number: int

    @property
    def classes(self) -> Classes:
        """Its classes; none of a dimension."""
        return self.plan.classes[self.number]

    @property
    def columns(self) -> slice:
        """Its columns in the plan."""
        return self.plan.columns[self.number]

    def of_layers(self, numbers: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Its part of numbers [K, …] of every layer: [L, …], and of a category [L, …, classes]."""
        own = np.stack([one[self.columns] for one in numbers])
        return np.moveaxis(own, 1, -1) if self.classes else own[:, 0]


def _look_at_all(states: NDArray[np.float32], plan: Plan, device: str, balanced: bool) -> list[LayerResult]:
    """What the probes of every layer found."""
    layers = (LayerStates(states[:, place], plan.known, device) for place in range(states.shape[1]))
    return [look_at(layer, plan, balanced) for layer in layers]


def _crossvalidated(target: _Target) -> CrossValidated:
    """The out-of-fold predictions of a target."""
    plan, folding, own = target.plan, target.plan.folding, target.columns
    predictions = target.of_layers([one.out_of_fold_KM for one in target.results])
    return CrossValidated(
        np.repeat(plan.known, len(target.classes) or 1),
        plan.labels_NK[plan.known, own].ravel(),
        predictions.reshape(len(target.results), -1),
        plan.baseline_MK[:, own].ravel(),
        target.classes,
        np.stack([one.left_out_CQ[:, target.number] for one in target.results], axis=1),
        folding.names,
        np.bincount(folding.groups_N[plan.known], minlength=len(folding.names)).astype(float),
        folding.speakers_C,
    )


def _nulls_table(found: Mapping[str, _Target], layers: Sequence[int]) -> pd.DataFrame:
    """Scores of probes of permuted labels, a row for each target, kind, permutation, layer and partition."""
    tables = [
        pd.DataFrame(
            {
                "dimension": name,
                "kind": RIDGE,
                "labels": labels,
                "permutation": np.arange(len(score_RQ)),
                "layer": layer,
                "partition": partition,
                "ccc": score_RQ[:, target.number],
            }
        )
        for name, target in found.items()
        for layer, one in zip(layers, target.results, strict=True)
        for (labels, partition), score_RQ in one.nulls.items()
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
