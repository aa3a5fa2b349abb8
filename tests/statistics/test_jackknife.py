"""Spread over speakers and seeds is what closed forms and SciPy's tests say it is; intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from spreads import spread_by_hand

from probing.errors import ScoreError
from probing.statistics.concordance import ccc
from probing.statistics.jackknife import (
    Spread,
    combined,
    counted_twice,
    effective_number,
    left_out_ccc,
    over_seeds,
    over_speakers,
    p_value,
    score_interval,
    t_interval,
    with_seeds,
)

SIZES = [1, 2, 5, 9, 3]


def estimates(sizes: list[int], seeds: int = 3) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Labels [N], estimates [S, N] and speakers of unequal size, in no order."""
    rng = np.random.default_rng(0)
    names = rng.permutation(np.repeat([f"s{i}" for i in range(len(sizes))], sizes))
    y = rng.uniform(1, 7, len(names))
    return y, 0.7 * y + rng.normal(size=(seeds, len(names))), names.tolist()


def test_scores_without_each_speaker_are_those_of_the_others() -> None:
    """Sums of moments against CCC of what is left, in a plain loop; sizes and names are the speakers'."""
    y, p, names = estimates(SIZES)
    scores, sizes, speakers = left_out_ccc(y, p, names)
    for place, speaker in enumerate(speakers):
        kept = np.array(names) != speaker
        np.testing.assert_allclose(scores[:, place], ccc(y[kept], p[:, kept]), atol=1e-12)
    assert sizes.tolist() == SIZES and speakers.tolist() == sorted(set(names))


def test_far_from_zero_scores_without_a_speaker_are_as_exact() -> None:
    """A large common offset cancels nothing."""
    y, p, names = estimates(SIZES)
    np.testing.assert_allclose(left_out_ccc(y + 1e6, p + 1e6, names)[0], left_out_ccc(y, p, names)[0], atol=1e-6)


@pytest.mark.parametrize(
    ("truth", "found", "names", "code"),
    [
        ([1.0, np.nan], [1.0, 2.0], "ab", "not-finite"),
        ([1.0, 2.0], [1.0, -np.inf], "ab", "not-finite"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], "ab", "unequal-lengths"),
        ([1.0, 2.0], [1.0, 2.0], "abc", "unequal-lengths"),
        ([], [], "", "no-utterances"),
    ],
)
def test_numbers_without_a_score_are_refused(truth: list[float], found: list[float], names: str, code: str) -> None:
    """Never scored as 0."""
    with pytest.raises(ScoreError) as caught:
        left_out_ccc(truth, found, list(names))
    assert caught.value.code == code


def test_the_jackknife_of_a_mean_is_the_mean_s_own_variance() -> None:
    """Closed form: s²/n with n − 1 degrees of freedom, and so Student's interval and test of one sample."""
    values = np.random.default_rng(1).normal(0.4, 1, 11)
    spread = over_speakers((values.sum() - values) / 10, np.ones(11))
    assert float(spread.variance) == pytest.approx(values.var(ddof=1) / 11) and float(spread.df) == pytest.approx(10)
    test = stats.ttest_1samp(values, 0.1)
    assert p_value(values.mean(), spread, 0.1) == pytest.approx(test.pvalue)
    for level in (0.9, 0.95):
        assert t_interval(values.mean(), spread, level) == pytest.approx(tuple(test.confidence_interval(level)))
    seeds = over_seeds(values)
    assert (float(seeds.variance), float(seeds.df)) == pytest.approx((float(spread.variance), 10))


def test_sums_of_variances_have_welch_s_degrees_of_freedom() -> None:
    """Two samples of unequal size and spread, against SciPy's Welch test."""
    rng = np.random.default_rng(2)
    one, other = rng.normal(0.3, 1, 5), rng.normal(0, 3, 9)
    spread = combined([over_seeds(one), over_seeds(other)])
    test = stats.ttest_ind(one, other, equal_var=False)
    difference = one.mean() - other.mean()
    assert float(spread.df) == pytest.approx(test.df)
    assert p_value(difference, spread) == pytest.approx(test.pvalue)
    assert t_interval(difference, spread) == pytest.approx(tuple(test.confidence_interval()))


def test_what_seeds_and_speakers_share_is_counted_once() -> None:
    """For a mean over seeds and speakers: an analysis of variance with two random factors, of 4 × 7 numbers."""
    x = np.random.default_rng(5).normal(size=(4, 7)) + 2 * np.random.default_rng(6).normal(size=(4, 1))
    left = (7 * x.mean(1, keepdims=True) - x) / 6
    rest = x - x.mean(1, keepdims=True) - x.mean(0) + x.mean()
    squares = {
        "speakers": 4 * ((x.mean(0) - x.mean()) ** 2).sum() / 6,
        "seeds": 7 * ((x.mean(1) - x.mean()) ** 2).sum() / 3,
        "both": (rest**2).sum() / 18,
    }
    speakers, seeds = over_speakers(left.mean(0), np.ones(7)), over_seeds(x.mean(1))
    assert float(counted_twice(left)) == pytest.approx(squares["both"] / 28)
    found = with_seeds([speakers], [seeds], [counted_twice(left)])
    assert float(found.variance) == pytest.approx((squares["speakers"] + squares["seeds"] - squares["both"]) / 28)
    assert float(found.df) <= float(combined([speakers, seeds]).df)
    little = with_seeds([speakers], [over_seeds(np.full(4, 0.3))], [counted_twice(left)])
    assert float(little.variance) == pytest.approx(float(speakers.variance))  # never less than the speakers' own
    assert counted_twice(left[:1]) == 0 and np.isnan(counted_twice(left[:, :1]))


