"""Findings about layers are those of the ridge look, held against random encoders where there are any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from builders import write_fit
from ridge_fits import write_ridge_fit

from probing.report.located import located, undecided
from probing.report.ridge import curves_of
from probing.statistics.curves import centre


def test_a_layers_claim_is_its_gain_over_random_encoders(tmp_path: Path) -> None:
    """The centre is that of the difference of the curves; the findings say what it is above."""
    record = write_ridge_fit(tmp_path, dims=["valence"])
    controls = [write_ridge_fit(tmp_path, f"owner/model@random:{seed}", dims=["valence"]) for seed in (1, 2)]
    own, *others = (curves_of(one)["valence"].value_L for one in (record, *controls))
    for beside, curve, above in (([], own, "above 0"), (controls, own - np.mean(others, 0), "above 2 random encoders")):
        findings, layers = located(record, beside)
        np.testing.assert_allclose(layers["valence"].centre, centre(curve))
        assert layers["valence"].best_layer == int(curve.argmax())
        assert all(above in one.measure for one in findings if one.on.startswith("train"))
    assert [one.verdict for one in findings if one.on.startswith("test")] == ["holds"] * 2


def test_what_permuted_labels_reach_too_is_undecided(tmp_path: Path) -> None:
    """On every test partition; a dimension that stands out on one of them is there."""
    record = write_ridge_fit(tmp_path, dims=["valence", "arousal"])
    path = record.folder / "scores.csv"
    scores = pd.read_csv(path)
    ridge = (scores.kind == "ridge") & (scores.dimension == "valence")
    for partition, lost in (("test2", []), ("test1", ["valence"])):
        scores.loc[ridge & (scores.partition == partition), "ccc"] = 0.0
        scores.to_csv(path, index=False)
        assert undecided(replace(record, files=None)) == lost


def test_an_earlier_version_has_no_findings_about_layers(tmp_path: Path) -> None:
    """Nor are any made up for it."""
    assert located(write_fit(tmp_path)) == ([], {})
