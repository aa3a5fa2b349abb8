"""Online description length: the code is what it is said to be, rewards what is told easily, and never runs away."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from corpora import corpus_of, refusal
from numpy.typing import NDArray
from scipy.stats import t as student

from probing.analysis import description as module
from probing.analysis.banded import standardised
from probing.analysis.description import RATIOS, _switching, description, description_notes, orders_of, saved
from probing.analysis.material import COLUMNS, Material
from probing.corpus.model import Corpus, Utterance
from probing.errors import FitError

ENDS = (10, 23, 50, 100, 160)


def bits(x_ND: NDArray[np.float64], y_N: NDArray[np.float64], ends: tuple[int, ...] = ENDS) -> float:
    """What features save of one dimension."""
    return float(saved(standardised(x_ND), torch.from_numpy(y_N)[:, None], ends)[0])


def direct(x_ND: NDArray[np.float64], y_N: NDArray[np.float64], ends: tuple[int, ...]) -> float:
    """The same utterance by utterance, with explicit inverses and a sum over every succession of codes."""
    z_ND = (x_ND - x_ND.mean(0)) / x_ND.std(0)
    width, codes = z_ND.shape[1], []
    for start, end in pairwise(ends):
        past, y = z_ND[:start] - z_ND[:start].mean(0), y_N[:start] - y_N[:start].mean()
        logs = np.zeros(1 + len(RATIOS))
        for n in range(start, end):
            new = z_ND[n] - z_ND[:start].mean(0)
            scale = np.sqrt((y @ y + 1e-4) / start * (1 + 1 / start))
            logs[0] += np.log(0.99 * student.pdf(y_N[n], start, y_N[:start].mean(), scale) + 0.01)
            for code, ratio in enumerate(RATIOS, start=1):
                inverse = np.linalg.inv(past.T @ past + width / ratio * np.eye(width))
                weights = inverse @ past.T @ y
                left = y @ np.linalg.inv(np.eye(start) + ratio / width * past @ past.T) @ y
                scale = np.sqrt((left + 1e-4) / start * (1 + 1 / start + new @ inverse @ new))
                centre = y_N[:start].mean() + new @ weights
                logs[code] += np.log(0.99 * student.pdf(y_N[n], start, centre, scale) + 0.01)
        codes.append(logs)
    logs_TE = np.array(codes)
    blocks, count = logs_TE.shape
    total = []
    for path in product(range(count), repeat=blocks):
        prior = -np.log(count)
        for t in range(1, blocks):  # after block t a code is drawn anew with probability 1 / (t + 1)
            stays = (path[t] == path[t - 1]) * (1 - 1 / (t + 1))
            prior += np.log(stays + 1 / (t + 1) / count)
        total.append(prior + logs_TE[np.arange(blocks), path].sum())
    return float((np.logaddexp.reduce(total) - logs_TE[:, 0].sum()) / np.log(2) / len(y_N))


def told(rng: np.random.Generator, count: int, width: int, noise: float = 0.05) -> tuple[NDArray[np.float64], ...]:
    """Features, and ratings that their first two tell."""
    x_ND = rng.standard_normal((count, width))
    return x_ND, 0.5 + 0.1 * x_ND[:, :2].sum(1) + noise * rng.standard_normal(count)


@pytest.mark.parametrize("width", [3, 15, 120])
def test_it_agrees_with_direct_summation(width: int) -> None:
    """Fewer features than ratings, more in the first blocks, and more in all of them but the last."""
    rng = np.random.default_rng(width)
    x_ND, y_N = told(rng, 130, width)
    ends = (10, 20, 45, 130)
    assert bits(x_ND, y_N, ends) == pytest.approx(direct(x_ND, y_N, ends), rel=1e-8)


def test_constant_features_change_nothing() -> None:
    """Neither the prior nor the form in which it is solved is any different: of 3 features, or of 3 among 200."""
    rng = np.random.default_rng(0)
    x_ND, y_N = told(rng, 160, 3)
    padded = np.concatenate([x_ND, np.full((160, 197), 2.5)], axis=1)
    assert bits(padded, y_N) == pytest.approx(bits(x_ND, y_N), rel=1e-9)
    assert bits(np.full((160, 5), 2.5), y_N) == pytest.approx(0, abs=3 / 160)


def test_what_few_features_tell_costs_less_than_the_same_among_many() -> None:
    """Both layers predict others equally well in the end; the one that needs more ratings saves less."""
    rng = np.random.default_rng(1)
    x_ND, y_N = told(rng, 3000, 150)
    few, many = x_ND[:, :2], x_ND
    r2 = []
    for features in (few, many):
        weights = np.linalg.lstsq(np.c_[np.ones(1600), features[:1600]], y_N[:1600], rcond=None)[0]
        missed = y_N[1600:] - np.c_[np.ones(1400), features[1600:]] @ weights
        r2.append(1 - missed.var() / y_N[1600:].var())
    assert r2[0] - r2[1] < 0.02
    ends = (25, 50, 100, 200, 400, 800, 1600)
    easy, hard = (bits(features[:1600], y_N[:1600], ends) for features in (few, many))
    assert easy > hard + 0.2
    assert easy == pytest.approx(-0.5 * np.log2(1 - r2[0]), abs=0.1)  # what an ideal code would save of every rating


def test_unrelated_features_save_nothing_and_cost_next_to_nothing() -> None:
    """On average they save nothing; never do they cost more than it takes to say that no features are used."""
    rng = np.random.default_rng(2)
    found = np.array([bits(rng.standard_normal((160, 60)), rng.uniform(size=160)) for _ in range(60)])
    assert found.mean() < 0
    assert (found < 0.01).mean() > 0.95
    assert found.min() > -np.log2(4 * (len(RATIOS) + 1)) / 160


def test_an_early_loss_is_not_held_against_a_code_that_serves_later() -> None:
    """The best succession of codes costs little more than if it had been known."""
    serves = torch.tensor([[0.0, -500.0], [0.0, -20.0], [0.0, 90.0], [0.0, 200.0]], dtype=torch.float64)
    found = float(_switching(serves[:, :, None])[0])
    assert 290 - np.log(2 * 3 * 4) - np.log(4 / 3) < found < 290


@pytest.mark.parametrize("change", [0.0, 0.3])
def test_constant_ratings_have_a_length(change: float) -> None:
    """Ratings that never differ are told by nothing; where they differ after all, none costs more than 6.6 bits."""
    rng = np.random.default_rng(4)
    y_N = np.full(160, 0.5)
    y_N[100:] += change
    found = bits(rng.standard_normal((160, 200)), y_N)
    assert -4 / 160 < found < 6.65 * 60 / 160 * (change > 0) + 0.001


def test_a_single_surprise_costs_no_more_than_a_rating_anywhere() -> None:
    """A rating that a precise probe misses by far takes away what it would have saved, and 6.6 bits at most."""
    rng = np.random.default_rng(10)
    x_ND, y_N = told(rng, 160, 4, noise=0.002)
    surprised = y_N.copy()
    surprised[159] = 1 - y_N[159] + 0.2
    assert 0 < bits(x_ND, y_N) - bits(x_ND, surprised) < (6.65 + 8) / 160


def corpus(sizes: list[int], rng: np.random.Generator) -> Corpus:
    """Speakers with so many utterances each; dominance is rated for the first half of the corpus."""
    names = [f"s{speaker:02d}" for speaker, size in enumerate(sizes) for _ in range(size)]
    utterances = []
    for number, name in enumerate(names):
        labels = {"arousal": rng.uniform(1, 7), "valence": rng.uniform(1, 7)}
        if number < len(names) // 2:
            labels["dominance"] = rng.uniform(1, 7)
        utterances.append(
            Utterance(f"u{number:04d}", None, "development" if number % 9 == 0 else "train", name, labels)
        )
    return corpus_of(*utterances, Utterance("t", None, "test1", "s00", {"arousal": 3.0}))


def material(own: Corpus, states_NLD: NDArray[np.float64]) -> Material:
    """An encoder's states of a corpus, its arousal told by the first feature of layer 1."""
    return Material(own, own.dimensions, "encoder", tuple(range(states_NLD.shape[1])), states_NLD.astype(np.float32))


