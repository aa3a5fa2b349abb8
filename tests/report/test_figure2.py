from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from probing.errors import ProbingError
from probing.report import figure2 as figures
from probing.report.figure2 import COLOURS, figure2
from probing.runs.records import Record

L = 5
COLUMNS = "dimension kind layer seed partition n ccc low high mean_low mean_high".split()


def run(
    folder: Path,
    dimensions: list[str],
    layers: str = "both",
    seeds: int = 3,
    interval: bool = True,
    name: str = "owner/model",
    options: dict[str, str] | None = None,
    **content: Any,
) -> Record:
    """A run's folder with weights that peak at layer 1 + the dimension's place, and scores that are easily computed.

    The CCC of layer l is 0.1 l + 0.01 (seed − 1), that of the weighted sum 0.5 and of shuffled labels 0.02, and on
    random weights (`@random` in the name) half of it; every interval goes from 0.03 below to 0.04 above.
    """
    folder.mkdir(exist_ok=True)
    weights, scores = [], []
    share = 0.5 if "@random" in name else 1
    for place, dimension in enumerate(dimensions):
        for seed in range(seeds):
            raw = np.exp(-share * ((np.arange(L) - 1 - place) ** 2)) + 0.01 * seed
            if layers != "each":
                weights += [(dimension, seed, layer, value) for layer, value in enumerate(raw / raw.sum())]
            kinds = [("shuffled", None, 0.02)]
            kinds += [("weighted", None, 0.5)] * (layers != "each")
            kinds += [("single", layer, 0.1 * layer) for layer in range(L)] * (layers != "weighted")
            for kind, layer, ccc in kinds:
                mean = share * ccc
                ends = (mean - 0.03, mean + 0.04) if interval else (None, None)
                for partition in ("train", "development", "test1", "test2"):
                    value = mean + 0.01 * (seed - 1)
                    scores.append((dimension, kind, layer, seed, partition, 9, value, 0, 1, *ends))
    pd.DataFrame(weights, columns=["dimension", "seed", "layer", "weight"]).to_csv(folder / "weights.csv", index=False)
    pd.DataFrame(scores, columns=COLUMNS).to_csv(folder / "scores.csv", index=False)
    settled = {"seeds": seeds, "normalize": "none", "pooling": "mean", **(options or {})}
    content = {
        "command": "fit",
        "corpus": {"name": "my corpus"},
        "encoder": {"name": name, "title": name},
        "configuration": {"options": settled},
        **content,
    }
    return Record(folder, content)


def lines(ax: Axes) -> dict[str, Line2D]:
    """A panel's lines and markers by their labels."""
    return {str(line.get_label()): line for line in ax.get_lines()}


def legend(figure: Figure) -> list[str]:
    """What the figure's legend names."""
    return [text.get_text() for text in figure.legends[0].get_texts()]


def texts(ax: Axes) -> list[str]:
    """What is written into a panel beside its title."""
    return [text.get_text() for text in ax.texts]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures as they are when they are saved."""
    kept: list[Figure] = []
    save = figures.saved

    def keep(figure: Figure, stem: Path, table: pd.DataFrame) -> list[Path]:
        kept.append(figure)
        return save(figure, stem, table)

    monkeypatch.setattr(figures, "saved", keep)
    return kept


def test_figure_2_shows_what_the_run_holds(tmp_path: Path, drawn: list[Figure]) -> None:
    """Lines are the means over seeds in the dimension's own colour; uniform weight and axes are labelled."""
    figure2(run(tmp_path / "run", ["arousal", "valence", "dominance"]), tmp_path / "out")
    axes = drawn[0].axes
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
    assert "owner/model on my corpus" in drawn[0].get_suptitle()


