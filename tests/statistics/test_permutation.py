"""Labels are permuted within their groups, whole rows at a time, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probing.statistics.permutation import (
    numbered,
    permuted,
    permuted_between_speakers,
    permuted_within_speakers,
    reached_by_any,
)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 1000))
def test_every_group_keeps_its_labels(first: int, second: int, seed: int) -> None:
    """No label leaves its group, and what is in no group stays where it is."""
    labels = np.arange(float(first + second + 3))
    groups = [range(first), range(first, first + second)]
    found = permuted(labels, groups, seed)
    for places in groups:
        assert sorted(found[list(places)]) == sorted(labels[list(places)])
    assert list(found[first + second :]) == list(labels[first + second :])
    assert list(labels) == list(range(first + second + 3))  # the caller's stay as they are


def test_rows_stay_whole() -> None:
    """All dimensions of an utterance move together."""
    labels = np.arange(20.0).reshape(10, 2)
    found = permuted(labels, [range(10)], seed=0)
    assert {tuple(row) for row in found} == {tuple(row) for row in labels} and not np.array_equal(found, labels)


def test_a_seed_is_a_permutation() -> None:
    """The same again for the same seed, another for another, whatever kind of places is given."""
    labels = np.arange(50.0)
    one, again = permuted(labels, [range(50)], 1), permuted(labels, [np.arange(50)], 1)
    assert np.array_equal(one, again) and not np.array_equal(one, permuted(labels, [range(50)], 2))


def test_nothing_is_left_of_what_labels_and_estimates_had_in_common() -> None:
    """Over many seeds, permuted labels correlate with their own places no more than chance."""
    labels = np.arange(40.0)
    found = [np.corrcoef(labels, permuted(labels, [range(40)], seed))[0, 1] for seed in range(300)]
    assert abs(np.mean(found)) < 3 / np.sqrt(300 * 39)


@given(st.lists(st.sampled_from(["ann", "bob", "cy", None]), min_size=1, max_size=20), st.integers(0, 100))
def test_within_speakers_every_speaker_keeps_their_labels(speakers: list[str | None], seed: int) -> None:
    """In each group; unknown speakers and those of one utterance share theirs, and what is in no group stays."""
    labels = np.stack([np.arange(float(len(speakers) + 2)), -np.arange(float(len(speakers) + 2))], axis=1)
    middle = len(speakers) // 2
    groups = [range(middle), range(middle, len(speakers))]
    found = permuted_within_speakers(labels, groups, [*speakers, "ann", "ann"], seed)
    assert np.array_equal(found[:, 0], -found[:, 1]) and np.array_equal(found[-2:], labels[-2:])
    for group in groups:
        own = [speakers[place] for place in group]
        alone = {name for name in own if name is None or own.count(name) == 1}
        for places in (
            [place for place in group if speakers[place] in alone],
            *([place for place in group if speakers[place] == name] for name in set(own) - alone),
        ):
            assert sorted(found[places, 0]) == sorted(labels[places, 0])


def test_what_a_voice_alone_gives_away_is_kept_and_nothing_else() -> None:
    """Labels that are the speaker's level correlate with it as before; what varies within a speaker is lost."""
    rng = np.random.default_rng(0)
    speakers = [f"s{i % 10}" for i in range(200)]
    level, own = rng.normal(size=10)[np.arange(200) % 10], rng.normal(size=200)
    within = own - [own[np.arange(200) % 10 == i % 10].mean() for i in range(200)]
    found = [permuted_within_speakers(level + within, [range(200)], speakers, seed) for seed in range(100)]
    before = np.corrcoef(level + within, level)[0, 1]
    assert all(np.corrcoef(labels, level)[0, 1] == pytest.approx(before) for labels in found)
    assert abs(np.mean([np.corrcoef(labels, within)[0, 1] for labels in found])) < 0.03


@given(st.lists(st.sampled_from(["ann", "bob", "cy", None]), min_size=1, max_size=30), st.integers(0, 100))
def test_between_speakers_everyone_gets_the_labels_of_one(speakers: list[str | None], seed: int) -> None:
    """No label leaves its group; a speaker's labels come from one, each once, unless that one has fewer."""
    labels = np.arange(float(len(speakers) + 1))
    middle = len(speakers) // 2
    groups = [range(middle), range(middle, len(speakers))]
    found = permuted_between_speakers(labels, groups, [*speakers, "ann"], seed)
    assert found[-1] == labels[-1]
    for group in groups:
        own = [speakers[place] for place in group]
        alone = {name for name in own if name is None or own.count(name) == 1}
        rest = [place for place in group if speakers[place] in alone]
        assert sorted(found[rest]) == sorted(labels[rest])
        givers = []
        for name in set(own) - alone:
            places = [place for place in group if speakers[place] == name]
            from_whom = {speakers[int(label)] for label in found[places]}
            assert len(from_whom) == 1 and set(found[places]) <= set(map(float, group))
            givers += from_whom
            assert len(set(found[places])) == min(len(places), own.count(givers[-1]))
        assert len(set(givers)) == len(givers)


