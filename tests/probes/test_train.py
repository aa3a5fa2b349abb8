"""The training loop: a planted layer is found, each probe stops by itself, and a control finds nothing."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hidden_states import N_LAYERS, OPTIONS, WIDTH, Held, planted_layer, relabelled, write_cache

from probing.corpus.model import Corpus
from probing.errors import FitError
from probing.probes import memory
from probing.probes import train as train_module
from probing.probes.bank import PERMUTED, REFIT, SINGLE, WEIGHTED, Probe, count_probes
from probing.probes.heads import numbers_of
from probing.probes.options import FitOptions
from probing.probes.results import best_layers, nulls_table, tables_of
from probing.probes.sources import PooledFeatures
from probing.probes.targets import resampled_counts, taught_labels
from probing.probes.train import Fit, learning_rate, shuffled_batches, train_bank
from probing.runs.scores import clusters_of, places
from probing.statistics.concordance import ccc


def train(corpus: Corpus, states: np.ndarray, options: FitOptions) -> Fit:
    """Train on means over time, held in memory."""
    return train_bank(corpus, Held(states), N_LAYERS, WIDTH, options)


def of_many_speakers(corpus: Corpus) -> Corpus:
    """The corpus with 24 speakers in each partition, so that there are many ways to exchange their labels."""
    utterances = (replace(u, speaker=f"{u.partition}{i // 10}") for i, u in enumerate(corpus.utterances))
    return replace(corpus, utterances=tuple(utterances))


class PlainLoop:
    """One probe trained by a loop of its own, on means over time; equations and stopping rule written out.

    Args:
        corpus: What it learns.
        states: [N, T, L, D].
        layer: The only one that it sees; None to learn the weights.
        seed: Of its head.
        options: Its rates, batches and patience.
    """

    def __init__(self, corpus: Corpus, states: np.ndarray, layer: int | None, seed: int, options: FitOptions) -> None:
        self.mean_NLD, self.layer = torch.from_numpy(states.mean(1)), layer
        generator, width = torch.Generator().manual_seed(seed), states.shape[3]
        shapes = ((width, width), (width,), (width,), (1,))
        self.head = [((torch.rand(shape, generator=generator) * 2 - 1) / width**0.5) for shape in shapes]
        self.logits = torch.zeros(states.shape[2])
        self.labels = torch.tensor([u.labels["valence"] for u in corpus.utterances])
        rows = {name: [i for i, u in enumerate(corpus.utterances) if u.partition == name] for name in corpus.partitions}
        groups = [
            {"params": [self.logits.requires_grad_()], "lr": options.layer_lr},
            {"params": [parameter.requires_grad_() for parameter in self.head], "lr": 1e-4 * 768 / width},
        ]
        optimizer, best = torch.optim.Adam(groups), -np.inf
        for epoch in range(1, options.epochs + 1):
            order = np.random.default_rng([options.data_seed, epoch]).permutation(rows["train"])
            for batch in np.array_split(order, max(1, round(len(order) / options.batch))):
                optimizer.zero_grad()
                (1 - self.concordance(batch)).backward()
                optimizer.step()
            score = self.concordance(rows["development"]).item()
            if score > best:
                best, self.best_epoch = score, epoch
                self.predictions, self.weights = self(slice(None)).detach(), self.logits.softmax(0).detach().clone()
            elif epoch - self.best_epoch == options.patience:
                break

    def __call__(self, rows: object) -> torch.Tensor:
        x_BLD = self.mean_NLD[rows]
        seen = (x_BLD * self.logits.softmax(0)[:, None]).sum(1) if self.layer is None else x_BLD[:, self.layer]
        inner, inner_bias, outer, outer_bias = self.head
        return torch.tanh(seen @ inner + inner_bias) @ outer + outer_bias

    def concordance(self, rows: object) -> torch.Tensor:
        p, y = self(rows), self.labels[rows]
        spread = p.var(correction=0) + y.var(correction=0) + (p.mean() - y.mean()) ** 2
        return 2 * ((p - p.mean()) * (y - y.mean())).mean() / (spread + 1e-8)


@pytest.mark.parametrize(("layer", "seed"), [(None, 0), (None, 1), (4, 1)])
def test_a_fit_is_a_plain_loop(layer: int | None, seed: int) -> None:
    """The settings of version 0.1.0 give its numbers, whatever stands beside a probe in the bank."""
    corpus, states = planted_layer(4, count=100)
    options = replace(OPTIONS, normalize="none", layer_lr=1e-2, epochs=25, patience=4, batch=16, data_seed=3)
    found = train(corpus, states, replace(options, permutations=1, refits=1))
    row = found.bank.probes.index(Probe("valence", WEIGHTED if layer is None else SINGLE, seed, layer))
    alone = PlainLoop(corpus, states, layer, seed, options)
    assert found.best_epoch[row] == alone.best_epoch
    np.testing.assert_allclose(found.predictions[row], alone.predictions, atol=1e-5)
    if layer is None:
        np.testing.assert_allclose(found.bank.weights()[row].detach(), alone.weights, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_planted_truth_is_recovered(tmp_path: Path, seed: int) -> None:
    """With layer norm, the learned weights and the single-layer curve peak at the layer that holds the labels."""
    layer = int(np.random.default_rng(100 + seed).integers(N_LAYERS))
    corpus, states = planted_layer(layer, seed)
    corpus = of_many_speakers(corpus)
    source = PooledFeatures(write_cache(tmp_path, states, "pooled"), np.arange(len(corpus)), "mean", "layer")
    fitted = train_bank(corpus, source, N_LAYERS, WIDTH, replace(OPTIONS, normalize="layer", permutations=6))
    tables = tables_of(corpus, [fitted])
    weights = tables.weights.groupby("layer").weight.mean()
    scores = tables.scores
    curve = scores[(scores.kind == SINGLE) & (scores.partition == "test2")].groupby("layer").ccc.mean()
    assert weights.idxmax() == curve.idxmax() == layer == best_layers(tables)["valence"]
    assert curve[layer] > 0.8 and curve.drop(layer).max() < 0.35
    nulls = tables.nulls[(tables.nulls.partition == "test2") & (tables.nulls.labels == PERMUTED)]
    assert len(nulls) == 6 and nulls.ccc.abs().mean() < 0.2


def test_without_layer_norm_the_scale_shows_in_the_weights() -> None:
    """The confound that --normalize layer removes is there without it: a loud layer of noise is weighed down."""
    corpus, states = planted_layer(2)
    fitted = train(corpus, states, replace(OPTIONS, layers="weighted"))
    loudest = int(np.abs(states).mean((0, 1, 3)).argmax())
    assert tables_of(corpus, [fitted]).weights.groupby("layer").weight.mean()[loudest] < 1 / N_LAYERS


def test_a_second_training_is_bit_equal() -> None:
    """Same seeds, same threads, same numbers."""
    corpus, states = planted_layer(1)
    first, second = (train(corpus, states, replace(OPTIONS, epochs=8)) for _ in range(2))
    np.testing.assert_array_equal(first.predictions, second.predictions)
    for name, parameter in first.bank.named_parameters():
        assert torch.equal(parameter, dict(second.bank.named_parameters())[name])


def test_each_probe_stops_by_itself_at_its_best() -> None:
    """The kept predictions are those of the best development CCC, which no later epoch within patience beat.

    That of controls is with their permuted labels, that of refits with their resampled speakers.
    """
    corpus, states = planted_layer(4)
    result = train(corpus, states, replace(OPTIONS, epochs=40, patience=3, permutations=2, refits=2))
    members = {name: places(corpus, name) for name in ("train", "development")}
    development, probes = members["development"], result.bank.probes
    taught = taught_labels(corpus, probes, members)[:, development]
    found = ccc(taught, result.predictions[:, development])
    for row in [row for row, probe in enumerate(probes) if probe.kind == REFIT]:
        counts = resampled_counts(clusters_of(corpus), members, probes[row].draw)[development]
        again = (np.repeat(of_all, counts) for of_all in (taught[row], result.predictions[row, development]))
        found[row] = ccc(*again)
    np.testing.assert_allclose(found, result.best_score, atol=1e-6)
    curve = np.stack(result.curve)  # [epochs, P]
    for probe in range(curve.shape[1]):
        best, stop = result.best_epoch[probe], min(result.best_epoch[probe] + 3, len(curve))
        assert curve[best - 1, probe] == curve[:stop, probe].max()


def test_block_by_block_probes_end_where_they_end_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks divide probes that learn weights, refits among them, from those that do not; curves are of all probes."""
    corpus, states = planted_layer(2, count=80)
    options = replace(OPTIONS, epochs=12, patience=2, permutations=2, refits=2)
    whole = train(corpus, states, options)
    monkeypatch.setattr(train_module, "block_of", lambda numbers, device: 5)
    blocks = train(corpus, states, options)
    np.testing.assert_array_equal(blocks.best_epoch, whole.best_epoch)
    np.testing.assert_allclose(blocks.predictions, whole.predictions, atol=1e-5)
    np.testing.assert_allclose(blocks.last_weights, whole.last_weights, atol=1e-6)
    for own, curve in zip(blocks.curve, whole.curve, strict=True):
        both = np.isfinite(own) & np.isfinite(curve)
        np.testing.assert_allclose(own[both], curve[both], atol=1e-5)


