"""CKA of layers: both estimates, their invariances, intervals over speakers, and what is said of them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from corpora import corpus_of, refusal
from numpy.typing import NDArray

from probing.analysis import grams
from probing.analysis import similarity as module
from probing.analysis.similarity import ALIKE, States, similarity
from probing.corpus.model import Corpus, Utterance
from probing.errors import FitError, ScoreError
from probing.statistics.curves import confidence_set


def speakers(sizes: list[int]) -> Corpus:
    """Speakers with so many utterances each, those of one not side by side."""
    names = [f"s{speaker:02d}" for speaker, size in enumerate(sizes) for _ in range(size)]
    names = [names[place] for place in np.random.default_rng(7).permutation(len(names))]
    return corpus_of(*(Utterance(f"u{number:04d}", None, "train", name) for number, name in enumerate(names)))


def states(corpus: Corpus, layers: list[NDArray[np.float64]], name: str = "teacher") -> States:
    """An encoder whose layers have these states."""
    ids = tuple(utterance.id for utterance in corpus.utterances)
    return States(name, tuple(range(len(layers))), np.stack(layers, axis=1).astype(np.float32), ids)


def of_pair(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Debiased and plain CKA of two layers, of one width or two, of a single encoder or two."""
    corpus = speakers([1] * len(x))
    found = similarity(corpus, states(corpus, [x]), states(corpus, [y], "other"))
    return float(found.value_LK[0, 0]), float(found.plain_LK[0, 0])


def distinct(k: NDArray[np.float64], l: NDArray[np.float64]) -> float:  # noqa: E741
    """HSIC as a U-statistic: means over all tuples of different utterances."""
    tuples = np.array(list(permutations(range(len(k)), 4)))
    i, j, q, r = tuples.T
    return float((k[i, j] * l[i, j] + k[i, j] * l[q, r] - 2 * k[i, j] * l[i, q]).mean())


