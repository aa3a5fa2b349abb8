"""What was fitted as tables and files: what is written is what was found, and controls are no results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hidden_states import N_LAYERS, OPTIONS, WIDTH, Held, planted_layer

from probing.corpus.model import Corpus
from probing.probes.bank import BY_SPEAKER, PERMUTED, REFIT, SINGLE, WEIGHTED, Probe
from probing.probes.options import FitOptions
from probing.probes.results import Tables, best_layers, nulls_table, probe_scores, tables_of, write_tables
from probing.probes.ridge import ridge_look
from probing.probes.targets import taught_labels
from probing.probes.train import Fit, train_bank
from probing.runs.scores import places

FEW = replace(OPTIONS, epochs=2, permutations=2, refits=3)


def fitted(corpus: Corpus, states: np.ndarray, options: FitOptions = FEW) -> Fit:
    """A bank trained for a few epochs."""
    return train_bank(corpus, Held(states), N_LAYERS, WIDTH, options)


@pytest.fixture(scope="module")
def small() -> tuple[Corpus, Fit]:
    """The planted world in little, and a bank of every kind of probe."""
    corpus, states = planted_layer(0, count=60)
    return corpus, fitted(corpus, states)


def test_columns_are_named_as_in_version_0_1_0(small: tuple[Corpus, Fit], tmp_path: Path) -> None:
    """Kind or layer, then seed; figures and older scripts read these names. Weights tell the refits apart."""
    corpus, result = small
    assert write_tables(tables_of(corpus, [result]), tmp_path) == [
        "scores.csv",
        "nulls.csv",
        "weights.csv",
        "predictions.csv",
    ]
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    kinds = ["weighted", *(f"layer{layer}" for layer in range(N_LAYERS))]
    names = [f"{kind}-seed{seed}" for kind in kinds for seed in (0, 1)]
    assert list(predictions.columns) == ["id", "partition", "speaker", "dimension", "truth", *names]
    assert list(pd.read_csv(tmp_path / "weights.csv").columns) == ["dimension", "seed", "refit", "layer", "weight"]
    columns = "dimension kind layer seed partition n ccc low high mean_low mean_high".split()
    assert list(pd.read_csv(tmp_path / "scores.csv").columns) == columns
    columns = "dimension kind labels permutation layer partition ccc".split()
    assert list(pd.read_csv(tmp_path / "nulls.csv").columns) == columns


def test_ridge_probes_stand_beside_trained_ones(small: tuple[Corpus, Fit], tmp_path: Path) -> None:
    """In one table of predictions, of scores and of what permuted labels give; alone they leave no weights behind."""
    corpus, result = small
    _, states = planted_layer(0, count=60)
    look = ridge_look(corpus, states.mean(1), ("valence",), permutations=2)
    both, alone = tables_of(corpus, [result], look), tables_of(corpus, [], look)
    np.testing.assert_array_equal(both.predictions["ridge-layer3"], look.predictions["valence"][3])
    assert set(both.scores.kind) == {WEIGHTED, SINGLE, "ridge"} and set(
        both.scores[both.scores.kind == "ridge"].seed
    ) == {0}
    pd.testing.assert_frame_equal(
        both.scores[both.scores.kind == "ridge"].reset_index(drop=True), alone.scores, check_dtype=False
    )
    assert set(both.nulls.kind) == {WEIGHTED, "ridge"} and both.nulls[both.nulls.kind == WEIGHTED].layer.isna().all()
    write_tables(alone, tmp_path)
    assert alone.weights is None and not (tmp_path / "weights.csv").exists()
    names = [name for name in pd.read_csv(tmp_path / "predictions.csv") if "layer" in name or "seed" in name]
    assert names == [f"ridge-layer{layer}" for layer in range(N_LAYERS)]


def ccc_of(truth: np.ndarray, estimate: np.ndarray) -> float:
    """The concordance correlation by its definition."""
    covariance = np.mean((truth - truth.mean()) * (estimate - estimate.mean()))
    return float(2 * covariance / (truth.var() + estimate.var() + (truth.mean() - estimate.mean()) ** 2))


def test_what_permuted_labels_give_is_scored_on_true_ones(small: tuple[Corpus, Fit]) -> None:
    """On test2, which no permutation touches, and on development on the permuted ones; nothing on train."""
    corpus, result = small
    table = nulls_table(result, corpus)
    assert set(table.partition) == {"development", "test2"} and len(table) == 2 * 2 * 2
    test = [i for i, u in enumerate(corpus.utterances) if u.partition == "test2"]
    truth = np.array([corpus.utterances[i].labels["valence"] for i in test])
    members = {partition: places(corpus, partition) for partition in ("train", "development")}
    for kind in (PERMUTED, BY_SPEAKER):
        for draw in (0, 1):
            row = result.bank.probes.index(Probe("valence", kind, draw, draw=draw))
            (found,) = table.query(f"labels == '{kind}' and permutation == {draw} and partition == 'test2'").ccc
            assert found == pytest.approx(ccc_of(truth, result.predictions[row, test]))
            (found,) = table.query(f"labels == '{kind}' and permutation == {draw} and partition == 'development'").ccc
            taught = taught_labels(corpus, result.bank.probes, members)[row, members["development"]]
            assert found == pytest.approx(ccc_of(taught, result.predictions[row, members["development"]]), abs=1e-6)
    assert nulls_table(fitted(corpus, planted_layer(0, count=60)[1], replace(FEW, layers="each")), corpus).empty


def test_predictions_are_on_the_corpus_scale(small: tuple[Corpus, Fit]) -> None:
    """An estimate of .25 on a scale from 1 to 7 is 2.5; the truth stands beside it as it was rated."""
    corpus, result = small
    rated = replace(
        corpus,
        scale=(1.0, 7.0),
        utterances=tuple(replace(u, labels={"valence": 1 + 6 * u.labels["valence"]}) for u in corpus.utterances),
    )
    table = tables_of(rated, [result]).predictions
    row = next(i for i, p in enumerate(result.bank.probes) if p == Probe("valence", SINGLE, 1, 3))
    np.testing.assert_allclose(table["layer3-seed1"], 1 + 6 * result.predictions[row])
    np.testing.assert_allclose(table.truth, [u.labels["valence"] for u in rated.utterances])


def test_the_convolutions_output_is_layer_minus_one_in_files(small: tuple[Corpus, Fit]) -> None:
    """With a state C in front, files number the layers from −1; the transformer's input stays 0."""
    corpus, result = small
    tables = tables_of(corpus, [result], first_layer=-1)
    assert tables.weights is not None
    assert sorted(tables.weights.layer.unique()) == list(range(-1, N_LAYERS - 1))
    assert sorted(tables.scores.layer.dropna().unique()) == list(range(-1, N_LAYERS - 1))
    from_zero = tables_of(corpus, [result]).predictions
    np.testing.assert_array_equal(tables.predictions["layer-1-seed0"], from_zero["layer0-seed0"])


