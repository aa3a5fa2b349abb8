"""Figure 3: what text adds to valence, relative and absolute, and what it says where there is no number."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import planted, rows, write_run
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from probing.report.figure3 import figure3, gains, plot_gains
from probing.runs.records import Record
from probing.statistics.concordance import ccc

LOST = {"arousal": 0.2, "valence": 40.0, "dominance": 0.2}


@pytest.mark.parametrize("version", [1, 2])
def test_gains_are_those_of_the_scores(tmp_path: Path, version: int) -> None:
    """Relative and absolute gain of both regimes, each over the fine-tuned audio-only system."""
    records = planted(tmp_path, small=0.5, small_text=0.2, version=version)
    found = gains(records).set_index(["encoder", "regime", "partition", "measure"])

    def score(record: Record) -> float:
        table = rows(record, "valence", "test1")
        return float(np.mean([ccc(table.truth, table[f"seed{s}"]) for s in range(3)]))

    audio, tuned, frozen = (score(records[i]) for i in (1, 3, 5))
    assert found.loc[("small", "FT", "test1", "absolute")].value == pytest.approx(tuned - audio)
    assert found.loc[("small", "FT", "test1", "relative")].value == pytest.approx((tuned - audio) / audio)
    assert found.loc[("small", "FT⇒FRZ", "test1", "relative")].value == pytest.approx((frozen - audio) / audio)
    row = found.loc[("small", "FT", "test2", "relative")]
    assert row.low < row.value < row.high and row.said == ""


def test_a_relative_gain_over_nothing_is_undefined(tmp_path: Path) -> None:
    """Where audio alone gives no valence, the relative gain is not drawn and the table says why."""
    records = [write_run(tmp_path, "small", noise=LOST), write_run(tmp_path, "small", "words", noise=0.2)]
    found = gains(records)
    relative = found[found.measure == "relative"]
    assert relative.low.isna().all() and relative.said.str.len().gt(0).all()
    assert found[found.measure == "absolute"].low.gt(0).all()
    assert figure3(records, tmp_path / "out")


def test_what_is_undefined_is_said_within_its_panel(tmp_path: Path) -> None:
    """The word lies neither over the title nor over the axis, whatever else is drawn."""
    records = [write_run(tmp_path, "small", noise=LOST), write_run(tmp_path, "small", "words", noise=0.2)]
    figure = Figure()
    axes = plot_gains(records, figure)
    FigureCanvasAgg(figure).draw()
    (said,) = axes[0].texts
    box, panel = said.get_window_extent(), axes[0].get_window_extent()
    assert panel.y0 <= box.y0 and box.y1 <= panel.y1 and panel.x0 <= box.x0 and box.x1 <= panel.x1


def test_nothing_is_cut_off_or_overlaps(tmp_path: Path) -> None:
    """Every bar lies within its panel, and title, panels and legend have their own places."""
    figure = Figure()
    axes = plot_gains(planted(tmp_path, small=0.5, small_text=0.2), figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for ax in axes:
        ends = np.concatenate([bar.get_segments()[0][:, 1] for bar in ax.collections])
        assert ax.get_ylim()[0] < ends.min() and ends.max() < ax.get_ylim()[1]
    renderer = canvas.get_renderer()
    boxes = [ax.get_tightbbox(renderer) for ax in axes]
    boxes += [figure.legends[0].get_window_extent(renderer), figure._suptitle.get_window_extent(renderer)]
    assert not any(a.overlaps(b) for place, a in enumerate(boxes) for b in boxes[:place])


def test_two_runs_that_could_be_meant_are_named_and_not_chosen(tmp_path: Path) -> None:
    """In any order of the arguments the same: no number, and both names."""
    runs = [
        write_run(tmp_path, "small", noise=0.4),
        write_run(tmp_path, "small", "words", noise=0.2),
        write_run(tmp_path, "small", "words", noise=0.3, options={"lr": 0.1}, folder="twin"),
    ]
    tables = [gains(order) for order in permutations(runs)]
    for found in tables:
        pd.testing.assert_frame_equal(found, tables[0])
    assert tables[0].ambiguous.all() and tables[0].value.isna().all()
    assert all("small+words, lr 0.1 or small+words, lr default" in said for said in tables[0].said)
    assert plot_gains(runs, Figure())[1].texts[0].get_text() == "several runs"


def test_there_is_no_figure_without_a_pair(tmp_path: Path) -> None:
    """Audio alone has no gain."""
    assert figure3([write_run(tmp_path, "small")], tmp_path / "out") == [] and not (tmp_path / "out").exists()


def test_the_built_in_world_is_called_synthetic(tmp_path: Path) -> None:
    """In the title; the files have the name that they are given, or the runs' own."""
    runs = planted(tmp_path, small=0.5, small_text=0.2, corpus="demo")
    figure = Figure()
    plot_gains(runs, figure)
    assert "synthetic" in figure.get_suptitle()
    assert {path.stem for path in figure3(runs, tmp_path, "demo")} == {"figure3-demo"}
    (stem,) = {path.stem for path in figure3(runs, tmp_path)}
    assert stem.startswith("figure3-demo-") and len(stem) == len("figure3-demo-") + 6
