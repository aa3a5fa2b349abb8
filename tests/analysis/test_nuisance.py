"""What a layer tells beside emotion: planted nuisances, brute force, and corpora that lack something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from analysis.worlds import World, world

from probing.analysis.banded import Kernels, Task, standardised
from probing.analysis.material import Material
from probing.analysis.nuisance import bag_of_words, nuisances
from probing.analysis.penalties import explained
from probing.probes.folds import folding_of


@pytest.fixture(scope="module")
def material() -> Material:
    """The small world."""
    return world()


@pytest.fixture(scope="module")
def rows(material: Material) -> pd.DataFrame:
    """Its nuisances by target and layer."""
    found = nuisances(material)
    return found[found.measure == "r2"].set_index(["target", "layer"])


def test_each_layer_tells_what_was_planted_in_it(rows: pd.DataFrame) -> None:
    """The first tells loudness, the second the words; each has an interval around its number."""
    assert set(rows.index.unique("target")) == {"energy", "channel", "sex", "bag of words", "sentence embedding"}
    assert rows.value["energy", 0] > 0.8 and rows.value["energy", 1] < 0.05
    assert rows.value["bag of words", 1] > 0.9 and rows.value["bag of words", 0] < 0.05
    assert ((rows.low < rows.value) & (rows.value < rows.high)).all()


def test_several_numbers_count_as_one_by_their_errors_together(material: Material, rows: pd.DataFrame) -> None:
    """R² of the channel is one minus the errors of both of its numbers over their variances, of which one is told."""
    places = material.places("train", "development")
    task = Task.of(material.nuisances["channel"], folding_of(material.corpus, places), places)
    fits = Kernels({"layer": standardised(material.states_NLD[places, 0])}, task)
    alone = explained(fits, [(("layer", 1.0),)] * 2)
    assert alone.r2_K[0] > 0.8 and alone.r2_K[1] < 0.1
    around_K = fits.errors(()).sum(0).numpy()
    expected = (alone.r2_K * around_K).sum() / around_K.sum()
    assert rows.value["channel", 0] == pytest.approx(expected, abs=1e-9)


def test_a_word_of_one_speaker_leaves_the_bag_its_interval(material: Material) -> None:
    """Without that speaker the word is never said, and the other words still tell how certain the number is."""
    own = [replace(one, text=f"{one.text} aha" if one.speaker == "False0" else one.text) for one in _all(material)]
    found = _of(nuisances(_with(material, own)), "bag of words")
    assert np.isfinite(found[["value", "low", "high"]].to_numpy()).all()


def test_what_is_missing_is_not_taken_for_silence(material: Material) -> None:
    """Utterances without a transcript or a sex are left out: the rest gives what it gives by itself."""
    half = [replace(one, text=None, sex=None) if n % 3 == 0 else one for n, one in enumerate(_all(material))]
    found = nuisances(replace(_with(material, half), words_NE=None))
    whole = nuisances(replace(material, words_NE=None))
    for name in ("bag of words", "sex"):
        assert _of(found, name).value.tolist() != _of(whole, name).value.tolist()
    assert _of(found, "bag of words").value.iloc[1] > 0.9  # were they silent, a third of all could not be told
    empty = [replace(one, text="" if n % 3 == 0 else one.text) for n, one in enumerate(_all(material))]
    assert _of(nuisances(_with(material, empty)), "bag of words").value.iloc[1] < 0.9


def test_what_never_changes_is_left_out(material: Material) -> None:
    """One sentence, one sex and a constant number have no rows; nor has anything that is not known at all."""
    alike = [replace(one, text="the same", sex="female") for one in _all(material)]
    constant = replace(_with(material, alike), words_NE=None, nuisances={"energy": np.full(len(alike), 3.0)})
    assert set(nuisances(constant).target) == {"speaker"}
    nobody = [replace(one, text=None, sex=None, speaker=None) for one in _all(material)]
    assert nuisances(replace(_with(material, nobody), words_NE=None, nuisances={})).empty


@pytest.mark.parametrize("speakers", [1, 2])
def test_of_one_or_two_speakers_there_is_no_interval(speakers: int) -> None:
    """Without one of two, nobody is left to learn from; the number itself is given."""
    found = _of(nuisances(world(World(80, speakers))), "energy")
    assert found.value.iloc[0] > 0.8 and found[["low", "high"]].isna().all(axis=None)


def test_large_corpora_are_computed_from_sums(material: Material, rows: pd.DataFrame, monkeypatch) -> None:
    """The same numbers; eight speakers in as many folds have the same intervals too."""
    monkeypatch.setattr("probing.analysis.shares.MOST_BY_KERNEL", 10)
    found = nuisances(material)
    found = found[found.measure == "r2"].set_index(["target", "layer"])
    columns = ["value", "low", "high"]
    np.testing.assert_allclose(found[columns], rows[columns].loc[found.index], atol=1e-6)


def test_a_bag_holds_words_that_can_be_learned() -> None:
    """A word of all texts or of a single one is left out, case and punctuation do not count, and no text is no word."""
    texts = ["Der Hund, der bellt", "der HUND schläft!", "der Kater", "der Kater schläft"]
    assert bag_of_words(texts).tolist() == [[1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 1, 1]]  # hund, kater, schläft
    assert bag_of_words(["", ""]).shape == (2, 0)
    many = [" ".join(f"w{word}" for word in range(250) if (word + text) % 3) for text in range(60)]
    assert bag_of_words(many).shape == (60, 200)


def _all(material: Material):
    return material.corpus.utterances


def _with(material: Material, utterances) -> Material:
    return replace(material, corpus=replace(material.corpus, utterances=tuple(utterances)))


def _of(rows: pd.DataFrame, target: str) -> pd.DataFrame:
    return rows[(rows.target == target) & (rows.measure == "r2")]
