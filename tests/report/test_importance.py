"""The table behind Figure 2: one row a seed and layer, with the band that is drawn and what it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import entry_of, write_fit

from probing.errors import RunError
from probing.report.importance import drawn_of
from probing.runs.entries import Clusters

VERSIONS = pytest.mark.parametrize("version", [1, 2])


@VERSIONS
def test_weights_and_scores_are_those_of_the_run(tmp_path: Path, version: int) -> None:
    """Each value once, named by panel and source; state C is −1."""
    record = write_fit(tmp_path, dims=["valence"], first_layer=-1, version=version)
    drawn = drawn_of(record)
    assert set(drawn.panel) == {"weight", "CCC test1", "CCC test2"}
    assert set(drawn.source) == {"encoder", "weighted", "shuffled"}
    weights = drawn[drawn.panel == "weight"]
    assert list(weights.layer.unique()) == [-1, 0, 1, 2, 3]
    np.testing.assert_allclose(weights.value, pd.read_csv(record.folder / "weights.csv").weight)
    single = drawn[(drawn.panel == "CCC test2") & (drawn.source == "encoder") & (drawn.seed == 1)]
    np.testing.assert_allclose(single.value, 0.1 * np.arange(5), atol=1e-12)
    assert list(drawn[(drawn.panel == "CCC test1") & (drawn.source == "weighted")].value) == pytest.approx(
        [0.49, 0.5, 0.51]
    )


@pytest.mark.parametrize(
    ("interval", "seeds", "weight_band", "ccc_band", "ends"),
    [
        (True, 3, "range over 3 seeds", "95 % speaker bootstrap of the mean over seeds", (0.17, 0.24)),
        (True, 1, "none, one seed", "95 % speaker bootstrap", (0.17, 0.24)),
        (False, 3, "range over 3 seeds", "range over 3 seeds", (0.19, 0.21)),
    ],
)
def test_every_panel_says_what_its_band_is(
    tmp_path: Path, interval: bool, seeds: int, weight_band: str, ccc_band: str, ends: tuple[float, float]
) -> None:
    """Weights show the range over seeds; CCC the bootstrap interval of the mean, or the range where there is none."""
    drawn = drawn_of(write_fit(tmp_path, dims=["valence"], seeds=seeds, interval=interval))
    bands = drawn.groupby("panel").band.unique()
    assert [list(bands[p]) for p in ("weight", "CCC test1", "CCC test2")] == [[weight_band], [ccc_band], [ccc_band]]
    table = drawn.query("panel == 'CCC test1' and source == 'encoder' and layer == 2")
    np.testing.assert_allclose(table[["low", "high"]], [ends] * seeds)


@VERSIONS
def test_each_test_panel_has_the_band_of_its_own_partition(tmp_path: Path, version: int) -> None:
    """Unnamed speakers of one partition are not another's; the record says whose, in notes before version 2."""
    entry = replace(entry_of("made-up", 9), clusters={"test2": Clusters("utterance", 9)})
    notes = ("test2: intervals are by utterance where no speaker is named, so they are too narrow",)
    drawn = drawn_of(write_fit(tmp_path, dims=["valence"], entry=entry, notes=notes, version=version))
    bands = drawn.groupby("panel").band.first()
    assert bands["CCC test1"] == "95 % speaker bootstrap of the mean over seeds"
    assert bands["CCC test2"] == "95 % utterance bootstrap of the mean over seeds"


def test_random_weights_have_no_band_and_only_the_panels_of_the_run(tmp_path: Path) -> None:
    """Of the control only its encoder's curves are shown."""
    record = write_fit(tmp_path, layers="weighted")
    control = write_fit(tmp_path, "owner/model@random")
    random = drawn_of(record, control).query("source == 'random'")
    assert set(random.panel) == {"weight"} and random.low.isna().all() and len(random) == 3 * 3 * 5


@pytest.mark.parametrize(("layers", "panels"), [("weighted", 1), ("each", 2), ("both", 3)])
def test_only_what_was_fitted_is_there(tmp_path: Path, layers: str, panels: int) -> None:
    """Without single-layer probes there are weights alone, without learned weights scores alone."""
    assert drawn_of(write_fit(tmp_path, layers=layers)).panel.nunique() == panels


def test_a_missing_changed_or_damaged_table_is_refused(tmp_path: Path) -> None:
    """Each with its code; of version 0.1.0 no digests are known, but half a table is still damaged."""
    record = write_fit(tmp_path)
    scores = record.folder / "scores.csv"
    scores.write_text(scores.read_text().replace("0.5", "0.9"))
    old = write_fit(tmp_path / "old", version=1)
    (old.folder / "weights.csv").write_text("dimension,seed\nvalence,0\n")
    empty = write_fit(tmp_path / "empty", version=1)
    (empty.folder / "weights.csv").write_text("")
    gone = write_fit(tmp_path / "gone", version=1)
    (gone.folder / "scores.csv").unlink()
    for run, code in (
        (record, "run-incomplete"),
        (old, "run-damaged"),
        (empty, "run-damaged"),
        (gone, "run-incomplete"),
    ):
        with pytest.raises(RunError) as caught:
            drawn_of(run)
        assert caught.value.code == code