def test_learned_weights_sum_to_one_and_are_of_weighted_probes_and_their_refits(small: tuple[Corpus, Fit]) -> None:
    """Neither the controls' weights nor one-hot ones are in weights.csv; refits go on with the fit's own seeds."""
    corpus, result = small
    weights = tables_of(corpus, [result]).weights
    assert weights is not None and len(weights) == (2 + 3) * N_LAYERS
    np.testing.assert_allclose(weights.groupby(["dimension", "seed", "refit"], dropna=False).weight.sum(), 1)
    own = weights[weights.refit.isna()]
    assert sorted(set(own.seed)) == [0, 1]
    refits = weights.dropna(subset="refit").groupby("refit").seed.unique()
    assert {int(refit): seeds.tolist() for refit, seeds in refits.items()} == {1: [0], 2: [1], 3: [0]}
    row = result.bank.probes.index(Probe("valence", REFIT, 1, draw=2))
    np.testing.assert_allclose(weights[weights.refit == 2].weight, result.bank.weights()[row].detach(), rtol=1e-6)


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
    assert best_layers(Tables(scores, None, None)) == {"valence": 0}
    assert {score.probe for score in probe_scores(Tables(scores, None, None))} == {"best layer: 0"}
    assert {score.partition: score.ccc for score in probe_scores(Tables(scores, None, None))} == {
        "development": 0.5,
        "test2": 0.1,
    }


def test_the_ridge_probe_named_is_that_of_the_recommended_layer() -> None:
    """The one of the highest cross-validated R², whatever is best on development or on test."""
    scores = pd.concat([scores_of([(0.5, 0.1), (0.4, 0.9)]).assign(kind=kind) for kind in ("single", "ridge")])
    found = {
        score.probe: score.ccc
        for score in probe_scores(Tables(scores, None, None), {"valence": 1})
        if score.partition == "test2"
    }
    assert found == {"best layer: 0": 0.1, "ridge, layer 1": 0.9}


def test_scores_on_train_are_not_in_the_record(small: tuple[Corpus, Fit]) -> None:
    """A record says what holds beyond the training partition; scores.csv has the rest, and neither has controls."""
    corpus, result = small
    scores = tables_of(corpus, [result]).scores
    assert "train" in set(scores.partition) and set(scores.kind) == {WEIGHTED, SINGLE}
    assert {score.partition for score in probe_scores(Tables(scores, None, None))} == {"development", "test2"}
    assert {str(score.probe).split(":")[0] for score in probe_scores(Tables(scores, None, None))} == {
        "weighted",
        "best layer",
    }


def test_unrated_partitions_are_predicted_but_not_scored() -> None:
    """A partition without ratings (MSP-Podcast's Test3) gets predictions and no score."""
    corpus, states = planted_layer(0, count=60)
    unrated = tuple(
        replace(u, partition="test3", labels={}) if u.partition == "test2" else u for u in corpus.utterances
    )
    corpus = replace(corpus, utterances=unrated)
    result = fitted(corpus, states, replace(FEW, layers="weighted"))
    assert np.isfinite(result.predictions).all()
    tables = tables_of(corpus, [result])
    assert set(tables.scores.partition) == {"train", "development"} and set(tables.nulls.partition) == {"development"}
    assert np.isfinite(tables.predictions[tables.predictions.partition == "test3"]["weighted-seed0"]).all()
    assert {probe.kind for probe in result.bank.probes} == {WEIGHTED, PERMUTED, BY_SPEAKER, REFIT}


def test_one_speaker_has_no_interval() -> None:
    """Where a single speaker makes up a partition nothing tells the spread, and no interval of width 0 is shown."""
    corpus, states = planted_layer(2, count=60)
    alone = tuple(replace(u, speaker="one") if u.partition == "test2" else u for u in corpus.utterances)
    corpus = replace(corpus, utterances=alone)
    scores = tables_of(
        corpus, [fitted(corpus, states, replace(FEW, layers="weighted", permutations=0, refits=0))]
    ).scores
    assert scores[scores.partition == "test2"].low.isna().all()
    assert scores[scores.partition == "train"].low.notna().all()
    assert {score.partition for score in probe_scores(Tables(scores, None, None)) if score.low is None} == {"test2"}