def test_variances_of_many_are_those_of_each() -> None:
    """Arrays of statistics at once."""
    left_out = np.random.default_rng(3).normal(size=(2, 4, 6))
    spread = combined([over_speakers(left_out, np.ones(6)), over_seeds(left_out[..., :3])])
    one = combined([over_speakers(left_out[1, 2], np.ones(6)), over_seeds(left_out[1, 2, :3])])
    assert (spread.variance[1, 2], spread.df[1, 2]) == pytest.approx((float(one.variance), float(one.df)))


@given(st.lists(st.integers(1, 200), min_size=1, max_size=30))
def test_kish_s_number_shrinks_with_the_sizes_variation(sizes: list[int]) -> None:
    """C / (1 + the squared coefficient of variation): C where all are of one size, never below 1."""
    n = np.array(sizes, float)
    assert effective_number(sizes) == pytest.approx(len(n) / (1 + n.var() / n.mean() ** 2))
    assert 1 - 1e-9 <= effective_number(sizes) <= len(sizes) + 1e-9
    assert effective_number(7 * n) == pytest.approx(effective_number(n))


def test_one_seed_shows_no_spread_and_one_speaker_no_interval() -> None:
    """0 of the seeds; NaN of the speaker, whatever is added to it."""
    assert over_seeds(np.array([0.5])).variance == 0
    alone = over_speakers(np.array([np.nan]), [7])
    assert (
        np.isnan(alone.variance)
        and np.isnan(t_interval(0.5, combined([alone, over_seeds(np.array([0.4, 0.6]))]))).all()
    )
    assert np.isnan(p_value(0.5, alone)) and np.isnan(p_value(0.0, alone))
    y, p, _ = estimates(SIZES)
    scores, sizes, _ = left_out_ccc(y, p, ["one"] * len(y))
    assert np.isnan(scores).all() and np.isnan(score_interval(ccc(y, p), scores, sizes)).all()


def test_nothing_that_varies_is_a_point() -> None:
    """No variance: certain of any other value, and not of its own, also up to rounding."""
    nothing = combined([over_seeds(np.full(3, 0.5)), over_speakers(np.full(4, 0.5), np.ones(4))])
    assert t_interval(0.5, nothing) == (0.5, 0.5)
    assert p_value(0.5, nothing, 0.5) == 1 == p_value(1e-17, Spread(np.asarray(1e-36), np.asarray(2.0)))
    assert p_value(0.5, nothing, 0.4) == 0


def test_a_score_s_interval_is_student_s_on_fisher_s_z() -> None:
    """By SciPy's arithmetic, of one seed and of several."""
    y, p, names = estimates(SIZES)
    for seeds in (1, 3):
        left_out, sizes, _ = left_out_ccc(y, p[:seeds], names)
        scores = ccc(y, p[:seeds])
        trainings = [(np.arctanh(scores), np.arctanh(left_out))]
        variance, df = spread_by_hand(np.arctanh(left_out.mean(0)), SIZES, trainings)
        ends = np.tanh(stats.t.interval(0.95, df, np.arctanh(scores.mean()), np.sqrt(variance)))
        assert score_interval(scores, left_out, sizes) == pytest.approx(tuple(ends))
        assert -1 < ends[0] < scores.mean() < ends[1] < 1


def test_intervals_of_perfect_and_constant_estimates_are_points() -> None:
    """1 and 0 without any of the speakers, of unequal size."""
    y, _, names = estimates(SIZES)
    for estimate, score in ((y, 1.0), (np.full_like(y, 4.0), 0.0)):
        left_out, sizes, _ = left_out_ccc(y, estimate[None], names)
        assert score_interval(ccc(y, estimate[None]), left_out, sizes) == pytest.approx((score, score), abs=1e-9)


def drawn(
    rng: np.random.Generator, true: np.ndarray, speakers: np.ndarray, samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Labels [R, N] and estimates of systems [R, K, N] whose population CCC is known, with speakers that matter.

    Labels and noise have variance 1, so that ρ · label + √(1 − ρ²) · noise has the CCC ρ.
    """

    def mixed(share: float, *shape: int) -> np.ndarray:
        voices = rng.standard_normal((*shape, speakers.max() + 1))[..., speakers]
        return np.sqrt(share) * voices + np.sqrt(1 - share) * rng.standard_normal((*shape, len(speakers)))

    y, shared, own = mixed(0.2, samples), mixed(0.2, samples, 1), mixed(0.2, samples, len(true))
    rho = true[:, None]
    return y, rho * y[:, None] + np.sqrt(1 - rho**2) * (np.sqrt(0.6) * shared + np.sqrt(0.4) * own)


@pytest.mark.parametrize("sizes", [[8] * 20, [2, 3, 4, 5, 8, 10, 15, 25]])
def test_intervals_hold_the_true_score_as_often_as_they_say(sizes: list[int]) -> None:
    """CCC .3 to .9 and the difference of two systems, over 1,000 corpora; utterances taken for speakers hold less."""
    true = np.array([0.3, 0.6, 0.9])
    speakers = np.repeat(np.arange(len(sizes)), sizes)
    y, p = drawn(np.random.default_rng(4), true, speakers, samples=1000)
    truth = np.broadcast_to(y[:, None], p.shape)
    left_out, counts, _ = left_out_ccc(truth, p, speakers.tolist())
    scores = ccc(truth, p)
    low, high = score_interval(scores[..., None], left_out[..., None, :], counts)
    held = ((low <= true) & (true <= high)).mean(0)
    assert all(0.91 <= share <= 0.98 for share in held), held
    spread = over_speakers(left_out[:, 1] - left_out[:, 0], counts)
    low, high = t_interval(scores[:, 1] - scores[:, 0], spread)
    assert 0.91 <= ((low <= 0.3) & (high >= 0.3)).mean() <= 0.985
