"""Ridge probes in closed form: against solving each fit by itself, and on worlds whose answer is planted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hidden_states import N_LAYERS, Held, planted_layer

from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus, Utterance
from probing.errors import FitError
from probing.probes.closed_form import PENALTIES
from probing.probes.features import Features
from probing.probes.folds import fold_notes, folding_of, grouped_folds
from probing.probes.ridge import BY_SPEAKER, PERMUTED, Look, pooled_states, refuse_large_states, ridge_look
from probing.statistics.concordance import ccc
from probing.statistics.permutation import permuted_between_speakers, permuted_within_speakers

PEAK = 3


@pytest.fixture(scope="module")
def world() -> tuple[Corpus, np.ndarray]:
    """A corpus of two dimensions, and pooled states [N, L, D] whose layers differ in scale by hundreds."""
    corpus, states = planted_layer(PEAK, seed=1, count=120)
    rng = np.random.default_rng(2)
    utterances = tuple(
        replace(u, labels={**u.labels, "arousal": float(rng.uniform())}, partition=p)
        for u, p in zip(corpus.utterances, np.resize([TRAIN, TRAIN, DEVELOPMENT, "test1", "test2"], 120), strict=True)
    )
    return replace(corpus, utterances=utterances), states.mean(1)


@pytest.fixture(scope="module")
def look(world: tuple[Corpus, np.ndarray]) -> Look:
    """What ridge probes find there."""
    return ridge_look(*world, ["valence", "arousal"], permutations=4)


def solved(x: np.ndarray, y: np.ndarray, alpha: float) -> tuple[np.ndarray, float]:
    """Coefficients and intercept for raw states, by least squares with the penalty as further rows."""
    mean, sd = x.mean(0), np.where(x.std(0) > 1e-9, x.std(0), np.inf)
    z = (x - mean) / sd
    rows = np.concatenate([z, np.sqrt(len(x) * alpha) * np.eye(z.shape[1])])
    w = np.linalg.lstsq(rows, np.concatenate([y - y.mean(), np.zeros(z.shape[1])]), rcond=None)[0] / sd
    return w, float(y.mean() - mean @ w)


def by_development(x: np.ndarray, y: np.ndarray, train: np.ndarray, development: np.ndarray) -> tuple:
    """The fit of train whose penalty has the highest CCC on development: penalty, coefficients, intercept."""
    fits = [(alpha, *solved(x[train], y[train], alpha)) for alpha in PENALTIES]
    return max(fits, key=lambda fit: float(ccc(y[development], x[development] @ fit[1] + fit[2])))


def members(corpus: Corpus, *partitions: str) -> np.ndarray:
    return np.array([i for i, u in enumerate(corpus.utterances) if u.partition in partitions])


def labels(corpus: Corpus, dimension: str = "valence") -> np.ndarray:
    return np.array([u.labels.get(dimension, np.nan) for u in corpus.utterances])


@pytest.mark.parametrize("dimension", ["valence", "arousal"])
def test_a_probe_is_what_least_squares_says(world: tuple, look: Look, dimension: str) -> None:
    """Penalty, coefficients and predictions are those of each layer solved by itself."""
    corpus, states = world
    y, train, development = labels(corpus, dimension), members(corpus, TRAIN), members(corpus, DEVELOPMENT)
    for layer in range(N_LAYERS):
        x = states[:, layer].astype(float)
        alpha, w, intercept = by_development(x, y, train, development)
        assert look.penalties[dimension][layer] == pytest.approx(alpha)
        np.testing.assert_allclose(look.coefficients[dimension][layer], w, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(look.predictions[dimension][layer], x @ w + intercept, atol=1e-8)


def test_coefficients_act_on_raw_states(world: tuple, look: Look) -> None:
    """A linear head with a probe's coefficients and intercept gives its predictions."""
    _, states = world
    for dimension in look.targets:
        found = np.einsum("nld,ld->ln", states, look.coefficients[dimension]) + look.intercepts[dimension][:, None]
        np.testing.assert_allclose(found, look.predictions[dimension], atol=1e-6)


