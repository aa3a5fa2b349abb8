from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from probing.cache.format import Entry, Layout, parts_folder
from probing.cache.reader import Cache
from probing.cache.writer import PartWriter, write_virtual
from probing.corpus.model import Corpus, Utterance
from probing.errors import FitError
from probing.probes import train as fit_room
from probing.probes.bank import SHUFFLED, SINGLE, WEIGHTED, Features
from probing.probes.features import FrameFeatures, PooledFeatures
from probing.probes.results import best_layers, printed, scores_table, summary, weights_table
from probing.probes.train import Fit, FitOptions, fit
from probing.statistics.concordance import bootstrap_ccc, ccc

L, D = 6, 12


def planted(layer: int, seed: int = 0, count: int = 240) -> tuple[Corpus, np.ndarray]:
    """A corpus and states [N, T, L, D] in which only `layer` tells the labels; the layers' scales are unequal."""
    rng = np.random.default_rng(seed)
    labels = rng.uniform(0, 1, count)
    states = rng.standard_normal((count, 4, L, D))
    states[:, :, layer, :3] += 3 * (labels[:, None, None] - 0.5)
    states *= rng.permutation([0.1, 0.3, 1.0, 3.0, 10.0, 30.0])[:, None]
    partitions = np.resize(["train", "train", "train", "development", "test2"], count)
    utterances = tuple(
        Utterance(f"u{i}", None, partitions[i], f"{partitions[i]}{i % 7}", {"valence": float(labels[i])})
        for i in range(count)
    )
    return Corpus("planted", (0.0, 1.0), utterances), states.astype(np.float32)


def write_cache(folder: Path, states: np.ndarray, store: str) -> Cache:
    """The states as a cache, with the pooled statistics by NumPy."""
    layout = Layout(store, "float32", L, D, "planted", "none", "none", {})
    path = layout.path(folder)
    parts_folder(path).mkdir(parents=True)
    ids = [f"u{i}" for i in range(len(states))]
    normed = (states - states.mean(-1, keepdims=True)) / np.sqrt(states.var(-1, keepdims=True) + 1e-5)
    with PartWriter(
        parts_folder(path) / "part-00000.h5", layout, ids, [1600] * len(ids), [states.shape[1]] * len(ids)
    ) as writer:
        for id_, x, n in zip(ids, states, normed, strict=True):
            pooled = {"mean": x.mean(0), "max": x.max(0), "normed_mean": n.mean(0), "normed_max": n.max(0)}
            arrays = {"states": x} if store == "frames" else pooled
            writer.write(id_, Entry(arrays, np.ones(L, np.float32)))
        writer.finish()
    write_virtual(path, layout, ["part-00000.h5"])
    return Cache(path)


class Held:
    """Features from memory, without a cache."""

    def __init__(self, states: np.ndarray) -> None:
        self.mean = torch.from_numpy(states.mean(1))

    def batches(self, batches: Sequence[np.ndarray]) -> Iterator[Features]:
        for batch in batches:
            yield Features(self.mean[batch], None)


OPTIONS = FitOptions(dims=("valence",), layers="both", seeds=2, epochs=60, layer_lr=3e-2)


@pytest.mark.parametrize("seed", range(3))
def test_planted_truth_is_recovered(tmp_path: Path, seed: int) -> None:
    """With layer norm, the learned weights and the single-layer curve peak at the layer that holds the labels."""
    layer = int(np.random.default_rng(100 + seed).integers(L))
    corpus, states = planted(layer, seed)
    source = PooledFeatures(write_cache(tmp_path, states, "pooled"), np.arange(len(corpus)), "mean", "layer")
    result = fit(corpus, source, L, D, replace(OPTIONS, normalize="layer"))
    weights = weights_table(result).groupby("layer").weight.mean()
    scores = scores_table(result, corpus)
    curve = scores[(scores.kind == SINGLE) & (scores.partition == "test2")].groupby("layer").ccc.mean()
    assert weights.idxmax() == curve.idxmax() == layer == best_layers(scores)["valence"]
    assert curve[layer] > 0.8 and curve.drop(layer).max() < 0.35
    shuffled = scores[(scores.kind == SHUFFLED) & (scores.partition == "test2")]
    assert shuffled.ccc.abs().max() < 0.35


