"""The table behind Figure 2: what each panel shows, one row a seed and layer, with the band and what it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import entry_of, write_fit
from ridge_fits import EACH, PERMUTATIONS, REFITS, write_ridge_fit
from scipy import stats

from probing.errors import RunError
from probing.report.importance import drawn_of
from probing.runs.entries import Clusters
from probing.runs.records import FitRecord

VERSIONS = pytest.mark.parametrize("version", [1, 2])


def rewritten(record: FitRecord, name: str, table: pd.DataFrame) -> FitRecord:
    """The run with another table, as if it had written it."""
    table.to_csv(record.folder / name, index=False)
    return replace(record, files=None)


def test_importance_comes_first_and_weights_last(tmp_path: Path) -> None:
    """Unseen speakers before seen ones, other partitions behind them; development and train are not drawn."""
    partitions = ("train", "development", "held-out", "test1", "test2")
    drawn = drawn_of(write_ridge_fit(tmp_path, partitions=partitions))
    panels = ["importance", "CCC test2", "CCC test1", "CCC held-out", "weight"]
    assert list(dict.fromkeys(drawn.panel)) == panels
    assert set(drawn.source) == {"encoder", "weighted", "permuted", "permuted sum"}
    alone = drawn_of(write_ridge_fit(tmp_path / "dev", partitions=("train", "development")))
    assert list(dict.fromkeys(alone.panel)) == ["importance", "CCC development", "weight"]


def test_importance_is_the_cross_validated_r2_with_its_interval(tmp_path: Path) -> None:
    """As the fit wrote it, of as many speakers and utterances as were predicted."""
    record = write_ridge_fit(tmp_path, first_layer=-1)
    drawn, kept = drawn_of(record).query("panel == 'importance'"), pd.read_csv(record.folder / "importance.csv")
    np.testing.assert_array_equal(drawn[["value", "low", "high"]], kept[["r2", "low", "high"]])
    assert drawn.in_set.tolist() == kept.in_set.tolist() and drawn.layer.min() == -1
    assert drawn.band.unique().tolist() == ["95 % interval over speakers"]
    assert (drawn.speakers == 12).all() and (drawn.utterances == 12 * EACH).all()


def test_nothing_is_best_of_a_dimension_that_no_layer_carries(tmp_path: Path) -> None:
    """Where permuted labels reach as high on every test partition, the confidence set would be that of noise."""
    record = write_ridge_fit(tmp_path)
    scores = pd.read_csv(record.folder / "scores.csv")
    scores.loc[(scores.kind == "ridge") & (scores.dimension == "valence"), "ccc"] = 0.01
    drawn = drawn_of(rewritten(record, "scores.csv", scores)).query("panel == 'importance'")
    assert drawn.groupby("dimension").in_set.any().to_dict() == {"arousal": True, "dominance": True, "valence": False}


@pytest.mark.parametrize("partition", ["test1", "test2"])
def test_scores_stand_beside_what_permuted_labels_give(tmp_path: Path, partition: str) -> None:
    """Of seen speakers labels are permuted within speakers, whose fixture gives .05 more; the range is over all."""
    record = write_ridge_fit(tmp_path, dims=["valence", "arousal"])
    drawn = drawn_of(record)
    drawn = drawn[drawn.panel == f"CCC {partition}"]
    kept = pd.read_csv(record.folder / "scores.csv").query("kind == 'ridge' and dimension == 'arousal'")
    own = drawn[(drawn.source == "encoder") & (drawn.dimension == "arousal")]
    kept = kept[kept.partition == partition]
    np.testing.assert_array_equal(own[["value", "low", "high"]], kept[["ccc", "mean_low", "mean_high"]])
    more = 0.05 * (partition == "test1")
    ends = drawn[drawn.source == "permuted"][["low", "high"]].to_numpy()
    np.testing.assert_allclose(ends, [[-0.08 + more, 0.08 + more]])
    assert drawn[drawn.source == "permuted"].band.item() == f"range over {PERMUTATIONS} permutations of the labels"
    np.testing.assert_allclose(drawn[drawn.source == "permuted sum"][["low", "high"]].to_numpy() * 2, ends)
    assert drawn[drawn.source == "weighted"].seed.tolist() == [0, 1, 2] * 2 and (own.speakers == 12).all()


def test_the_band_of_weights_is_over_refits(tmp_path: Path) -> None:
    """Student's t times the standard deviation over refits about the mean over seeds, never below 0."""
    record = write_ridge_fit(tmp_path, dims=["valence"])
    drawn = drawn_of(record).query("panel == 'weight'")
    weights = pd.read_csv(record.folder / "weights.csv")
    own, layer = weights[weights.refit.isna()], 2
    mean = own[own.layer == layer].weight.mean()
    sd = weights[weights.refit.notna() & (weights.layer == layer)].weight.std(ddof=1)
    reach = stats.t.ppf(0.975, REFITS - 1)
    shown = drawn[drawn.layer == layer]
    np.testing.assert_allclose(shown.value, own[own.layer == layer].weight)
    np.testing.assert_allclose(shown[["low", "high"]], [[max(0, mean - reach * sd), mean + reach * sd]] * 3)
    assert shown.band.unique().tolist() == [f"± {reach:.1f} sd over {REFITS} refits"]
    bare = drawn_of(rewritten(record, "weights.csv", own)).query("panel == 'weight'")
    assert bare.band.unique().tolist() == ["range over 3 seeds"]


