"""Figure 2 shows what a fit's tables hold, in the dimensions' own colours, beside its controls; nothing overlaps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders import DIMENSIONS, entry_of, identity_of, write_fit
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from probing.report.figure2 import figure2, plot_layers
from probing.report.naming import fit_stem
from probing.report.style import COLOURS
from probing.runs.records import FitRecord

L = 5


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Figures that pyplot keeps are closed."""
    yield
    plt.close("all")


def lines(ax: Axes) -> dict[str, Line2D]:
    """A panel's lines and markers by their labels."""
    return {str(line.get_label()): line for line in ax.get_lines()}


def legend(ax: Axes) -> list[str]:
    """What the figure's legend names."""
    return [text.get_text() for text in figure_of(ax).legends[0].get_texts()]


def figure_of(ax: Axes) -> Figure:
    figure = ax.figure
    assert isinstance(figure, Figure)
    return figure


def texts(ax: Axes) -> list[str]:
    """What is written into a panel beside its title."""
    return [text.get_text() for text in ax.texts]


def rewritten(record: FitRecord, scores: pd.DataFrame) -> FitRecord:
    """The run with other scores, as if it had written them."""
    scores.to_csv(record.folder / "scores.csv", index=False)
    return replace(record, files=None)


@pytest.mark.parametrize("version", [1, 2])
def test_figure_2_shows_what_the_run_holds(tmp_path: Path, version: int) -> None:
    """Lines are the means over seeds in the dimension's own colour; uniform weight and axes are labelled."""
    axes = plot_layers(write_fit(tmp_path, version=version))
    assert [ax.get_title() for ax in axes] == [
        "learned layer weights",
        "single-layer probes, test1 (seen)",
        "single-layer probes, test2 (unseen)",
    ]
    for ax in axes:
        for dimension, hue in COLOURS.items():
            assert lines(ax)[dimension].get_color() == hue
            assert list(lines(ax)[dimension].get_xdata()) == list(range(L))
        assert ax.get_xlabel() and ax.get_ylabel()
    assert int(np.argmax(lines(axes[0])["valence"].get_ydata())) == 2
    assert set(lines(axes[0])["uniform (1/L)"].get_ydata()) == {1 / L}
    np.testing.assert_allclose(lines(axes[1])["valence"].get_ydata(), 0.1 * np.arange(L), atol=1e-12)
    assert "owner/model on made-up" in figure_of(axes[0]).get_suptitle()


def test_a_figure_of_ones_own_is_drawn_in(tmp_path: Path) -> None:
    """A notebook gets pyplot's new figure; who brings a figure gets the panels in it."""
    record, own = write_fit(tmp_path), Figure()
    assert plot_layers(record, figure=own)[0].figure is own
    assert plot_layers(record)[0].figure is plt.gcf()


def test_every_format_and_the_numbers_are_written(tmp_path: Path) -> None:
    """PDF, PNG, SVG and CSV carry corpus and encoder in their names, and the CSV holds what was drawn."""
    record = write_fit(tmp_path, seeds=5)
    paths = figure2(record, tmp_path / "out")
    stem = fit_stem(record)
    assert stem.startswith(f"figure2-made-up-{record.corpus.identity.short}-owner--model-")
    assert [path.name for path in paths] == [f"{stem}.{kind}" for kind in ("pdf", "png", "svg", "csv")]
    assert all(path.stat().st_size > 500 for path in paths)
    table = pd.read_csv(paths[-1])
    weights = table[(table.panel == "weight") & (table.dimension == "valence") & (table.seed == 1)]
    kept = pd.read_csv(record.folder / "weights.csv").query("seed == 1 and dimension == 'valence'")
    np.testing.assert_allclose(weights.value, kept.weight, rtol=1e-5)