def test_taking_stopped_probes_out_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes that go on learning end where they end in a bank from which none is taken out."""
    corpus, states = planted_layer(5, count=80)
    options = replace(OPTIONS, epochs=40, patience=2, permutations=2, refits=2)
    narrowed = train(corpus, states, options)
    monkeypatch.setattr(train_module, "_WORTH_NARROWING", 0.0)
    whole = train(corpus, states, options)
    assert np.isnan(np.stack(narrowed.curve)).any() and not np.isnan(np.stack(whole.curve)).any()
    np.testing.assert_array_equal(narrowed.best_epoch, whole.best_epoch)
    np.testing.assert_allclose(narrowed.predictions, whole.predictions, atol=1e-5)


def test_permuted_labels_are_a_null() -> None:
    """Over many permutations the mean CCC is near 0 on development too: they do not stop by true labels."""
    corpus, states = planted_layer(1)
    corpus = of_many_speakers(corpus)
    fitted = train(corpus, states, replace(OPTIONS, layers="weighted", permutations=12, epochs=15))
    nulls = nulls_table(fitted, corpus)
    mean = nulls[nulls.labels == PERMUTED].groupby("partition").ccc.mean()
    assert abs(mean["development"]) < 0.08 and abs(mean["test2"]) < 0.08
    assert tables_of(corpus, [fitted]).scores.ccc.min() > 0.3


def test_refits_and_permutations_leave_the_fit_as_it_is() -> None:
    """What stands beside them in the bank changes no probe of the fit itself, and they are no result of it."""
    corpus, states = planted_layer(3, count=120)
    bare = train(corpus, states, replace(OPTIONS, epochs=12))
    whole = train(corpus, states, replace(OPTIONS, epochs=12, permutations=2, refits=3))
    own = [row for row, probe in enumerate(whole.bank.probes) if probe in bare.bank.probes]
    np.testing.assert_allclose(whole.predictions[own], bare.predictions, atol=1e-5)
    tables = tables_of(corpus, [whole])
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


def test_only_those_trained_together_need_gradients_and_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bank whose probes all fit into memory, but not six times, is fitted block by block, not from a stream."""
    corpus, states = planted_layer(0, count=20)
    numbers = numbers_of("mlp", WIDTH, WIDTH, 1) * torch.float32.itemsize
    monkeypatch.setattr(memory, "_BLOCK", 10 * numbers)
    probes = count_probes(OPTIONS, N_LAYERS)
    for room, held, refused in ((probes + 10, True, False), (probes + 9, True, True), (probes + 10, False, True)):
        monkeypatch.setattr(memory, "memory_of", lambda _, room=room: room * numbers)
        source = Held(states)
        source.held = held
        with pytest.raises(FitError) if refused else nullcontext() as caught:
            train_bank(corpus, source, N_LAYERS, WIDTH, replace(OPTIONS, epochs=1))
        assert not refused or caught.value.code == "bank-too-large"


def test_the_learning_rate_falls_with_the_width() -> None:
    """1e-4 at the 768 units of HuBERT base, half of it at twice the width, or the one that is asked for."""
    assert learning_rate(OPTIONS, 768) == pytest.approx(1e-4)
    assert learning_rate(OPTIONS, 1536) == pytest.approx(5e-5)
    assert learning_rate(replace(OPTIONS, lr=0.5), 768) == 0.5
