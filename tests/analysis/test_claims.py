"""The paper's argument as claims: which layers they are about, what decides them, and when there is nothing to test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from probing.analysis.claims import share_findings
from probing.analysis.shares import Shares
from probing.statistics.curves import Curve
from probing.statistics.jackknife import over_speakers, p_value, t_interval
from probing.statistics.verdicts import FAILS, HOLDS, OPEN, UNTESTED

SPEAKERS = 10


def curve(value_L: np.ndarray, spread: float, seed: int) -> Curve:
    """A curve whose values without each speaker are so far apart."""
    left_CL = value_L + spread * np.random.default_rng(seed).standard_normal((SPEAKERS, len(value_L)))
    sizes_C, names = np.full(SPEAKERS, 9.0), tuple(f"s{number}" for number in range(SPEAKERS))
    return Curve(tuple(range(len(value_L))), value_L, left_CL, sizes_C, names)


def shares_of(planted: Mapping[tuple[str, str], np.ndarray], spread: float = 0.01) -> Shares:
    """Shares of a dimension with words and with sound; of what is not planted there are none."""
    found = {
        (dim, ("layer", part)): curve(value_L, spread, seed)
        for seed, ((dim, part), value_L) in enumerate(planted.items())
    }
    return Shares(next(iter(found.values())).layers, {}, found)


def rising(layers: int) -> dict[tuple[str, str], np.ndarray]:
    """The paper's world: arousal is sound that fades with depth, valence words that come with it."""
    up_L, nothing_L = np.linspace(0, 0.6, layers), np.zeros(layers)
    return {
        ("arousal", "sound"): up_L[::-1],
        ("arousal", "words"): nothing_L,
        ("valence", "sound"): nothing_L,
        ("valence", "words"): up_L,
    }


def test_where_the_paper_is_right_all_claims_hold() -> None:
    """Of 13 states a third are four; every number is the mean of the planted differences there."""
    found = share_findings(shares_of(rising(13)), "encoder")
    assert [(one.verdict, one.of) for one in found] == [(HOLDS, "encoder")] * 3
    up_L = np.linspace(0, 0.6, 13)
    assert [one.value for one in found] == pytest.approx([up_L[9:].mean(), up_L[9:].mean(), up_L[12]])
    assert [where in one.claim for one, where in zip(found, ("9–12", "0–3", "layer 0)"), strict=True)] == [True] * 3


def test_intervals_and_p_values_are_those_of_the_mean_over_the_layers() -> None:
    """Computed by hand from the curves; the p-values are Holm's of three claims."""
    planted = shares_of(rising(13), spread=0.03)
    found = share_findings(planted, "encoder")
    for one, (dim, more, less, part) in zip(
        found,
        [("valence", "words", "sound", slice(9, 13)), ("arousal", "sound", "words", slice(0, 4))],
        strict=False,
    ):
        own, other = (planted.shares[dim, ("layer", name)] for name in (more, less))
        left_C = (own.left_out_CL - other.left_out_CL)[:, part].mean(1)
        spread = over_speakers(left_C, own.sizes_C)
        assert (one.low, one.high) == pytest.approx(t_interval(one.value, spread))
        assert one.p == pytest.approx(p_value(one.value, spread))
    ordered = sorted(found, key=lambda one: one.p)
    holm = np.maximum.accumulate([min(1.0, (3 - rank) * one.p) for rank, one in enumerate(ordered)])
    assert [one.adjusted for one in ordered] == pytest.approx(holm)


def test_where_the_paper_is_wrong_claims_fail_or_stay_open() -> None:
    """With words and sound exchanged every claim fails; where speakers differ too much nothing is decided."""
    exchange = {"words": "sound", "sound": "words"}
    wrong = {(dim, exchange[part]): value_L for (dim, part), value_L in rising(13).items()}
    assert [one.verdict for one in share_findings(shares_of(wrong), "encoder")] == [FAILS] * 3
    assert [one.verdict for one in share_findings(shares_of(rising(13), spread=2.0), "encoder")] == [OPEN] * 3


@pytest.mark.parametrize(("layers", "count"), [(1, 2), (3, 2), (5, 2), (6, 3)])
def test_no_claim_counts_twice(layers: int, count: int) -> None:
    """Of fewer than six layers the first third is the first state: one claim, and one p-value in Holm's correction."""
    found = share_findings(shares_of(rising(layers) if layers > 1 else {**rising(1), **_one()}), "encoder")
    assert len(found) == len({(one.value, one.p) for one in found}) == len({one.claim for one in found}) == count
    smallest = min(one.p for one in found)
    assert min(one.adjusted for one in found) == pytest.approx(min(1.0, count * smallest))


def _one() -> dict[tuple[str, str], np.ndarray]:
    return {("arousal", "sound"): np.array([0.4]), ("valence", "words"): np.array([0.3])}


def test_without_words_or_sound_or_a_dimension_there_is_no_claim() -> None:
    """Nor is there for dimensions that the paper does not speak of."""
    planted = rising(13)
    assert not share_findings(shares_of({key: value for key, value in planted.items() if key[1] == "sound"}), "encoder")
    only = {key: value for key, value in planted.items() if key[0] == "valence"}
    assert len(share_findings(shares_of(only), "encoder")) == 1
    other = {("dominance", part): value for (_, part), value in only.items()}
    assert not share_findings(shares_of(other), "encoder")


def test_of_one_speaker_nothing_is_tested() -> None:
    """Numbers are given, without intervals."""
    planted = shares_of(rising(13))
    alone = {
        key: Curve(one.layers, one.value_L, np.full((1, 13), np.nan), np.array([90.0]), ("s",))
        for key, one in planted.shares.items()
    }
    for one in share_findings(Shares(planted.layers, {}, alone), "encoder"):
        assert one.verdict == UNTESTED and one.value is not None and one.p is one.low is one.high is None