def rotation(width: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A random rotation."""
    return np.linalg.qr(rng.standard_normal((width, width)))[0]


def test_plain_cka_is_that_of_centred_grams_and_of_features() -> None:
    """Both textbook forms agree with it, with layers of different widths."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 5))
    y = np.tanh(x @ rng.standard_normal((5, 9))) + rng.standard_normal((30, 9)) + 2
    centre = np.eye(30) - 1 / 30
    k, l = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre  # noqa: E741
    by_grams = np.trace(k @ l) / np.sqrt(np.trace(k @ k) * np.trace(l @ l))
    xc, yc = x - x.mean(0), y - y.mean(0)
    by_features = np.square(xc.T @ yc).sum() / np.linalg.norm(xc.T @ xc) / np.linalg.norm(yc.T @ yc)
    assert of_pair(x, y)[1] == pytest.approx(by_grams, rel=1e-5)
    assert by_features == pytest.approx(by_grams, rel=1e-9)


def test_debiased_cka_is_the_mean_over_different_utterances() -> None:
    """It equals the ratio of U-statistics, summed over every tuple."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((9, 4))
    y = x[:, :3] + 0.5 * rng.standard_normal((9, 3)) - 1
    k, l = x @ x.T, y @ y.T  # noqa: E741
    expected = distinct(k, l) / np.sqrt(distinct(k, k) * distinct(l, l))
    assert of_pair(x, y)[0] == pytest.approx(expected, rel=1e-5)


def test_rotated_scaled_and_moved_states_are_the_same() -> None:
    """Neither estimate changes, and a layer is like its own copy with CKA 1."""
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((40, 6)), rng.standard_normal((40, 8))
    y[:, :6] += x
    changed = 3 * x @ rotation(6, rng) + rng.standard_normal(6)
    np.testing.assert_allclose(of_pair(changed, y), of_pair(x, y), atol=1e-5)
    np.testing.assert_allclose(of_pair(changed, x), 1, atol=1e-5)


def test_unrelated_wide_layers_are_alike_only_to_the_plain_estimate() -> None:
    """With more features than utterances the plain one is large; the debiased one is 0 on average."""
    rng = np.random.default_rng(3)
    found = np.array([of_pair(*rng.standard_normal((2, 40, 200))) for _ in range(40)])
    assert found[:, 1].min() > 0.75
    assert abs(found[:, 0].mean()) < 3 * found[:, 0].std(ddof=1) / np.sqrt(40)
    assert abs(found[:, 0]).max() < 0.1


def test_without_a_speaker_it_is_what_a_corpus_without_the_speaker_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jackknife needs no recomputation, whatever the number of rows that are held at once."""
    rng = np.random.default_rng(4)
    corpus = speakers([7, 3, 9, 4, 6])
    layers = [rng.standard_normal((len(corpus), 5)) for _ in range(3)]
    layers[1] += layers[0]
    monkeypatch.setattr(grams, "_HELD", 3 * 29 * 4)
    found = similarity(corpus, states(corpus, layers))
    for place, speaker in enumerate(found.curves[0].speakers):
        kept = [n for n, one in enumerate(corpus.utterances) if one.speaker != speaker]
        left = corpus_of(*(corpus.utterances[n] for n in kept))
        alone = similarity(left, states(left, [layer[kept] for layer in layers]))
        without = np.stack([curve.left_out_CL[place] for curve in found.curves])
        np.testing.assert_allclose(without, alone.value_LK, atol=1e-6)


def drifting(rng: np.random.Generator, corpus: Corpus, count: int, width: int = 12) -> list[NDArray[np.float64]]:
    """Layers each of which is made from the one before, with something new."""
    layers = [rng.standard_normal((len(corpus), width))]
    for _ in range(count - 1):
        layers.append(0.8 * layers[-1] @ rotation(width, rng) + 0.6 * rng.standard_normal(layers[0].shape))
    return layers


def test_a_student_is_most_like_the_layers_it_was_taught_by() -> None:
    """Noisy copies of layers 1 and 4 are found, whichever encoder is named first."""
    rng = np.random.default_rng(5)
    corpus = speakers([12] * 10)
    teacher = drifting(rng, corpus, 6)
    noise = [0.4 * rng.standard_normal((len(corpus), 20)) for _ in range(2)]
    student = [teacher[k] @ rng.standard_normal((12, 20)) / 3 + noise[at] for at, k in enumerate((1, 4))]
    one, other = states(corpus, student, "student"), states(corpus, teacher)
    found = similarity(corpus, one, other)
    assert [(own.layer, own.best) for own in found.most_alike()] == [(0, 1), (1, 4)]
    for own, curve in zip(found.most_alike(), found.curves, strict=True):
        assert own.low < own.value < own.high
        assert own.could_be == confidence_set(curve)
    turned = similarity(corpus, other, one)
    np.testing.assert_allclose(turned.turned().value_LK, found.value_LK, atol=1e-12)
    assert turned.sentences() == found.sentences()
    assert found.sentences()[1].startswith("layer 1 of student is most like layer 4 of teacher [4]: CKA .")


def test_two_copies_of_a_teacher_layer_are_both_in_the_confidence_set() -> None:
    """What cannot be decided is said to be open."""
    rng = np.random.default_rng(6)
    corpus = speakers([10] * 10)
    x = rng.standard_normal((len(corpus), 8))
    teacher = [x + 0.5 * rng.standard_normal(x.shape) for _ in range(2)] + [rng.standard_normal(x.shape)]
    (found,) = similarity(corpus, states(corpus, [x], "student"), states(corpus, teacher)).most_alike()
    assert found.could_be == (0, 1)


def test_rotated_neighbours_cannot_be_told_apart_by_weights() -> None:
    """A run is named only where every two of its layers are alike."""
    rng = np.random.default_rng(8)
    corpus = speakers([8] * 10)
    x, y = rng.standard_normal((2, len(corpus), 16))
    chain = [np.cos(angle) * x + np.sin(angle) * y for angle in (0, 0.15, 0.3)]  # the ends differ, neighbours do not
    layers = [y[::-1], *(layer @ rotation(16, rng) for layer in chain), rng.standard_normal(x.shape)]
    found = similarity(corpus, states(corpus, layers))
    value_LL, low_LL = found.value_LK, found.intervals()[0]
    assert low_LL[1, 2] > ALIKE and low_LL[2, 3] > ALIKE and value_LL[1, 3] < ALIKE
    assert found.runs_alike() == [(1, 2), (2, 3)]
    assert found.sentences()[0] == "learned weights cannot distinguish layers 1–2 of teacher (CKA above .95)"


def test_constant_states_are_like_nothing() -> None:
    """A layer that tells nothing has CKA 0, also without any speaker."""
    rng = np.random.default_rng(9)
    corpus = speakers([5] * 6)
    found = similarity(corpus, states(corpus, [np.full((30, 4), 0.3), rng.standard_normal((30, 4))]))
    np.testing.assert_array_equal(found.value_LK, [[0, 0], [0, pytest.approx(1)]])
    assert found.curves[0].left_out_CL.tolist() == [[0, 0]] * 6


def test_one_speaker_has_no_interval() -> None:
    """Who else there could have been is not known."""
    rng = np.random.default_rng(10)
    corpus = speakers([20])
    x = rng.standard_normal((20, 4))
    found = similarity(corpus, states(corpus, [x]), states(corpus, [x, rng.standard_normal((20, 4))], "other"))
    assert np.isnan(found.intervals()).all()
    assert found.sentences() == ["layer 0 of teacher is most like layer 0 of other [0–1]: CKA 1.00"]
    assert similarity(corpus, states(corpus, [x, x])).runs_alike() == []


def test_large_corpora_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample, the same each time, estimates the same and says so."""
    rng = np.random.default_rng(11)
    corpus = speakers([20] * 20)
    x = rng.standard_normal((len(corpus), 6))
    own = states(corpus, [x, x + rng.standard_normal(x.shape)])
    whole = similarity(corpus, own)
    monkeypatch.setattr(module, "MOST", 200)
    sample, again = similarity(corpus, own), similarity(corpus, own)
    np.testing.assert_array_equal(sample.value_LK, again.value_LK)
    low, high = sample.intervals()
    assert low[0, 1] < whole.value_LK[0, 1] < high[0, 1]
    assert sum(sample.curves[0].sizes_C) == 200
    assert "200 utterances" in sample.notes[0] and not whole.notes


def test_other_utterances_are_refused() -> None:
    """States of other utterances, in another order, not finite, or of too few are no comparison."""
    corpus = speakers([4] * 3)
    own = states(corpus, [np.random.default_rng(0).standard_normal((12, 3))])
    turned = States("other", own.layers, own.states_NLD, own.ids[::-1])
    refusal(ScoreError, "unequal-lengths", similarity, corpus, own, turned)
    damaged = States("other", own.layers, np.where(own.states_NLD > 1, np.nan, own.states_NLD), own.ids)
    refusal(ScoreError, "not-finite", similarity, corpus, own, damaged)
    few = speakers([3])
    refusal(FitError, "too-few", similarity, few, states(few, [np.eye(3)]))


def test_rows_are_those_of_the_contents_table() -> None:
    """One row a number: both estimates of every pair, and which layer of another encoder could be the most alike."""
    rng = np.random.default_rng(12)
    corpus = speakers([6] * 5)
    teacher = drifting(rng, corpus, 3)
    found = similarity(corpus, states(corpus, teacher[1:2], "student"), states(corpus, teacher))
    rows = found.rows().set_index(["measure", "target"])
    assert set(rows.part) == {"teacher"} and set(rows.layer) == {0} and set(rows.partition) == {"train"}
    assert rows.value["cka", "layer 1"] == pytest.approx(1)
    assert rows.value["cka-plain"].tolist() == pytest.approx(found.plain_LK[0].tolist())
    assert rows.low["cka", "layer 0"] < rows.value["cka", "layer 0"] < rows.high["cka", "layer 0"]
    assert (rows.value["p-most-alike"] > 0.05).tolist() == [False, True, False]
    assert set(similarity(corpus, states(corpus, teacher)).rows().measure) == {"cka", "cka-plain"}


def test_intervals_cover_the_population() -> None:
    """Where speakers differ from one another, 95 % intervals hold the population's CKA at their rate."""
    rng = np.random.default_rng(13)
    corpus = speakers([6] * 16)
    member = np.unique([utterance.speaker for utterance in corpus.utterances], return_inverse=True)[1]
    one, other = rng.standard_normal((2, 3, 10))
    between = 1 + 0.7**2  # variance of what both layers are made of, speakers' share included
    xx, yy = (between * w.T @ w + np.eye(10) for w in (one, other))
    true = np.square(between * one.T @ other).sum() / np.linalg.norm(xx) / np.linalg.norm(yy)
    covered = 0
    for _ in range(200):
        made_of = rng.standard_normal((len(corpus), 3)) + 0.7 * rng.standard_normal((16, 3))[member]
        noise = rng.standard_normal((2, len(corpus), 10))
        low, high = similarity(
            corpus, states(corpus, [made_of @ one + noise[0], made_of @ other + noise[1]])
        ).intervals()
        covered += low[0, 1] <= true <= high[0, 1]
    assert 0.9 <= covered / 200 <= 0.99
