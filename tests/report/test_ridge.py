"""What a ridge look's files say is what its predictions give, computed anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ridge_fits import EACH, write_ridge_fit

from probing.errors import RunError
from probing.report.figure2 import figure2
from probing.report.ridge import curves_above, curves_of, has_ridge, importance_of, null_labels, nulls_of, sizes_of


def test_curves_are_those_of_the_predictions(tmp_path: Path) -> None:
    """R² by its definition, one layer at a time, and the same without a speaker; state C is −1."""
    record = write_ridge_fit(tmp_path, dims=["valence"], first_layer=-1)
    table = pd.read_csv(record.folder / "crossvalidated.csv")
    (curve,) = curves_of(record).values()
    assert curve.layers == (-1, 0, 1, 2, 3) and len(curve.speakers) == 12
    for part, values in ((table, curve.value_L), (table[table.speaker != curve.speakers[3]], curve.left_out_CL[3])):
        total = np.square(part.truth - part.baseline).sum()
        r2 = [1 - np.square(part.truth - part[f"layer{layer}"]).sum() / total for layer in curve.layers]
        np.testing.assert_allclose(values, r2)
    np.testing.assert_allclose(importance_of(record).r2, curve.value_L)
    assert sizes_of(curves_of(record)) == (12, 12 * EACH)


def test_curves_above_random_encoders_are_the_gain_over_their_mean(tmp_path: Path) -> None:
    """Paired by dimension; without controls nothing is subtracted."""
    record = write_ridge_fit(tmp_path)
    controls = [write_ridge_fit(tmp_path, f"owner/model@random:{seed}", head="ridge") for seed in (1, 2)]
    found, own = curves_above(record, controls), curves_of(record)
    others = [curves_of(control)["valence"].value_L for control in controls]
    np.testing.assert_allclose(found["valence"].value_L, own["valence"].value_L - np.mean(others, axis=0))
    assert found["valence"].over_KL.shape == (2, 5)
    np.testing.assert_array_equal(curves_above(record, [])["arousal"].value_L, own["arousal"].value_L)


@pytest.mark.parametrize("change", [{"states": 4}, {"speakers": 11}, {"dims": ["arousal"]}])
def test_controls_that_other_code_fitted_are_named(tmp_path: Path, change: dict[str, Any]) -> None:
    """Curves of other layers, other speakers or no such dimension cannot be paired, whatever the records say."""
    record = write_ridge_fit(tmp_path, dims=["valence"])
    control = write_ridge_fit(tmp_path, "owner/model@random:1", **{"dims": ["valence"], "head": "ridge", **change})
    with pytest.raises(RunError) as caught:
        curves_above(record, [control])
    assert caught.value.code == "no-control" and str(control.folder) in caught.value.what
    assert "--no-control" in caught.value.remedy


def test_a_figure_beside_such_a_control_is_not_begun(tmp_path: Path) -> None:
    """Nothing is written where the caption cannot be."""
    record = write_ridge_fit(tmp_path, dims=["valence"], states=2)
    control = write_ridge_fit(tmp_path, "owner/model@random:1", dims=["valence"], head="ridge", states=3)
    with pytest.raises(RunError):
        figure2(record, tmp_path / "figures", [control])
    assert not (tmp_path / "figures").exists()


def test_unnamed_speakers_count_by_utterance(tmp_path: Path) -> None:
    """As in every interval: what no speaker is known of is left out alone."""
    record = write_ridge_fit(tmp_path, dims=["valence"])
    path = record.folder / "crossvalidated.csv"
    table = pd.read_csv(path)
    table.loc[table.speaker == "s0", "speaker"] = None
    table.to_csv(path, index=False)
    (curve,) = curves_of(replace(record, files=None)).values()
    assert len(curve.speakers) == 11 + EACH


def test_speakers_are_left_out_of_learning_too(tmp_path: Path) -> None:
    """Where a fit wrote what its curve is without each speaker, or group of speakers, intervals come from that."""
    record = replace(write_ridge_fit(tmp_path, dims=["valence"]), files=None)
    plain = curves_of(record)["valence"]
    layers = {f"layer{layer}": [0.1 * layer, 0.2, 0.3] for layer in plain.layers}
    own = {"dimension": "valence", "speaker": ["7", "NA", "fold 3, group 1"], "speakers": [1, 1, 4]}
    table = pd.DataFrame({**own, "utterances": [5, 6, 24], **layers})
    table.to_csv(record.folder / "jackknife.csv", index=False)
    (curve,) = curves_of(record).values()
    np.testing.assert_array_equal(curve.value_L, plain.value_L)
    assert curve.left_out_CL[0].tolist() == [0.1 * layer for layer in plain.layers]
    assert curve.speakers == ("7", "NA", "fold 3, group 1") and sizes_of({"valence": curve}) == (6, 35)
    for wrong in (
        table.assign(layer1="x"),
        table.assign(dimension="arousal"),
        table.assign(speaker=["7", None, "8"]),
        table.assign(speaker=["7", "8", "8"]),
        table.assign(utterances=None),
    ):
        wrong.to_csv(record.folder / "jackknife.csv", index=False)
        with pytest.raises(RunError) as caught:
            curves_of(record)
        assert caught.value.code == "run-damaged"


def test_what_is_no_number_is_damage(tmp_path: Path) -> None:
    """A blank prediction, or a word in its place."""
    record = replace(write_ridge_fit(tmp_path, dims=["valence"]), files=None)
    path = record.folder / "crossvalidated.csv"
    whole = pd.read_csv(path)
    for wrong in (None, "x"):
        whole.assign(layer1=wrong).to_csv(path, index=False)
        with pytest.raises(RunError) as caught:
            curves_of(record)
        assert caught.value.code == "run-damaged"


def test_a_fit_without_permutations_has_no_nulls(tmp_path: Path) -> None:
    """Its file is not there, which is no damage."""
    record = replace(write_ridge_fit(tmp_path), files=None)
    assert has_ridge(record) and set(nulls_of(record).kind) == {"ridge", "weighted"}
    (record.folder / "nulls.csv").unlink()
    assert nulls_of(record).empty and [null_labels(p) for p in ("test1", "test3")] == ["by-speaker", "permuted"]
