"""What layers contain, as a picture: what is drawn is what was planted, and nothing is drawn over anything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from layers_runs import SECRET, planted_contents, planted_shares, write_layers
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from probing.cli.main import main
from probing.corpus.spec import CorpusSpec
from probing.errors import RunError
from probing.report import style
from probing.report.contents import contents_stem, draw_contents, figure_contents, plot_contents, title_of
from probing.report.contents_caption import caption
from probing.report.contents_similarity import outlined, plot_similarity
from probing.report.contents_table import COMPONENTS
from probing.report.style import DPI

SMALL = ("valence",)
MANY = ("arousal", "a very long name of a dimension indeed", "$x_1$ 语", "d", "e")
EXTREMES: Mapping[str, Mapping[str, Any]] = {
    "one dimension, three layers": {"dims": SMALL, "states": 3},
    "33 layers": {"dims": SMALL, "states": 33, "others": ("owner/model", "a" * 30)},
    "five dimensions": {"dims": MANY, "states": 2, "others": ("owner/model",)},
    "no words, one layer": {"dims": SMALL, "without": ("words",), "states": 1},
    "no sound": {"dims": SMALL, "without": ("sound",)},
    "neither, no intervals": {"dims": SMALL, "without": ("words", "sound"), "intervals": False},
}
QUICK = ("33 layers", "neither, no intervals")


def stack(ax: Axes) -> dict[str, list[tuple[float, float]]]:
    """Component → lower and upper end of its bar at each layer."""
    found = {}
    for bars in ax.containers:
        ends = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in bars.patches]
        found[str(bars.get_label()).removeprefix("_")] = [(min(pair), max(pair)) for pair in ends]
    return found


def line_of(ax: Axes, label: str) -> np.ndarray[Any, Any]:
    """The heights of a curve."""
    (found,) = [line for line in ax.get_lines() if line.get_label() == label]
    return np.asarray(found.get_ydata(), float)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The panels of one planted run of five layers."""
    figure = Figure(dpi=DPI)
    return plot_contents(write_layers(tmp_path_factory.mktemp("runs")), figure)


def test_a_stack_is_the_layer_s_r2(drawn: Any) -> None:
    """Bars are as high as the shares; what stands above 0 less what hangs below is the R² that is marked."""
    bars = stack(drawn[1, 0])
    assert [*bars] == [*COMPONENTS]
    for layer in range(5):
        planted = planted_shares(layer / 4)
        for part, ends in bars.items():
            low, high = ends[layer]
            np.testing.assert_allclose(high - low, abs(planted[part]), atol=1e-12)
            assert low >= -1e-12 if planted[part] >= 0 else high <= 1e-12
        above = max(high for ends in bars.values() for _, high in ends[layer : layer + 1])
        below = min(low for ends in bars.values() for low, _ in ends[layer : layer + 1])
        np.testing.assert_allclose(above + below, line_of(drawn[1, 0], "_r2")[layer])
        assert sum(planted.values()) == pytest.approx(above + below)


def test_bars_of_one_layer_do_not_overlap(drawn: Any) -> None:
    """Shares stand on each other, and negative ones hang from 0."""
    bars = stack(drawn[0, 0])
    for layer in range(5):
        ends = sorted(own[layer] for own in bars.values() if own[layer][1] - own[layer][0] > 1e-9)
        assert all(one[1] == pytest.approx(other[0]) for one, other in pairwise(ends))


def test_levels_falls_and_bits_are_those_of_the_table(drawn: Any) -> None:
    """Words alone reach .7 and sound .65; where no fall is known none is drawn; random subspaces span 0 to .2."""
    shares, falls, bits = drawn[2]
    assert set(line_of(shares, "_level words")) == {0.7} and set(line_of(shares, "_level sound")) == {0.65}
    np.testing.assert_allclose(line_of(falls, "_words"), [np.nan, 0.225, 0.45, 0.675, 0.9])
    np.testing.assert_allclose(line_of(falls, "_sound"), [np.nan, 0.6, 0.4, 0.2, 0.0], atol=1e-12)
    np.testing.assert_allclose(line_of(falls, "_in words"), [np.nan, 0.9])
    assert stack(falls)["random"] == [(0.0, 0.2)] * 5
    np.testing.assert_allclose(line_of(bits, "_bits"), [0, 0.125, 0.25, 0.375, 0.5])


