"""Behaviour: erasing words takes what is words, erasing sound what is sound, and chance takes its rank's worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from probing.analysis.concepts import concepts_of
from probing.analysis.erased import best_weights, erased_weights, estimates_of
from probing.analysis.erasure import Erasure, beneath, erase
from probing.analysis.falls import fall_of
from probing.analysis.leace import Whitened, leace
from probing.analysis.material import COLUMNS, Material
from probing.corpus.model import Corpus, Utterance
from probing.errors import FitError, OptionError
from probing.probes.closed_form import PENALTIES, LayerStates
from probing.statistics.concordance import ccc

SPLIT = {"train": 400, "development": 100, "test1": 60, "test2": 60}


def planted(seed: int = 0, width: int = 24) -> Material:
    """Two layers that hold words and sound: valence is the first of the words, arousal the first of the sounds."""
    rng = np.random.default_rng(seed)
    partitions = [name for name, count in SPLIT.items() for _ in range(count)]
    count = len(partitions)
    words, sound = rng.normal(size=(count, 3)), rng.normal(size=(count, 2))
    labels = {"arousal": sound[:, 0], "valence": words[:, 0], "dominance": words[:, 1] + sound[:, 1]}
    unit = {dim: 4 + 0.8 * (own + 0.2 * rng.normal(size=count)) for dim, own in labels.items()}
    utterances = tuple(
        Utterance(
            f"u{n}", None, partitions[n], f"{partitions[n]}-{n % 12}", {dim: unit[dim][n] for dim in unit}, f"text {n}"
        )
        for n in range(count)
    )
    told = np.column_stack([words, sound])
    states = [told @ rng.normal(size=(5, width)) + 0.3 * rng.normal(size=(count, width)) for _ in range(2)]
    return Material(
        Corpus("planted", (1, 7), utterances),
        ("arousal", "valence", "dominance"),
        "encoder",
        (3, 7),
        np.stack(states, 1).astype(np.float32),
        np.tile(words, 3).astype(np.float32),
        np.tile(sound, 2),
    )


@pytest.fixture(scope="module")
def material() -> Material:
    """The planted layers."""
    return planted()


@pytest.fixture(scope="module")
def erased(material: Material) -> Erasure:
    """What is found in them."""
    return erase(material)


def test_each_dimension_falls_with_what_it_is_made_of(erased: Erasure) -> None:
    """Valence falls with words alone, arousal with sound alone, dominance with either by about a half."""
    falls = {(dim, part): own.fall for (layer, dim, part), own in erased.falls.items() if layer == 7}
    for dim, own, other in (("valence", "words", "sound"), ("arousal", "sound", "words")):
        assert falls[dim, own] > 0.9
        assert abs(falls[dim, other]) < 0.05
    assert 0.2 < falls["dominance", "words"] < 0.7
    assert 0.2 < falls["dominance", "sound"] < 0.7


def test_the_rank_is_that_of_the_concept(erased: Erasure) -> None:
    """Three directions of words and two of sound vary alike, so that fewer leave more than a tenth."""
    assert {name: erased.ranks[name] for name in ("words", "sound")} == {"words": 3, "sound": 2}


def test_chance_takes_less_and_all_is_told_in_rows(erased: Erasure) -> None:
    """Twenty random subspaces of the same rank; every number is a row between the ends that it has."""
    rows = erased.rows()
    assert tuple(rows.columns) == COLUMNS
    assert set(rows.partition) == {"test1+test2"}
    own = rows[(rows.layer == 3) & (rows.target == "valence") & (rows.part == "words")].set_index("measure")
    assert list(own.index) == ["before", "after", "fall", "random", "rank"]
    assert own.loc["random", "high"] < 0.6 < own.loc["fall", "low"]
    assert own.loc["fall", "value"] == pytest.approx(1 - own.loc["after", "value"] / own.loc["before", "value"])
    assert (rows.low.isna() | ((rows.low <= rows.value) & (rows.value <= rows.high))).all()
    assert len(erased.falls[3, "valence", "words"].randoms) == 20


def test_probes_of_erased_states_need_no_second_fit(material: Material) -> None:
    """Weights from the sums of the layer as it was are those of ridge regression on the states, erased one by one."""
    train, held = material.places("train"), material.places("test1", "test2")
    x_ND, words_NE = material.states_NLD[:, 0], material.words_NE
    assert words_NE is not None
    y_N = material.labels("dominance")
    whitened = Whitened(LayerStates(x_ND, train, "cpu"), train)
    concept_NK = words_NE[:, :3].astype(float)
    scale_D = x_ND[train].astype(float).std(0)
    mapped_ND = leace(x_ND[train], concept_NK[train])(whitened.layer.mean_D.new_tensor(x_ND)).numpy() / scale_D
    z_ND = mapped_ND - mapped_ND[train].mean(0)
    targets, directions_DR = whitened.solve(y_N[:, None]), whitened.directions(concept_NK)
    for penalty in PENALTIES[::4]:
        inner_DD = z_ND[train].T @ z_ND[train] / len(train) + penalty * np.eye(z_ND.shape[1])
        by_hand = np.linalg.solve(inner_DD, z_ND[train].T @ (y_N[train] - y_N[train].mean()) / len(train))
        weights_DT = erased_weights(whitened, targets, directions_DR, penalty)
        found = estimates_of(whitened, targets, weights_DT, held)[0, 0]
        np.testing.assert_allclose(found, y_N[train].mean() + z_ND[held] @ by_hand, atol=1e-8)


def test_the_penalty_is_the_best_of_development_after_the_erasure(material: Material) -> None:
    """Nothing in train's labels settles it: every penalty is tried, and the highest CCC there wins."""
    train, development = material.places("train"), material.places("development")
    whitened = Whitened(LayerStates(material.states_NLD[:, 0], train, "cpu"), train)
    y_N1 = material.labels("dominance")[:, None]
    targets, random_DR = whitened.solve(y_N1), whitened.random(6, (0,))
    layer = whitened.layer
    seen = (whitened.train.project(layer.sums(development)), layer.label_sums(development, y_N1[development]))
    found = estimates_of(whitened, targets, best_weights(whitened, targets, [random_DR], seen), development)[0, 0]
    tried = [
        estimates_of(whitened, targets, erased_weights(whitened, targets, random_DR, penalty), development)[0, 0]
        for penalty in PENALTIES
    ]
    assert ccc(y_N1[development, 0], found) == pytest.approx(max(ccc(y_N1[development, 0], one) for one in tried))