def test_every_format_and_the_numbers_are_written(tmp_path: Path) -> None:
    """PDF, PNG, SVG and CSV carry corpus and encoder in their names, and the CSV holds what was drawn."""
    record = run(tmp_path / "run", ["valence"])
    paths = figure2(record, tmp_path / "out")
    assert [path.name for path in paths] == [
        f"figure2-my_corpus-owner--model.{kind}" for kind in ("pdf", "png", "svg", "csv")
    ]
    assert all(path.stat().st_size > 500 for path in paths)
    table = pd.read_csv(paths[-1])
    weights = table[(table.panel == "weight") & (table.dimension == "valence") & (table.seed == 1)]
    np.testing.assert_allclose(
        weights.value, pd.read_csv(tmp_path / "run/weights.csv").query("seed == 1").weight, rtol=1e-5
    )
    assert set(table.panel) == {"weight", "CCC test1", "CCC test2"}
    assert set(table.source) == {"encoder", "weighted", "shuffled"}
    np.testing.assert_allclose(table.query("source == 'shuffled' and seed == 1").value, [0.02, 0.02])


def test_random_weights_are_drawn_thin_and_dashed_in_the_same_colours(tmp_path: Path, drawn: list[Figure]) -> None:
    """Beside each curve stands that of the control, in weights and in CCC, and the CSV holds its values."""
    control = run(tmp_path / "random", list(COLOURS), name="owner/model@random")
    paths = figure2(run(tmp_path / "run", list(COLOURS)), tmp_path, control)
    for ax in drawn[0].axes:
        for dimension, hue in COLOURS.items():
            own, random = lines(ax)[dimension], lines(ax)[f"_random {dimension}"]
            assert random.get_color() == hue and random.get_linestyle() == "--" and own.get_linestyle() == "-"
            assert random.get_linewidth() < own.get_linewidth()
        assert len(ax.collections) >= len(COLOURS)  # a band for each curve of the encoder
    np.testing.assert_allclose(lines(drawn[0].axes[1])["_random arousal"].get_ydata(), 0.05 * np.arange(L), atol=1e-12)
    weights = pd.read_csv(tmp_path / "random/weights.csv").query("dimension == 'arousal'").groupby("layer").weight
    np.testing.assert_allclose(lines(drawn[0].axes[0])["_random arousal"].get_ydata(), weights.mean())
    assert "random weights" in legend(drawn[0])
    table = pd.read_csv(paths[-1]).query("source == 'random'")
    assert len(table) == 3 * 3 * L * 3 and table.low.isna().all()  # dimensions, seeds, layers, panels; no band


def test_another_number_of_seeds_of_the_control_is_said(tmp_path: Path, drawn: list[Figure]) -> None:
    """The title counts the run's seeds; where the control has others the legend says so."""
    control = run(tmp_path / "random", ["valence"], seeds=2, name="owner/model@random")
    figure2(run(tmp_path / "run", ["valence"]), tmp_path, control)
    assert "mean over 3 seeds" in drawn[0].get_suptitle() and "random weights (2 seeds)" in legend(drawn[0])


def test_weighted_sum_and_shuffled_labels_stand_at_the_right_edge(tmp_path: Path, drawn: list[Figure]) -> None:
    """Behind the last layer each dimension has a filled and a hollow marker with its interval, named in the legend."""
    figure2(run(tmp_path / "run", list(COLOURS)), tmp_path)
    places = []
    for source, ccc in (("weighted", 0.5), ("shuffled", 0.02)):
        for dimension, hue in COLOURS.items():
            marker = lines(drawn[0].axes[2])[f"_{source} {dimension}"]
            assert marker.get_color() == hue and marker.get_ydata()[0] == pytest.approx(ccc)
            assert (marker.get_markerfacecolor() == "white") == (source == "shuffled")
            places.append(marker.get_xdata()[0])
    assert places[0] > L - 1 and places == sorted(set(places)) and places[-1] < drawn[0].axes[2].get_xlim()[1]
    bars = [bar for bar in drawn[0].axes[2].collections if isinstance(bar, LineCollection)]
    ends = [bar.get_segments()[0][:, 1] for bar in bars]
    np.testing.assert_allclose(ends, [[0.47, 0.54]] * 3 + [[-0.01, 0.06]] * 3)
    assert {"weighted sum", "shuffled labels"} <= set(legend(drawn[0]))
    assert not [label for label in lines(drawn[0].axes[0]) if "shuffled" in label or "weighted" in label]


