"""Ridge probes of all dimensions of a layer against scikit-learn's RidgeCV, with the same penalties.

RidgeCV chooses by leaving one out of train, our probes of train by development; at one penalty the answer is the same
(a row says how nearly). What the look gives beyond that is a row of its own: predictions of ten folds of speakers by
the others, each with a penalty of its own, then R² without each speaker, and probes of permuted labels.

Shape legend: N utterances · L layers · D hidden size · K dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarks.measure import interleaved
from benchmarks.results import Result, compared, single
from numpy.typing import NDArray
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.preprocessing import StandardScaler

from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus, Utterance
from probing.probes.closed_form import PENALTIES, Decomposition, LayerStates
from probing.probes.penalties import best_penalties
from probing.probes.ridge import ridge_look
from probing.probes.ridge_plan import Plan, plans_of

_LAYERS, _WIDTH = 1, 768  # each layer takes as long as any other
_DIMS = ("arousal", "valence", "dominance")
_SKLEARN = "scikit-learn's RidgeCV"


def measured(folder: Path, rounds: int) -> Iterator[Result]:
    """Rows of this kind."""
    few = max(3, rounds // 3)
    corpus, states_NLD = world(1440, _LAYERS)
    (plan,) = plans_of(corpus, _DIMS, 0)
    work = f"of train: a layer of {_WIDTH} × 3 dimensions × {len(PENALTIES)} penalties, 1,440 utterances"

    def theirs() -> None:
        for place in range(_LAYERS):
            ridge_cv(states_NLD[:, place], plan, plan.members[TRAIN])

    def look(permutations: int) -> None:
        ridge_look(corpus, states_NLD, _DIMS, permutations=permutations)

    def ours() -> None:
        for place in range(_LAYERS):
            of_train(states_NLD[:, place], plan)

    yield single("ridge of train, coefficients", [difference(states_NLD, plan)], "‖ours − Ridge‖/‖Ridge‖", "≤ 1e-9")
    yield compared(f"ridge {work}", interleaved(ours, theirs, rounds), _SKLEARN, "≤ 2")
    beyond = "the look also cross-validates by speakers, and has R² without each speaker"
    yield compared(
        "ridge look, a layer, 1,440 utterances",
        interleaved(lambda: look(0), theirs, few),
        f"{_SKLEARN} of train",
        note=beyond,
    )

    def nested() -> None:
        for place in range(_LAYERS):
            cross_validated(states_NLD[:, place], plan)

    yield compared(
        "ridge look, a layer, 1,440 utterances",
        interleaved(lambda: look(0), nested, few),
        f"{_SKLEARN} of train and of folds",
    )
    pair = interleaved(lambda: look(100), lambda: look(0), few)
    yield compared("ridge look with 100 permutations of each kind", pair, "the look without")
    corpus, states_NLD = world(10_000, 1)
    (large,) = plans_of(corpus, _DIMS, 0)
    train = large.members[TRAIN]
    pair = interleaved(lambda: look(0), lambda: ridge_cv(states_NLD[:, 0], large, train), rounds)
    yield compared("ridge look, a layer, 10,000 utterances", pair, f"{_SKLEARN} of train", "≤ 2", note=beyond)


def world(n: int, layers: int) -> tuple[Corpus, NDArray[np.float32]]:
    """Utterances of 40 speakers, of whom 24 are in train, and states [N, L, D] that tell of three dimensions."""
    rng = np.random.default_rng(0)
    states_NLD = rng.standard_normal((n, layers, _WIDTH)).astype(np.float32)
    told_NK = states_NLD[:, 0, :20] @ rng.standard_normal((20, len(_DIMS))) / 5
    labels_NK = 1 / (1 + np.exp(-told_NK - 0.5 * rng.standard_normal(told_NK.shape)))
    parts = [TRAIN] * 6 + [DEVELOPMENT] + ["test1"] * 2 + ["test2"]
    utterances = tuple(
        Utterance(f"u{i}", None, parts[i % 10], f"s{i % 40}", dict(zip(_DIMS, own_K, strict=True)))
        for i, own_K in enumerate(labels_NK.tolist())
    )
    return Corpus("bench", (0.0, 1.0), utterances), states_NLD


def of_train(states_ND: NDArray[np.float32], plan: Plan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Our coefficients [D, K] on raw states and penalties [K], those that are best on development."""
    train, development = plan.members[TRAIN], plan.members[DEVELOPMENT]
    layer = LayerStates(states_ND, plan.known, "cpu")
    solved = Decomposition(layer.sums(train)).solve(layer.label_sums(train, plan.labels_NK[train]))
    seen = solved.of.project(layer.sums(development))
    labels = layer.label_sums(development, plan.labels_NK[development])
    penalty_K = best_penalties(solved, seen, labels, plan, balanced=False)
    raw_DK, _ = layer.on_raw_states(*solved.coefficients(penalty_K))
    return raw_DK.numpy(), penalty_K.numpy()


def ridge_cv(states_ND: NDArray[np.float32], plan: Plan, places: NDArray[np.int64]) -> RidgeCV:
    """Theirs, on states in float64 that are standardised."""
    x_MD = StandardScaler().fit_transform(states_ND[places].astype(np.float64))
    return RidgeCV(np.array(PENALTIES) * len(places), alpha_per_target=True).fit(x_MD, plan.labels_NK[places])


def cross_validated(states_ND: NDArray[np.float32], plan: Plan) -> None:
    """Theirs on train, and on the others of every fold, which then predict the fold."""
    ridge_cv(states_ND, plan, plan.members[TRAIN])
    folds_M = plan.folding.folds_N[plan.known]
    for fold in np.unique(folds_M):
        ridge_cv(states_ND, plan, plan.known[folds_M != fold]).predict(states_ND[plan.known[folds_M == fold]])


def difference(states_NLD: NDArray[np.float32], plan: Plan) -> float:
    """Largest relative difference of our coefficients from those of scikit-learn's Ridge at the same penalties."""
    worst, train = 0.0, plan.members[TRAIN]
    for place in range(states_NLD.shape[1]):
        own_DK, penalty_K = of_train(states_NLD[:, place], plan)
        scaler = StandardScaler()
        x_MD = scaler.fit_transform(states_NLD[train, place].astype(np.float64))
        fitted = Ridge(penalty_K * len(train)).fit(x_MD, plan.labels_NK[train])
        other_DK = fitted.coef_.T / scaler.scale_[:, None]
        worst = max(worst, float(np.linalg.norm(own_DK - other_DK) / np.linalg.norm(other_DK)))
    return worst
