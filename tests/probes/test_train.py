"""The training loop: a planted layer is found, each probe stops by itself, and a control finds nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hidden_states import N_LAYERS, OPTIONS, WIDTH, Held, planted_layer, relabelled, write_cache

from probing.corpus.model import Corpus
from probing.errors import FitError
from probing.probes import train as train_module
from probing.probes.bank import SHUFFLED, SINGLE, WEIGHTED, Probe
from probing.probes.options import FitOptions
from probing.probes.results import best_layers, tables_of
from probing.probes.sources import PooledFeatures
from probing.probes.train import Fit, learning_rate, shuffled_batches, taught_labels, train_bank
from probing.statistics.concordance import ccc


def train(corpus: Corpus, states: np.ndarray, options: FitOptions) -> Fit:
    """Train on means over time, held in memory."""
    return train_bank(corpus, Held(states), N_LAYERS, WIDTH, options)


@pytest.mark.parametrize("seed", range(3))
def test_planted_truth_is_recovered(tmp_path: Path, seed: int) -> None:
    """With layer norm, the learned weights and the single-layer curve peak at the layer that holds the labels."""
    layer = int(np.random.default_rng(100 + seed).integers(N_LAYERS))
    corpus, states = planted_layer(layer, seed)
    source = PooledFeatures(write_cache(tmp_path, states, "pooled"), np.arange(len(corpus)), "mean", "layer")
    tables = tables_of(train_bank(corpus, source, N_LAYERS, WIDTH, replace(OPTIONS, normalize="layer")), corpus)
    weights = tables.weights.groupby("layer").weight.mean()
    scores = tables.scores
    curve = scores[(scores.kind == SINGLE) & (scores.partition == "test2")].groupby("layer").ccc.mean()
    assert weights.idxmax() == curve.idxmax() == layer == best_layers(scores)["valence"]
    assert curve[layer] > 0.8 and curve.drop(layer).max() < 0.35
    shuffled = scores[(scores.kind == SHUFFLED) & (scores.partition == "test2")]
    assert shuffled.ccc.abs().max() < 0.35


def test_without_layer_norm_the_scale_shows_in_the_weights() -> None:
    """The confound that --normalize layer removes is there without it: a loud layer of noise is weighed down."""
    corpus, states = planted_layer(2)
    fitted = train(corpus, states, replace(OPTIONS, layers="weighted"))
    loudest = int(np.abs(states).mean((0, 1, 3)).argmax())
    assert tables_of(fitted, corpus).weights.groupby("layer").weight.mean()[loudest] < 1 / N_LAYERS


def test_a_second_training_is_bit_equal() -> None:
    """Same seeds, same threads, same numbers."""
    corpus, states = planted_layer(1)
    first, second = (train(corpus, states, replace(OPTIONS, epochs=8)) for _ in range(2))
    np.testing.assert_array_equal(first.predictions, second.predictions)
    for name, parameter in first.bank.named_parameters():
        assert torch.equal(parameter, dict(second.bank.named_parameters())[name])


def test_each_probe_stops_by_itself_at_its_best() -> None:
    """The kept predictions are those of the best development CCC, which no later epoch within patience beat."""
    corpus, states = planted_layer(4)
    result = train(corpus, states, replace(OPTIONS, epochs=40, patience=3))
    development = [i for i, u in enumerate(corpus.utterances) if u.partition == "development"]
    truth = np.array([corpus.utterances[i].labels["valence"] for i in development])
    kept = [row for row, probe in enumerate(result.bank.probes) if probe.kind != SHUFFLED]
    found = ccc(truth, result.predictions[:, development])
    np.testing.assert_allclose(found[kept], result.best_ccc[kept], atol=1e-6)
    curve = np.stack(result.curve)  # [epochs, P]
    for probe in range(curve.shape[1]):
        best, stop = result.best_epoch[probe], min(result.best_epoch[probe] + 3, len(curve))
        assert curve[best - 1, probe] == curve[:stop, probe].max()


def test_taking_stopped_probes_out_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes that go on learning end where they end in a bank from which none is taken out."""
    corpus, states = planted_layer(5, count=80)
    options = replace(OPTIONS, epochs=40, patience=2)
    narrowed = train(corpus, states, options)
    monkeypatch.setattr(train_module, "_WORTH_NARROWING", 0.0)
    whole = train(corpus, states, options)
    assert np.isnan(np.stack(narrowed.curve)).any() and not np.isnan(np.stack(whole.curve)).any()
    np.testing.assert_array_equal(narrowed.best_epoch, whole.best_epoch)
    np.testing.assert_allclose(narrowed.predictions, whole.predictions, atol=1e-5)


