"""What a curve over the layers says, against loops over speakers, SciPy, and cases whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from probing.errors import ScoreError
from probing.statistics.curves import (
    Curve,
    best_p_values,
    centre,
    confidence_set,
    difference,
    early_minus_late,
    r2,
    r2_curve,
)
from probing.statistics.jackknife import effective_number


def drawn(values: np.ndarray, speakers: int = 20, noise: float = 0.1, seed: int = 0) -> Curve:
    """A curve whose number at each layer is the mean over speakers of noisy numbers about a value."""
    rng = np.random.default_rng(seed)
    own_CL = values + noise * rng.standard_normal((speakers, len(values)))
    left_CL = (own_CL.sum(0) - own_CL) / (speakers - 1)
    names = tuple(f"s{i:02d}" for i in range(speakers))
    return Curve(tuple(range(len(values))), own_CL.mean(0), left_CL, np.ones(speakers), names)


def test_a_number_that_one_speaker_makes_singles_out_no_layer() -> None:
    """Without him it is not defined: there is no variance, and any layer may be the best, as for one speaker."""
    curve = drawn(np.array([0.1, 0.5, 0.3]))
    for left_CL in (np.where(np.arange(20)[:, None] == 3, np.nan, curve.left_out_CL), np.full((1, 3), np.nan)):
        people = curve.speakers[: len(left_CL)]
        own = replace(curve, left_out_CL=left_CL, sizes_C=np.ones(len(people)), speakers=people)
        assert best_p_values(own).tolist() == [1, 1, 1] and confidence_set(own) == (0, 1, 2)
        assert np.isnan(own.intervals()).all()


def test_r2_is_its_definition_and_without_a_speaker_that_of_the_others() -> None:
    """Each value, and each without a speaker, computed anew from the utterances that are left."""
    rng = np.random.default_rng(0)
    y, p, base = rng.uniform(size=30), rng.uniform(size=(4, 30)), rng.uniform(0.4, 0.6, 30)
    clusters = np.array([f"s{i}" for i in rng.integers(0, 5, 30)])
    curve = r2_curve([3, 4, 5, 6], y, p, base, clusters.tolist())
    assert curve.layers == (3, 4, 5, 6) and curve.number == 5
    np.testing.assert_allclose(curve.value_L, r2(y, p, base))
    for own_C, layer in zip(curve.left_out_CL.T, p, strict=True):
        for speaker, left in zip(curve.speakers, own_C, strict=True):
            kept = clusters != speaker
            expected = 1 - sum((y[kept] - layer[kept]) ** 2) / sum((y[kept] - base[kept]) ** 2)
            assert left == pytest.approx(expected)
    assert curve.sizes_C.tolist() == [(clusters == speaker).sum() for speaker in curve.speakers]


def test_labels_that_the_baseline_knows_have_no_r2() -> None:
    """0/0 is not a share of anything."""
    with pytest.raises(ScoreError) as caught:
        r2_curve([0], np.ones(4), np.ones((1, 4)), np.ones(4), ["a", "b", "c", "d"])
    assert caught.value.code == "constant"


def test_intervals_of_means_are_students() -> None:
    """Where a curve's numbers are means over speakers, SciPy's interval of a mean is the answer."""
    rng = np.random.default_rng(1)
    own_CL = rng.normal(size=(12, 3))
    left_CL = (own_CL.sum(0) - own_CL) / 11
    curve = Curve((0, 1, 2), own_CL.mean(0), left_CL, np.ones(12), tuple("abcdefghijkl"))
    found = curve.intervals()
    expected = stats.t.interval(0.95, 11, own_CL.mean(0), stats.sem(own_CL))
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(curve.covariance(), np.cov(own_CL, rowvar=False) / 12)
    paired = stats.ttest_rel(own_CL[:, 2], own_CL[:, 0])
    np.testing.assert_allclose(curve.differences().variance[0, 2], stats.sem(own_CL[:, 2] - own_CL[:, 0]) ** 2)
    assert curve.summarize(lambda x: x[..., 2] - x[..., 0]).p_value() == pytest.approx(paired.pvalue)


def test_speakers_of_unequal_size_count_for_less() -> None:
    """Degrees of freedom are Kish's number − 1."""
    curve = replace(drawn(np.zeros(2)), sizes_C=np.array([50.0] + [2.0] * 19))
    assert float(curve.differences().df[0, 1]) == pytest.approx(effective_number(curve.sizes_C) - 1)
    assert np.subtract(*curve.intervals()[::-1]).min() > np.subtract(*drawn(np.zeros(2)).intervals()[::-1]).max()


