"""Figures look alike: colours, markers, fonts that have the characters, titles that fit, files written whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from probing.report import style
from probing.report.style import COLOURS, MARKERS, drawing, headline, layer_axis, legible, looks, partition_title, save

CJK = "情感"


def characters(family: str) -> set[int]:
    return set(FT2Font(font_manager.findfont(family)).get_charmap())


@pytest.fixture
def only_latin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose only font is the one that comes with matplotlib."""
    fonts = [font for font in font_manager.fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", fonts)
    style._family_of.cache_clear()
    style._say_once.cache_clear()
    yield
    style._family_of.cache_clear()


def test_dimensions_can_be_told_apart_by_colour_blind_readers_and_in_grey() -> None:
    """Under simulated red-blindness the colours stay apart, and every dimension has a marker of its own."""
    protan = np.array([[0.1121, 0.8853, -0.0005], [0.1127, 0.8897, -0.0001], [0.0045, 0.0001, 1.0019]])
    seen = [protan @ np.array(matplotlib.colors.to_rgb(hue)) for hue in COLOURS.values()]
    distances = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(distances) > 0.2
    assert len(set(MARKERS.values())) == len(COLOURS)


def test_a_dimension_looks_the_same_beside_others() -> None:
    """The paper's three keep their colours; up to twenty others are told apart by colour and marker."""
    names = [f"trait {number:02d}" for number in range(20)]
    found = looks([*names, "valence"])
    assert found["valence"] == looks(["valence"])["valence"]
    assert len(set(found.values())) == 21
    assert looks(["calm", "trust"]) == looks(["trust", "calm"])


def test_partitions_are_titled_as_in_the_paper() -> None:
    """test1 is seen, test2 unseen, and others are what they are called."""
    assert [partition_title(p) for p in ("test1", "test2", "held-out")] == [
        "test1 (seen)",
        "test2 (unseen)",
        "held-out",
    ]


def test_a_name_that_no_font_has_is_shown_in_ascii_and_said_once(
    only_latin: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Letters that fonts have stay as they are; the rest is its number, and stderr says so once."""
    assert [legible(f"Größe {CJK}") for _ in range(2)] == ["Größe \\u60c5\\u611f"] * 2
    assert legible("ＡＢ") == "AB"  # letters as wide as ideographs have a plain form
    error = capsys.readouterr().err
    assert error.count("\\u60c5\\u611f") == 1
    assert legible("plain") == "plain" and capsys.readouterr().err == ""


def test_a_font_that_has_the_characters_is_taken_along() -> None:
    """A character that only another font has stays, and that font draws it."""
    style._family_of.cache_clear()
    lacking = sorted(characters("STIXGeneral") - characters("DejaVu Sans"))
    other = next(chr(code) for code in lacking if chr(code).isalpha())
    assert legible(other) == other
    with drawing([other]):
        families = matplotlib.rcParams["font.family"]
        figure = Figure()
        headline(figure, other)
        FigureCanvasAgg(figure).draw()  # a box would be a warning, and so an error
    assert families[0] == "DejaVu Sans" and ord(other) in set().union(*map(characters, families[1:]))


def test_fonts_of_boxes_and_of_formulae_are_no_fallback() -> None:
    """A font of last resort has every character as a box; a formula's fonts have other signs in letters' places."""
    style._family_of.cache_clear()
    assert not {style._family_of(chr(code)) for code in range(0x2000, 0x2C00)} & {
        font.name for font in font_manager.fontManager.ttflist if style._NO_TEXT_FONTS.match(font.name)
    }


def test_a_dollar_in_a_name_is_a_dollar() -> None:
    """Names are no formulae."""
    with drawing():
        figure = Figure()
        headline(figure, "cost $x_$ and $")
        FigureCanvasAgg(figure).draw()


def test_a_long_title_is_broken_within_the_figure() -> None:
    """However long a name is, all of it is shown, and the figure grows instead of shrinking its panels."""
    with drawing():
        figure = Figure(figsize=(4, 3))
        headline(figure, "a-very-long-name" * 20, "second line")
        box = figure._suptitle.get_window_extent()
        height = figure.get_figheight()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width
    assert figure.get_suptitle().replace("\n", "").startswith("a-very-long-name" * 20) and height > 3.4


@pytest.mark.parametrize(
    ("first", "last", "labels"), [(-1, 3, "C 0 1 2 3"), (0, 24, " ".join(map(str, range(0, 25, 2))))]
)
def test_state_c_is_c_on_axes(first: int, last: int, labels: str) -> None:
    """State C is −1 in files and C on an axis; long encoders have fewer ticks."""
    ax = Figure().subplots()
    layer_axis(ax, first, last)
    FigureCanvasAgg(ax.figure).draw()
    assert " ".join(label.get_text() for label in ax.get_xticklabels()) == labels
    assert ("C =" in ax.get_xlabel()) == (first < 0)


@pytest.mark.usefixtures("every_format")
def test_a_figure_is_written_in_all_formats_without_dates(tmp_path: Path) -> None:
    """Equal data gives equal files, and the CSV holds what was drawn; nothing else is left in the folder."""
    table = pd.DataFrame({"x": [1.23456789]})
    written = []
    for name in ("a", "b"):
        with drawing():
            figure = Figure()
            figure.subplots().plot([1, 2])
            written.append(save(figure, tmp_path / name / "stem", table))
    assert [path.name for path in written[0]] == [f"stem.{kind}" for kind in ("pdf", "png", "svg", "csv")]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(*written, strict=True))
    assert written[0][-1].read_text() == "x\n1.23457\n" and len(list((tmp_path / "a").iterdir())) == 4
