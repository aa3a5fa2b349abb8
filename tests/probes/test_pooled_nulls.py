"""What permuted labels reach over all folds is what fitting every fold again to those labels gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import recall_score

from probing.corpus.model import Corpus, Utterance
from probing.probes.closed_form import PENALTIES
from probing.probes.pooled_nulls import Pooled, pooled_nulls
from probing.probes.ridge_plan import plans_of
from probing.runs.folds import divided
from probing.statistics.concordance import ccc

FOLDS, SPEAKERS, TAKES, WIDTH, PERMUTATIONS = 4, 12, 5, 6, 3
DEVELOPMENT = (3, 4, 2, 1)  # of each fold: any other one


@pytest.fixture(scope="module")
def world():
    """Utterances of twelve speakers in four folds, two layers of states, a dimension and a category that they tell."""
    rng = np.random.default_rng(5)
    count = SPEAKERS * TAKES
    states = rng.normal(size=(count, 2, WIDTH)).astype(np.float32)
    rating = states[:, 1, 0] + 0.5 * rng.normal(size=count)
    names = np.array(["calm", "cross", "glad"])[np.digitize(states[:, 1, 1], [-0.6, 0.6])]
    utterances = tuple(
        Utterance(f"u{i}", None, "test2", f"s{i // TAKES}", {"valence": float(r)}, categories={"emotion": str(name)})
        for i, (r, name) in enumerate(zip(rating, names, strict=True))
    )
    folds = 1 + np.arange(count) // TAKES % FOLDS
    return Corpus("planted", (0.0, 1.0), utterances), states, folds


def _fitted_again(x, folds, taught, chosen):
    """Estimates of every fold's test by scikit-learn: [N, K] of labels [N, K], by the penalty of the best `chosen`."""
    found = np.empty_like(taught)
    for fold in range(1, FOLDS + 1):
        after = DEVELOPMENT[fold - 1]
        train, development, test = ~np.isin(folds, [fold, after]), folds == after, folds == fold
        z = (x - x[train].mean(0)) / x[train].std(0)
        fits = [Ridge(alpha=penalty * train.sum()).fit(z[train], taught[train]) for penalty in PENALTIES]
        best = max(fits, key=lambda fit: chosen(taught[development], fit.predict(z[development])))
        found[test] = best.predict(z[test]).reshape(test.sum(), -1)
    return found


def _together(truth, estimates):
    """CCC of all classes: their covariances and spreads are added up."""
    covariance = ((truth - truth.mean(0)) * (estimates - estimates.mean(0))).mean(0).sum()
    spread = truth.var(0).sum() + estimates.var(0).sum() + np.square(truth.mean(0) - estimates.mean(0)).sum()
    return 2 * covariance / spread


def test_each_permutation_is_a_fit_of_every_fold_to_its_labels(world):
    """CCC of a dimension and UAR of a category, by scikit-learn's ridge regression and recall."""
    corpus, states, folds = world
    whole = divided(corpus, ["development" if fold == 1 else "train" for fold in folds])
    tests = Pooled(corpus, folds, DEVELOPMENT, PERMUTATIONS)
    nulls, class_nulls = pooled_nulls(tests, states, plans_of(whole, ["valence", "emotion"], 0))
    orders = tests.orders(np.arange(len(corpus)))
    rating = np.array([u.labels["valence"] for u in corpus.utterances])
    codes = np.array([corpus.classes("emotion").index(u.categories["emotion"]) for u in corpus.utterances])
    assert len(nulls) == len(class_nulls) == 2 * PERMUTATIONS
    for row, other in zip(nulls.itertuples(), class_nulls.itertuples(), strict=True):
        x, order = states[:, row.layer].astype(float), orders[row.permutation]
        own = rating[order][:, None]
        found = _fitted_again(x, folds, own, lambda y, p: ccc(y.ravel(), p.ravel()))
        assert row.ccc == pytest.approx(float(ccc(own[:, 0], found[:, 0])), abs=1e-9)
        classes = np.eye(3)[codes[order]]
        decided = _fitted_again(x, folds, classes, _together).argmax(1)
        assert other.uar == pytest.approx(recall_score(codes[order], decided, average="macro"), abs=1e-9)
    assert set(nulls.labels) == {"permuted"} and set(nulls.partition) == {"test2"}


def test_labels_stay_with_their_speaker_where_speakers_are_seen(world):
    """On test1 a voice alone gives a rating away, so labels are permuted within speakers."""
    corpus, _, folds = world
    seen = replace(corpus, utterances=tuple(replace(u, partition="test1") for u in corpus.utterances))
    tests = Pooled(seen, folds, DEVELOPMENT, 2)
    speakers = np.array([u.speaker for u in corpus.utterances])
    for order in tests.orders(np.arange(len(corpus))):
        assert (speakers[order] == speakers).all() and (order != np.arange(len(order))).any()
    assert tests.labels == "by-speaker"


def test_without_permutations_there_is_no_null(world):
    """The tables have their columns all the same."""
    corpus, states, folds = world
    nulls, class_nulls = pooled_nulls(Pooled(corpus, folds, DEVELOPMENT, 0), states, [])
    assert nulls.empty and class_nulls.empty and "uar" in class_nulls and "ccc" in nulls
