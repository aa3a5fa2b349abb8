"""The atlas in numbers, against planted curves and the fits' own files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import write_fit
from ridge_fits import write_ridge_fit

from probing.corpus.identity import Identity
from probing.errors import RunError
from probing.report.atlas_table import Charted, agreement_of, charted, drawn_of, table_of
from probing.report.ridge import curves_of
from probing.runs.records import FitRecord

DEEP = ("arousal", "dominance", "calm", "valence")  # the fourth is planted at state 4: in the middle of 9 states
MANY = 40  # speakers, of whom a planted layer is the best beyond doubt


def look(root: Path, encoder: str, **settings: object) -> FitRecord:
    """A small ridge look at an encoder."""
    return write_ridge_fit(root, encoder, head="ridge", **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> list[Charted]:
    """Encoders of 9 and of 3 states, in both of which valence is in the middle."""
    root = tmp_path_factory.mktemp("runs")
    deep = look(root, "owner/deep", dims=DEEP, states=9, speakers=MANY)
    shallow = look(root, "owner/shallow", dims=["valence"], states=3, speakers=MANY)
    sized = replace(deep, encoder=replace(deep.encoder, parameters=94_371_712))
    return charted([sized, shallow], root)


def test_a_layer_is_found_at_its_relative_depth_in_encoders_of_any_depth(planted: list[Charted]) -> None:
    """State 4 of 0–8 and state 1 of 0–2 are both half way; curves are drawn from the first state to the last."""
    table = table_of(planted)
    valence = table[table.dimension == "valence"]
    assert valence.encoder.tolist() == ["owner/deep", "owner/shallow"]
    assert valence.best_layer.tolist() == [4, 1] and valence.depth.tolist() == [0.5, 0.5]
    assert valence.last_layer.tolist() == [8, 2]
    drawn = drawn_of(planted)
    drawn = drawn[drawn.dimension == "valence"]
    assert drawn.depth[drawn.best].tolist() == [0.5, 0.5] and drawn.in_set[drawn.best].all()
    assert drawn.depth[drawn.encoder == "owner/shallow"].tolist() == [0, 0.5, 1]
    assert drawn.depth[drawn.encoder == "owner/deep"].tolist() == [k / 8 for k in range(9)]


def test_a_row_is_what_the_fit_wrote_of_the_recommended_layer(planted: list[Charted]) -> None:
    """R² as in importance.csv and CCC as in scores.csv with their intervals, and the record's number of parameters."""
    for row, one in zip(table_of(planted).query("dimension == 'valence'").itertuples(), planted, strict=True):
        kept = pd.read_csv(one.record.folder / "importance.csv").query("dimension == 'valence'")
        kept = kept.set_index("layer").loc[row.best_layer]
        assert (row.r2, row.r2_low, row.r2_high) == pytest.approx((kept.r2, kept.low, kept.high))
        scores = pd.read_csv(one.record.folder / "scores.csv")
        own = scores[(scores.kind == "ridge") & (scores.dimension == "valence") & (scores.layer == row.best_layer)]
        for partition in ("test1", "test2"):
            (score,) = own[own.partition == partition].itertuples()
            found = [getattr(row, f"{partition}_{end}") for end in ("ccc", "low", "high")]
            assert found == [score.ccc, score.mean_low, score.mean_high]
        assert str(row.best_layer) in row.confidence_set.split() and row.carried == "holds"
    sizes = table_of(planted).groupby("encoder").parameters.first()
    assert sizes["owner/deep"] == 94_371_712 and np.isnan(sizes["owner/shallow"])


def test_a_curve_is_the_gain_over_the_random_twins_where_every_encoder_has_some(tmp_path: Path) -> None:
    """Paired by hand from the fits' own curves; where one encoder has none all are R² as it is, on one axis."""
    alone = look(tmp_path, "owner/alone", dims=["valence"], states=3)
    own = look(tmp_path, "owner/model", dims=["valence"])
    twins = [look(tmp_path, f"owner/model@random{k}", dims=["valence"]) for k in ("", ":1")]
    (one,) = charted([own], tmp_path)
    random = np.mean([curves_of(twin)["valence"].value_L for twin in twins], axis=0)
    values = curves_of(own)["valence"].value_L
    assert one.controls == 2
    np.testing.assert_allclose(drawn_of([one])[["value", "r2"]], np.stack([values - random, values], axis=1))
    row = table_of([one]).iloc[0]
    assert row.gain == pytest.approx((values - random).max()) and row.gain_low < row.gain < row.gain_high
    mixed = charted([own, alone], tmp_path)
    assert [(each.name, each.controls, len(each.twins)) for each in mixed] == [
        ("owner/model", 0, 2),
        ("owner/alone", 0, 0),
    ]
    drawn = drawn_of(mixed)
    np.testing.assert_allclose(drawn.value[drawn.encoder == "owner/model"], values)