def test_orders_are_of_whole_speakers_and_the_same_for_all_dimensions() -> None:
    """No speaker is in two blocks, every cut doubles what was sent, and missing ratings leave the rest in its order."""
    own = corpus([12, 9, 20, 5, 31, 7, 16, 10], np.random.default_rng(5))
    places = np.arange(len(own) - 1)
    found = orders_of(own, places, 4, seed=3)
    assert len({order.places_N.tobytes() for order in found}) == 4
    for order, fewer in zip(found, orders_of(own, places[::3], 4, seed=3), strict=True):
        assert sorted(order.places_N) == places.tolist()
        assert fewer.places_N.tolist() == [place for place in order.places_N if place % 3 == 0]
        assert order.ends[0] >= module.FIRST and order.ends[-1] == len(places)
        assert all(later >= 2 * end for end, later in zip(order.ends, order.ends[1:-1], strict=False))
        names = [own.utterances[place].speaker for place in order.places_N]
        assert all(names[end - 1] not in names[end:] for end in order.ends)


def test_a_table_of_layers_and_dimensions() -> None:
    """Bits with the smallest and the largest of the orders; a layer that tells arousal saves bits of arousal alone."""
    rng = np.random.default_rng(6)
    own = corpus([20] * 16, rng)
    states_NLD = rng.standard_normal((len(own), 2, 10))
    arousal_N = material(own, states_NLD).labels("arousal")
    states_NLD[:, 1, 0] = arousal_N + 0.05 * rng.standard_normal(len(own))
    found = description(material(own, states_NLD), orders=3)
    assert tuple(found.columns) == COLUMNS and set(found.partition) == {"train+development"}
    each = found[found.measure == "bits-each"].groupby(["layer", "target"]).value
    rows = found[found.measure == "bits"].set_index(["layer", "target"])
    np.testing.assert_allclose(rows.value, each.mean().reindex(rows.index))
    np.testing.assert_allclose(rows.low, each.min().reindex(rows.index))
    np.testing.assert_allclose(rows.high, each.max().reindex(rows.index))
    assert rows.low[1, "arousal"] > 1 and rows.value.drop((1, "arousal")).max() < 0.05
    assert set(found.part) == {"", "order 1", "order 2", "order 3"}
    assert found.equals(description(material(own, states_NLD), orders=3))


