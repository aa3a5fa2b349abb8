"""What probes learn: refits are fits to corpora in which speakers stand several times, controls learn nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hidden_states import N_LAYERS, OPTIONS, WIDTH, Held, planted_layer

from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.probes.bank import BY_SPEAKER, PERMUTED, REFIT, WEIGHTED, Probe
from probing.probes.targets import Regression, regression, resampled_counts, taught_labels
from probing.probes.train import train_bank
from probing.runs.scores import clusters_of, places
from probing.statistics.concordance import ccc


def members_of(corpus: Corpus) -> dict[str, np.ndarray]:
    """Places of train and development."""
    return {partition: places(corpus, partition) for partition in (TRAIN, DEVELOPMENT)}


def test_a_refit_is_a_fit_to_a_corpus_in_which_its_speakers_stand_as_often() -> None:
    """With one batch an epoch, so that batches agree: the same weights, epochs and scores as from real duplicates."""
    corpus, states = planted_layer(2, count=100)
    options = replace(OPTIONS, layers="weighted", seeds=2, epochs=20, patience=4, batch=10_000)
    found = train_bank(corpus, Held(states), N_LAYERS, WIDTH, replace(options, refits=2))
    weights_PL = found.bank.weights().detach()
    for draw in (1, 2):
        counts = resampled_counts(clusters_of(corpus), members_of(corpus), draw)
        often = np.repeat(np.arange(len(corpus)), counts)
        copies = [replace(corpus.utterances[place], id=f"copy{i}") for i, place in enumerate(often)]
        duplicated = replace(corpus, utterances=tuple(copies))
        twice = train_bank(duplicated, Held(states[often]), N_LAYERS, WIDTH, options)
        seed = draw - 1
        row, alone = found.bank.probes.index(Probe("valence", REFIT, seed, draw=draw)), seed
        assert twice.bank.probes[alone] == Probe("valence", WEIGHTED, seed)
        assert found.best_epoch[row] == twice.best_epoch[alone]
        assert found.best_score[row] == pytest.approx(twice.best_score[alone], abs=1e-4)
        torch.testing.assert_close(weights_PL[row], twice.bank.weights().detach()[alone], rtol=0, atol=1e-4)
        np.testing.assert_allclose(found.predictions[row, often], twice.predictions[alone], atol=1e-4)
        assert (weights_PL[row] - weights_PL[seed]).abs().max().item() > 1e-3  # of the fit itself, with the same seed


def test_speakers_are_drawn_whole_and_as_often_as_by_lot() -> None:
    """As many as there are in each partition; how often one is drawn has mean 1 and the variance of a multinomial."""
    corpus, _ = planted_layer(0, count=140)
    clusters = clusters_of(corpus)
    drawn = np.stack([resampled_counts(clusters, members_of(corpus), draw) for draw in range(1, 201)])
    for partition, own in members_of(corpus).items():
        first = {clusters[place]: place for place in own}
        by_speaker = drawn[:, list(first.values())]
        assert (by_speaker.sum(1) == len(first)).all(), partition
        for place in own:
            np.testing.assert_array_equal(drawn[:, place], drawn[:, first[clusters[place]]])
        assert np.abs(by_speaker.mean(0) - 1).max() < 4 / np.sqrt(200)
        assert by_speaker.var() == pytest.approx(1 - 1 / len(first), abs=0.15)
    assert (drawn[:, places(corpus, "test2")] == 1).all()
    assert len(np.unique(drawn, axis=0)) > 190


def test_a_score_that_counts_utterances_is_that_of_a_repeated_sample() -> None:
    """Counts may be 0, and a common factor is no matter; leading indices have counts of their own."""
    rng = np.random.default_rng(2)
    y, p, times = rng.normal(size=15), rng.normal(size=(3, 15)), rng.integers(0, 4, size=(3, 15))
    repeated = [float(ccc(np.repeat(y, own), np.repeat(row, own))) for row, own in zip(p, times, strict=True)]
    for factor in (1, 0.25):
        np.testing.assert_allclose(ccc(y, p, factor * times), repeated, atol=1e-12)
    np.testing.assert_allclose(ccc(y, p, np.ones(15)), ccc(y, p), atol=1e-12)


def test_some_of_the_probes_learn_what_they_learned_among_all() -> None:
    """Loss and score of a narrowed target are the rows of the whole one's, refits and controls among them."""
    corpus, _ = planted_layer(1, count=60)
    probes = [
        Probe("valence", WEIGHTED, 0),
        Probe("valence", PERMUTED, 0, draw=0),
        *(Probe("valence", REFIT, 0, draw=draw) for draw in (1, 2, 3)),
    ]
    members = members_of(corpus)
    target = regression(corpus, probes, members)
    estimates = torch.rand(5, len(members[TRAIN]), 1, generator=torch.Generator().manual_seed(0))
    loss_P = target.loss(estimates, members[TRAIN])
    score_P = target.score(estimates.numpy(), members[TRAIN])
    assert len({round(float(loss), 6) for loss in loss_P}) == 5
    for rows in ([0, 1], [4], [0, 2, 4], [1, 3]):
        few = target.only(np.array(rows))
        torch.testing.assert_close(few.loss(estimates[rows], members[TRAIN]), loss_P[rows])
        np.testing.assert_allclose(few.score(estimates[rows].numpy(), members[TRAIN]), score_P[rows], atol=1e-12)
    np.testing.assert_allclose(1 - loss_P.numpy(), score_P, atol=1e-5)


