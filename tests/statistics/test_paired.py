"""Systems set against each other: against a jackknife in plain loops and SciPy's tests, and what pairing means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from spreads import spread_by_hand

from probing.errors import ScoreError
from probing.statistics.concordance import ccc
from probing.statistics.paired import Contrast, Sample, contrast, fall, ratio


def sample(noise: float, seeds: int = 3, speakers: int = 24, n: int = 240, name: int = 1, truth: int = 0) -> Sample:
    """Estimates that are the truth and noise; the same utterances for the same `truth`."""
    y = np.random.default_rng(truth).uniform(1, 7, n)
    p = y + 6 * noise * np.random.default_rng(name).standard_normal((seeds, n))
    ids = tuple(f"{truth}-{i}" for i in range(n))
    return Sample(ids, y, p, tuple(range(seeds)), tuple(f"{truth}-s{i % speakers:02d}" for i in range(n)))


def without(own: Sample, speaker: str) -> float:
    """Mean CCC over seeds of the utterances that are not a speaker's."""
    kept = np.array(own.clusters) != speaker
    return float(np.mean([ccc(own.truth_N[kept], estimate[kept]) for estimate in own.estimates_SN]))


def by_seed(own: Sample) -> tuple[list[float], np.ndarray]:
    """CCC of each seed, and the same without each speaker, [S, C]."""
    scores, left = [], []
    for estimate in own.estimates_SN:
        alone = replace(own, estimates_SN=estimate[None])
        scores.append(float(ccc(own.truth_N, estimate)))
        left.append([without(alone, name) for name in sorted(set(own.clusters))])
    return scores, np.array(left)


def interaction(left_SC: np.ndarray) -> float:
    """Of seeds and speakers: what is left of scores without their rows' and columns' means."""
    seeds, count = left_SC.shape
    rest = left_SC - left_SC.mean(1, keepdims=True) - left_SC.mean(0) + left_SC.mean()
    return float((rest**2).sum() * (count - 1) / count / (seeds - 1) / seeds)


def by_hand(first: Sample, second: Sample) -> tuple[float, float, float]:
    """Value and interval of a difference of two trainings on the same speakers of equal size, in plain loops."""
    names = sorted(set(first.clusters))
    left = [without(first, name) - without(second, name) for name in names]
    variance, df = spread_by_hand(left, [1] * len(names), [by_seed(first), by_seed(second)])
    reach = stats.t.ppf(0.975, df) * np.sqrt(variance)
    value = first.score - second.score
    return value, value - reach, value + reach


def test_a_paired_difference_is_that_of_a_second_implementation() -> None:
    """Its value is the difference of mean scores; its p-value falls below .05 where the interval leaves the bound."""
    a, b = sample(0.2), sample(0.3, name=2)
    found = contrast([a, b], [1, -1])
    assert (found.value, found.low, found.high) == pytest.approx(by_hand(a, b))
    assert found.seeds == 3 and found.n == 240
    assert found.p_value(found.low) == pytest.approx(0.05) == found.p_value(found.high)
    assert found.p_value(found.value) == 1 and found.p_value(0) < 0.05 < found.p_value(found.low + 1e-4)


def test_a_system_against_itself_differs_by_nothing() -> None:
    """Pairing is exact where both are one training; of two trainings of equal scores seeds' spread is left."""
    own = sample(0.3)
    same = replace(own, training="one")
    found = contrast([same, same], [1, -1])
    assert (found.value, found.low, found.high, found.p_value()) == (0, 0, 0, 1)
    two = contrast([own, own], [1, -1])
    assert (two.value, two.low, two.high) == pytest.approx(by_hand(own, own)) and two.low < 0 < two.high


def test_samples_of_one_training_are_paired_by_seed() -> None:
    """A seed that is good is good on both partitions, so that the fall varies less than two trainings' difference."""
    seen, unseen = sample(0.2), sample(0.4, name=2, truth=3)
    apart = fall(seen, unseen)
    paired = fall(replace(seen, training="one"), replace(unseen, training="one"))
    assert paired.value == apart.value
    (seen_S, seen_SC), (unseen_S, unseen_SC) = by_seed(seen), by_seed(unseen)
    # The speakers of either partition are independent: so are the parts that seeds and speakers share.
    jackknife = [np.var(left.mean(0)) * 23 for left in (seen_SC, unseen_SC)]
    twice = sum(interaction(left) for left in (seen_SC, unseen_SC))
    seeds = np.var(np.subtract(unseen_S, seen_S), ddof=1) / 3
    assert float(paired.spread.variance) == pytest.approx(sum(jackknife) + max(seeds - twice, 0))
    with pytest.raises(ScoreError) as caught:
        fall(replace(seen, training="one"), replace(sample(0.4, seeds=2, truth=3), training="one"))
    assert caught.value.code == "unequal-lengths"


def test_the_fall_is_unseen_minus_seen() -> None:
    """Of other speakers in either partition: the variances over speakers add up."""
    seen, unseen = sample(0.2, seeds=1), sample(0.4, seeds=1, name=2, truth=3)
    found = fall(seen, unseen)
    assert found.value == pytest.approx(unseen.score - seen.score) and found.low < found.value < found.high < 0
    parts = [float(contrast([own], [1]).spread.variance) for own in (seen, unseen)]
    assert float(found.spread.variance) == pytest.approx(sum(parts))
    assert found.n == 480 and found.seeds == 1


