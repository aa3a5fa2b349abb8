"""A fitted bank as tables and files: what is written is what was found, and is read back whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hidden_states import N_LAYERS, OPTIONS, WIDTH, Held, planted_layer
from safetensors.torch import load_file, save_file

from probing.corpus.model import Corpus
from probing.errors import RunError
from probing.probes.bank import SHUFFLED, SINGLE, WEIGHTED, Probe, ProbeBank
from probing.probes.features import Features
from probing.probes.options import FitOptions
from probing.probes.results import PROBES, best_layers, load_bank, probe_scores, save_bank, tables_of, write_tables
from probing.probes.train import Fit, train_bank

FEW = replace(OPTIONS, epochs=2)


def fitted(corpus: Corpus, states: np.ndarray, options: FitOptions = FEW) -> Fit:
    """A bank trained for a few epochs."""
    return train_bank(corpus, Held(states), N_LAYERS, WIDTH, options)


def test_columns_are_named_as_in_version_0_1_0(tmp_path: Path) -> None:
    """Kind or layer, then seed; figures and older scripts read these names."""
    corpus, states = planted_layer(0, count=60)
    tables = tables_of(fitted(corpus, states), corpus)
    write_tables(tables, tmp_path)
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    kinds = ["weighted", "shuffled", *(f"layer{layer}" for layer in range(N_LAYERS))]
    names = [f"{kind}-seed{seed}" for kind in kinds for seed in (0, 1)]
    assert list(predictions.columns) == ["id", "partition", "speaker", "dimension", "truth", *names]
    assert list(pd.read_csv(tmp_path / "weights.csv").columns) == ["dimension", "seed", "layer", "weight"]
    columns = "dimension kind layer seed partition n ccc low high mean_low mean_high".split()
    assert list(pd.read_csv(tmp_path / "scores.csv").columns) == columns


def test_predictions_are_on_the_corpus_scale() -> None:
    """An estimate of .25 on a scale from 1 to 7 is 2.5; the truth stands beside it as it was rated."""
    corpus, states = planted_layer(0, count=60)
    result = fitted(corpus, states)
    rated = replace(
        corpus,
        scale=(1.0, 7.0),
        utterances=tuple(replace(u, labels={"valence": 1 + 6 * u.labels["valence"]}) for u in corpus.utterances),
    )
    table = tables_of(result, rated).predictions
    row = next(i for i, p in enumerate(result.bank.probes) if p == Probe("valence", SINGLE, 1, 3))
    np.testing.assert_allclose(table["layer3-seed1"], 1 + 6 * result.predictions[row])
    np.testing.assert_allclose(table.truth, [u.labels["valence"] for u in rated.utterances])


def test_the_convolutions_output_is_layer_minus_one_in_files() -> None:
    """With a state C in front, files number the layers from −1; the transformer's input stays 0."""
    corpus, states = planted_layer(0, count=60)
    result = fitted(corpus, states)
    tables = tables_of(result, corpus, first_layer=-1)
    assert sorted(tables.weights.layer.unique()) == list(range(-1, N_LAYERS - 1))
    assert sorted(tables.scores.layer.dropna().unique()) == list(range(-1, N_LAYERS - 1))
    from_zero = tables_of(result, corpus).predictions
    np.testing.assert_array_equal(tables.predictions["layer-1-seed0"], from_zero["layer0-seed0"])


def test_learned_weights_sum_to_one_and_are_of_weighted_probes_alone() -> None:
    """Neither the control's weights nor one-hot ones are in weights.csv."""
    corpus, states = planted_layer(0, count=60)
    weights = tables_of(fitted(corpus, states), corpus).weights
    assert len(weights) == 2 * N_LAYERS
    np.testing.assert_allclose(weights.groupby(["dimension", "seed"]).weight.sum(), 1)


def scores_of(table: list[tuple[float, float]]) -> pd.DataFrame:
    """Scores of single layers, each on development and on test2."""
    rows = [
        ("valence", SINGLE, layer, 0, partition, 9, score, 0.0, 1.0, 0.0, 1.0)
        for layer, scores in enumerate(table)
        for partition, score in zip(("development", "test2"), scores, strict=True)
    ]
    columns = ["dimension", "kind", "layer", "seed", "partition", "n", "ccc", "low", "high", "mean_low", "mean_high"]
    return pd.DataFrame(rows, columns=columns).astype({"layer": "Int64"})