@pytest.mark.parametrize(
    ("interval", "seeds", "weight_band", "ccc_band", "ends"),
    [
        (True, 3, "range over 3 seeds", "95 % speaker bootstrap of the mean over seeds", (0.17, 0.24)),
        (True, 1, "none, one seed", "95 % speaker bootstrap", (0.17, 0.24)),
        (False, 3, "range over 3 seeds", "range over 3 seeds", (0.19, 0.21)),
    ],
)
def test_every_panel_says_what_its_band_is(
    tmp_path: Path,
    drawn: list[Figure],
    interval: bool,
    seeds: int,
    weight_band: str,
    ccc_band: str,
    ends: tuple[float, float],
) -> None:
    """Weights show the range over seeds; CCC the bootstrap interval of the mean, or the range where there is none."""
    paths = figure2(run(tmp_path / "run", ["valence"], seeds=seeds, interval=interval), tmp_path)
    assert [texts(ax) for ax in drawn[0].axes] == [[f"band: {band}"] for band in (weight_band, ccc_band, ccc_band)]
    corners = drawn[0].axes[1].collections[0].get_paths()[0].vertices
    np.testing.assert_allclose(sorted({y for x, y in corners.round(9) if x == 2}), ends)
    table = pd.read_csv(paths[-1]).query("panel == 'CCC test1' and source == 'encoder' and layer == 2")
    np.testing.assert_allclose(table[["low", "high"]], [ends] * seeds)


def test_each_test_panel_has_the_band_of_its_own_partition(tmp_path: Path, drawn: list[Figure]) -> None:
    """One speaker in test2 takes no interval from test1, and unnamed speakers of one partition are not another's."""
    notes = ["test2: intervals are by utterance where no speaker is named, so they are too narrow"]
    record = run(tmp_path / "run", ["valence"], notes=notes)
    figure2(record, tmp_path)
    bands = [f"band: 95 % {what} bootstrap of the mean over seeds" for what in ("speaker", "utterance")]
    assert [texts(ax) for ax in drawn[0].axes[1:]] == [[band] for band in bands]
    scores = pd.read_csv(tmp_path / "run/scores.csv")
    scores.loc[scores.partition == "test2", ["mean_low", "mean_high"]] = np.nan
    scores.to_csv(tmp_path / "run/scores.csv", index=False)
    figure2(record, tmp_path)
    assert [texts(ax) for ax in drawn[1].axes[1:]] == [[bands[0]], ["band: range over 3 seeds"]]


@pytest.mark.parametrize(("partition", "shift"), [("test1", -0.9), ("test1", 0.9), ("test2", -0.9), ("test2", 0.9)])
def test_test_panels_share_an_axis_that_holds_them_all(
    tmp_path: Path, drawn: list[Figure], partition: str, shift: float
) -> None:
    """However far one test partition's scores lie from another's, all lie within the limits, which are the same."""
    record = run(tmp_path / "run", ["valence"])
    scores = pd.read_csv(tmp_path / "run/scores.csv")
    scores.loc[scores.partition == partition, ["ccc", "mean_low", "mean_high"]] += shift
    scores.to_csv(tmp_path / "run/scores.csv", index=False)
    figure2(record, tmp_path)
    limits = [ax.get_ylim() for ax in drawn[0].axes[1:]]
    tests = scores[scores.partition.str.startswith("test")]
    assert limits[0] == limits[1] and limits[0][0] < tests.mean_low.min() and tests.mean_high.max() < limits[0][1]