def test_a_random_twin_is_found_among_the_runs_that_are_named_too(tmp_path: Path) -> None:
    """Wherever it is; named alone it is drawn itself, since whoever asks for nothing else wants to see it."""
    own, twin = (
        look(tmp_path, "owner/model", dims=["valence"]),
        look(tmp_path / "x", "owner/model@random", dims=["valence"]),
    )
    assert [(one.name, one.twins) for one in charted([twin, own], tmp_path)] == [("owner/model", [twin])]
    assert [(one.name, one.controls) for one in charted([twin], tmp_path)] == [("owner/model@random", 0)]


def test_of_a_dimension_that_nothing_carries_no_layer_is_the_best(tmp_path: Path) -> None:
    """Nor do encoders agree on where it is; where it was not tested whether one carries it, the best is named."""
    names = ("owner/one", "owner/two")
    nothing = charted([look(tmp_path, name, dims=["valence"], share=0.05) for name in names], tmp_path)
    drawn = drawn_of(nothing)
    assert not drawn.best.any() and not drawn.in_set.any() and set(drawn.carried) == {"undecided"}
    assert agreement_of(nothing).empty
    record = look(tmp_path / "untested", "owner/one", dims=["valence"])
    path = record.folder / "nulls.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    untested = drawn_of(charted([replace(record, files=None)], tmp_path))
    assert untested.best.sum() == 1 and set(untested.carried) == {"not tested"}


def test_encoders_with_the_same_curve_agree(tmp_path: Path) -> None:
    """Errors are drawn by the letters of a name: anagrams make the same ones."""
    fits = [look(tmp_path, name, dims=["valence", "calm"]) for name in ("owner/ab", "owner/ba", "owner/zz")]
    found = agreement_of(charted(fits, tmp_path)).set_index(["encoder", "other", "dimension"])
    assert len(found) == 3 * 2
    assert found.loc[("owner/ab", "owner/ba")].to_numpy().tolist() == [[1, 1, 1]] * 2
    assert (found.loc[("owner/ab", "owner/zz")].rho < 1).any()


def test_the_latest_of_equal_runs_counts_and_unequal_ones_keep_their_names_apart(tmp_path: Path) -> None:
    """A run that was made again, or named twice, is one encoder; one with other options is another row."""
    early = look(tmp_path, "owner/model", dims=["valence"], folder="early")
    late = look(tmp_path, "owner/model", dims=["valence"], folder="late", date="2999-01-01T00:00:00")
    assert [one.record.folder.name for one in charted([late, early, replace(late)], tmp_path)] == ["late"]
    other = replace(late, signature="another")
    assert [one.name for one in charted([early, other], tmp_path)] == ["owner/model (early)", "owner/model (late)"]


def test_what_cannot_stand_in_one_atlas_is_refused(tmp_path: Path) -> None:
    """No runs, runs of two corpora, runs without ridge probes."""
    own, other = look(tmp_path, "owner/model"), look(tmp_path, "owner/model", corpus="another")
    for runs, code in (
        ([], "no-run"),
        ([own, other], "several-corpora"),
        ([own, write_fit(tmp_path, "old")], "no-ridge"),
    ):
        with pytest.raises(RunError) as caught:
            charted(runs, tmp_path)
        assert caught.value.code == code


def test_speech_and_text_stand_side_by_side_but_not_two_transcripts(tmp_path: Path) -> None:
    """A run that has read the words agrees with one that has read the audio; runs on other words do not."""

    def on(encoder: str, **read: str) -> FitRecord:
        record = look(tmp_path, encoder, dims=["valence"])
        return replace(record, corpus=replace(record.corpus, identity=Identity("labels", **read)))

    speech, human, recognised = on("speech", audio="a"), on("human", text="b"), on("recognised", text="c")
    assert len(charted([speech, human], tmp_path)) == 2
    with pytest.raises(RunError) as caught:
        charted([speech, human, recognised], tmp_path)
    assert caught.value.code == "several-corpora"


@pytest.mark.parametrize("name", ["crossvalidated.csv", "scores.csv", "nulls.csv"])
@pytest.mark.parametrize("damage", [lambda text: "id\n", lambda text: text.replace("valence", "", 1), lambda text: ""])
def test_a_damaged_run_is_refused(tmp_path: Path, name: str, damage: Callable[[str], str]) -> None:
    """What is not as the run wrote it, and what never was right; a missing file too."""
    record = look(tmp_path, "owner/model", dims=["valence"])
    path = record.folder / name
    path.write_text(damage(path.read_text()))
    for read, code in ((record, "run-incomplete"), (replace(record, files=None), "run-damaged")):
        with pytest.raises(RunError) as caught:
            table_of(charted([read], tmp_path))
        assert caught.value.code == code
    path.unlink()
    with pytest.raises(RunError) as caught:
        charted([record], tmp_path)
    assert caught.value.code == "run-incomplete"