def test_the_gain_over_controls_has_their_spread_too() -> None:
    """Its variance is the speakers' and that of a mean over controls; other speakers are refused."""
    curve, controls = drawn(np.array([0.5, 0.6])), [drawn(np.array([0.1, 0.3]), seed=i) for i in (1, 2, 3)]
    gain = curve.above(controls)
    values_KL = np.stack([control.value_L for control in controls])
    np.testing.assert_allclose(gain.value_L, curve.value_L - values_KL.mean(0))
    paired_CL = curve.left_out_CL - np.mean([control.left_out_CL for control in controls], axis=0)
    speakers = 19 / 20 * np.square(paired_CL - paired_CL.mean(0)).sum(0)
    expected = speakers + values_KL.var(0, ddof=1) / 3
    np.testing.assert_allclose(gain.summarize(lambda x: x[..., 0]).spread.variance, expected[0])
    np.testing.assert_allclose(np.diag(gain.covariance()), expected)
    with pytest.raises(ScoreError) as caught:
        curve.above([replace(controls[0], speakers=tuple("abcdefghijklmnopqrst"))])
    assert caught.value.code == "unequal-lengths"


def test_two_curves_are_paired_by_speaker() -> None:
    """A difference has the variance of the speakers' differences; who is in one curve only leaves the other alone."""
    one, other = drawn(np.array([0.2, 0.4])), drawn(np.array([0.1, 0.2]), seed=5)
    found = difference(one, other, lambda x: x.mean(-1))
    pseudo_C = (one.left_out_CL - other.left_out_CL).mean(1)
    assert found.value == pytest.approx((one.value_L - other.value_L).mean())
    assert found.spread.variance == pytest.approx(19 / 20 * np.square(pseudo_C - pseudo_C.mean()).sum())
    same = difference(one, one, lambda x: x.mean(-1))
    assert same.value == same.spread.variance == 0 and same.p_value() == 1
    fewer = replace(other, left_out_CL=other.left_out_CL[1:], sizes_C=other.sizes_C[1:], speakers=other.speakers[1:])
    pseudo_C[0] = one.left_out_CL[0].mean() - other.value_L.mean()
    partly = difference(one, fewer, lambda x: x.mean(-1))
    assert partly.spread.variance == pytest.approx(19 / 20 * np.square(pseudo_C - pseudo_C.mean()).sum())
    with pytest.raises(ScoreError) as caught:
        difference(one, replace(other, layers=(1, 2)), lambda x: x.mean(-1))
    assert caught.value.code == "unequal-lengths"


def test_the_centre_is_a_mean_depth() -> None:
    """What lies below 0 does not count; nothing above 0 has no centre; one state is at 0."""
    assert centre(np.array([0.0, 0, 1, 0, 0])) == 0.5
    assert centre(np.array([[-5.0, 0, 3, 1]])).tolist() == pytest.approx([(3 * 2 / 3 + 1) / 4])
    assert np.isnan(centre(np.array([-1.0, -2.0]))) and centre(np.array([3.0])) == 0
    assert early_minus_late(1)(np.array([4.0, 2, 1, 0, 2])) == pytest.approx(2)


def test_a_clear_winner_is_alone_in_the_set() -> None:
    """And with no noise at all, too."""
    assert confidence_set(drawn(np.array([0.1, 0.9, 0.2]))) == (1,)
    assert confidence_set(drawn(np.array([0.1, 0.9, 0.2]), noise=0.0)) == (1,)


def test_layers_that_are_the_same_are_all_in_the_set() -> None:
    """Nothing tells them apart, with noise that they share or without."""
    curve = drawn(np.zeros(1), speakers=9)
    same = replace(curve, layers=(0, 1, 2), value_L=curve.value_L.repeat(3), left_out_CL=curve.left_out_CL.repeat(3, 1))
    assert confidence_set(same) == (0, 1, 2) and best_p_values(same).tolist() == [1, 1, 1]
    assert confidence_set(drawn(np.zeros(3), noise=0.0)) == (0, 1, 2)


def test_one_speaker_tells_nothing() -> None:
    """All layers stay, and intervals are NaN."""
    curve = Curve((0, 1), np.array([0.1, 0.9]), np.full((1, 2), np.nan), np.array([7.0]), ("ann",))
    assert confidence_set(curve) == (0, 1) and np.isnan(curve.intervals()).all()


def test_of_two_layers_the_p_value_is_that_of_a_paired_t_test() -> None:
    """The worse of two: one-sided, as another layer can only be better."""
    curve = drawn(np.array([0.0, 0.05]), seed=3)
    own_CL = curve.value_L * 20 - curve.left_out_CL * 19
    better = stats.ttest_rel(own_CL[:, 1], own_CL[:, 0], alternative="greater").pvalue
    assert 0.001 < better < 0.2
    assert best_p_values(curve)[0] == pytest.approx(better, abs=0.006)


def test_the_set_holds_the_best_layer_as_often_as_it_says() -> None:
    """Of five equal layers any one is left out in about 5 % of samples of twelve speakers (80 samples)."""
    sizes = [len(confidence_set(drawn(np.zeros(5), speakers=12, seed=seed))) for seed in range(80)]
    assert 0.92 < np.mean(sizes) / 5 < 0.98


def test_layers_move_together() -> None:
    """Noise that all layers share does not hide which is best."""
    curve = drawn(np.array([0.1, 0.2, 0.15]), noise=0.01)
    shared_C = np.random.default_rng(9).normal(size=20)
    shifted = replace(curve, left_out_CL=curve.left_out_CL - shared_C[:, None])
    assert confidence_set(shifted) == (1,) and (np.subtract(*shifted.intervals()[::-1]) > 1).all()
