"""How figures look and how they are written: colours, markers, fonts, titles, files; the same for all of them."""

from __future__ import annotations

import re
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from probing.files import written_aside
from probing.files.cells import to_csv
from probing.runs.escapes import DISGUISES, one_line, plain
from probing.runs.printing import partition_title as partition_title  # figures' titles

FIGURES = Path("figures")
FORMATS = ("pdf", "png", "svg")
GREY = "0.35"
# Okabe and Ito's colours, which colour-blind readers can tell apart; markers tell them apart in grey.
COLOURS = {"arousal": "#D55E00", "valence": "#0072B2", "dominance": "#009E73"}
MARKERS = {"arousal": "o", "valence": "s", "dominance": "^"}
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_OTHER_COLOURS = ("#CC79A7", "#E69F00", "#56B4E9", "#000000")
_OTHER_MARKERS = ("D", "v", "P", "X", "*")  # one more than colours: twenty pairs before one comes again
_FONT = "DejaVu Sans"  # comes with matplotlib, so that figures are the same on every machine
_NO_TEXT_FONTS = re.compile(r"Last Resort|Adobe Blank|STIX(Size|Non)|cm[a-z]{1,2}10$")  # boxes, or parts of formulae
_SIZE = 9
DPI = 200  # of pictures made of dots; letters are wider or narrower where there are fewer


@dataclass(frozen=True)
class Look:
    """How a dimension is drawn, the same in every figure.

    Args:
        colour: Of line and marker.
        marker: Matplotlib's name of it.
    """

    colour: str
    marker: str


def looks(dimensions: Iterable[str]) -> dict[str, Look]:
    """Colour and marker of each dimension; those that are none of the paper's three are told apart by their order.

    >>> looks(["valence"])["valence"]
    Look(colour='#0072B2', marker='s')
    """
    names = list(dict.fromkeys(dimensions))
    others = sorted(set(names) - set(COLOURS))
    found = {name: Look(COLOURS[name], MARKERS[name]) for name in COLOURS}
    for place, name in enumerate(others):
        colour = _OTHER_COLOURS[place % len(_OTHER_COLOURS)]
        found[name] = Look(colour, _OTHER_MARKERS[place % len(_OTHER_MARKERS)])
    return {name: found[name] for name in names}


@contextmanager
def drawing(texts: Iterable[str] = ()) -> Iterator[None]:
    """While the block lasts, what is drawn has the project's fonts, ticks and sizes.

    Args:
        texts: Names that are shown, from `legible`: fonts that have their characters are taken along.
    """
    families = [_FONT, *dict.fromkeys(_family_of(character) or _FONT for text in texts for character in text)]
    settings: dict[Any, Any] = {
        "font.family": list(dict.fromkeys(families)),
        "font.size": _SIZE,
        "text.parse_math": False,  # a dollar in a name is a dollar
        "svg.hashsalt": "probing",  # equal data gives equal files
        "pdf.fonttype": 42,  # text stays text
    }
    with sns.axes_style("ticks"), mpl.rc_context(settings):
        yield


def legible(text: str) -> str:
    """A name as the fonts of this machine can show it; where none has a character, that in ASCII, said on stderr.

    Characters that can disguise others are shown in ASCII too, and every name stands on one line.

    >>> legible("hubert"), legible("Größe")
    ('hubert', 'Größe')
    """
    shown = one_line(text)
    lacking = [character for character in dict.fromkeys(shown) if _family_of(character) is None]
    for character in lacking:
        shown = shown.replace(character, _in_ascii(character))
    if lacking:
        _say_once(f"no font on this machine has all characters of {plain(text)}: figures show {shown}")
    return f" {shown}" if shown.startswith("_") else shown  # matplotlib leaves a label out that begins with it