def test_labels_are_exchanged_between_speakers_of_one_size() -> None:
    """Of sixteen speakers with two or forty utterances, none gives to one of the other size."""
    mixed = [f"{size}{i}" for i in range(8) for size in ("many", "few")]  # in order of appearance they alternate
    speakers = mixed * 2 + [name for name in mixed if name.startswith("many")] * 38
    few = np.array([name.startswith("few") for name in speakers])
    labels = np.arange(336.0)
    for seed in range(5):
        found = permuted_between_speakers(labels, [range(336)], speakers, seed)
        assert set(found[few]) <= set(labels[few]) and sorted(found[~few]) == sorted(labels[~few])


@pytest.mark.parametrize("permute", [permuted_within_speakers, permuted_between_speakers])
def test_a_seed_is_a_permutation_by_speakers(permute: Callable[..., np.ndarray]) -> None:
    """A null of many permutations must not be one of them many times."""
    labels, speakers = np.arange(60.0), [f"s{i % 6}" for i in range(60)]
    found = [permute(labels, [range(30), range(30, 60)], speakers, seed) for seed in (0, 0, 1, 2, 3)]
    assert np.array_equal(found[0], found[1]) and len({tuple(own) for own in found}) == 4


def test_a_single_measure_is_held_against_itself() -> None:
    """Bit by bit, whatever was observed."""
    own = np.random.default_rng(0).normal(size=50)
    np.testing.assert_array_equal(reached_by_any({"ccc": own}, {"ccc": 9.0})["ccc"], own)


def test_of_several_measures_as_many_are_found_by_chance_as_is_said() -> None:
    """True labels are one more permutation: something is largest in 1 of R + 1 worlds, whatever the spreads and shapes.

    So it is where one measure hardly ever varies, and with an effect in one the other is not found more often.
    """
    rng, worlds, count, names = np.random.default_rng(0), 3000, 19, ("wide", "narrow", "rare")
    found = {0.0: 0, 3.0: 0}
    for effect in found:
        for _ in range(worlds):
            drawn = [100 * rng.normal(size=1 + count), rng.gumbel(size=1 + count), rng.random(1 + count)]
            drawn[2] *= rng.random(1 + count) < 0.1
            drawn[1][0] += 4 * effect
            nulls = {name: own[1:] for name, own in zip(names, drawn, strict=True)}
            observed = {name: own[0] for name, own in zip(names, drawn, strict=True)}
            bars = reached_by_any(nulls, observed)
            at_chance = [name for name in names if not (effect and name == "narrow")]
            found[effect] += any(observed[name] > bars[name].max() for name in at_chance)
    expected = worlds / (1 + count)
    assert max(found.values()) < expected + 3 * np.sqrt(expected) and found[0.0] > 0.5 * expected


def test_a_measure_that_does_not_vary_is_in_nobody_s_way() -> None:
    """Probes of permuted labels that always name the commonest class: another measure is as if alone."""
    own = np.random.default_rng(0).normal(size=40)
    bars = reached_by_any({"ccc": own, "uar": np.full(40, 0.5)}, {"ccc": 0.0, "uar": 0.5})
    assert bars["ccc"].max() == own.max() and (bars["uar"] >= 0.5).all()


@pytest.mark.parametrize("permute", [permuted_within_speakers, permuted_between_speakers])
def test_numbers_stand_for_names(permute: Callable[..., np.ndarray]) -> None:
    """Whoever speaks first, and whether some are unknown, labels are permuted as by names."""
    rng = np.random.default_rng(0)
    for seed in range(20):
        speakers = [None if one == 0 else f"s{one}" for one in rng.integers(0, 9, 40).tolist()]
        groups = [rng.permutation(30), range(30, 40), []]
        found = [permute(np.arange(40.0), groups, who, seed) for who in (speakers, numbered(speakers))]
        assert (found[0] == found[1]).all()
