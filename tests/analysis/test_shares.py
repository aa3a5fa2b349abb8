"""Shares of R²: against the population of the built-in world, brute force, and worlds without anything in common."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from analysis.planted import planted, sound_of, words_of

from probing.analysis.material import Material
from probing.analysis.shares import commonality, shares, subsets
from probing.corpus.model import Corpus

DIMS = ("arousal", "valence", "dominance")


def cell(rows: pd.DataFrame, measure: str, target: str, part: str, layer: int = 0) -> float:
    """One value."""
    found = rows[(rows.measure == measure) & (rows.target == target) & (rows.part == part) & (rows.layer == layer)]
    assert len(found) == 1
    return float(found.value.iloc[0])


@pytest.fixture(scope="module")
def world() -> pd.DataFrame:
    """Shares of the variables that the world was made of; layer 0 is the sound, layer 1 the words, layer 2 both."""
    corpus, lines = planted(720)
    sound, words = sound_of(lines), words_of(lines)
    both = np.concatenate([sound, words], axis=1)
    nothing = np.zeros_like(sound)
    rng = np.random.default_rng(0)
    states = np.stack(
        [np.concatenate([sound, nothing], 1), np.concatenate([words, nothing], 1), both @ rng.standard_normal((4, 4))],
        axis=1,
    )
    material = Material(corpus, DIMS, "truth", (0, 1, 2), states.astype(np.float32), words, sound)
    return shares(material).rows()


POPULATION = {"arousal": (0.93, 0.0), "valence": (0.0, 0.95), "dominance": (0.64, 0.27)}


@pytest.mark.parametrize("dim", DIMS)
def test_fed_the_variables_that_made_the_world_shares_are_the_populations(world: pd.DataFrame, dim: str) -> None:
    """Arousal is sound, valence is words, dominance is both, within .05; whatever the layer holds of it is shared."""
    sound, words = POPULATION[dim]
    assert cell(world, "r2", dim, "sound") == pytest.approx(sound, abs=0.05)
    assert cell(world, "r2", dim, "words") == pytest.approx(words, abs=0.05)
    assert cell(world, "share", dim, "layer&sound", 0) == pytest.approx(sound, abs=0.05)
    assert cell(world, "share", dim, "layer&words", 0) == pytest.approx(0, abs=0.05)
    assert cell(world, "share", dim, "layer&words", 1) == pytest.approx(words, abs=0.05)
    assert cell(world, "share", dim, "layer&sound", 2) == pytest.approx(sound, abs=0.05)
    assert cell(world, "share", dim, "layer&words", 2) == pytest.approx(words, abs=0.05)
    for layer in range(3):
        assert cell(world, "share", dim, "layer", layer) == pytest.approx(0, abs=0.02)


def test_shares_add_up_to_the_union(world: pd.DataFrame) -> None:
    """All shares of a dimension together are the R² of all blocks; those with the layer in them are the layer's."""
    found = world[world.measure == "share"]
    for (dim, layer), own in found.groupby(["target", "layer"]):
        assert own.value.sum() == pytest.approx(cell(world, "r2", dim, "layer+words+sound", layer))
        with_layer = own[own.part.str.split("&").map(lambda names: "layer" in names)]
        assert with_layer.value.sum() == pytest.approx(cell(world, "r2", dim, "layer", layer))


def test_intervals_hold_the_values(world: pd.DataFrame) -> None:
    """Every value lies inside its own interval, which has a width."""
    assert (world.low < world.value).all() and (world.value < world.high).all()


def test_commonality_is_what_venn_regions_give() -> None:
    """R² of unions made from planted regions gives these regions back, for one to four blocks."""
    rng = np.random.default_rng(3)
    for size in range(1, 5):
        names = tuple("abcd"[:size])
        regions = {own: rng.uniform(-0.05, 0.3) for own in subsets(names)}
        unions = {
            union: np.array(sum(value for own, value in regions.items() if set(own) & set(union)))
            for union in subsets(names)
        }
        found = commonality(unions)
        assert {own: float(value) for own, value in found.items()} == pytest.approx(regions)


def test_sums_of_a_large_corpus_give_the_same_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    """R² does not depend on the way it is computed; intervals then are over folds, and a little different."""
    corpus, lines = planted(360)
    states = words_of(lines)[:, None] @ np.random.default_rng(0).standard_normal((2, 6)).astype(np.float32)
    material = Material(corpus, ("valence", "dominance"), "truth", (0,), states, words_of(lines), sound_of(lines))
    by_kernel = shares(material).rows()
    monkeypatch.setattr("probing.analysis.shares.MOST_BY_KERNEL", 10)
    by_sums = shares(material).rows()
    np.testing.assert_allclose(by_sums.value, by_kernel.value, atol=1e-6)
    assert (by_sums.low < by_sums.value).all()


def test_without_words_or_sound_there_is_only_the_other() -> None:
    """A corpus without text is split into what is sound and what is not."""
    corpus, lines = planted(240)
    states = sound_of(lines).astype(np.float32)[:, None]
    found = shares(Material(corpus, ("arousal",), "truth", (0,), states, None, sound_of(lines))).rows()
    assert set(found.part[found.measure == "share"]) == {"layer", "sound", "layer&sound"}
    assert not (found.measure == "difference").any()
    alone = shares(Material(corpus, ("arousal",), "truth", (0,), states)).rows()
    assert set(alone.part) == {"layer"}


def test_one_speaker_has_no_interval() -> None:
    """What another speaker would have given is not known."""
    corpus, lines = planted(240)
    alone = Corpus("one", corpus.scale, tuple(replace(u, speaker="a") for u in corpus.utterances))
    states = sound_of(lines).astype(np.float32)[:, None]
    found = shares(Material(alone, ("arousal",), "truth", (0,), states, None, sound_of(lines))).rows()
    assert found.value.notna().all() and found.low.isna().all()


def test_features_of_noise_have_no_share() -> None:
    """Over 20 worlds of noise no share leaves ±.1, and in one at most an interval leaves out 0 by more than .01."""
    rng = np.random.default_rng(7)
    corpus, _ = planted(240)
    wrong = 0
    for _ in range(20):
        drawn = [rng.standard_normal((240, width)) for width in (20, 8, 5)]
        material = Material(
            corpus,
            ("valence",),
            "noise",
            (0,),
            drawn[0].astype(np.float32)[:, None],
            drawn[1].astype(np.float32),
            drawn[2],
        )
        found = shares(material).rows()
        own = found[found.measure == "share"]
        wrong += bool(((own.low > 0.01) | (own.high < -0.01)).any())
        assert own.value.abs().max() < 0.1
    assert wrong <= 1
