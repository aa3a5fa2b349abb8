"""Naming the speaker: against scikit-learn's discriminants, planted voices, and chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from analysis.worlds import World, world
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from probing.analysis.banded import standardised
from probing.analysis.voices import SHRINKAGE, named_right, told_apart


@pytest.fixture(scope="module")
def voices() -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Standardised states of five voices that overlap, who speaks, and folds that everybody is in."""
    rng = np.random.default_rng(0)
    speaker_M = rng.integers(0, 5, 120)
    x_MD = 0.8 * rng.standard_normal((5, 10))[speaker_M] + rng.standard_normal((120, 10))
    return standardised(x_MD), speaker_M, np.arange(120) % 4


@pytest.mark.parametrize("share", SHRINKAGE)
def test_discriminants_are_scikit_learn_s(voices, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one share of the identity, the same utterances are named right."""
    x_MD, speaker_M, folds_M = voices
    monkeypatch.setattr("probing.analysis.voices.SHRINKAGE", (share,))
    expected = np.zeros(len(speaker_M))
    for fold in range(4):
        own = folds_M == fold
        # Its shrinkage is towards the mean variance too, but of features scaled anew by training part: so they are not.
        model = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=_Shrunk(share))
        model.fit(x_MD[~own].numpy(), speaker_M[~own])
        expected[own] = model.predict(x_MD[own].numpy()) == speaker_M[own]
    np.testing.assert_array_equal(named_right(x_MD, speaker_M, folds_M), expected)
    assert 0.4 < expected.mean() < 0.95


class _Shrunk:
    """Covariance of one class, shrunk towards the mean variance; the mean over classes is what counts."""

    def __init__(self, share: float) -> None:
        self.share = share

    def get_params(self, deep: bool = True) -> dict[str, float]:
        return {"share": self.share}

    def fit(self, x_BD: np.ndarray) -> None:
        own_DD = np.cov(x_BD, rowvar=False, bias=True)
        self.covariance_ = (1 - self.share) * own_DD + self.share * np.trace(own_DD) / len(own_DD) * np.eye(len(own_DD))


def test_planted_voices_are_told_apart_in_the_layer_that_has_them() -> None:
    """The first layer names them all but surely, the second by chance, which is the share of the most frequent."""
    material = world(World(200, 5))
    rows = told_apart(material, material.places("train", "development"))
    accuracy, chance = rows[:2], rows[2]
    assert accuracy[0]["value"] > 0.9
    assert chance["measure"] == "chance" and chance["value"] == pytest.approx(0.2)
    assert accuracy[1]["value"] < 0.4 and accuracy[1]["low"] < chance["value"] < accuracy[1]["high"] + 0.1


def test_chance_is_to_name_the_speaker_who_speaks_most() -> None:
    """States that tell nothing are named right as often as that, and no more often."""
    material = world(World(200, 5))
    places = material.places("train", "development")[:100]  # of whole rounds of the speakers …
    utterances = material.corpus.utterances
    most = np.array([n for n in material.places("train", "development") if utterances[n].speaker == "False0"])
    places = np.union1d(places, most)  # … and more of one of them
    nothing = replace(material, states_NLD=np.zeros_like(material.states_NLD))
    *accuracy, chance = told_apart(nothing, places)
    assert chance["value"] == pytest.approx(len(most) / len(places)) and chance["value"] > 0.2
    assert [row["value"] for row in accuracy] == pytest.approx([chance["value"]] * 2)


def test_fewer_than_two_speakers_with_five_utterances_are_not_told_apart() -> None:
    """Nor are utterances of nobody."""
    for about in (World(80, 1), World(80, None)):
        material = world(about)
        assert told_apart(material, material.places("train", "development")) == []
    material = world(World(64, 8))  # of each four utterances, of every second one
    assert told_apart(material, material.places("train", "development")[::2]) == []