def test_test_partitions_never_choose() -> None:
    """The single layer that is named is the best on development, also where another wins on test."""
    scores = scores_of([(0.5, 0.1), (0.4, 0.9)])
    assert best_layers(scores) == {"valence": 0}
    assert {score.probe for score in probe_scores(scores)} == {"best layer: 0"}
    assert {score.partition: score.ccc for score in probe_scores(scores)} == {"development": 0.5, "test2": 0.1}


def test_scores_on_train_are_not_in_the_record() -> None:
    """A record says what holds beyond the training partition; scores.csv has the rest."""
    corpus, states = planted_layer(0, count=60)
    scores = tables_of(fitted(corpus, states), corpus).scores
    assert "train" in set(scores.partition)
    assert {score.partition for score in probe_scores(scores)} == {"development", "test2"}
    assert {score.probe for score in probe_scores(scores)} >= {"weighted", "shuffled"}


def test_unrated_partitions_are_predicted_but_not_scored() -> None:
    """A partition without ratings (MSP-Podcast's Test3) gets predictions and no score."""
    corpus, states = planted_layer(0, count=60)
    unrated = tuple(
        replace(u, partition="test3", labels={}) if u.partition == "test2" else u for u in corpus.utterances
    )
    corpus = replace(corpus, utterances=unrated)
    result = fitted(corpus, states, replace(FEW, layers="weighted"))
    assert np.isfinite(result.predictions).all()
    assert set(tables_of(result, corpus).scores.partition) == {"train", "development"}
    assert {probe.kind for probe in result.bank.probes} == {WEIGHTED, SHUFFLED}


def test_one_speaker_has_no_interval() -> None:
    """Where a single speaker makes up a partition nothing tells the spread, and no interval of width 0 is shown."""
    corpus, states = planted_layer(2, count=60)
    alone = tuple(replace(u, speaker="one") if u.partition == "test2" else u for u in corpus.utterances)
    corpus = replace(corpus, utterances=alone)
    scores = tables_of(fitted(corpus, states, replace(FEW, layers="weighted")), corpus).scores
    assert scores[scores.partition == "test2"].low.isna().all()
    assert scores[scores.partition == "train"].low.notna().all()
    assert {score.partition for score in probe_scores(scores) if score.low is None} == {"test2"}


def saved(folder: Path) -> ProbeBank:
    """A bank with parameters that are not those it starts with, in a folder."""
    probes = [Probe("valence", WEIGHTED, 0), Probe("arousal", SINGLE, 1, 4)]
    bank = ProbeBank(probes, N_LAYERS, WIDTH, 5, "mean+max")
    with torch.no_grad():
        for parameter in bank.parameters():
            parameter.normal_()
    save_bank(bank, FitOptions(pooling="mean+max", normalize="layer"), (1.0, 7.0), folder)
    return bank


def test_a_bank_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """Same probes, same answers."""
    bank = saved(tmp_path)
    again, normalize = load_bank(tmp_path)
    assert (again.probes, again.pooling, normalize) == (bank.probes, "mean+max", "layer")
    x = Features(torch.randn(3, N_LAYERS, WIDTH), torch.randn(3, N_LAYERS, WIDTH))
    torch.testing.assert_close(again(x), bank(x), rtol=0, atol=0)


def test_probes_that_are_missing_or_damaged_are_refused(tmp_path: Path) -> None:
    """No file, half a file, a file without the probes, and one of other shapes."""
    with pytest.raises(RunError) as caught:
        load_bank(tmp_path)
    assert caught.value.code == "run-incomplete"
    saved(tmp_path)
    path, parameters = tmp_path / PROBES, load_file(tmp_path / PROBES)
    metadata = {"probes": '[["valence", "weighted", 0, null]]', "pooling": "mean", "normalize": "none"}
    for number in range(3):
        if number == 0:
            path.write_bytes(path.read_bytes()[:50])
        else:
            save_file(parameters, path, metadata={} if number == 1 else metadata)
        with pytest.raises(RunError) as caught:
            load_bank(tmp_path)
        assert caught.value.code == "run-damaged"
