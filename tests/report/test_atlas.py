"""The atlas as files: pictures whose marks are those of the numbers, and tables for reading and for a paper."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from ridge_fits import write_ridge_fit

from probing.report.atlas import atlas, atlas_stem
from probing.report.atlas_plot import plot_curves, plot_map
from probing.report.atlas_table import charted, drawn_of
from probing.runs.records import FitRecord


@pytest.fixture(scope="module")
def fits(tmp_path_factory: pytest.TempPathFactory) -> list[FitRecord]:
    """An encoder of 9 states and one of 3, with valence at state 1, and a random twin of the first."""
    root = tmp_path_factory.mktemp("runs")
    found = [
        write_ridge_fit(root, name, dims=["valence"], states=states, speakers=40, head="ridge")
        for name, states in (("owner/deep", 9), ("owner/shallow_&", 3))
    ]
    write_ridge_fit(root, "owner/deep@random", dims=["valence"], states=9, speakers=40, head="ridge")
    return found


@pytest.fixture(scope="module")
def written(fits: list[FitRecord], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("figures")
    return {path.name: path for path in atlas(fits, out, "mine", fits[0].folder.parent)}


def test_all_is_written_beside_what_it_was_drawn_from(written: dict[str, Path], fits: list[FitRecord]) -> None:
    """Two pictures in three formats, each with its CSV, and tables as CSV, LaTeX and for reading."""
    pictures = {f"atlas-mine{end}.{kind}" for end in ("", "-map") for kind in ("pdf", "png", "svg", "csv")}
    tables = {"atlas-mine-layers.csv", "atlas-mine-layers.tex", "atlas-mine-agreement.csv", "atlas-mine.md"}
    assert {*written} == pictures | tables and list(written)[-1] == "atlas-mine.md"
    kept = drawn_of(charted(fits, fits[0].folder.parent))
    for name in ("atlas-mine.csv", "atlas-mine-map.csv"):
        pd.testing.assert_frame_equal(pd.read_csv(written[name]), kept, rtol=1e-5, check_dtype=False)


@pytest.mark.slow
@pytest.mark.usefixtures("every_format")
def test_equal_runs_give_equal_files(fits: list[FitRecord], written: dict[str, Path], tmp_path: Path) -> None:
    """Byte for byte, so that a change in a repository is a change in the data."""
    again = atlas(fits, tmp_path, "mine", fits[0].folder.parent)
    assert all(path.read_bytes() == written[path.name].read_bytes() for path in again)


def test_the_tables_for_reading_name_the_planted_layers(written: dict[str, Path], fits: list[FitRecord]) -> None:
    """Each encoder with its planted state, one row of agreement, and why nothing is above random weights."""
    text = written["atlas-mine.md"].read_text("utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if "| valence |" in line]
    rows = rows[: len(fits)]  # those of the other table come behind
    assert [[row[1], *row[4:7], row[-2]] for row in rows] == [
        ["owner/deep", "1 of 8", row_set(written, 0), "0.12", "holds"],
        [r"owner/shallow\_&", "1 of 2", row_set(written, 1), "0.50", "holds"],
    ]
    assert text.count(r"| owner/deep | owner/shallow\_& |") == 1
    assert r"no fits on them of owner/shallow\_& were found" in text


def row_set(written: dict[str, Path], row: int) -> str:
    """A confidence set of few layers, as it is written for reading."""
    layers = str(pd.read_csv(written["atlas-mine-layers.csv"]).confidence_set[row]).split()
    return f"{layers[0]}–{layers[-1]}" if len(layers) > 2 else ", ".join(layers)


def test_the_latex_table_is_ascii_and_names_an_encoder_once(written: dict[str, Path]) -> None:
    """What LaTeX would read as its own is escaped; every row has as many cells as the table has columns."""
    text = written["atlas-mine-layers.tex"].read_text("utf-8")
    comments = [line for line in text.splitlines() if line.startswith("%")]
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert body.isascii() and len(comments) == 2 and "booktabs" in comments[0]
    assert body.count("owner/deep") == 1 and r"owner/shallow\_\&" in body and "R$^2$" in body
    (columns,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", body)
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert [len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows] == [len(columns)] * 3


def test_other_runs_have_other_names(fits: list[FitRecord], tmp_path: Path) -> None:
    """By corpus and runs, and by whether random twins stand beside them."""
    root = fits[0].folder.parent
    chosen = [(fits, root), (fits[:1], root), (fits[:1], tmp_path), (fits[::-1], root)]
    names = [atlas_stem(charted(runs, beside)) for runs, beside in chosen]
    assert len(set(names)) == 4 and all(name.startswith("atlas-made-up-") for name in names)


def test_every_mark_is_in_its_place() -> None:
    """Curves over depth and over layers, the best layer ringed; in the map a cell a state. Nothing overlaps."""
    names = [f"owner/model-of-a-longer-name-{k}" for k in range(8)]
    drawn = pd.DataFrame(
        [
            {"encoder": name, "controls": 0, "dimension": dimension, "layer": layer, "depth": layer / last}
            | {"value": (k + layer) / 40, "low": (k + layer) / 40 - 0.1, "high": (k + layer) / 40 + 0.1}
            | {"r2": layer / 20, "carried": "holds", "in_set": layer in (1, 2), "best": layer == 2}
            for k, name in enumerate(names)
            for dimension in ("valence", "语料")
            for last in [2 + 10 * (k % 2)]
            for layer in range(last + 1)
        ]
    )
    curves, chart = Figure(), Figure()
    plot_curves(curves, drawn, ["a title"])
    plot_map(chart, drawn, dict.fromkeys(names, "94 M"), ["a title"])
    over_depth, over_layers = curves.axes[:2]
    for ax, across in ((over_depth, "depth"), (over_layers, "layer")):
        lines = [line for line in ax.get_lines() if line.get_linewidth() > 1 and line.get_linestyle() != "None"]
        looks = {(line.get_color(), line.get_linestyle()) for line in lines}
        assert len(lines) == len(looks) == len(names)
        for name, line in zip(names, lines, strict=True):
            own = drawn[(drawn.encoder == name) & (drawn.dimension == "valence")]
            np.testing.assert_allclose(line.get_xydata(), own[[across, "value"]])
        ringed = [line.get_xydata() for line in ax.get_lines() if line.get_markeredgecolor() == "black"]
        own = drawn[drawn.best & (drawn.dimension == "valence")]
        np.testing.assert_allclose(np.concatenate(ringed), own[[across, "value"]])
    cells = [patch for patch in chart.axes[0].patches if patch.get_width() < 1]
    shown = drawn[drawn.dimension == "valence"]
    assert len(cells) == len(shown)
    by_light = np.argsort([np.dot(cell.get_facecolor(), (0.2, 0.7, 0.1, 0)) for cell in cells], kind="stable")
    assert (np.diff(shown.r2.to_numpy()[by_light]) >= 0).all()  # the more, the lighter
    for figure in (curves, chart):
        laid_out(figure)


def laid_out(figure: Figure) -> None:
    """Panels, legend and title each have their own place in a page's width, in letters of six points or more."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [ax.get_tightbbox(renderer) for ax in figure.axes]
    boxes += [legend.get_window_extent(renderer) for legend in figure.legends]
    boxes.append(figure._suptitle.get_window_extent(renderer))
    for place, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 + 0.5 and figure.bbox.y0 <= box.y0
        assert not any(box.overlaps(other) for other in boxes[:place])
    written = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert min(text.get_fontsize() for text in written) >= 6 and figure.get_figwidth() == 7
