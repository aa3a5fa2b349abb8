"""Figure 2 shows what a fit's tables hold, in the dimensions' own colours, beside its controls, in one column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders import DIMENSIONS, write_fit
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from ridge_fits import write_ridge_fit

from probing.report.figure2 import WIDTH, _others, figure2, plot_layers
from probing.report.importance import drawn_of
from probing.report.naming import fit_stem
from probing.report.panels import GUESSING, _limits
from probing.report.style import COLOURS
from probing.runs.records import FitRecord

L = 5


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Figures that pyplot keeps are closed."""
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[FitRecord, list[FitRecord]]:
    """A fit with two random encoders beside it."""
    root = tmp_path_factory.mktemp("usual")
    return write_ridge_fit(root), randoms(root, 2)


@pytest.fixture(scope="module")
def panels(usual: tuple[FitRecord, list[FitRecord]]) -> dict[str, Axes]:
    """Its figure's panels, by their titles."""
    return {title(ax): ax for ax in plot_layers(*usual, figure=Figure())}


def randoms(root: Path, number: int, **changes: Any) -> list[FitRecord]:
    """Fits on random encoders."""
    names = [f"owner/model@random:{seed}" for seed in range(1, number + 1)]
    return [write_ridge_fit(root, name, head="ridge", **changes) for name in names]


def title(ax: Axes) -> str:
    return ax.get_title(loc="left")


def lines(ax: Axes) -> dict[str, Line2D]:
    """A panel's lines and markers by their labels."""
    return {str(line.get_label()): line for line in ax.get_lines()}


def figure_of(ax: Axes) -> Figure:
    figure = ax.figure
    assert isinstance(figure, Figure)
    return figure


def legend(ax: Axes) -> list[str]:
    """What the figure's legend names."""
    return [text.get_text() for text in figure_of(ax).legends[0].get_texts()]


def texts(ax: Axes) -> str:
    """The small print above a panel."""
    return " ".join(text.get_text() for text in ax.texts).replace("\n", " ")


def corners(ax: Axes, label: str) -> np.ndarray:
    """The corners of a grey band."""
    (band,) = [one for one in ax.collections if one.get_label() == label]
    return band.get_paths()[0].get_extents().get_points()


def test_panels_stand_from_what_layers_tell_to_what_a_sum_is_made_of(panels: dict[str, Axes]) -> None:
    """Each says of how many speakers and utterances it is, and what its band is."""
    assert list(panels) == [
        "Importance: cross-validated R² of ridge probes",
        "CCC of single layers, test2 (unseen)",
        "CCC of single layers, test1 (seen)",
        "Learned weights of the layers",
    ]
    said = [texts(ax) for ax in panels.values()]
    assert all(text.startswith("12 speakers, 72 utterances; band: ") for text in said)
    assert [text.split("band: ")[1] for text in said] == ["95 % interval"] * 3 + ["± 3.2 sd over 4 refits"]
    assert [ax.get_ylabel() for ax in panels.values()] == ["R²", "CCC", "CCC", "weight"]


def test_curves_are_those_of_the_table(usual: tuple[FitRecord, list[FitRecord]], panels: dict[str, Axes]) -> None:
    """In each dimension's own colour; random encoders thin and dashed, their mean over seeds of their weights."""
    drawn = drawn_of(*usual)
    for ax, (panel, shown) in zip(panels.values(), drawn.groupby("panel", sort=False), strict=True):
        for dimension, hue in COLOURS.items():
            own, line = shown[shown.dimension == dimension], lines(ax)[dimension]
            values = own[own.source == "encoder"].groupby("layer").value.mean()
            np.testing.assert_allclose(line.get_ydata(), values)
            assert line.get_color() == hue and list(line.get_xdata()) == list(range(L))
            if panel == "weight":
                assert f"_random {dimension}" not in lines(ax)
                continue
            random = lines(ax)[f"_random {dimension}"]
            assert random.get_color() == hue and random.get_linestyle() == "--" and line.get_linestyle() == "-"
            assert random.get_linewidth() < line.get_linewidth()
            values = own[own.source == "random"].groupby("layer").value.mean()
            np.testing.assert_allclose(random.get_ydata(), values)