def test_each_fold_is_predicted_by_the_others(world: tuple, look: Look) -> None:
    """Out-of-fold predictions are those of fits that have seen neither the fold nor its errors' penalty."""
    corpus, states = world
    known, y = members(corpus, TRAIN, DEVELOPMENT), labels(corpus)
    folds = folding_of(corpus, known).folds_N[known]
    x = states[known, PEAK].astype(float)
    errors, predictions = [], []
    for fold in range(folds.max() + 1):
        fits = [solved(x[folds != fold], y[known][folds != fold], alpha) for alpha in PENALTIES]
        predictions.append(np.stack([x[folds == fold] @ w + b for w, b in fits]))
        errors.append(np.square(y[known][folds == fold] - predictions[-1]).sum(1))
    total = np.sum(errors, axis=0)
    found = look.crossvalidated["valence"]
    assert found.places_J.tolist() == known.tolist()
    for fold, (own, error) in enumerate(zip(predictions, errors, strict=True)):
        chosen = int((total - error).argmin())
        np.testing.assert_allclose(found.predictions_LJ[PEAK, folds == fold], own[chosen], atol=1e-8)
        np.testing.assert_allclose(found.baseline_J[folds == fold], y[known][folds != fold].mean())


@pytest.mark.parametrize("kind", [PERMUTED, BY_SPEAKER])
def test_a_null_is_a_fit_of_permuted_labels(world: tuple, look: Look, kind: str) -> None:
    """Its penalty is chosen by permuted labels of development; test partitions keep their own labels."""
    corpus, states = world
    y, train, development = labels(corpus), members(corpus, TRAIN), members(corpus, DEVELOPMENT)
    groups, speakers = [train, development], [u.speaker for u in corpus.utterances]
    for permutation in range(2):
        permute = permuted_between_speakers if kind == PERMUTED else permuted_within_speakers
        taught = permute(y, groups, speakers, permutation)
        assert not np.array_equal(taught, y)
        x = states[:, PEAK].astype(float)
        _, w, intercept = by_development(x, taught, train, development)
        own = look.nulls[(look.nulls.labels == kind) & (look.nulls.permutation == permutation)]
        own = own[(own.layer == PEAK) & (own.dimension == "valence")].set_index("partition").ccc
        assert sorted(own.index) == [DEVELOPMENT, "test1", "test2"]
        for partition, score in own.items():
            places = members(corpus, str(partition))
            truth = taught if partition == DEVELOPMENT else y
            assert score == pytest.approx(float(ccc(truth[places], x[places] @ w + intercept)), abs=1e-8)


def test_the_importance_names_the_planted_layer(look: Look) -> None:
    """Whatever the layers' scales, the highest R² is that of the layer that tells the labels, and it alone."""
    table = look.importance().set_index(["dimension", "layer"])
    assert table.r2["valence"].idxmax() == PEAK and table.in_set["valence"][lambda x: x].index.tolist() == [PEAK]
    assert (table.low < table.r2).all() and (table.r2 < table.high).all()
    assert table.ccc["valence", PEAK] > 0.8 and (table.r2["arousal"] < 0.1).all()
    assert list(look.importance()) == ["dimension", "layer", "r2", "low", "high", "in_set", "ccc"]


def test_scales_do_not_matter(world: tuple, look: Look) -> None:
    """Predictions are the same of states whose every feature was stretched and shifted."""
    corpus, states = world
    rng = np.random.default_rng(0)
    other = states * rng.uniform(0.5, 2, states.shape[1:]) + rng.normal(size=states.shape[1:])
    found = ridge_look(corpus, other.astype(np.float32), ["valence"], first_layer=-1, permutations=0)
    np.testing.assert_allclose(found.predictions["valence"], look.predictions["valence"], atol=1e-3)
    assert found.layers == tuple(range(-1, N_LAYERS - 1)) and found.nulls.empty


def test_what_is_not_rated_is_left_out(world: tuple) -> None:
    """Missing ratings of one dimension, and a partition without any, change nothing for what is rated."""
    corpus, states = world[0], world[1][:, :2]
    bare = tuple(
        replace(u, labels={"valence": u.labels["valence"]} if i % 3 else u.labels)
        for i, u in enumerate(corpus.utterances)
    )
    unlabelled = tuple(Utterance(f"x{i}", None, "test3", "new") for i in range(5))
    more = np.concatenate([states, np.ones_like(states[:5])])
    found = ridge_look(replace(corpus, utterances=bare + unlabelled), more, ["valence", "arousal"], permutations=1)
    alone = ridge_look(corpus, states, ["valence"], permutations=1)
    np.testing.assert_allclose(found.predictions["valence"][:, :120], alone.predictions["valence"], atol=1e-8)
    rated = np.array([i for i in members(corpus, TRAIN, DEVELOPMENT) if i % 3 == 0])
    assert found.crossvalidated["arousal"].places_J.tolist() == rated.tolist()
    only = ridge_look(
        replace(corpus, utterances=tuple(corpus.utterances[i] for i in range(0, 120, 3))),
        states[::3],
        ["arousal"],
        permutations=0,
    )
    np.testing.assert_allclose(only.coefficients["arousal"], found.coefficients["arousal"], atol=1e-8)
    assert set(found.nulls.partition) == {DEVELOPMENT, "test1", "test2"}


