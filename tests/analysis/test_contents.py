"""All analyses of an encoder's layers in one table, from planted material and from caches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from analysis.worlds import World, world
from corpora import refusal

from probing.analysis.contents import Contents, contents_of, settled_dims
from probing.analysis.material import COLUMNS, Material
from probing.analysis.options import LayersOptions
from probing.corpus.model import Corpus
from probing.errors import FitError

FEW = LayersOptions(dims=("arousal", "valence"), randoms=2, orders=2)


@pytest.fixture(scope="module")
def material() -> Material:
    """The small world."""
    return world()


@pytest.fixture(scope="module")
def whole(material: Material) -> Contents:
    """All that it contains."""
    return contents_of(material, FEW)


def relabelled(corpus: Corpus, partition: str, dim: str, rating: float | None) -> Corpus:
    """A corpus with one rating throughout a partition, or none."""

    def labels(one):
        own = {name: value for name, value in one.labels.items() if name != dim}
        return own if rating is None else own | {dim: rating}

    utterances = [replace(one, labels=labels(one)) if one.partition == partition else one for one in corpus.utterances]
    return replace(corpus, utterances=tuple(utterances))


def test_the_table_says_where_emotion_comes_from(whole: Contents) -> None:
    """One row a number; arousal is sound, valence is words, by shares, by falls and by bits alike."""
    found = whole
    keys = ["analysis", "layer", "target", "part", "measure", "partition"]
    assert list(found.table.columns) == list(COLUMNS) and not found.table.duplicated(keys).any()
    assert set(found.table.analysis) == {"shares", "nuisance", "erasure", "description"}
    assert not np.isinf(found.table[["value", "low", "high"]].to_numpy()).any()
    one = found.table.set_index(["layer", "target", "part", "measure"]).value
    assert one[0, "arousal", "layer&sound", "share"] > 0.6 > 0.1 > one[0, "arousal", "layer&words", "share"]
    assert one[1, "valence", "layer&words", "share"] > 0.7 > 0.1 > one[1, "valence", "layer&sound", "share"]
    assert one[1, "valence", "words", "fall"] > 0.8 and abs(one[1, "valence", "sound", "fall"]) < 0.2
    assert one[1, "valence", "", "bits"] > 0.5 > 0.1 > one[0, "valence", "", "bits"]
    assert set(found.ranks) == {"words", "sound", "speaker"} and len(found.findings) == 2


def test_the_words_beneath_are_of_the_layer_that_shares_most_with_words(material: Material, whole: Contents) -> None:
    """Of valence; where that is not analysed, of the first dimension; without words there are none."""
    found = whole.words
    assert found is not None and (found.dimension == "valence").all() and (found.layer == 1).all()
    assert set(found.text) == {"glad day", "Sad, sad day!"} and set(found.partition) == {"test2"}
    assert found.change.is_monotonic_increasing and found.change.iloc[-1] > 0.05
    small = replace(world(World(32, 4)), dims=("arousal",))
    other = contents_of(small, FEW).words
    assert other is not None and (other.dimension == "arousal").all()
    wordless = contents_of(replace(small, words_NE=None), FEW)
    assert wordless.words is None and wordless.findings == () and "words" not in wordless.ranks


@pytest.mark.parametrize("partition", ["train", "development"])
def test_a_constant_cannot_be_explained(material: Material, partition: str) -> None:
    """R² of it would be that of rounding errors, so it is refused; so is a corpus without ratings."""
    constant = relabelled(material.corpus, partition, "valence", 0.7)
    refusal(FitError, "constant-labels", settled_dims, constant, ("all",))
    assert settled_dims(constant, ("arousal",)) == ("arousal",)
    assert settled_dims(material.corpus, ("all", "valence")) == ("arousal", "valence")
    bare = replace(material.corpus, utterances=tuple(replace(one, labels={}) for one in material.corpus.utterances))
    refusal(FitError, "no-labels", settled_dims, bare, ("all",))


def test_a_dimension_without_ratings_to_choose_by_is_refused(material: Material) -> None:
    """Nothing says how it would be learned."""
    unrated = replace(material, corpus=relabelled(material.corpus, "development", "valence", None))
    refusal(FitError, "too-few", contents_of, unrated, FEW)


def test_too_few_ratings_for_a_description_length_are_a_note() -> None:
    """All other numbers of so small a corpus are given."""
    found = contents_of(world(World(16, 2)), FEW)
    assert "description" not in set(found.table.analysis) and "shares" in set(found.table.analysis)
    assert any("no description length" in note for note in found.notes)
    shares = found.table[found.table.analysis == "shares"]
    assert np.isfinite(shares.value).all() and shares.low.isna().all()  # of two speakers
    assert all(one.p is None for one in found.findings)


def test_how_utterances_were_folded_is_said() -> None:
    """Without speakers a voice may count as knowledge."""
    assert any("no speaker is named" in note for note in contents_of(world(World(64, None)), FEW).notes)


def test_states_that_do_not_vary_tell_nothing(material: Material, whole: Contents) -> None:
    """A dead layer has no R², takes nothing when it is erased, and disturbs no other."""
    dead = material.states_NLD.copy()
    dead[:, 0] = 0
    found = contents_of(replace(material, states_NLD=dead), FEW).table
    r2 = found[(found.measure == "r2") & (found.part.isin(["layer", ""])) & (found.layer == 0)]
    assert (r2.value.abs() < 0.05).all()
    fall = found[(found.measure == "fall") & (found.layer == 0)]
    assert len(fall) and fall.value.isna().all()
    ours, theirs = (
        table[(table.layer == 1) & table.analysis.isin(["shares", "description"])] for table in (found, whole.table)
    )
    np.testing.assert_allclose(ours.value, theirs.value, atol=1e-9)