def test_the_confidence_set_stands_at_the_top(
    usual: tuple[FitRecord, list[FitRecord]], panels: dict[str, Axes]
) -> None:
    """A row of the dimension's markers above all curves: the layers that may be the best."""
    ax, kept = next(iter(panels.values())), pd.read_csv(usual[0].folder / "importance.csv")
    rows = []
    for dimension, hue in COLOURS.items():
        marks = lines(ax)[f"_set {dimension}"]
        assert list(marks.get_xdata()) == kept[kept.in_set & (kept.dimension == dimension)].layer.tolist()
        assert (marks.get_color(), marks.get_marker()) == (hue, lines(ax)[dimension].get_marker())
        rows.append(marks.get_ydata()[0])
    low, high = ax.get_ylim()
    highest = max(lines(ax)[name].get_ydata().max() for name in COLOURS)
    assert len(set(rows)) == 3 and (highest - low) / (high - low) < min(rows) and max(rows) < 1


def test_permuted_labels_are_a_grey_band_that_a_curve_must_leave(panels: dict[str, Axes]) -> None:
    """Below the single layers and, of weighted sums, below these; of seen speakers it is higher in the fixture."""
    for name, more in (("test2 (unseen)", 0.0), ("test1 (seen)", 0.05)):
        ax = panels[f"CCC of single layers, {name}"]
        (left, low), (right, high) = corners(ax, "_permuted")
        assert left <= 0 and right >= L - 1
        np.testing.assert_allclose((low, high), (-0.08 + more, 0.08 + more))
        (start, low), (end, high) = corners(ax, "_permuted sum")
        assert start == right and end <= ax.get_xlim()[1] + 1e-9
        np.testing.assert_allclose((low, high), ((-0.08 + more) / 2, (0.08 + more) / 2))


def test_the_weighted_sum_stands_at_the_right_edge(panels: dict[str, Axes]) -> None:
    """Behind the last layer each dimension has a marker with its interval, named in the legend."""
    ax, places = panels["CCC of single layers, test2 (unseen)"], []
    for dimension, hue in COLOURS.items():
        marker = lines(ax)[f"_weighted {dimension}"]
        assert marker.get_color() == hue and marker.get_ydata()[0] == pytest.approx(0.5)
        places.append(marker.get_xdata()[0])
    assert places[0] > L - 1 and places == sorted(set(places)) and places[-1] < ax.get_xlim()[1]
    bars = [bar for bar in ax.collections if isinstance(bar, LineCollection)]
    np.testing.assert_allclose([bar.get_segments()[0][:, 1] for bar in bars], [[0.47, 0.54]] * 3)
    assert legend(ax) == [
        *DIMENSIONS,
        "weighted sum (right)",
        "uniform weight (1/L)",
        "range of permuted labels",
        "mean and range of 2 random encoders",
        "at the top: may be the best (95 %)",
    ]


def test_every_panel_has_the_same_layers_and_test_panels_the_same_ccc(panels: dict[str, Axes]) -> None:
    """So that one looks straight down; the uniform weight is a dotted line, 0 a thin one."""
    assert len({ax.get_xlim() for ax in panels.values()}) == 1
    _, unseen, seen, weights = panels.values()
    assert unseen.get_ylim() == seen.get_ylim()
    assert [line.get_ydata()[0] for line in weights.get_lines() if line.get_linestyle() == ":"] == [1 / L]
    assert weights.get_xlabel().startswith("layer index")