def test_without_layer_norm_the_scale_shows_in_the_weights() -> None:
    """The confound that --normalize layer removes is there without it: a loud layer of noise is weighed down."""
    corpus, states = planted(2)
    weights = (
        weights_table(fit(corpus, Held(states), L, D, replace(OPTIONS, layers="weighted"))).groupby("layer").weight
    )
    loudest = int(np.abs(states).mean((0, 1, 3)).argmax())
    assert weights.mean()[loudest] < 1 / L


def test_a_second_run_is_bit_equal() -> None:
    """Same seeds, same threads, same numbers."""
    corpus, states = planted(1)
    first, second = (fit(corpus, Held(states), L, D, replace(OPTIONS, epochs=8)) for _ in range(2))
    np.testing.assert_array_equal(first.predictions, second.predictions)
    for name, parameter in first.bank.named_parameters():
        assert torch.equal(parameter, dict(second.bank.named_parameters())[name])


def test_frames_and_pooled_give_the_same_fit(tmp_path: Path) -> None:
    """With mean pooling, a fit that streams frames equals one that holds pooled states in memory."""
    corpus, states = planted(3, count=60)
    options = replace(OPTIONS, epochs=5, seeds=1)
    rows = np.arange(len(corpus))
    held = fit(
        corpus, PooledFeatures(write_cache(tmp_path / "p", states, "pooled"), rows, "mean", "none"), L, D, options
    )
    frames = write_cache(tmp_path / "f", states, "frames")
    for workers in (0, 1):
        streamed = fit(corpus, FrameFeatures(frames, rows, "mean", "none", workers), L, D, options)
        np.testing.assert_allclose(streamed.predictions, held.predictions, atol=1e-5)


