"""What ridge probes found, as tables: every number is the look's own, under the name of its layer and utterance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hidden_states import N_LAYERS, planted_layer

from probing.probes.results import tables_of
from probing.probes.ridge import Look, ridge_look
from probing.probes.ridge_results import crossvalidated_table, ridge_estimates, said_of_layers, write_look


@pytest.fixture(scope="module")
def look() -> Look:
    """A look at the planted world with state C in front, of which some utterances have no rating."""
    corpus, states = planted_layer(2, count=60)
    unrated = tuple(replace(u, labels={}) if i % 10 == 1 else u for i, u in enumerate(corpus.utterances))
    return ridge_look(replace(corpus, utterances=unrated), states.mean(1), ("valence",), -1, permutations=100)


def test_out_of_fold_predictions_are_those_of_rated_utterances(look: Look) -> None:
    """One row each, in the corpus's order, with whose it is and what was rated; none of a test partition."""
    table = crossvalidated_table(look)
    rated = [u for u in look.corpus.utterances if u.partition in ("train", "development") and u.labels]
    assert len(rated) == 42
    for column, expected in (
        ("id", [u.id for u in rated]),
        ("partition", [u.partition for u in rated]),
        ("speaker", [u.speaker for u in rated]),
        ("truth", [u.labels["valence"] for u in rated]),
    ):
        assert list(table[column]) == expected
    layers = [f"layer{layer}" for layer in range(-1, N_LAYERS - 1)]
    assert list(table.columns) == ["id", "partition", "speaker", "dimension", "truth", "baseline", *layers]
    np.testing.assert_array_equal(table["layer1"], look.crossvalidated["valence"].predictions_LJ[2])


def test_what_is_written_is_what_was_found(look: Look, tmp_path: Path) -> None:
    """Read back, the curve without each speaker is that of the look, to eight digits."""
    write_look(look, tmp_path)
    importance = pd.read_csv(tmp_path / "importance.csv")
    assert list(importance.columns) == ["dimension", "layer", "r2", "low", "high", "in_set", "ccc"]
    curve = look.curve("valence")
    np.testing.assert_allclose(importance.r2, curve.value_L, rtol=1e-7)
    left = pd.read_csv(tmp_path / "jackknife.csv")
    np.testing.assert_allclose(left[[f"layer{layer}" for layer in look.layers]], curve.left_out_CL, rtol=1e-8)
    assert list(left.speaker) == list(curve.speakers) and left.utterances.sum() == 42


def test_estimates_are_named_by_their_layer(look: Look) -> None:
    """The convolutions' output is layer −1; ridge probes have no seed but 0."""
    found = ridge_estimates(look)["valence"]
    assert [(one.column, one.seed, one.layer) for one in found][:2] == [
        ("ridge-layer-1", 0, -1),
        ("ridge-layer0", 0, 0),
    ]
    np.testing.assert_array_equal(list(found.values()), look.predictions["valence"])


def test_a_planted_dimension_is_found_and_permuted_labels_are_not(look: Look) -> None:
    """Said of the true labels: carried, at the planted layer; of permuted ones: undecided, and no place."""
    findings, places = said_of_layers(look, tables_of(look.corpus, [], look).scores)
    assert [one.verdict for one in findings if "carries" in one.claim] == ["holds"]
    assert places["valence"].best_layer == 1 and 1 in places["valence"].confidence_set
    corpus, states = planted_layer(2, count=60)
    moved = np.random.default_rng(3).permutation([u.labels["valence"] for u in corpus.utterances])
    pairs = zip(corpus.utterances, moved, strict=True)
    shuffled = replace(corpus, utterances=tuple(replace(u, labels={"valence": float(label)}) for u, label in pairs))
    nothing = ridge_look(shuffled, states.mean(1), ("valence",), permutations=100)
    findings, places = said_of_layers(nothing, tables_of(shuffled, [], nothing).scores)
    assert {one.verdict for one in findings} == {"undecided"} and not places["valence"].confidence_set