@pytest.mark.filterwarnings("error")
def test_a_recall_of_one_in_every_layer_has_room_around_it() -> None:
    """No interval, and no axis of no length."""
    ax = Figure().add_subplot()
    shown = pd.DataFrame({"layer": [0, 1], "value": 1.0, "low": np.nan, "high": np.nan})
    _limits(ax, "UAR of single layers, test1", shown)
    low, high = ax.get_ylim()
    assert 0 < low < 1 < high


@pytest.mark.parametrize("version", [1, 2])
def test_runs_of_earlier_versions_are_drawn_with_what_they_have(tmp_path: Path, version: int) -> None:
    """Probes of single layers, their one control, and the hollow mark of labels permuted once."""
    control = write_fit(tmp_path, "owner/model@random", version=version)
    axes = plot_layers(write_fit(tmp_path, version=version), [control])
    assert [title(ax) for ax in axes] == [
        "CCC of single layers, test2 (unseen)",
        "CCC of single layers, test1 (seen)",
        "Learned weights of the layers",
    ]
    np.testing.assert_allclose(lines(axes[0])["arousal"].get_ydata(), 0.1 * np.arange(L), atol=1e-12)
    np.testing.assert_allclose(lines(axes[0])["_random arousal"].get_ydata(), 0.05 * np.arange(L), atol=1e-12)
    assert lines(axes[0])["_shuffled valence"].get_markerfacecolor() == "white"
    assert {"random weights", "permuted labels (right)"} <= set(legend(axes[0]))
    weights = pd.read_csv(control.folder / "weights.csv").query("dimension == 'arousal'").groupby("layer").weight
    np.testing.assert_allclose(lines(axes[2])["_random arousal"].get_ydata(), weights.mean())


def test_it_is_drawn_where_it_belongs(usual: tuple[FitRecord, list[FitRecord]]) -> None:
    """A notebook gets pyplot's new figure; who brings a figure gets the panels in it."""
    own = Figure()
    assert plot_layers(usual[0], figure=own)[0].figure is own
    assert plot_layers(usual[0])[0].figure is plt.gcf()


@pytest.mark.usefixtures("every_format")
def test_every_format_the_numbers_and_the_caption_are_written(tmp_path: Path) -> None:
    """They carry corpus and encoder in their names, the CSV holds what was drawn, and equal data gives equal files."""
    record, controls = write_ridge_fit(tmp_path, dims=["valence"]), randoms(tmp_path, 2, dims=["valence"])
    paths, again = (figure2(record, tmp_path / name, controls) for name in "ab")
    stem = fit_stem(record, controls)
    assert stem.startswith(f"figure2-made-up-{record.corpus.identity.short}-owner--model-")
    assert [path.name for path in paths] == [f"{stem}.{kind}" for kind in ("pdf", "png", "svg", "csv", "md")]
    for one, other in zip(paths, again, strict=True):
        assert one.stat().st_size > 500 and one.read_bytes() == other.read_bytes()
    table = pd.read_csv(paths[3]).query("panel == 'importance' and source == 'encoder'")
    np.testing.assert_allclose(table.value, pd.read_csv(record.folder / "importance.csv").r2, rtol=1e-5)
    assert paths[4].read_text("utf-8").startswith("**What the layers of owner/model tell")


def rewritten(record: FitRecord, name: str, **columns: Any) -> FitRecord:
    """The run with other columns in a table, as if it had written them."""
    path = record.folder / name
    pd.read_csv(path).assign(**columns).to_csv(path, index=False)
    return replace(record, files=None)


def values_within(axes: Sequence[Axes]) -> bool:
    """Whether every line's every point lies within its panel."""
    inside = []
    for ax in axes:
        low, high = ax.get_ylim()
        drawn = [line.get_ydata() for line in ax.get_lines() if line.get_transform() == ax.transData]
        values = np.concatenate([np.asarray(own, float) for own in drawn])
        inside.append(low <= np.nanmin(values) and np.nanmax(values) < high)
    return all(inside)