def test_speakers_of_both_partitions_are_left_out_of_both() -> None:
    """Where seen and unseen share some speakers: against a jackknife in plain loops over all of them."""
    seen = sample(0.3, seeds=1, speakers=6, n=60)
    unseen = sample(0.3, seeds=1, speakers=9, n=90, name=2, truth=4)
    unseen = replace(unseen, clusters=tuple(name.replace("4-", "0-") for name in unseen.clusters))
    left = [without(unseen, name) - without(seen, name) for name in sorted(set(unseen.clusters))]
    found = fall(seen, unseen)
    assert float(found.spread.variance) == pytest.approx(np.var(left) * 8)
    sizes = np.array([10.0] * 9)
    assert float(found.spread.df) == pytest.approx(sizes.sum() ** 2 / (sizes**2).sum() - 1)


def test_the_order_of_the_samples_settles_nothing() -> None:
    """Of a speaker who says more in one partition the larger number counts, whichever comes first."""
    many, few = sample(0.3), sample(0.4, n=60)
    few = replace(few, clusters=tuple(np.resize([f"0-s{i:02d}" for i in (0, 0, 0, 1, 2, 3)], 60)))
    one, other = contrast([many, few], (1, -1)), contrast([few, many], (-1, 1))
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), rel=1e-12)
    assert float(one.spread.df) == pytest.approx(float(other.spread.df), rel=1e-12)


def test_seeds_that_differ_widen_the_interval() -> None:
    """A system whose seeds disagree has a wider interval than one seed of it, and one seed shows no spread of seeds."""
    own = sample(0.3)
    estimates = np.stack([own.truth_N, np.full(240, 4.0), 4.0 + 0.1 * (own.truth_N - 4)])
    apart = replace(own, estimates_SN=estimates)
    alone = replace(own, estimates_SN=estimates[2:], seeds=(2,))
    widths = [high - low for low, high in (apart.interval(), alone.interval())]
    assert widths[0] > 5 * widths[1]
    assert contrast([alone], [1]).spread.variance == pytest.approx(alone.left_out_SC.var() * 23)


def test_the_fewest_seeds_are_counted() -> None:
    """A contrast rests on the system that has the fewest."""
    assert contrast([sample(0.2, seeds=5), sample(0.2, seeds=2)], [1, -1]).seeds == 2


def test_one_speaker_has_no_interval_and_no_speaker_means_utterances() -> None:
    """Left out, one cluster leaves nothing; as many clusters as utterances tell of utterances."""
    alone = sample(0.3, speakers=1)
    found = contrast([alone, sample(0.2, speakers=1, name=2)], [1, -1])
    assert np.isnan([found.low, found.high, found.p_value(), *alone.interval(), *ratio(alone, alone)[1:]]).all()
    low, high = sample(0.3, speakers=240).interval()
    assert low < sample(0.3, speakers=240).score < high


def test_perfect_and_constant_estimates_have_points_for_intervals() -> None:
    """Nothing varies: 1 without any speaker, and 0."""
    own = sample(0.3)
    perfect = replace(own, estimates_SN=np.stack([own.truth_N] * 3))
    constant = replace(own, estimates_SN=np.full((3, 240), 4.0))
    assert perfect.interval() == pytest.approx((1, 1)) and constant.interval() == pytest.approx((0, 0), abs=1e-12)
    found = contrast([perfect, constant], [1, -1])
    assert (found.value, found.low, found.high) == pytest.approx((1, 1, 1)) and found.p_value() == pytest.approx(0)
    level = contrast([constant, replace(own, estimates_SN=np.full((3, 240), 4.1))], [1, -1])
    assert level.p_value() == 1  # whatever rounding leaves


def test_a_ratio_leaves_its_interval_where_fiellers_test_rejects_it() -> None:
    """At either end, numerator − ratio · denominator differs from 0 with p = .05; near 0 no ratio can be excluded."""
    top, bottom = sample(0.2), sample(0.35, name=2)
    value, low, high = ratio(top, bottom)
    assert value == pytest.approx(top.score / bottom.score) and low < value < high
    degrees = contrast([top, bottom], [1, -value]).spread.df
    for end in (low, high):
        at_end = contrast([top, bottom], [1, -end])
        assert abs(at_end.value) / np.sqrt(at_end.spread.variance) == pytest.approx(stats.t.ppf(0.975, degrees))
    assert np.isnan(ratio(top, sample(20.0, name=2))[1:]).all()


def test_combinations_are_linear() -> None:
    """The gain of one system over that of another is the difference of two differences."""
    four = [sample(noise, name=name) for name, noise in enumerate((0.2, 0.4, 0.3, 0.35))]
    found: Contrast = contrast(four, [1, -1, -1, 1])
    parts = [contrast(four[:2], [1, -1]), contrast(four[2:], [1, -1])]
    assert found.value == pytest.approx(parts[0].value - parts[1].value)
    left = sum(weight * by_seed(own)[1].mean(0) for weight, own in zip((1, -1, -1, 1), four, strict=True))
    variance, df = spread_by_hand(left, [1] * 24, [by_seed(own) for own in four])
    assert (float(found.spread.variance), float(found.spread.df)) == pytest.approx((variance, df))
