"""Recall, F1 and accuracy are scikit-learn's; without each speaker they are those of the others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, t
from sklearn import metrics

from probing.errors import ScoreError
from probing.statistics.classification import ClassSample, confusion, left_out_uar, tally, uar_interval
from probing.statistics.paired import contrast

CLASSES = 4
PAIRS = st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1, max_size=40)


def guesses(seeds: int = 3) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Classes [N], estimates [S, N] that are right more often than not, and speakers of unequal size."""
    rng = np.random.default_rng(0)
    names = rng.permutation(np.repeat([f"s{i}" for i in range(7)], [3, 9, 5, 8, 4, 12, 19])).tolist()
    y = rng.integers(0, CLASSES, len(names))
    return y, np.where(rng.random((seeds, len(y))) < 0.6, y, rng.integers(0, CLASSES, (seeds, len(y)))), names


@given(PAIRS)
@pytest.mark.filterwarnings("ignore:y_pred contains classes")
def test_scores_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    """Also where classes are missing from the truth, from the estimates, or from both."""
    y, p = np.array(pairs).T
    found = tally(y, p, CLASSES)
    if len(set(y.tolist())) > 1:  # of one class scikit-learn warns
        assert np.isclose(found.uar, metrics.balanced_accuracy_score(y, p))
    assert np.isclose(found.uar, metrics.recall_score(y, p, labels=np.unique(y), average="macro"))
    assert np.isclose(found.macro_f1, metrics.f1_score(y, p, average="macro", zero_division=0))
    assert np.isclose(found.accuracy, metrics.accuracy_score(y, p))
    np.testing.assert_array_equal(confusion(y, p, CLASSES), metrics.confusion_matrix(y, p, labels=range(CLASSES)))


def test_a_weight_is_so_many_utterances() -> None:
    """Counting an utterance n times is as if it were there n times; rows are counted apart."""
    y, p, _ = guesses()
    counts = np.random.default_rng(1).integers(0, 3, p.shape)
    found = tally(y, p, CLASSES, counts)
    for row in range(len(p)):
        again = tally(np.repeat(y, counts[row]), np.repeat(p[row], counts[row]), CLASSES)
        assert found.uar[row] == again.uar and found.macro_f1[row] == again.macro_f1


def test_without_a_speaker_it_is_the_recall_of_the_others() -> None:
    """Subtracted counts against a plain loop; sizes and names are the speakers'."""
    y, p, names = guesses()
    left, sizes, speakers = left_out_uar(y, p, CLASSES, names)
    for place, speaker in enumerate(speakers):
        kept = np.array(names) != speaker
        expected = [metrics.balanced_accuracy_score(y[kept], own[kept]) for own in p]
        np.testing.assert_allclose(left[:, place], expected)
    assert sizes.tolist() == [names.count(name) for name in sorted(set(names))]


def test_of_one_speaker_nothing_is_left() -> None:
    """A jackknife over one speaker has no number, and no interval."""
    left, _, _ = left_out_uar([0, 1], [0, 1], 2, ["ann", "ann"])
    assert np.isnan(left).all()
    assert np.isnan(uar_interval(np.array([1.0]), left[None], [2.0])).all()


def test_an_interval_s_ends_are_as_far_away_as_their_own_error_reaches() -> None:
    """By hand: the jackknife variance of UAR, scaled to what it would be at either end (Wilson, 1927)."""
    y, p, names = guesses(1)
    left, sizes, _ = left_out_uar(y, p, CLASSES, names)
    score = tally(y, p, CLASSES).uar[0]
    variance = (left.size - 1) / left.size * np.square(left[0] - left.mean()).sum()
    low, high = uar_interval(np.array([score]), left, sizes)
    for end in (low, high):
        error = np.sqrt(variance * end * (1 - end) / (score * (1 - score)))
        np.testing.assert_allclose(abs(end - score), _reach(sizes) * error)
    assert 0 < low < score < high < 1


def test_near_the_ceiling_an_interval_is_about_as_wide_as_the_errors_are_many() -> None:
    """Without the one speaker who errs UAR is 1, which has no logit; Wilson's interval of a share is the yardstick.

    Each utterance is a speaker's only one, so that errors are independent and accuracy is the mean recall of two
    classes of one size.
    """
    y, speakers = np.tile([0, 1], 100), list(map(str, range(200)))
    for wrong in ([0], [0, 1], [0, 1, 2, 3]):
        p = y.copy()
        p[wrong] = 1 - y[wrong]
        left, sizes, _ = left_out_uar(y, p[None], 2, speakers)
        low, high = uar_interval(tally(y, p[None], 2).uar, left, sizes)
        expected = binomtest(len(y) - len(wrong), len(y)).proportion_ci(method="wilson")
        np.testing.assert_allclose([low, high], expected, atol=0.001)


def test_seeds_near_the_ceiling_have_an_interval_of_their_mean() -> None:
    """One seed without an error and one with some: the spread of both is on the scale of UAR."""
    y, names = np.tile(np.arange(4), 100), [str(i) for i in np.repeat(range(20), 20)]
    p = np.stack([y, y])
    p[1, ::25] = (y[::25] + 1) % 4
    left, sizes, _ = left_out_uar(y, p, 4, names)
    scores = tally(y, p, 4).uar
    low, high = uar_interval(scores, left, sizes)
    assert scores[0] == 1 and 0.2 < low < scores.mean() < high < 1
    for certain in (np.ones(2), np.zeros(2)):
        ends = uar_interval(certain, np.broadcast_to(certain[:, None], left.shape), sizes)
        assert np.isnan(ends).all()


def _reach(sizes: np.ndarray) -> float:
    """Student's quantile at Kish's number of speakers, less one."""
    return float(t.ppf(0.975, sizes.sum() ** 2 / np.square(sizes).sum() - 1))


def test_systems_are_set_against_each_other_by_recall() -> None:
    """A contrast of samples of classes is a difference of UAR; a system against itself differs by nothing."""
    y, p, names = guesses(2)
    ids, classes = tuple(map(str, range(len(y)))), tuple("abcd")
    one, two = (ClassSample(ids, y, own[None], (0,), tuple(names), classes=classes) for own in p)
    found = contrast([one, two], [1, -1])
    assert np.isclose(found.value, tally(y, p[0], CLASSES).uar - tally(y, p[1], CLASSES).uar)
    assert found.low < found.value < found.high
    assert contrast([one, one], [1, -1]).value == 0
    low, high = one.interval()
    assert low < one.score < high


@pytest.mark.parametrize(
    ("truth", "estimate", "code"),
    [([0, 1], [0], "unequal-lengths"), ([], [], "no-utterances"), ([0, 4], [0, 0], "class-unknown")],
)
def test_what_cannot_be_counted_is_refused(truth: list[int], estimate: list[int], code: str) -> None:
    """Unequal lengths, nobody, and classes that there are none of."""
    with pytest.raises(ScoreError) as caught:
        tally(truth, estimate, CLASSES)
    assert caught.value.code == code


def test_speakers_belong_to_utterances() -> None:
    """As many names as utterances."""
    with pytest.raises(ScoreError) as refused:
        left_out_uar([0, 1], [0, 1], 2, ["ann"])
    assert refused.value.code == "unequal-lengths"