def test_a_map_shows_what_is_there_by_depth(drawn: Any) -> None:
    """The more, the lighter; a number in each cell, one below 0 as it is."""
    ax = next(ax for ax in drawn[0, 0].figure.figure.axes if ax.images and ax.get_title(loc="left"))
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["energy", "bag of words", "speaker, accuracy (chance 0.25)"]
    energy = [text.get_text() for text in ax.texts if text.get_position()[1] == 0]
    assert energy == ["0.90", "0.65", "0.40", "0.15", "-0.10"]
    light = np.asarray(ax.images[0].get_array())[0] @ (0.2, 0.7, 0.1, 0)
    assert (np.diff(light) < 0).all()


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in EXTREMES])
def test_nothing_lies_on_anything_else(tmp_path: Path, name: str) -> None:
    """Panels, legends and titles have their own places in a page's width, in letters of six points or more."""
    wanted = EXTREMES[name]
    table = planted_contents(**wanted)
    record = write_layers(tmp_path, table, wanted.get("dims", ("arousal", "valence", "dominance")))
    contents, alike = Figure(dpi=DPI), Figure(dpi=DPI)
    draw_contents(record, table, contents)
    plot_similarity(record, table, alike)
    for figure in (contents, alike):
        laid_out(figure)


def laid_out(figure: Figure) -> None:
    """As the name of the test says."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [ax.get_tightbbox(renderer) for ax in figure.axes]
    boxes += [legend.get_window_extent(renderer) for legend in figure.legends]
    boxes.append(figure._suptitle.get_window_extent(renderer))  # type: ignore[attr-defined]
    for place, box in enumerate(boxes):
        assert figure.bbox.x0 - 1 <= box.x0 and box.x1 <= figure.bbox.x1 + 1
        assert figure.bbox.y0 - 1 <= box.y0 and box.y1 <= figure.bbox.y1 + 1
        assert not any(box.padded(-1).overlaps(other) for other in boxes[:place])
    written = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert min(text.get_fontsize() for text in written) >= 6 and figure.get_figwidth() == 7


def test_neighbours_are_outlined(tmp_path: Path) -> None:
    """Within the encoder where the interval lies above .95; between two where a layer may be the most alike."""
    table = planted_contents()
    within = outlined(table, "owner/model", itself=True)
    distance = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    np.testing.assert_array_equal(within, distance == 1)  # 1 − .02 − .01 above, 1 − .16 − .01 below
    between = outlined(table, "other", itself=False)
    np.testing.assert_array_equal(between, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]])


def test_the_most_alike_layers_are_marked(tmp_path: Path) -> None:
    """A dot in each row of the map with another encoder, a diamond in each column; none beside itself."""
    table, figure = planted_contents(), Figure(dpi=DPI)
    plot_similarity(write_layers(tmp_path, table), table, figure)
    itself, other = figure.axes[:2]
    assert not itself.get_lines()
    marks = {line.get_label(): line.get_xydata().tolist() for line in other.get_lines()}
    assert marks["_row"] == [[0, 0], [1, 1], [2, 2], [2, 3], [2, 4]]
    assert marks["_column"] == [[0, 0], [1, 1], [2, 2]]


@pytest.mark.usefixtures("every_format")
def test_what_was_not_measured_is_not_drawn(tmp_path: Path) -> None:
    """No column of panels, no map, no file of similarity."""
    table = planted_contents(SMALL, 1)
    record = write_layers(tmp_path, table[table.analysis.isin(["shares", "description"])], SMALL)
    names = [path.name for path in figure_contents(record, tmp_path / "figures", "x")]
    assert names == [f"layers-x.{kind}" for kind in ("pdf", "png", "svg", "csv", "md")]
    assert plot_contents(record, Figure()).shape == (1, 2)


def test_the_figure_names_corpus_and_configuration(tmp_path: Path) -> None:
    """Two corpora, or two configurations, never write the same file."""
    one = write_layers(tmp_path, folder="one")
    other = write_layers(tmp_path, folder="other", signature="another")
    assert contents_stem(one).startswith("layers-made-up-") and "owner--model" in contents_stem(one)
    assert contents_stem(one) != contents_stem(other)
    assert contents_stem(one, "demo") == "layers-demo"


@pytest.mark.usefixtures("every_format")
def test_the_same_run_gives_the_same_files_without_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are equal byte for byte, the CSV is what was drawn, and ids and texts stay in the run's folder."""
    record = write_layers(tmp_path, planted_contents(SMALL, 2), SMALL)
    monkeypatch.setattr(style, "FORMATS", ("svg",))
    first, second = (figure_contents(record, tmp_path / folder, "x") for folder in ("first", "second"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    written = b"".join(path.read_bytes() for path in first)
    assert not any(secret.encode() in written for secret in SECRET)
    drawn = pd.read_csv(tmp_path / "first/layers-x.csv", keep_default_na=False)
    assert set(drawn.analysis) == {"shares", "erasure", "inside", "description", "nuisance"}
    assert set(pd.read_csv(tmp_path / "first/layers-x-similarity.csv").analysis) == {"similarity"}


def test_a_caption_says_what_is_drawn_and_found(tmp_path: Path) -> None:
    """Letters are those of the panels; ranks and findings stand in it, and a demo number is named as such."""
    table = planted_contents()
    record = write_layers(tmp_path, table)
    told = caption(record, table)
    assert all(f"({letter}) " in told for letter in "abcd") and "synthetic" not in told
    assert "words (rank 8)" in told and "valence is words" in told and "test1+test2" in told
    less = caption(record, table[table.analysis.isin(["shares", "nuisance"])])
    assert "(b) What else" in less and "(c)" not in less and "LEACE" not in less
    demo = replace(record, corpus=replace(record.corpus, spec=CorpusSpec.resolve("demo")))
    assert "synthetic" in caption(demo, table) and "synthetic" in title_of(demo)[0]


def test_a_table_of_nothing_known_is_refused(tmp_path: Path) -> None:
    """There is nothing to draw where no dimension of the run is in the table."""
    record = write_layers(tmp_path, planted_contents(("other",)))
    with pytest.raises(RunError) as error:
        plot_contents(record, Figure())
    assert error.value.code == "no-contents"


def test_the_command_draws_one_run_of_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`probe figure contents` takes the latest by default, and refuses two; other figures refuse such a run."""
    record = write_layers(tmp_path / "runs", planted_contents(SMALL, 2, others=()), SMALL)
    monkeypatch.setattr(style, "FORMATS", ("png",))
    typed = ["figure", "contents", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path), "--name", "x"]
    shown = CliRunner().invoke(main, typed)
    assert shown.exit_code == 0 and "Findings" in shown.output and (tmp_path / "layers-x.png").is_file()
    again = CliRunner().invoke(main, [*typed, str(record.folder), str(record.folder)])
    assert again.exit_code != 0 and "one layers run" in again.output
    for which in ("2", "atlas", "wer"):
        refused = CliRunner().invoke(main, ["figure", which, str(record.folder), "--out", str(tmp_path)])
        assert refused.exit_code != 0 and "it is a run of `probe layers`" in refused.output
    refused = CliRunner().invoke(main, ["compare", str(record.folder), "--out", str(tmp_path)])
    assert refused.exit_code != 0 and "it is a run of `probe layers`" in refused.output
