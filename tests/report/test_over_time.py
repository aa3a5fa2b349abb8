"""Estimates over time: a panel a recording, on the corpus's scale, within the figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from probing.errors import ProbingError
from probing.report.over_time import over_time, plot_over_time, refuse_ending

SCALE = (1.0, 7.0)


def estimates(files: int = 1, windows: int = 4) -> pd.DataFrame:
    rows = [(f"in/{f}.wav", 2.0 * w, 2.0 * w + 2, 3.0 + w, 9.0 - w) for f in range(files) for w in range(windows)]
    return pd.DataFrame(rows, columns=["file", "start", "end", "valence", "joy"])


def test_each_window_stands_at_its_middle(tmp_path: Path) -> None:
    """With the dimension's own colour; estimates off the scale are within the panel too."""
    (ax,) = plot_over_time(estimates(), ["valence", "joy"], SCALE, "a run", Figure())
    valence, joy = ax.get_lines()
    assert list(valence.get_xdata()) == [1, 3, 5, 7] and list(valence.get_ydata()) == [3, 4, 5, 6]
    assert valence.get_color() == "#0072B2" != joy.get_color()
    assert ax.get_ylim()[0] < 1 and ax.get_ylim()[1] > 9 and "1 to 7" in ax.get_ylabel()


def test_one_window_is_drawn_as_long_as_it_is() -> None:
    """A single estimate is a level."""
    (ax,) = plot_over_time(estimates(windows=1), ["valence"], SCALE, "a run", Figure())
    np.testing.assert_allclose(ax.collections[0].get_segments()[0], [[0, 3], [2, 3]])


def test_of_many_recordings_the_first_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Stderr says how many there are, and no title lies over another."""
    figure = Figure()
    axes = plot_over_time(estimates(files=11), ["valence"], SCALE, "a run", figure)
    assert len(axes) == 8 and "11" in capsys.readouterr().err
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [ax.get_tightbbox(renderer) for ax in axes]
    boxes += [figure.legends[0].get_window_extent(renderer), figure._suptitle.get_window_extent(renderer)]
    assert not any(a.overlaps(b) for place, a in enumerate(boxes) for b in boxes[:place])


@pytest.mark.parametrize("ending", ["png", "PDF", "svg"])
def test_it_is_written_in_the_format_of_the_ending(tmp_path: Path, ending: str) -> None:
    """Also in upper case, and into a folder that is not there yet."""
    path = tmp_path / "new" / f"plot.{ending}"
    assert over_time(estimates(), ["valence"], SCALE, "a run", path) == path
    start = {"png": b"\x89PNG", "PDF": b"%PDF", "svg": b"<?xml"}[ending]
    assert path.read_bytes().startswith(start)


def test_what_cannot_be_written_or_drawn_is_refused(tmp_path: Path) -> None:
    """Another ending, before any work; and a table without a row."""
    for name in ("plot.jpg", "plot"):
        with pytest.raises(ProbingError) as caught:
            refuse_ending(tmp_path / name)
        assert caught.value.code == "plot-ending"
    with pytest.raises(ProbingError) as caught:
        plot_over_time(estimates(files=0), ["valence"], SCALE, "a run", Figure())
    assert caught.value.code == "nothing-to-plot"