def test_no_concept_knows_a_label(material: Material) -> None:
    """Other ratings leave every concept and every rank as they are."""
    shuffled = [replace(one, labels={"arousal": 1.0 + n % 7}) for n, one in enumerate(material.corpus.utterances)]
    other = replace(material, corpus=replace(material.corpus, utterances=tuple(shuffled)), dims=("arousal",))
    assert erase(other, randoms=0).ranks == erase(material, randoms=0).ranks


def test_held_out_words_do_not_settle_a_concept(material: Material) -> None:
    """What stands in test1 and test2 changes neither components nor ranks."""
    assert material.words_NE is not None
    held = material.places("test1", "test2")
    words_NE = material.words_NE.copy()
    words_NE[held] *= -100
    own, other = (concepts_of(one)[0][0] for one in (material, replace(material, words_NE=words_NE)))
    train = material.places("train", "development")
    np.testing.assert_array_equal(own.scores_NK[train], other.scores_NK[train])


def test_a_voice_is_found_in_new_speakers() -> None:
    """Where speakers differ in two directions, two of the speaker's components are enough, on other speakers too."""
    material = planted()
    rng = np.random.default_rng(1)
    voice = {one.speaker: rng.normal(size=2) * 3 for one in material.corpus.utterances}
    shift_NW = np.array([voice[one.speaker] for one in material.corpus.utterances]) @ rng.normal(size=(2, 24))
    states = material.states_NLD + shift_NW[:, None].astype(np.float32)
    found = erase(replace(material, states_NLD=states, words_NE=None, sound_NF=None), randoms=1)
    assert found.ranks == {"speaker": 2}
    assert all(abs(own.fall) < 0.15 for own in found.falls.values())


def test_beneath_gives_what_gains_and_what_loses_most(material: Material, erased: Erasure) -> None:
    """Estimates are on the corpus's scale; the change is that of the squared error, the greatest gain first."""
    found = beneath(erased, "valence", 7, count=4)
    assert len(found) == 8
    assert found.change.is_monotonic_increasing
    np.testing.assert_allclose(found.change, (found.truth - found.after) ** 2 - (found.truth - found.before) ** 2)
    ratings = {one.id: one.labels["valence"] for one in material.corpus.utterances}
    np.testing.assert_allclose(found.truth, [ratings[id_] for id_ in found.id])
    every = beneath(erased, "valence", 7, count=1000)
    assert len(every) == 120
    assert set(every.partition) == {"test1", "test2"}
    assert list(found.id) == [*every.id[:4], *every.id[-4:]]
    with pytest.raises(OptionError) as error:
        beneath(erased, "valence", 5)
    assert error.value.code == "no-estimate"