def test_the_order_of_the_corpus_does_not_matter() -> None:
    """What is sent is the same however a table is sorted, and on whatever scale the features are."""
    rng = np.random.default_rng(7)
    own = corpus([15, 20, 12, 18, 9], rng)
    states_NLD = rng.standard_normal((len(own), 1, 6))
    turn = rng.permutation(len(own))
    turned = corpus_of(*(own.utterances[place] for place in turn))
    one = description(material(own, states_NLD), orders=2)
    other = description(material(turned, 40 * states_NLD[turn] + 7), orders=2)
    np.testing.assert_allclose(other.value, one.value, atol=1e-6)


def test_one_speaker_is_sent_by_utterance_and_many_ratings_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are said in a note."""
    rng = np.random.default_rng(8)
    own = corpus([60], rng)
    ends = orders_of(own, np.arange(60), 1, seed=0)[0].ends
    assert ends == (8, 16, 32, 60)
    assert "one speaker" in description_notes(own)[0]
    monkeypatch.setattr(module, "MOST", 40)
    assert orders_of(own, np.arange(60), 1, seed=0)[0].ends == (8, 16, 32, 40)
    assert "first 40 of 60 utterances" in description_notes(own)[1]
    assert description_notes(corpus([20] * 2, rng)) == []


def test_too_few_ratings_are_refused() -> None:
    """A single block leaves nothing to send by a probe."""
    own = corpus([6, 1], np.random.default_rng(9))
    refusal(FitError, "too-few", description, material(own, np.zeros((len(own), 1, 2))))
