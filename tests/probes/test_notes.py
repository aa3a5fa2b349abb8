"""Notes on learned weights: near uniform, still moving, cut short; of the fit's own probes only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hidden_states import N_LAYERS, OPTIONS, WIDTH, Held, planted_layer

from probing.probes import train as train_module
from probing.probes.bank import PERMUTED, REFIT, SINGLE, WEIGHTED, Probe, ProbeBank
from probing.probes.heads import LinearHead
from probing.probes.notes import weight_notes
from probing.probes.train import Fit, train_bank

L = 4
UNIFORM, PEAK = [0.25, 0.25, 0.25, 0.25], [0.7, 0.1, 0.1, 0.1]


def fitted(best: list[list[float]], last: list[list[float]], best_epoch: list[int], probes: list[Probe]) -> Fit:
    """A fit with these weights at its best and at its end."""
    learned = sum(probe.learns_weights for probe in probes)
    bank = ProbeBank(probes, L, LinearHead([0] * len(probes), 3, learned=learned), "mean")
    with torch.no_grad():
        bank.logits_WL.copy_(torch.tensor(best).reshape(learned, L).log())
    none = np.zeros((len(probes), 2))
    return Fit(bank, none, np.array(best_epoch), np.zeros(len(probes)), np.array(last))


VALENCE, AROUSAL = Probe("valence", WEIGHTED, 0), Probe("arousal", WEIGHTED, 0)
# Best weights, last weights, best epoch of valence; words of the notes, with patience 5 of 20 epochs.
NOTED = [
    (PEAK, PEAK, 10, []),
    (UNIFORM, UNIFORM, 10, ["near uniform"]),
    ([0.49, 0.17, 0.17, 0.17], [0.49, 0.17, 0.17, 0.17], 10, ["near uniform"]),  # twice the uniform weight is .5
    ([0.51, 0.17, 0.16, 0.16], [0.51, 0.17, 0.16, 0.16], 10, []),
    (PEAK, [0.58, 0.22, 0.1, 0.1], 10, ["still moving"]),  # .12 of the weights went to another layer
    (PEAK, [0.62, 0.18, 0.1, 0.1], 10, []),
    (PEAK, PEAK, 15, []),  # stopped by itself after the last epoch
    (PEAK, PEAK, 16, ["raise --epochs"]),
    (UNIFORM, PEAK, 20, ["near uniform", "still moving", "raise --epochs"]),
]


@pytest.mark.parametrize(("best", "last", "epoch", "words"), NOTED)
def test_what_a_reader_of_the_weights_should_know_is_said(
    best: list[float], last: list[float], epoch: int, words: list[str]
) -> None:
    """One note of each kind that is so, which names the dimension and no other."""
    notes = weight_notes(fitted([PEAK, best], [PEAK, last], [10, epoch], [AROUSAL, VALENCE]), patience=5, epochs=20)
    assert len(notes) == len(words)
    for note, word in zip(notes, words, strict=True):
        assert word in note and "valence" in note and "arousal" not in note


def test_seeds_are_taken_together_and_others_are_not_noted() -> None:
    """Uniform is the mean over seeds; permuted, resampled and single-layer probes have no notes of their own."""
    other = [0.1, 0.7, 0.1, 0.1]
    probes = [
        VALENCE,
        replace(VALENCE, seed=1),
        Probe("valence", PERMUTED, 0, draw=0),
        Probe("valence", REFIT, 0, draw=1),
        Probe("valence", SINGLE, 0, layer=2),
    ]
    learned = [PEAK, other, UNIFORM, UNIFORM]
    (note,) = weight_notes(fitted(learned, [PEAK, other, PEAK, PEAK], [1, 1, 20, 20, 20], probes), 5, 20)
    assert "near uniform" in note and "0.40 (valence)" in note
    assert weight_notes(fitted([PEAK, PEAK, *learned[2:]], [PEAK] * 4, [1, 1, 20, 20, 20], probes), 5, 20) == []


def test_without_learned_weights_there_is_nothing_to_note() -> None:
    """A fit of single layers says nothing about weights."""
    assert weight_notes(fitted([], [], [20], [Probe("valence", SINGLE, 0, layer=1)]), 5, 20) == []


@pytest.mark.parametrize("worth_narrowing", [0.0, 1.0])
def test_the_last_weights_are_those_with_which_a_probe_stopped(
    worth_narrowing: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a fit without patience has then, whether or not a probe stays in the bank while others go on."""
    monkeypatch.setattr(train_module, "_WORTH_NARROWING", worth_narrowing)
    corpus, states = planted_layer(4, count=80)
    options = replace(OPTIONS, layers="weighted", seeds=3, epochs=40, patience=2)
    found = train_bank(corpus, Held(states), N_LAYERS, WIDTH, options)
    stopped = np.minimum(found.best_epoch + 2, 40)
    assert len(set(stopped)) > 1
    for epoch in set(stopped):
        wanted = train_bank(corpus, Held(states), N_LAYERS, WIDTH, replace(options, epochs=int(epoch), patience=999))
        for row in np.flatnonzero(stopped == epoch):
            np.testing.assert_allclose(found.last_weights[row], wanted.last_weights[row], atol=1e-6)
