"""Categories in probes: against solving each class by itself, PyTorch's cross-entropy, and scikit-learn's recall."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hidden_states import N_LAYERS, OPTIONS, WIDTH, Held, planted_layer
from sklearn.metrics import balanced_accuracy_score
from sklearn.utils.class_weight import compute_class_weight
from torch.nn.functional import cross_entropy

from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.errors import ScoreError
from probing.probes.bank import PERMUTED, REFIT, WEIGHTED, Probe
from probing.probes.closed_form import PENALTIES
from probing.probes.folds import folding_of
from probing.probes.look import Look
from probing.probes.results import best_layers, class_scores, tables_of
from probing.probes.ridge import ridge_look
from probing.probes.ridge_results import crossvalidated_table, said_of_layers
from probing.probes.saved import PROBES, RIDGE_PROBES, load_bank, numbered, ridge_banks, save_bank
from probing.probes.targets import classification, resampled_counts
from probing.probes.train import train_banks
from probing.statistics.permutation import permuted_between_speakers
from probing.statistics.verdicts import HOLDS, OPEN

PEAK, NAMES = 3, ("anger", "joy", "neutral")


@pytest.fixture(scope="module")
def world() -> tuple[Corpus, np.ndarray]:
    """A corpus of one dimension and of a category of three unequal classes, which one layer tells; pooled states."""
    corpus, states = planted_layer(PEAK, seed=1, count=180)
    utterances = tuple(
        replace(
            u,
            partition=partition,
            speaker=f"{partition}{i % 9}",
            categories={"emotion": NAMES[int(np.digitize(u.labels["valence"], (0.2, 0.5)))]},
        )
        for i, (u, partition) in enumerate(
            zip(corpus.utterances, np.resize([TRAIN, TRAIN, DEVELOPMENT, "test1", "test2"], 180), strict=True)
        )
    )
    return replace(corpus, utterances=utterances), states.mean(1)


@pytest.fixture(scope="module")
def look(world: tuple[Corpus, np.ndarray]) -> Look:
    """What ridge probes find of both."""
    return ridge_look(*world, ["valence", "emotion"], permutations=2)


def members(corpus: Corpus, *partitions: str) -> np.ndarray:
    return np.array([i for i, u in enumerate(corpus.utterances) if u.partition in partitions])


def codes(corpus: Corpus) -> np.ndarray:
    return np.array([NAMES.index(u.categories["emotion"]) for u in corpus.utterances])


def solved(x: np.ndarray, y_NK: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients [D, K] and intercepts for raw states, by least squares with the penalty as further rows."""
    mean, sd = x.mean(0), x.std(0)
    z = (x - mean) / sd
    rows = np.concatenate([z, np.sqrt(len(x) * alpha) * np.eye(z.shape[1])])
    right = np.concatenate([y_NK - y_NK.mean(0), np.zeros((z.shape[1], y_NK.shape[1]))])
    w = np.linalg.lstsq(rows, right, rcond=None)[0] / sd[:, None]
    return w, y_NK.mean(0) - mean @ w


def together(truth_NK: np.ndarray, found_NK: np.ndarray) -> float:
    """CCC of all classes together: sums of the parts of each class's own."""
    covariance = ((truth_NK - truth_NK.mean(0)) * (found_NK - found_NK.mean(0))).mean(0)
    spread = truth_NK.var(0) + found_NK.var(0) + (truth_NK.mean(0) - found_NK.mean(0)) ** 2
    return float(2 * covariance.sum() / spread.sum())


def by_development(x: np.ndarray, y_NK: np.ndarray, train: np.ndarray, development: np.ndarray) -> tuple:
    fits = [(alpha, *solved(x[train], y_NK[train], alpha)) for alpha in PENALTIES]
    return max(fits, key=lambda fit: together(y_NK[development], x[development] @ fit[1] + fit[2]))