def test_random_encoders_are_one_curve_each(tmp_path: Path) -> None:
    """By the seed of their weights, without bands, in the panels of ridge probes; of the run's dimensions alone."""
    record = write_ridge_fit(tmp_path, dims=["valence"])
    controls = [write_ridge_fit(tmp_path, f"owner/model@random:{seed}") for seed in (1, 4)]
    random = drawn_of(record, controls).query("source == 'random'")
    assert set(random.panel) == {"importance", "CCC test2", "CCC test1"} and set(random.random) == {1, 4}
    assert random.low.isna().all() and len(random) == 2 * 3 * 5 and set(random.dimension) == {"valence"}
    kept = pd.read_csv(controls[1].folder / "importance.csv").query("dimension == 'valence'").r2
    np.testing.assert_array_equal(random[(random.panel == "importance") & (random.random == 4)].value, kept)


def test_the_quick_look_has_no_weights(tmp_path: Path) -> None:
    """--head ridge learns none, so there is no weighted sum either."""
    drawn = drawn_of(write_ridge_fit(tmp_path, head="ridge"))
    assert set(drawn.panel) == {"importance", "CCC test2", "CCC test1"} and set(drawn.source) == {"encoder", "permuted"}


def test_one_speaker_has_no_interval(tmp_path: Path) -> None:
    """Which each panel says, instead of drawing a band."""
    record = write_ridge_fit(tmp_path, speakers=1)
    blank = dict.fromkeys(("low", "high", "mean_low", "mean_high"), np.nan)
    scores = pd.read_csv(record.folder / "scores.csv").assign(**blank)
    drawn = drawn_of(rewritten(record, "scores.csv", scores)).query("source == 'encoder' and panel != 'weight'")
    assert drawn.low.isna().all() and drawn.band.unique().tolist() == ["no interval, one speaker"]


def test_scores_without_those_of_layers_are_damage(tmp_path: Path) -> None:
    """Of any test partition, also where permuted labels have theirs; of an earlier version too."""
    for record in (write_ridge_fit(tmp_path / "new"), write_fit(tmp_path / "old", version=1)):
        scores = pd.read_csv(record.folder / "scores.csv")
        weighted = (scores.partition != "test2") | (scores.kind == "weighted")
        with pytest.raises(RunError) as caught:
            drawn_of(rewritten(record, "scores.csv", scores[weighted]))
        assert caught.value.code == "run-damaged"


@VERSIONS
def test_weights_and_scores_of_earlier_versions_are_those_of_the_run(tmp_path: Path, version: int) -> None:
    """Each value once, named by panel and source; state C is −1."""
    record = write_fit(tmp_path, dims=["valence"], first_layer=-1, version=version)
    drawn = drawn_of(record)
    assert list(dict.fromkeys(drawn.panel)) == ["CCC test2", "CCC test1", "weight"]
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
def test_bands_of_earlier_versions_are_called_what_they_are(
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


def test_a_control_of_an_earlier_version_has_weights_too(tmp_path: Path) -> None:
    """Of the control only its encoder's curves are shown, in the panels of the run."""
    record = write_fit(tmp_path, layers="weighted")
    control = write_fit(tmp_path, "owner/model@random")
    random = drawn_of(record, [control]).query("source == 'random'")
    assert set(random.panel) == {"weight"} and random.low.isna().all() and len(random) == 3 * 3 * 5


@pytest.mark.parametrize(("layers", "panels"), [("weighted", 1), ("each", 2), ("both", 3)])
def test_only_what_was_fitted_is_there(tmp_path: Path, layers: str, panels: int) -> None:
    """Without single-layer probes there are weights alone, without learned weights scores alone."""
    assert drawn_of(write_fit(tmp_path, layers=layers)).panel.nunique() == panels