def small(width: int, constant: bool, speakers: list[str | None]) -> tuple[Corpus, np.ndarray]:
    """Ten utterances; fewer than features, or one constant feature."""
    rng = np.random.default_rng(3)
    states = np.full((10, 2, width), 7.0) if constant else rng.standard_normal((10, 2, width))
    utterances = tuple(
        Utterance(f"u{i}", None, DEVELOPMENT if i % 2 else TRAIN, speakers[i % len(speakers)], {"valence": i / 10})
        for i in range(10)
    )
    return Corpus("small", (0.0, 1.0), utterances), states.astype(np.float32)


@pytest.mark.parametrize(("width", "constant"), [(40, False), (1, False), (3, True)])
@pytest.mark.parametrize("speakers", [["ann"], [None], ["ann", "bob", "eve"]])
def test_degenerate_corpora_have_answers(width: int, constant: bool, speakers: list) -> None:
    """Fewer utterances than features, one feature, constants, one speaker or none: all numbers are finite."""
    corpus, states = small(width, constant, speakers)
    found = ridge_look(corpus, states, ["valence"], permutations=2)
    for numbers in (found.predictions, found.coefficients, found.intercepts):
        assert np.isfinite(numbers["valence"]).all()
    assert np.isfinite(found.nulls.ccc).all() and np.isfinite(found.importance().r2).all()
    if constant:
        assert (found.coefficients["valence"] == 0).all() and found.importance().r2.abs().max() < 1e-12
        np.testing.assert_allclose(
            found.crossvalidated["valence"].baseline_J, found.crossvalidated["valence"].predictions_LJ[0]
        )
    assert len(found.notes) == 1


def test_too_few_ratings_are_refused() -> None:
    """With a single rating in development there is nothing to choose a penalty by."""
    corpus, states = small(3, False, ["ann", "bob"])
    utterances = (*corpus.utterances[:-1:2], corpus.utterances[1])
    with pytest.raises(FitError) as caught:
        ridge_look(replace(corpus, utterances=utterances), states[: len(utterances)], ["valence"])
    assert caught.value.code == "too-few"


def test_folds_share_no_speaker_and_are_of_nearly_one_size() -> None:
    """Each speaker is in one fold; sizes differ by no more than the largest speaker."""
    rng = np.random.default_rng(0)
    groups = [f"s{i}" for i in rng.integers(0, 37, 500)]
    folds = grouped_folds(groups)
    assert len({(group, fold) for group, fold in zip(groups, folds, strict=True)}) == len(set(groups))
    sizes, largest = np.bincount(folds), max(groups.count(group) for group in set(groups))
    assert len(sizes) == 10 and sizes.max() - sizes.min() <= largest
    assert grouped_folds(groups).tolist() == folds.tolist()  # the same every time
    assert set(grouped_folds(["ann", "bob", "ann"])) == {0, 1}
    talkative = ["ann"] * 30 + ["bob"] * 10 + ["eve"] * 10 + ["joe"] * 10  # the largest first, or the folds are uneven
    assert all(np.bincount(grouped_folds(talkative, 2, seed)).tolist() == [30, 30] for seed in range(8))


def test_utterances_without_a_speaker_are_folds_of_their_own() -> None:
    """Without speakers, or with a single one, folds are by utterance, and a note says so."""
    for speaker, names in ((None, 12), ("ann", 1)):
        corpus = Corpus("one", (0, 1), tuple(Utterance(f"u{i}", None, TRAIN, speaker) for i in range(12)))
        folding = folding_of(corpus, np.arange(12))
        assert np.bincount(folding.folds_N).tolist() == [2, 2, *[1] * 8] and len(folding.names) == names
        assert len(fold_notes(corpus.utterances)) == 1
    assert fold_notes([Utterance(f"u{i}", None, TRAIN, f"s{i}") for i in range(12)]) == []


def test_many_speakers_are_left_out_in_groups_of_one_fold() -> None:
    """Of 250 speakers there are a hundred groups, whose speakers are counted, and none is in two folds."""
    utterances = tuple(Utterance(f"u{i}", None, TRAIN, f"s{i % 250}") for i in range(600))
    folding = folding_of(Corpus("many", (0, 1), utterances), np.arange(600))
    assert len(folding.names) == 100 and folding.speakers_C.sum() == 250
    pairs = set(zip(folding.groups_N.tolist(), folding.folds_N.tolist(), strict=True))
    assert len(pairs) == 100
    voices = set(zip([u.speaker for u in utterances], folding.groups_N.tolist(), strict=True))
    assert len(voices) == 250