def test_what_is_not_there_is_said(material: Material) -> None:
    """Without words, held-out partitions, or a dimension's held-out ratings the rest is measured, with a note."""
    utterances = [one for one in material.corpus.utterances if one.partition in ("train", "development")]
    places = material.places("train", "development")
    short = replace(
        material,
        corpus=replace(material.corpus, utterances=tuple(utterances)),
        states_NLD=material.states_NLD[places],
        sound_NF=None if material.sound_NF is None else material.sound_NF[places],
        words_NE=None,
    )
    found = erase(short, randoms=0)
    assert set(found.ranks) == {"sound", "speaker"}
    assert found.partition == "development"
    assert any("no other partition" in note for note in found.notes)
    unrated = [
        replace(one, labels={"arousal": one.labels["arousal"]}) if one.partition.startswith("test") else one
        for one in material.corpus.utterances
    ]
    found = erase(replace(material, corpus=replace(material.corpus, utterances=tuple(unrated))), randoms=0)
    assert {dim for _, dim, _ in found.falls} == {"arousal"}
    assert any(note.startswith("valence, dominance") for note in found.notes)


def test_nothing_to_erase_is_an_error(material: Material) -> None:
    """One speaker, no words and constant sound: there is no concept."""
    alone = [replace(one, speaker="one") for one in material.corpus.utterances]
    corpus = replace(material.corpus, utterances=tuple(alone))
    constant = replace(material, corpus=corpus, words_NE=None, sound_NF=np.ones((len(alone), 2)))
    with pytest.raises(FitError) as error:
        erase(constant)
    assert error.value.code == "no-concept"


def test_of_one_speaker_there_is_a_fall_without_interval(material: Material) -> None:
    """Nothing is known of other voices."""
    alone = [replace(one, speaker="one") for one in material.corpus.utterances]
    found = erase(replace(material, corpus=replace(material.corpus, utterances=tuple(alone))), randoms=0)
    own = found.falls[7, "valence", "words"]
    assert own.fall > 0.9
    assert np.isnan(own.fall_ends).all()
    assert any(note.startswith("speaker was not erased") for note in found.notes)


def test_a_fall_of_nothing_is_no_number() -> None:
    """Where the CCC before may be 0 the fall is NaN, with a note; so it is where all labels are the same."""
    rng = np.random.default_rng(5)
    truth, estimates, after = rng.normal(size=(3, 80))
    speakers = [f"s{n % 10}" for n in range(80)]
    own = fall_of(truth, estimates[None], after[None], after[None, None], speakers)
    assert own.before_ends[0] < 0 < own.before_ends[1]
    assert np.isnan(own.fall)
    assert not own.randoms
    same = fall_of(np.ones(80), estimates[None], after[None], after[None, None], speakers)
    assert np.isnan(same.fall)


def test_the_interval_of_a_fall_is_the_jackknife_of_the_ratio() -> None:
    """By hand: each speaker left out of before and after alike, Student's t with nine degrees of freedom."""
    rng = np.random.default_rng(6)
    truth = rng.normal(size=100)
    before, after = truth + 0.5 * rng.normal(size=100), truth + 2 * rng.normal(size=100)
    speakers = np.array([f"s{n % 10}" for n in range(100)])
    own = fall_of(truth, before[None], after[None], np.stack([before, after])[:, None], speakers.tolist())
    kept = [speakers != name for name in np.unique(speakers)]
    left = np.array([1 - ccc(truth[one], after[one]) / ccc(truth[one], before[one]) for one in kept])
    error = np.sqrt(9 / 10 * np.square(left - left.mean()).sum())
    assert own.fall == pytest.approx(float(1 - ccc(truth, after) / ccc(truth, before)))
    assert own.fall_ends == pytest.approx((own.fall - 2.262157 * error, own.fall + 2.262157 * error), abs=1e-6)
    assert own.randoms == pytest.approx((0.0, own.fall))