def test_a_class_is_a_column_and_all_have_one_penalty(world: tuple, look: Look) -> None:
    """Coefficients and estimates are those of least squares; estimates sum to 1; the largest is the class."""
    corpus, states = world
    y_NK, train, development = np.eye(3)[codes(corpus)], members(corpus, TRAIN), members(corpus, DEVELOPMENT)
    for layer in range(N_LAYERS):
        x = states[:, layer].astype(float)
        alpha, w, intercept = by_development(x, y_NK, train, development)
        assert look.penalties["emotion"][layer] == pytest.approx(alpha)
        np.testing.assert_allclose(look.coefficients["emotion"][layer], w, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(look.predictions["emotion"][layer], x @ w + intercept, atol=1e-8)
        np.testing.assert_array_equal(look.estimated("emotion")[layer], (x @ w + intercept).argmax(1))
    np.testing.assert_allclose(look.predictions["emotion"].sum(-1), 1)


def test_a_dimension_is_the_same_beside_a_category(world: tuple, look: Look) -> None:
    """A category changes no number of a dimension."""
    alone = ridge_look(*world, ["valence"], permutations=2)
    np.testing.assert_allclose(alone.predictions["valence"], look.predictions["valence"], atol=1e-12)
    np.testing.assert_allclose(alone.nulls.ccc, look.nulls.ccc, atol=1e-12)
    own = look.importance()[lambda table: table.dimension == "valence"]
    columns = ["r2", "low", "high", "ccc"]
    np.testing.assert_allclose(own[columns], alone.importance()[columns], atol=1e-9)


def test_importance_is_the_skill_of_probabilities(world: tuple, look: Look) -> None:
    """1 − Σ SSE / Σ SST over the classes, of fits without the fold, at one penalty of the smallest sum of errors."""
    corpus, states = world
    known = members(corpus, TRAIN, DEVELOPMENT)
    y_MK, x = np.eye(3)[codes(corpus)][known], states[known, PEAK].astype(float)
    folds = folding_of(corpus, known).folds_N[known]
    tried = {
        fold: [
            x[folds == fold] @ w + b for w, b in (solved(x[folds != fold], y_MK[folds != fold], a) for a in PENALTIES)
        ]
        for fold in np.unique(folds)
    }
    errors_F = {fold: [np.square(y_MK[folds == fold] - own).sum() for own in tried[fold]] for fold in tried}
    total = np.sum(list(errors_F.values()), axis=0)
    found_MK, baseline_MK = np.empty_like(y_MK), np.empty_like(y_MK)
    for fold, own in tried.items():
        found_MK[folds == fold] = own[int((total - errors_F[fold]).argmin())]
        baseline_MK[folds == fold] = y_MK[folds != fold].mean(0)
    row = look.importance().set_index(["dimension", "layer"]).loc[("emotion", PEAK)]
    skill = 1 - np.square(y_MK - found_MK).sum() / np.square(y_MK - baseline_MK).sum()
    assert row.r2 == pytest.approx(skill) and row.low < row.r2 < row.high and row.in_set
    assert row.uar == pytest.approx(balanced_accuracy_score(y_MK.argmax(1), found_MK.argmax(1)))
    table = crossvalidated_table(look)[lambda table: table.dimension == "emotion"]
    assert table["class"].tolist() == [*NAMES] * len(known)
    np.testing.assert_allclose(table[f"layer{PEAK}"], found_MK.ravel(), atol=1e-8)


def test_a_speaker_is_left_out_of_all_classes_at_once(world: tuple, look: Look) -> None:
    """R² without a speaker is that of solving every fold and class anew without him, at the fold's own penalty."""
    corpus, states = world
    known = members(corpus, TRAIN, DEVELOPMENT)
    y_MK, x = np.eye(3)[codes(corpus)][known], states[known, PEAK].astype(float)
    folds = folding_of(corpus, known).folds_N[known]
    speakers = np.array([corpus.utterances[i].speaker for i in known])
    held = look.crossvalidated["emotion"]
    shown_MK = held.predictions_LJ[PEAK].reshape(-1, 3)
    for group, left in list(zip(held.groups, held.left_out_CL[:, PEAK], strict=True))[:3]:
        error = around = 0.0
        for fold in np.unique(folds):
            train, own = folds != fold, (folds == fold) & (speakers != group)
            kept = train & (speakers != group)
            fits = {alpha: solved(x[train], y_MK[train], alpha) for alpha in PENALTIES}
            inside = folds == fold
            alpha = min(fits, key=lambda a: np.abs(x[inside] @ fits[a][0] + fits[a][1] - shown_MK[inside]).max())
            z = (x - x[train].mean(0)) / x[train].std(0)
            design = np.c_[np.ones(kept.sum()), z[kept]]
            penalty = kept.sum() * alpha * np.diag([0.0, *[1.0] * z.shape[1]])
            w = np.linalg.solve(design.T @ design + penalty, design.T @ y_MK[kept])
            error += np.square(y_MK[own] - w[0] - z[own] @ w[1:]).sum()
            around += np.square(y_MK[own] - y_MK[kept].mean(0)).sum()
        assert left == pytest.approx(1 - error / around, abs=1e-6)


def test_a_null_is_the_recall_of_permuted_classes(world: tuple, look: Look) -> None:
    """Labels of train and development are permuted, the penalty is chosen with them, and tests keep their own."""
    corpus, states = world
    train, development = members(corpus, TRAIN), members(corpus, DEVELOPMENT)
    speakers = [u.speaker for u in corpus.utterances]
    for permutation in range(2):
        own = permuted_between_speakers(codes(corpus).astype(float), [train, development], speakers, permutation)
        taught, x = own.astype(int), states[:, PEAK].astype(float)
        _, w, intercept = by_development(x, np.eye(3)[taught], train, development)
        rows = look.class_nulls[look.class_nulls.labels.eq(PERMUTED) & look.class_nulls.permutation.eq(permutation)]
        found = rows[rows.layer == PEAK].set_index("partition").uar
        assert sorted(found.index) == [DEVELOPMENT, "test1", "test2"]
        for partition, uar in found.items():
            places = members(corpus, str(partition))
            truth = (taught if partition == DEVELOPMENT else codes(corpus))[places]
            assert uar == pytest.approx(balanced_accuracy_score(truth, (x[places] @ w + intercept).argmax(1)))


def test_balanced_classes_are_compared_with_their_shares(world: tuple, look: Look) -> None:
    """The class whose estimate is the largest multiple of its share of train, at the penalty of the smallest error."""
    corpus, states = world
    balanced = ridge_look(*world, ["emotion", "valence"], permutations=1, balanced=True)
    train, development = members(corpus, TRAIN), members(corpus, DEVELOPMENT)

    def decided(x: np.ndarray, taught: np.ndarray) -> np.ndarray:
        y_NK = np.eye(3)[taught]
        fits = [solved(x[train], y_NK[train], alpha) for alpha in PENALTIES]
        w, b = min(fits, key=lambda fit: np.square(y_NK[development] - x[development] @ fit[0] - fit[1]).sum())
        return ((x @ w + b) / y_NK[train].mean(0)).argmax(1)

    for layer in range(N_LAYERS):
        found = decided(states[:, layer].astype(float), codes(corpus))
        np.testing.assert_array_equal(balanced.estimated("emotion")[layer], found)
    assert (balanced.estimated("emotion") != look.estimated("emotion")).any()
    groups, speakers = [train, development], [u.speaker for u in corpus.utterances]
    taught = permuted_between_speakers(codes(corpus).astype(float), groups, speakers, 0).astype(int)
    found, test2 = decided(states[:, PEAK].astype(float), taught), members(corpus, "test2")
    rows = balanced.class_nulls.query(f"labels == 'permuted' and layer == {PEAK} and partition == 'test2'")
    assert rows.uar.item() == pytest.approx(balanced_accuracy_score(codes(corpus)[test2], found[test2]))
    own, other = (one.importance().set_index(["dimension", "layer"]).r2 for one in (look, balanced))
    np.testing.assert_allclose(other["emotion"], own["emotion"])  # which is not decided
    np.testing.assert_allclose(balanced.predictions["valence"], look.predictions["valence"], atol=1e-12)


def test_the_planted_layer_is_named_and_carried(world: tuple, look: Look) -> None:
    """By its skill and by its recall; permuted classes carry nothing."""
    whole = ridge_look(*world, ["emotion"], permutations=100)
    tables = tables_of(world[0], [], whole)
    findings, places = said_of_layers(whole, None, tables.class_scores)
    assert places["emotion"].best_layer == PEAK and places["emotion"].confidence_set == (PEAK,)
    assert {(one.on, one.verdict) for one in findings} == {("test1", HOLDS), ("test2", HOLDS)}
    shuffled = np.random.default_rng(0).permutation(len(world[0]))
    utterances = tuple(
        replace(u, categories=world[0].utterances[i].categories)
        for u, i in zip(world[0].utterances, shuffled, strict=True)
    )
    nothing = ridge_look(replace(world[0], utterances=utterances), world[1], ["emotion"], permutations=100)
    table = tables_of(nothing.corpus, [], nothing).class_scores
    assert {one.verdict for one in said_of_layers(nothing, None, table)[0]} == {OPEN}


def test_the_loss_is_pytorchs(world: tuple) -> None:
    """Of each probe by itself, with scikit-learn's weights where all classes count alike, of resamples as repeated."""
    corpus, _ = world
    groups = {name: members(corpus, name) for name in (TRAIN, DEVELOPMENT)}
    probes = [Probe("emotion", WEIGHTED, 0), Probe("emotion", REFIT, 0, draw=1)]
    own = classification(corpus, probes, groups, NAMES, balanced=True)
    batch = groups[TRAIN][:20]
    logits = torch.randn(2, 20, 3, generator=torch.Generator().manual_seed(0))
    y = codes(corpus)
    weight = compute_class_weight("balanced", classes=np.arange(3), y=y[groups[TRAIN]])
    expected = cross_entropy(logits[0], torch.from_numpy(y[batch]), torch.from_numpy(weight).float())
    assert float(own.loss(logits, batch)[0]) == pytest.approx(float(expected), rel=1e-6)
    counts = resampled_counts([str(u.speaker) for u in corpus.utterances], groups, 1)
    plain = classification(corpus, probes, groups, NAMES, balanced=False)
    often = np.repeat(np.arange(20), counts[batch])
    expected = cross_entropy(logits[1, often], torch.from_numpy(y[batch[often]]))
    assert float(plain.loss(logits, batch)[1]) == pytest.approx(float(expected), rel=1e-6)
    scores = plain.score(logits.double().numpy(), batch)
    assert scores[0] == pytest.approx(balanced_accuracy_score(y[batch], logits[0].argmax(-1)))
    assert scores[1] == pytest.approx(balanced_accuracy_score(y[batch[often]], logits[1, often].argmax(-1)))
    np.testing.assert_allclose(plain.ties(logits.double().numpy(), batch), -plain.loss(logits, batch).numpy())
    assert plain.only(np.array([1])).score(logits[1:].double().numpy(), batch)[0] == scores[1]


def test_what_is_not_finite_has_no_score(world: tuple) -> None:
    """A diverged probe's loss is not finite, which training looks at once an epoch; its score is refused."""
    groups = {name: members(world[0], name) for name in (TRAIN, DEVELOPMENT)}
    own = classification(world[0], [Probe("emotion", WEIGHTED, 0)], groups, NAMES, balanced=False)
    estimates, places = np.full((1, 4, 3), np.nan), groups[TRAIN][:4]
    assert not own.loss(torch.from_numpy(estimates), torch.from_numpy(places)).isfinite().any()
    with pytest.raises(ScoreError) as caught:
        own.score(estimates, places)
    assert caught.value.code == "not-finite"


def test_a_bank_learns_the_planted_layer_of_a_category(world: tuple) -> None:
    """Weights and single layers peak where the classes are; a dimension beside it has a bank of its own."""
    corpus, states = world
    options = replace(OPTIONS, dims=("valence", "emotion"), seeds=1, permutations=1, epochs=30)
    normed = (states - states.mean(-1, keepdims=True)) / states.std(-1, keepdims=True)
    rated, named = train_banks(corpus, Held(normed[:, None]), N_LAYERS, WIDTH, options)
    assert (rated.classes, named.classes) == ((), NAMES) and named.bank.head.sizes["outputs"] == 3
    tables = tables_of(corpus, [rated, named])
    assert tables.weights is not None and tables.class_scores is not None and tables.class_nulls is not None
    weights = tables.weights[tables.weights.dimension == "emotion"].groupby("layer").weight.mean()
    assert weights.idxmax() == PEAK == best_layers(tables)["emotion"]
    told = {(score.probe, score.partition): score for score in class_scores(tables)}
    best = told[f"best layer: {PEAK}", "test2"]
    assert best.uar > 0.6 > 1 / best.classes and best.macro_f1 > 0.6 and best.accuracy > 0.6
    nulls = tables.class_nulls[tables.class_nulls.partition == "test2"]
    assert len(nulls) == 2 and nulls.uar.max() < best.uar


@pytest.mark.parametrize("balanced", [False, True])
def test_saved_probes_decide_as_they_did(world: tuple, balanced: bool, tmp_path) -> None:
    """The class of the largest output, of ridge probes and of trained ones; classes are in the file."""
    corpus, states = world
    look = ridge_look(corpus, states, ["valence", "emotion"], permutations=0, balanced=balanced)
    banks = numbered(RIDGE_PROBES, ridge_banks(look, "mean"))
    assert list(banks) == [RIDGE_PROBES, "ridge-2.safetensors"]
    for name, (bank, classes) in banks.items():
        save_bank(bank, "none", corpus.scale, tmp_path / name, classes)
    bank, _, classes = load_bank(tmp_path / "ridge-2.safetensors")
    assert classes == NAMES and load_bank(tmp_path / RIDGE_PROBES)[2] == ()
    with torch.inference_mode():
        (features,) = Held(states[:, None]).batches([np.arange(len(corpus))])
        found = bank(features).argmax(-1).numpy()
    assert (found == look.estimated("emotion")).mean() > 0.999  # of float32


def test_a_damaged_file_of_classes_is_refused(world: tuple, tmp_path) -> None:
    """As many classes as outputs, each once."""
    from probing.errors import RunError

    look = ridge_look(*world, ["emotion"], permutations=0)
    ((bank, _),) = ridge_banks(look, "mean")
    for wrong in (("anger", "joy"), ("a", "b", "a"), ()):
        save_bank(bank, "none", (0.0, 1.0), tmp_path / PROBES, wrong)
        with pytest.raises(RunError) as caught:
            load_bank(tmp_path / PROBES)
        assert caught.value.code == "run-damaged"