@pytest.mark.parametrize("share", [0.001, 30.0])
def test_no_curve_is_cut_off(tmp_path: Path, share: float) -> None:
    """Near-uniform weights, one layer that takes all, a louder control, an R² far below 0: all lies in its panel."""
    louder = write_fit(tmp_path / "r", "owner/model@random", share=30.0)
    assert values_within(plot_layers(write_fit(tmp_path, share=share), [louder]))
    record = write_ridge_fit(tmp_path / "new", dims=["valence"])
    below = rewritten(record, "importance.csv", r2=[-3.0, 0.2, 0.9, 0.5, 0.1], low=-9.0, high=2.0)
    axes = plot_layers(below)
    assert values_within(axes) and axes[0].get_ylim()[1] < 2


def test_an_interval_that_misses_the_mean_is_drawn(tmp_path: Path) -> None:
    """A bootstrap over few speakers may lie to one side of the score itself."""
    record = rewritten(write_fit(tmp_path), "scores.csv", mean_low=0.8, mean_high=0.9)
    assert plot_layers(record)[0].get_ylim()[1] > 0.9


def test_the_title_says_what_was_fitted_and_how(tmp_path: Path) -> None:
    """On the built-in corpus that it is no human speech; how many seeds, whether states are normed, the pooling."""
    titles = [
        figure_of(plot_layers(write_fit(tmp_path, corpus=name))[0]).get_suptitle() for name in ("demo", "my-demo")
    ]
    assert ["synthetic" in title for title in titles] == [True, False]
    record = write_ridge_fit(tmp_path, options={"pooling": "mean+max"}, seeds=1)
    said = figure_of(plot_layers(record)[0]).get_suptitle()
    assert said.endswith("weights of one seed, states layer-normed, mean+max pooling")
    alone = figure_of(plot_layers(write_ridge_fit(tmp_path / "look", head="ridge"))[0]).get_suptitle()
    assert alone.endswith("\nstates layer-normed")


@pytest.mark.parametrize(
    "shape",
    [
        {"states": 3, "dims": ["valence"], "speakers": 1, "corpus": "语料" * 12 + "long" * 20},
        {"states": 25, "first_layer": -1, "dims": [*DIMENSIONS, "perceived trustworthiness"]},
        {"partitions": ("train", "development"), "head": "ridge"},
    ],
)
def test_nothing_overlaps_in_a_column(tmp_path: Path, shape: dict[str, Any]) -> None:
    """Legend, labels, titles and panels each have their own place, in letters of six points or more."""
    record = write_ridge_fit(tmp_path, **shape)
    figure = Figure()
    axes = plot_layers(record, randoms(tmp_path, 2, **{key: shape[key] for key in shape if key != "head"}), figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [ax.get_tightbbox(renderer) for ax in figure.axes]
    boxes += [figure.legends[0].get_window_extent(renderer), figure._suptitle.get_window_extent(renderer)]
    for place, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 + 0.5 and figure.bbox.y0 <= box.y0
        assert not any(box.overlaps(other) for other in boxes[:place])
    assert figure.get_figwidth() == WIDTH == 3.4
    written = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert min(text.get_fontsize() for text in written) >= 6
    assert all(ax.get_position().height * figure.get_figheight() > 0.6 for ax in axes)


def test_no_two_entries_of_the_legend_look_alike(tmp_path: Path) -> None:
    """The weighted sum has a bar where the confidence set has a row; guessing and a uniform weight have other lines."""
    others = [
        (one,) if isinstance(one, Line2D | Patch) else one for one in _others(drawn_of(write_ridge_fit(tmp_path)))
    ]
    entries = {one[-1].get_label(): one[0] for one in others}
    weighted, chosen = entries["weighted sum (right)"], entries["at the top: may be the best (95 %)"]
    assert (weighted.get_marker(), chosen.get_marker()) == ("|", "o")
    assert GUESSING["linestyle"] != ":" == entries["uniform weight (1/L)"].get_linestyle()