@pytest.mark.parametrize("width", [12, 3])  # with three features a speaker has more utterances than that
def test_a_speaker_is_left_out_of_learning_too(world: tuple, look: Look, width: int) -> None:
    """R² without a speaker is that of solving every fold anew without him, at its penalty and its features' scale."""
    corpus, states = world
    states = states[:, [PEAK], :width]
    found = look if width == 12 else ridge_look(corpus, states, ["valence"], permutations=0)
    place = PEAK if width == 12 else 0
    known, y = members(corpus, TRAIN, DEVELOPMENT), labels(corpus)
    y, x = y[known], states[known, 0].astype(float)
    folds = folding_of(corpus, known).folds_N[known]
    speakers = np.array([corpus.utterances[i].speaker for i in known])
    held = found.crossvalidated["valence"]
    assert sorted(held.groups) == sorted(set(speakers))
    for group, left, size in zip(held.groups, held.left_out_CL[:, place], held.sizes_C, strict=True):
        error = around = 0.0
        assert size == (speakers == group).sum()
        for fold in np.unique(folds):
            train, own = (folds != fold), (folds == fold) & (speakers != group)
            kept = train & (speakers != group)
            mean, sd = x[train].mean(0), x[train].std(0)
            fits = {alpha: solved(x[train], y[train], alpha) for alpha in PENALTIES}
            shown = held.predictions_LJ[place, folds == fold]
            alpha = min(fits, key=lambda a: np.abs(x[folds == fold] @ fits[a][0] + fits[a][1] - shown).max())
            z = (x - mean) / sd
            design = np.c_[np.ones(kept.sum()), z[kept]]
            penalty = kept.sum() * alpha * np.diag([0.0, *[1.0] * width])
            w = np.linalg.solve(design.T @ design + penalty, design.T @ y[kept])
            error += np.square(y[own] - w[0] - z[own] @ w[1:]).sum()
            around += np.square(y[own] - y[kept].mean()).sum()
        assert left == pytest.approx(1 - error / around, abs=1e-6)


def test_a_corpus_in_which_one_speaker_alone_varies_has_no_intervals() -> None:
    """Without him all labels are what is predicted without features; R² is then not defined, and not a huge number."""
    rng = np.random.default_rng(0)
    utterances = tuple(
        Utterance(
            f"{name}{i}", None, (TRAIN, DEVELOPMENT)[i % 2], name, {"joy": 0.5 if name != "eve" else rng.uniform()}
        )
        for name in ("ann", "bob", "eve")
        for i in range(8)
    )
    found = ridge_look(
        Corpus("few", (0.0, 1.0), utterances), rng.normal(size=(24, 2, 4)).astype(np.float32), ["joy"], permutations=0
    )
    table = found.importance()
    assert table.r2.notna().all() and table.low.isna().all() and table.in_set.all()


def test_states_that_cannot_fit_into_memory_are_refused() -> None:
    """Those of a hundred thousand million utterances, but not those of a thousand."""
    refuse_large_states(1000, 13, 768)
    with pytest.raises(FitError) as caught:
        refuse_large_states(10**11, 13, 768)
    assert caught.value.code == "states-too-large"


def test_left_out_values_make_the_curve(look: Look) -> None:
    """The table holds what the intervals are made of."""
    table, curve = look.left_out(), look.curve("valence")
    own = table[table.dimension == "valence"]
    np.testing.assert_array_equal(own[[f"layer{layer}" for layer in look.layers]], curve.left_out_CL)
    assert tuple(own.speaker) == curve.speakers and own.utterances.tolist() == curve.sizes_C.tolist()
    assert curve.number == own.speakers.sum() == len(own)


class Both(Held):
    """Means and maxima."""

    def batches(self, batches: Sequence[np.ndarray]) -> Iterator[Features]:
        for batch, features in zip(batches, super().batches(batches), strict=True):
            yield Features(features.mean_BLD, 10 + self.mean[torch.from_numpy(batch)])


def test_pooled_states_are_what_a_single_layer_probe_sees() -> None:
    """The mean; or the sum of mean and maximum, as the bank adds them; in the corpus's order."""
    states = np.random.default_rng(0).standard_normal((7, 3, 2, 4)).astype(np.float32)
    np.testing.assert_array_equal(pooled_states(Held(states), 7, batch=3), states.mean(1))
    np.testing.assert_allclose(pooled_states(Both(states), 7, batch=3), 10 + 2 * states.mean(1), rtol=1e-6)
