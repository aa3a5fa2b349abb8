"""Concordance correlation is the paper's equation 3, defined everywhere; the loss is 1 − CCC with a finite gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr

from probing.errors import ScoreError
from probing.statistics.concordance import ccc, ccc_loss


def by_the_formula(y: np.ndarray, p: np.ndarray) -> float:
    """Equation 3 of the paper with Pearson's coefficient from SciPy."""
    rho = pearsonr(y, p).statistic
    return 2 * rho * y.std() * p.std() / (y.std() ** 2 + p.std() ** 2 + (y.mean() - p.mean()) ** 2)


@pytest.mark.parametrize("seed", range(5))
def test_ccc_is_equation_3(seed: int) -> None:
    """The score is the paper's formula."""
    rng = np.random.default_rng(seed)
    y = rng.normal(3, 1, 50)
    p = 0.5 * y + rng.normal(0, 1, 50)
    assert float(ccc(y, p)) == pytest.approx(by_the_formula(y, p), abs=1e-12)


def test_moments_are_of_the_population() -> None:
    """A vector agrees with itself exactly, which mixed biased and unbiased moments miss by (n − 1)/n."""
    assert float(ccc([1, 2, 4], [1, 2, 4])) == 1.0
    assert float(ccc([1, 2, 4], [-1, -2, -4])) < 0


@pytest.mark.parametrize(
    ("truth", "prediction", "score"),
    [([2.0], [2.0], 0), ([2.0], [3.0], 0), ([1, 1, 1], [1, 1, 1], 0), ([1, 2, 3], [2, 2, 2], 0), ([0, 1], [1, 0], -1)],
)
def test_degenerate_inputs_are_defined(truth: list[float], prediction: list[float], score: float) -> None:
    """Constants and single values score 0, not NaN."""
    assert float(ccc(truth, prediction)) == score


@pytest.mark.parametrize("n", [3, 7, 11, 100])
def test_constants_score_0_also_where_their_mean_is_rounded(n: int) -> None:
    """The mean of 0.1, 0.1, 0.1 is not 0.1, and what is left of the moments would be in perfect concordance."""
    for constant in (0.1, 1 / 3, 0.7, 4.2, 1e6 + 0.1):
        same = np.full(n, constant)
        assert float(ccc(same, same)) == 0 and float(ccc(same, same, np.ones(n))) == 0
        assert float(ccc(constant + 1e-6 * constant * np.arange(n), constant + 1e-6 * constant * np.arange(n))) == 1


NUMBERS_WITHOUT_A_SCORE = [
    ([], [], "no-utterances"),
    ([1.0, 2.0, 3.0], [1.0, float("nan"), 3.0], "not-finite"),
    ([1.0, float("nan"), 3.0], [1.0, 2.0, 3.0], "not-finite"),
    ([1.0, 2.0, 3.0], [1.0, float("inf"), 3.0], "not-finite"),
    ([1.0, -float("inf"), 3.0], [1.0, 2.0, 3.0], "not-finite"),
    ([1.0, 2.0, 3.0], [1.0, 2.0], "unequal-lengths"),
    ([1.0], [1.0, 2.0], "unequal-lengths"),  # which NumPy would broadcast
]


@pytest.mark.parametrize(("truth", "prediction", "code"), NUMBERS_WITHOUT_A_SCORE)
def test_numbers_without_a_score_are_refused(truth: list[float], prediction: list[float], code: str) -> None:
    """None of them is scored as 0, nor learned from; it is a ValueError too, which any caller may expect."""
    with pytest.raises(ScoreError) as caught:
        ccc(truth, prediction)
    assert caught.value.code == code and isinstance(caught.value, ValueError)
    with pytest.raises(ScoreError) as caught:
        ccc_loss(torch.tensor(prediction), torch.tensor(truth))
    assert caught.value.code == code


def test_single_numbers_are_no_utterances() -> None:
    """They have no axis of utterances."""
    with pytest.raises(ScoreError) as caught:
        ccc(1.0, 1.0)
    assert caught.value.code == "unequal-lengths"


@given(st.integers(2, 40), st.integers(0, 2**31))
def test_ccc_is_symmetric_bounded_and_blind_to_a_common_scale(n: int, seed: int) -> None:
    """Swapping the arguments or mapping both to another scale changes nothing; the score stays within ±1."""
    rng = np.random.default_rng(seed)
    y, p = rng.normal(size=(2, n))
    score = float(ccc(y, p))
    assert -1 - 1e-12 <= score <= 1 + 1e-12
    assert float(ccc(p, y)) == pytest.approx(score, abs=1e-9)
    assert float(ccc(1 + 6 * y, 1 + 6 * p)) == pytest.approx(score, abs=1e-9)


def test_the_loss_is_one_minus_the_score() -> None:
    """Loss and score agree, for many probes at once."""
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=20), rng.normal(size=(3, 20))
    loss = ccc_loss(torch.from_numpy(p), torch.from_numpy(y))
    np.testing.assert_allclose(1 - ccc(y, p), loss, atol=1e-6)


def test_a_weighted_loss_is_that_of_the_utterances_repeated() -> None:
    """Weights say how often each utterance counts; 0 leaves it out, and a common factor is no matter."""
    rng = np.random.default_rng(1)
    y, p, times = rng.normal(size=12), rng.normal(size=(3, 12)), rng.integers(0, 4, size=12)
    repeated = 1 - ccc(np.repeat(y, times), np.repeat(p, times, axis=1))
    for factor in (1.0, 0.25):
        loss = ccc_loss(torch.from_numpy(p), torch.from_numpy(y), torch.from_numpy(factor * times))
        np.testing.assert_allclose(loss, repeated, atol=1e-6)


def test_a_batch_that_counts_nothing_has_a_finite_loss() -> None:
    """All its speakers may be left out of a resample."""
    prediction = torch.rand(5, requires_grad=True)
    loss = ccc_loss(prediction, torch.rand(5), torch.zeros(5))
    loss.backward()
    assert loss.item() == 1 and torch.isfinite(prediction.grad).all()


@pytest.mark.parametrize("constant", ["prediction", "truth", "both"])
def test_the_losss_gradient_is_finite_for_constants(constant: str) -> None:
    """A batch of equal labels or equal estimates does not break training."""
    prediction = torch.full((4,), 0.5) if constant != "truth" else torch.rand(4)
    prediction.requires_grad_()
    truth = torch.full((4,), 0.5) if constant != "prediction" else torch.rand(4)
    ccc_loss(prediction, truth).backward()
    assert torch.isfinite(prediction.grad).all()