def test_an_interval_that_misses_the_mean_is_drawn(tmp_path: Path) -> None:
    """A bootstrap over few speakers may lie to one side of the score itself."""
    record = run(tmp_path / "run", ["valence"])
    scores = pd.read_csv(tmp_path / "run/scores.csv")
    scores.assign(mean_low=0.8, mean_high=0.9).to_csv(tmp_path / "run/scores.csv", index=False)
    assert len(figure2(record, tmp_path)) == 4


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"normalize": "layer"}, "figure2-my_corpus-owner--model-layernorm.pdf"),
        ({"pooling": "max"}, "figure2-my_corpus-owner--model-max.pdf"),
        ({"normalize": "layer", "pooling": "mean+max"}, "figure2-my_corpus-owner--model-layernorm-mean+max.pdf"),
    ],
)
def test_other_states_or_pooling_make_other_files(tmp_path: Path, options: dict[str, str], name: str) -> None:
    """Normalisation and pooling stand in the file's name where they are not the default."""
    assert figure2(run(tmp_path / "run", ["valence"], options=options), tmp_path)[0].name == name


def test_the_built_in_corpus_is_called_synthetic(tmp_path: Path, drawn: list[Figure]) -> None:
    """The title of a figure on the built-in corpus says that it is no human speech, and no other title does."""
    for name in ("demo", "my corpus"):
        figure2(run(tmp_path / "run", ["valence"], corpus={"name": name}), tmp_path)
    assert "built-in synthetic speech" in drawn[0].get_suptitle()
    assert "synthetic" not in drawn[1].get_suptitle()


@pytest.mark.parametrize("n_dimensions", [1, 3, 5])
@pytest.mark.parametrize("layers", ["both", "weighted", "each"])
def test_nothing_overlaps(tmp_path: Path, drawn: list[Figure], layers: str, n_dimensions: int) -> None:
    """Legend, axis labels, titles and panels each have their own place within the figure."""
    dimensions = [*COLOURS, "calm", "trust"][:n_dimensions]
    control = run(tmp_path / "random", dimensions, layers, seeds=2, name="owner/model@random")
    figure2(run(tmp_path / "run", dimensions, layers), tmp_path, control)
    figure = drawn[0]
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
    record = run(tmp_path / "run", ["arousal"])
    control = run(tmp_path / "random", ["arousal"], name="owner/model@random")
    first, second = (figure2(record, tmp_path / name, control) for name in "ab")
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()


@pytest.mark.parametrize(("layers", "panels"), [("weighted", 1), ("each", 2)])
def test_only_what_was_fitted_is_drawn(tmp_path: Path, drawn: list[Figure], layers: str, panels: int) -> None:
    """Without single-layer probes there is one panel, without learned weights those of the single layers."""
    figure2(run(tmp_path / "run", ["valence"], layers), tmp_path)
    assert len(drawn[0].axes) == panels


def test_dimensions_can_be_told_apart_by_colour_blind_readers_and_in_grey() -> None:
    """Under simulated red-blindness the colours stay apart, and every dimension has a marker of its own."""
    protan = np.array([[0.1121, 0.8853, -0.0005], [0.1127, 0.8897, -0.0001], [0.0045, 0.0001, 1.0019]])
    seen = [protan @ np.array(matplotlib.colors.to_rgb(hue)) for hue in COLOURS.values()]
    distances = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(distances) > 0.2
    assert len(set(figures.MARKERS.values())) == len(COLOURS)


def test_an_incomplete_or_foreign_run_is_refused(tmp_path: Path) -> None:
    """A run without its files, or of another command, is an error with a remedy."""
    record = run(tmp_path / "run", ["valence"])
    (tmp_path / "run/scores.csv").unlink()
    with pytest.raises(ProbingError, match=r"scores\.csv"):
        figure2(record, tmp_path)
    with pytest.raises(ProbingError, match="finetune run"):
        figure2(Record(tmp_path, {"command": "finetune"}), tmp_path)