def test_frames_are_normed_in_every_frame(tmp_path: Path) -> None:
    """--normalize layer gives frames and pooled the same statistics, for the mean and the maximum."""
    _, states = planted(3, count=12)
    rows = np.arange(12)
    held = PooledFeatures(write_cache(tmp_path / "p", states, "pooled"), rows, "mean+max", "layer")
    streamed = FrameFeatures(write_cache(tmp_path / "f", states, "frames"), rows, "mean+max", "layer")
    for a, b in zip(held.batches([rows]), streamed.batches([rows]), strict=True):
        torch.testing.assert_close(a.mean_BLD, b.mean_BLD, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(a.max_BLD, b.max_BLD, rtol=1e-4, atol=1e-5)


def test_each_probe_stops_by_itself_at_its_best() -> None:
    """The kept predictions are those of the best development CCC, which no later pass within the run beat unseen."""
    corpus, states = planted(4)
    result = fit(corpus, Held(states), L, D, replace(OPTIONS, epochs=40, patience=3))
    development = [i for i, u in enumerate(corpus.utterances) if u.partition == "development"]
    truth = np.array([corpus.utterances[i].labels["valence"] for i in development])
    kept = [row for row, probe in enumerate(result.bank.probes) if probe.kind != SHUFFLED]
    found = ccc(truth, result.predictions[:, development])
    np.testing.assert_allclose(found[kept], result.best_ccc[kept], atol=1e-6)
    curve = np.stack(result.curve)  # [epochs, P]
    for probe in range(curve.shape[1]):
        best, stop = result.best_epoch[probe], min(result.best_epoch[probe] + 3, len(curve))
        assert curve[best - 1, probe] == curve[:stop, probe].max()


def relabelled(corpus: Corpus, partition: str, value: float) -> Corpus:
    return replace(
        corpus,
        utterances=tuple(
            replace(u, labels={"valence": value}) if u.partition == partition else u for u in corpus.utterances
        ),
    )


def test_what_cannot_be_learned_is_refused() -> None:
    """No development partition, constant labels and a loss that is not finite are errors with a remedy."""
    corpus, states = planted(0, count=40)
    without = replace(corpus, utterances=tuple(u for u in corpus.utterances if u.partition != "development"))
    with pytest.raises(FitError, match=r"development .* 0 utterances"):
        fit(without, Held(states), L, D, OPTIONS)
    with pytest.raises(FitError, match="the same for every utterance of train"):
        fit(relabelled(corpus, "train", 0.5), Held(states), L, D, OPTIONS)
    with pytest.raises(FitError, match="not finite"):
        fit(corpus, Held(np.full_like(states, np.nan)), L, D, OPTIONS)


@pytest.mark.parametrize(
    "wrong",
    [{"layers": "all"}, {"normalize": "batch"}, {"pooling": "median"}, {"seeds": 0}, {"hidden": 0}, {"lr": 0.0}],
)
def test_impossible_options_are_refused(wrong: dict[str, object]) -> None:
    """An option out of range names itself."""
    with pytest.raises(FitError, match=f"--{next(iter(wrong))}"):
        FitOptions(**wrong)


def test_test_partitions_never_choose() -> None:
    """The single layer that the summary names is the best on development, also where another wins on test."""
    rows = [
        ("valence", SINGLE, layer, 0, partition, 9, score, 0.0, 1.0, 0.0, 1.0)
        for layer, scores in enumerate([(0.5, 0.1), (0.4, 0.9)])
        for partition, score in zip(("development", "test2"), scores, strict=True)
    ]
    columns = ["dimension", "kind", "layer", "seed", "partition", "n", "ccc", "low", "high", "mean_low", "mean_high"]
    table = summary(pd.DataFrame(rows, columns=columns).astype({"layer": "Int64"}))
    assert list(table.probe.unique()) == ["best layer: 0"]


def test_unrated_partitions_are_predicted_but_not_scored() -> None:
    """A partition without ratings (MSP-Podcast's Test3) gets predictions and no score."""
    corpus, states = planted(0, count=60)
    unrated = tuple(
        replace(u, partition="test3", labels={}) if u.partition == "test2" else u for u in corpus.utterances
    )
    corpus = replace(corpus, utterances=unrated)
    result: Fit = fit(corpus, Held(states), L, D, replace(OPTIONS, epochs=2, layers="weighted"))
    assert np.isfinite(result.predictions).all()
    assert set(scores_table(result, corpus).partition) == {"train", "development"}
    assert {probe.kind for probe in result.bank.probes} == {WEIGHTED, SHUFFLED}


def test_taking_stopped_probes_out_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes that go on learning end where they end in a bank from which none is taken out."""
    corpus, states = planted(5, count=80)
    options = replace(OPTIONS, epochs=40, patience=2)
    narrowed = fit(corpus, Held(states), L, D, options)
    monkeypatch.setattr(fit_room, "_WORTH_NARROWING", 0.0)
    whole = fit(corpus, Held(states), L, D, options)
    assert np.isnan(np.stack(narrowed.curve)).any() and not np.isnan(np.stack(whole.curve)).any()
    np.testing.assert_array_equal(narrowed.best_epoch, whole.best_epoch)
    np.testing.assert_allclose(narrowed.predictions, whole.predictions, atol=1e-5)


def test_the_shuffled_control_is_a_null() -> None:
    """Over many seeds the control's mean CCC is near 0 on development too: it does not stop by true labels."""
    corpus, states = planted(1)
    result = fit(corpus, Held(states), L, D, replace(OPTIONS, layers="weighted", seeds=12, epochs=15))
    scores = scores_table(result, corpus)
    control = scores[scores.kind == SHUFFLED].groupby("partition").ccc.mean()
    assert abs(control["development"]) < 0.08 and abs(control["test2"]) < 0.08
    assert scores[scores.kind == WEIGHTED].ccc.min() > 0.3


def test_one_speaker_has_no_interval() -> None:
    """Where a single speaker makes up a partition nothing tells the spread, and no interval of width 0 is shown."""
    corpus, states = planted(2, count=60)
    alone = tuple(replace(u, speaker="one") if u.partition == "test2" else u for u in corpus.utterances)
    corpus = replace(corpus, utterances=alone)
    scores = scores_table(fit(corpus, Held(states), L, D, replace(OPTIONS, epochs=2, layers="weighted")), corpus)
    assert scores[scores.partition == "test2"].low.isna().all()
    assert scores[scores.partition == "train"].low.notna().all()
    assert "[no interval]" in printed(scores)


def test_the_interval_is_that_of_the_mean_over_seeds() -> None:
    """mean_low and mean_high are quantiles of the seeds' average in each resample, equal for all seeds of a probe."""
    corpus, states = planted(3, count=120)
    result = fit(corpus, Held(states), L, D, replace(OPTIONS, epochs=3, layers="weighted", shuffled=False))
    scores = scores_table(result, corpus).query("partition == 'test2'")
    rows = [i for i, u in enumerate(corpus.utterances) if u.partition == "test2"]
    truth = np.array([corpus.utterances[i].labels["valence"] for i in rows])
    draws = bootstrap_ccc(truth, result.predictions[:, rows], [str(corpus.utterances[i].speaker) for i in rows])
    low, high = np.quantile(draws.mean(0), [0.025, 0.975])
    np.testing.assert_allclose(scores.mean_low, low)
    np.testing.assert_allclose(scores.mean_high, high)