def test_controls_learn_from_labels_permuted_within_train_and_development() -> None:
    """Each partition keeps its own ratings in another order, test partitions theirs; within speakers, theirs too."""
    corpus, _ = planted_layer(0, count=160)
    members, test = members_of(corpus), places(corpus, "test2")
    draws = [(PERMUTED, 0), (PERMUTED, 1), (BY_SPEAKER, 0), (BY_SPEAKER, 1)]
    probes = [Probe("valence", WEIGHTED, 0), *(Probe("valence", kind, draw, draw=draw) for kind, draw in draws)]
    truth, *controls = taught_labels(corpus, probes, members)
    np.testing.assert_array_equal(truth, [u.labels["valence"] for u in corpus.utterances])
    for control in controls:
        np.testing.assert_array_equal(control[test], truth[test])
        for rows in members.values():
            assert (control[rows] != truth[rows]).any() and set(control[rows]) <= set(truth[rows])
    assert (controls[0] != controls[1]).any() and (controls[2] != controls[3]).any()
    clusters = np.array(clusters_of(corpus))
    for speaker in {clusters[place] for rows in members.values() for place in rows}:
        own = clusters == speaker
        for control in controls[2:]:
            np.testing.assert_array_equal(np.sort(control[own]), np.sort(truth[own]))
            assert control[own].mean() == pytest.approx(truth[own].mean(), abs=1e-12)


def test_without_permutations_and_refits_everyone_learns_the_labels() -> None:
    """A bank of 0 and 0 has neither controls nor counts: what is learned is the corpus's own."""
    corpus, states = planted_layer(0, count=60)
    found = train_bank(corpus, Held(states), N_LAYERS, WIDTH, replace(OPTIONS, epochs=1))
    assert {probe.draw for probe in found.bank.probes} == {None}
    members = members_of(corpus)
    target = regression(corpus, found.bank.probes, members)
    truth = np.array([utterance.labels["valence"] for utterance in corpus.utterances])
    plain = Regression(np.tile(truth, (len(found.bank.probes), 1)), {})
    estimates = np.random.default_rng(0).random((len(found.bank.probes), len(members[TRAIN]), 1))
    np.testing.assert_array_equal(target.score(estimates, members[TRAIN]), plain.score(estimates, members[TRAIN]))
