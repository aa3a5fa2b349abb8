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
from probing.probes.bank import BY_SPEAKER, PERMUTED, REFIT, SINGLE, WEIGHTED, Probe
from probing.probes.options import FitOptions
from probing.probes.results import best_layers, nulls_table, tables_of
from probing.probes.sources import PooledFeatures
from probing.probes.targets import Regression, resampled_counts, taught_labels
from probing.probes.train import Fit, learning_rate, shuffled_batches, train_bank
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
    fitted = train_bank(corpus, source, N_LAYERS, WIDTH, replace(OPTIONS, normalize="layer", permutations=2))
    tables = tables_of(corpus, fitted)
    weights = tables.weights.groupby("layer").weight.mean()
    scores = tables.scores
    curve = scores[(scores.kind == SINGLE) & (scores.partition == "test2")].groupby("layer").ccc.mean()
    assert weights.idxmax() == curve.idxmax() == layer == best_layers(scores)["valence"]
    assert curve[layer] > 0.8 and curve.drop(layer).max() < 0.35
    nulls = tables.nulls
    assert nulls[(nulls.partition == "test2") & (nulls.labels == PERMUTED)].ccc.abs().mean() < 0.35 and len(nulls)


def test_without_layer_norm_the_scale_shows_in_the_weights() -> None:
    """The confound that --normalize layer removes is there without it: a loud layer of noise is weighed down."""
    corpus, states = planted_layer(2)
    fitted = train(corpus, states, replace(OPTIONS, layers="weighted"))
    loudest = int(np.abs(states).mean((0, 1, 3)).argmax())
    assert tables_of(corpus, fitted).weights.groupby("layer").weight.mean()[loudest] < 1 / N_LAYERS


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
    kept = [row for row, probe in enumerate(result.bank.probes) if probe.kind in (WEIGHTED, SINGLE)]
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


def test_permuted_labels_are_a_null() -> None:
    """Over many permutations the mean CCC is near 0 on development too: they do not stop by true labels."""
    corpus, states = planted_layer(1)
    fitted = train(corpus, states, replace(OPTIONS, layers="weighted", permutations=12, epochs=15))
    nulls = nulls_table(fitted, corpus)
    found = nulls[nulls.labels == PERMUTED].groupby("partition").ccc
    error = found.std() / np.sqrt(12)
    for partition in ("development", "test2"):
        assert abs(found.mean()[partition]) < 3 * error[partition] and error[partition] < 0.1
    assert tables_of(corpus, fitted).scores.ccc.min() > 0.3


def test_controls_learn_from_labels_permuted_within_train_and_development() -> None:
    """Each partition keeps its own ratings in another order, test partitions theirs; within speakers, theirs too."""
    corpus, _ = planted_layer(0, count=160)
    places = {
        name: np.array([i for i, u in enumerate(corpus.utterances) if u.partition == name])
        for name in ("train", "development", "test2")
    }
    members = {name: places[name] for name in ("train", "development")}
    draws = [(PERMUTED, 0), (PERMUTED, 1), (BY_SPEAKER, 0), (BY_SPEAKER, 1)]
    probes = [Probe("valence", WEIGHTED, 0), *(Probe("valence", kind, draw, draw=draw) for kind, draw in draws)]
    truth, *controls = taught_labels(corpus, probes, members)
    np.testing.assert_array_equal(truth, [u.labels["valence"] for u in corpus.utterances])
    for control in controls:
        np.testing.assert_array_equal(control[places["test2"]], truth[places["test2"]])
        for rows in members.values():
            assert (control[rows] != truth[rows]).any() and set(control[rows]) <= set(truth[rows])
    assert (controls[0] != controls[1]).any() and (controls[2] != controls[3]).any()
    for speaker in {corpus.utterances[i].speaker for i in places["train"]}:
        own = [i for i in places["train"] if corpus.utterances[i].speaker == speaker]
        np.testing.assert_array_equal(np.sort(controls[2][own]), np.sort(truth[own]))


def test_a_refit_is_a_fit_to_the_resampled_speakers() -> None:
    """Loss and score of counted utterances are those of a corpus in which they stand as often; speakers stay whole."""
    corpus, _ = planted_layer(2, count=120)
    speakers = [str(u.speaker) for u in corpus.utterances]
    members = {
        name: np.array([i for i, u in enumerate(corpus.utterances) if u.partition == name])
        for name in ("train", "development")
    }
    counts = resampled_counts(speakers, members, draw=1)
    for places in members.values():
        by_speaker = {
            name: {counts[i] for i in places if speakers[i] == name} for name in {speakers[i] for i in places}
        }
        assert all(len(found) == 1 for found in by_speaker.values())
        assert sum(found.copy().pop() for found in by_speaker.values()) == len(by_speaker)
    assert (counts != resampled_counts(speakers, members, draw=2)).any()
    truth = np.array([u.labels["valence"] for u in corpus.utterances])
    target = Regression(np.stack([truth, truth]), {1: counts})
    estimates = torch.rand(2, len(members["train"]), 1)
    often = np.repeat(np.arange(len(members["train"])), counts[members["train"]])
    twice = Regression(np.stack([truth, truth]), {})
    plain, refit = target.loss(estimates, members["train"])
    duplicated = twice.loss(estimates[:, often], members["train"][often])[1]
    assert float(refit) == pytest.approx(float(duplicated), abs=1e-6) and float(plain) != pytest.approx(float(refit))
    scores = target.score(estimates.numpy(), members["train"])
    own = members["train"][often]
    assert scores[1] == pytest.approx(float(ccc(truth[own], estimates[1, often, 0].numpy())), abs=1e-6)


def test_refits_and_permutations_leave_the_fit_as_it_is() -> None:
    """What stands beside them in the bank changes no probe of the fit itself, and they are no result of it."""
    corpus, states = planted_layer(3, count=120)
    bare = train(corpus, states, replace(OPTIONS, epochs=12))
    whole = train(corpus, states, replace(OPTIONS, epochs=12, permutations=2, refits=3))
    own = [row for row, probe in enumerate(whole.bank.probes) if probe in bare.bank.probes]
    np.testing.assert_allclose(whole.predictions[own], bare.predictions, atol=1e-5)
    tables = tables_of(corpus, whole)
    assert set(tables.scores.kind) == {WEIGHTED, SINGLE}
    refits = tables.weights[tables.weights.refit.notna()]
    assert sorted(set(refits.refit)) == [1, 2, 3] and (refits.groupby("refit").weight.sum() - 1).abs().max() < 1e-6
    assert sum(probe.kind == REFIT for probe in whole.bank.probes) == 3


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