def test_the_shuffled_control_is_a_null() -> None:
    """Over many seeds the control's mean CCC is near 0 on development too: it does not stop by true labels."""
    corpus, states = planted_layer(1)
    fitted = train(corpus, states, replace(OPTIONS, layers="weighted", seeds=12, epochs=15))
    scores = tables_of(fitted, corpus).scores
    control = scores[scores.kind == SHUFFLED].groupby("partition").ccc.mean()
    assert abs(control["development"]) < 0.08 and abs(control["test2"]) < 0.08
    assert scores[scores.kind == WEIGHTED].ccc.min() > 0.3


def test_controls_learn_from_labels_permuted_within_train_and_development() -> None:
    """Each partition keeps its own ratings in another order, test partitions theirs as they are; seeds differ."""
    corpus, _ = planted_layer(0, count=40)
    places = {
        name: np.array([i for i, u in enumerate(corpus.utterances) if u.partition == name])
        for name in ("train", "development", "test2")
    }
    members = {name: places[name] for name in ("train", "development")}
    probes = [Probe("valence", WEIGHTED, 0), Probe("valence", SHUFFLED, 0), Probe("valence", SHUFFLED, 1)]
    truth, first, second = taught_labels(corpus, probes, members)
    np.testing.assert_array_equal(truth, [u.labels["valence"] for u in corpus.utterances])
    for control in (first, second):
        np.testing.assert_array_equal(control[places["test2"]], truth[places["test2"]])
        for rows in members.values():
            assert (control[rows] != truth[rows]).any()
            np.testing.assert_array_equal(np.sort(control[rows]), np.sort(truth[rows]))
    assert (first != second).any()
    # The draw of version 0.1.0, on which recorded controls rest.
    order = np.random.default_rng([1, 1]).permutation(len(members["train"]))
    np.testing.assert_array_equal(second[members["train"]], truth[members["train"][order]])


def test_batches_hold_every_utterance_once_and_none_is_a_remainder() -> None:
    """An epoch is a partition of train into batches whose sizes differ by one at most; epochs differ in order."""
    train_rows = np.arange(100, 171)
    batches = shuffled_batches(train_rows, replace(OPTIONS, batch=16), epoch=1)
    assert {len(batch) for batch in batches} == {17, 18}
    assert sorted(np.concatenate(batches)) == list(train_rows)
    other = shuffled_batches(train_rows, replace(OPTIONS, batch=16), epoch=2)
    assert np.concatenate(batches).tolist() != np.concatenate(other).tolist()


def test_what_cannot_be_learned_is_refused() -> None:
    """No development partition, constant labels and a loss that is not finite each have a code of their own."""
    corpus, states = planted_layer(0, count=40)
    without = replace(corpus, utterances=tuple(u for u in corpus.utterances if u.partition != "development"))
    for wrong, given, code in (
        (without, states, "too-few"),
        (relabelled(corpus, "train", 0.5), states, "constant-labels"),
        (corpus, np.full_like(states, np.nan), "loss-not-finite"),
    ):
        with pytest.raises(FitError) as caught:
            train(wrong, given, OPTIONS)
        assert caught.value.code == code


def test_a_bank_that_cannot_fit_into_memory_is_refused_before_it_is_made() -> None:
    """A billion hidden units are refused at once."""
    corpus, states = planted_layer(0, count=20)
    with pytest.raises(FitError) as caught:
        train(corpus, states, replace(OPTIONS, hidden=10**9, seeds=10**6))
    assert caught.value.code == "bank-too-large"


def test_the_learning_rate_falls_with_the_width() -> None:
    """1e-4 at the 768 units of HuBERT base, half of it at twice the width, or the one that is asked for."""
    assert learning_rate(OPTIONS, 768) == pytest.approx(1e-4)
    assert learning_rate(OPTIONS, 1536) == pytest.approx(5e-5)
    assert learning_rate(replace(OPTIONS, lr=0.5), 768) == 0.5