def test_figures_of_other_corpora_and_options_stand_beside_each_other(tmp_path: Path) -> None:
    """Nothing that was drawn is overwritten by another configuration's figure."""
    twin = entry_of("made-up", 9, identity=identity_of("another folder's"))
    changes: list[dict[str, Any]] = [{}, {"options": {"lr": 0.5}}, {"entry": twin}]
    for number, change in enumerate(changes):
        figure2(write_fit(tmp_path / str(number), dims=["valence"], layers="weighted", **change), tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.png"))) == len(changes)


def test_random_weights_are_drawn_thin_and_dashed_in_the_same_colours(tmp_path: Path) -> None:
    """Beside each curve stands that of the control, in weights and in CCC."""
    control = write_fit(tmp_path, "owner/model@random")
    axes = plot_layers(write_fit(tmp_path), control)
    for ax in axes:
        for dimension, hue in COLOURS.items():
            own, random = lines(ax)[dimension], lines(ax)[f"_random {dimension}"]
            assert random.get_color() == hue and random.get_linestyle() == "--" and own.get_linestyle() == "-"
            assert random.get_linewidth() < own.get_linewidth()
        assert len(ax.collections) >= len(COLOURS)  # a band for each curve of the encoder
    np.testing.assert_allclose(lines(axes[1])["_random arousal"].get_ydata(), 0.05 * np.arange(L), atol=1e-12)
    weights = pd.read_csv(control.folder / "weights.csv").query("dimension == 'arousal'").groupby("layer").weight
    np.testing.assert_allclose(lines(axes[0])["_random arousal"].get_ydata(), weights.mean())
    assert "random weights" in legend(axes[0])


def test_another_number_of_seeds_of_the_control_is_said(tmp_path: Path) -> None:
    """The title counts the run's seeds; where the control has others the legend says so."""
    control = write_fit(tmp_path, "owner/model@random", seeds=2)
    axes = plot_layers(write_fit(tmp_path, dims=["valence"]), control)
    assert "mean over 3 seeds" in figure_of(axes[0]).get_suptitle()
    assert "random weights (2 seeds)" in legend(axes[0])


def test_weighted_sum_and_shuffled_labels_stand_at_the_right_edge(tmp_path: Path) -> None:
    """Behind the last layer each dimension has a filled and a hollow marker with its interval, named in the legend."""
    axes, places = plot_layers(write_fit(tmp_path)), []
    for source, ccc in (("weighted", 0.5), ("shuffled", 0.02)):
        for dimension, hue in COLOURS.items():
            marker = lines(axes[2])[f"_{source} {dimension}"]
            assert marker.get_color() == hue and marker.get_ydata()[0] == pytest.approx(ccc)
            assert (marker.get_markerfacecolor() == "white") == (source == "shuffled")
            places.append(marker.get_xdata()[0])
    assert places[0] > L - 1 and places == sorted(set(places)) and places[-1] < axes[2].get_xlim()[1]
    bars = [bar for bar in axes[2].collections if isinstance(bar, LineCollection)]
    ends = [bar.get_segments()[0][:, 1] for bar in bars]
    np.testing.assert_allclose(ends, [[0.47, 0.54]] * 3 + [[-0.01, 0.06]] * 3)
    assert {"weighted sum", "shuffled labels"} <= set(legend(axes[0]))
    assert not [label for label in lines(axes[0]) if "shuffled" in label or "weighted" in label]


def test_the_band_is_that_of_the_table_and_is_named_above_the_panel(tmp_path: Path) -> None:
    """The interval of the mean in each test panel, the range over seeds in that of the weights."""
    axes = plot_layers(write_fit(tmp_path, dims=["valence"]))
    bootstrap = "band: 95 % speaker bootstrap of the mean over seeds"
    assert [texts(ax) for ax in axes] == [["band: range over 3 seeds"], [bootstrap], [bootstrap]]
    corners = axes[1].collections[0].get_paths()[0].vertices
    np.testing.assert_allclose(sorted({y for x, y in corners.round(9) if x == 2}), (0.17, 0.24))


@pytest.mark.parametrize(("partition", "shift"), [("test1", -0.9), ("test1", 0.9), ("test2", -0.9), ("test2", 0.9)])
def test_test_panels_share_an_axis_that_holds_them_all(tmp_path: Path, partition: str, shift: float) -> None:
    """However far one test partition's scores lie from another's, all lie within the limits, which are the same."""
    record = write_fit(tmp_path, dims=["valence"])
    scores = pd.read_csv(record.folder / "scores.csv")
    scores.loc[scores.partition == partition, ["ccc", "mean_low", "mean_high"]] += shift
    axes = plot_layers(rewritten(record, scores))
    limits = [ax.get_ylim() for ax in axes[1:]]
    tests = scores[scores.partition.str.startswith("test")]
    assert limits[0] == limits[1] and limits[0][0] < tests.mean_low.min() and tests.mean_high.max() < limits[0][1]


@pytest.mark.parametrize("share", [0.001, 1.0, 30.0])
def test_no_curve_is_cut_off(tmp_path: Path, share: float) -> None:
    """Near-uniform weights, one layer that takes all, a louder control: everything lies within its panel."""
    control = write_fit(tmp_path / "r", "owner/model@random", share=30.0)
    for ax in plot_layers(write_fit(tmp_path, share=share), control):
        low, high = ax.get_ylim()
        drawn = [line.get_ydata() for line in ax.get_lines() if line.get_transform() == ax.transData]
        bands = [path.vertices[:, 1] for band in ax.collections for path in band.get_paths()]
        values = np.concatenate([np.asarray(own, float) for own in (*drawn, *bands)])
        assert low <= np.nanmin(values) and np.nanmax(values) < high


def test_an_interval_that_misses_the_mean_is_drawn(tmp_path: Path) -> None:
    """A bootstrap over few speakers may lie to one side of the score itself."""
    record = write_fit(tmp_path)
    scores = pd.read_csv(record.folder / "scores.csv")
    assert len(plot_layers(rewritten(record, scores.assign(mean_low=0.8, mean_high=0.9)))) == 3


def test_the_built_in_corpus_is_called_synthetic(tmp_path: Path) -> None:
    """The title of a figure on the built-in corpus says that it is no human speech, and no other title does."""
    titles = [
        figure_of(plot_layers(write_fit(tmp_path, corpus=name))[0]).get_suptitle() for name in ("demo", "my-demo")
    ]
    assert ["synthetic" in title for title in titles] == [True, False]


def test_the_title_says_what_is_not_usual(tmp_path: Path) -> None:
    """Layer-normed states and other pooling."""
    record = write_fit(tmp_path, options={"normalize": "layer", "pooling": "mean+max"}, seeds=1)
    title = figure_of(plot_layers(record)[0]).get_suptitle()
    assert title.endswith("one seed, states layer-normed, mean+max pooling")


@pytest.mark.parametrize("corpus", ["my-corpus", "语料" * 20 + "long" * 30])
@pytest.mark.parametrize("n_dimensions", [1, 3, 5])
@pytest.mark.parametrize("layers", ["both", "weighted", "each"])
def test_nothing_overlaps(tmp_path: Path, layers: str, n_dimensions: int, corpus: str) -> None:
    """Legend, axis labels, titles and panels each have their own place within the figure, however long a name is."""
    dimensions = [*DIMENSIONS, "calm", "trust"][:n_dimensions]
    control = write_fit(tmp_path / "r", "owner/model@random", dimensions, layers=layers, seeds=2)
    shape = {"first_layer": -1, "layers": layers, "states": 14}
    record = write_fit(tmp_path, "owner/model", dimensions, corpus, folder="fit", **shape)
    figure = Figure()
    plot_layers(record, control, figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    panels = [ax.get_tightbbox(renderer) for ax in figure.axes]
    boxes = [*panels, figure.legends[0].get_window_extent(renderer), figure._suptitle.get_window_extent(renderer)]
    for place, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and figure.bbox.y0 <= box.y0
        assert not any(box.overlaps(other) for other in boxes[:place])


def test_equal_data_gives_equal_files(tmp_path: Path) -> None:
    """No date or random id stands in a figure's file."""
    record, control = write_fit(tmp_path), write_fit(tmp_path, "owner/model@random")
    first, second = (figure2(record, tmp_path / name, control) for name in "ab")
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()