@cache
def _say_once(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _in_ascii(character: str) -> str:
    """A letter without its accents, or else the character's number: `\\u6211`."""
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain if plain.isprintable() and plain else ascii(character)[1:-1]


@cache
def _family_of(character: str) -> str | None:
    """The font family that has a character, the project's own if it can be; None where no font has it."""
    if DISGUISES.match(character):
        return None
    if character.isspace():
        return _FONT
    own = font_manager.findfont(_FONT)
    if ord(character) in _characters(own):
        return _FONT
    others = {font.fname: font.name for font in font_manager.fontManager.ttflist if font.style == "normal"}
    for path, name in sorted(others.items(), key=lambda item: (item[1], item[0])):
        if not _NO_TEXT_FONTS.match(name) and ord(character) in _characters(path):
            return name
    return None


@cache
def _characters(path: str) -> frozenset[int]:
    """What a font can show; nothing where its file is gone, damaged, or made of pictures."""
    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(font.get_charmap()) if font.scalable else frozenset()


def figure_to_show(figure: Figure | None) -> Figure:
    """A figure to draw in: the one given, or a new one of pyplot, which a notebook shows."""
    return plt.figure() if figure is None else figure


def headline(figure: Figure, *lines: str, size: float = 10) -> None:
    """Put a title above a figure; a line that is wider than the figure is broken, and the figure grows by the rest."""
    broken: list[str] = []
    for line in lines:
        width = figure.suptitle(line, fontsize=size).get_window_extent().width
        share = width / (0.96 * figure.bbox.width)
        broken += textwrap.wrap(line, max(10, int(len(line) / share))) if share > 1 else [line]
    figure.set_figheight(figure.get_figheight() + (len(broken) - len(lines)) * 1.3 * size / 72)
    figure.suptitle("\n".join(broken), fontsize=size)


def layer_axis(ax: Axes, first: int, last: int, most: int = 14) -> None:
    """Ticks and title of an axis of layers; state C, the raw output of the convolutions, is −1 in tables and C here.

    Args:
        ax: Its x axis is dressed.
        first: Index of the first layer; −1 is state C.
        last: That of the last.
        most: Number of ticks that fit.
    """
    step = ceil((last - first + 1) / most)
    ax.set_xticks([layer for layer in range(first, last + 1) if layer < 0 or layer % step == 0])
    ax.xaxis.set_major_formatter(lambda layer, _: "C" if layer < 0 else f"{layer:.0f}")
    ax.set_xlabel("layer index (0 = transformer input" + "; C = convolutions" * (first < 0) + ")")


def settle(figure: Figure) -> None:
    """Lay the figure out once: the layout's last digits vary, and equal data must give equal files."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for ax in figure.axes:
        ax.set_position(tuple(round(end, 4) for end in ax.get_position().bounds))


def save(figure: Figure, stem: Path, drawn: pd.DataFrame) -> list[Path]:
    """Write a figure in all formats, without dates, so that equal data gives equal files; beside it what it shows.

    Args:
        figure: The figure.
        stem: Folder and name without ending (`probing.report.naming`).
        drawn: What was drawn, for the CSV.

    Returns:
        The files written.
    """
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in FORMATS]
    for path in paths:
        save_as(figure, path)
    return [*paths, write_table(drawn, stem.with_name(f"{stem.name}.csv"))]


def save_as(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the path's ending, whole or not at all."""
    kind = path.suffix.lower().lstrip(".")
    undated = {"pdf": {"CreationDate": None}, "png": {"Software": None}, "svg": {"Date": None}}
    made = BytesIO()  # on a full disk matplotlib's writer of PDF fails at the failure, and hides it
    with drawing():
        figure.savefig(made, format=kind, dpi=DPI, metadata=undated[kind])
    with written_aside(path) as aside:
        aside.write_bytes(made.getvalue())


def write_table(table: pd.DataFrame, path: Path) -> Path:
    """Write a table as CSV, six digits a number, whole or not at all."""
    with written_aside(path) as aside:
        to_csv(table, aside, "%.6g")
    return path
