"""What a report page consists of: sections of words, tables, figures and claims, which the template lays out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from probing.report.wording import evidence
from probing.statistics.verdicts import Finding

NOTHING = "–"
_NUMBER = re.compile(r"[-+]?[\d.,]+%?$")


@dataclass(frozen=True)
class Words:
    """Paragraphs.

    Args:
        paragraphs: Their texts.
    """

    paragraphs: tuple[str, ...]
    kind: str = "words"


@dataclass(frozen=True)
class Items:
    """A list of short texts under a heading of its own.

    Args:
        title: The heading.
        items: The texts.
    """

    title: str
    items: tuple[str, ...]
    kind: str = "items"


@dataclass(frozen=True)
class Quoted:
    """Text as it is to be copied: a citation, a command.

    Args:
        title: What it is.
        text: The text, with its line breaks.
    """

    title: str
    text: str
    kind: str = "quoted"


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Args:
        caption: What it shows.
        columns: Their names.
        rows: The cells of each row.
        keys: Number of columns, from the left, that say what a row is about.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: int = 1
    kind: str = "table"

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Of each column, whether it holds numbers alone."""
        cells = zip(*self.rows, strict=True) if self.rows else [()] * len(self.columns)
        return tuple(all(cell == NOTHING or _NUMBER.match(cell) for cell in own) for own in cells)


@dataclass(frozen=True)
class Drawing:
    """A figure.

    Args:
        svg: The picture, as part of a page.
        caption: What it shows.
        wide: Whether it takes the width of a page, rather than that of a column.
    """

    svg: Markup
    caption: str
    wide: bool = True
    kind: str = "drawing"


@dataclass(frozen=True)
class Claims:
    """Claims with their verdicts, under a heading of its own.

    Args:
        title: The heading.
        findings: The claims.
    """

    title: str
    findings: tuple[Finding, ...]
    kind: str = "claims"

    @property
    def said(self) -> tuple[tuple[Finding, str], ...]:
        """Each claim with what was measured for it."""
        return tuple((finding, evidence(finding)) for finding in self.findings)


Block = Words | Items | Quoted | Table | Drawing | Claims


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Args:
        name: What links to it.
        title: Its heading.
        blocks: What stands in it.
    """

    name: str
    title: str
    blocks: tuple[Block, ...]


def table_of(frame: pd.DataFrame, caption: str, keys: int = 1) -> Table:
    """A table of texts, with the names of its columns as the header."""
    rows = tuple(tuple(map(str, row)) for row in frame.itertuples(index=False, name=None))
    return Table(caption, tuple(map(str, frame.columns)), rows, keys)


def wide(
    table: pd.DataFrame, keys: Sequence[str], spread_over: Sequence[str], cell: Callable[[Any], str]
) -> pd.DataFrame:
    """Texts of a long table: one row for each combination of the keys, one column for each of what is spread.

    Args:
        table: The long table; the order of rows and columns is that of its rows.
        keys: Columns that stay.
        spread_over: Columns whose values become the names of columns.
        cell: From a row of the long table to the text of its cell; of several rows for one cell the last stands.
    """
    found: dict[tuple[Any, ...], dict[str, str]] = {}
    names: dict[str, None] = {}
    for row in table.itertuples(index=False):
        key = tuple(getattr(row, name) for name in keys)
        column = " ".join(str(getattr(row, name)) for name in spread_over)
        names[column] = None
        found.setdefault(key, {})[column] = cell(row)
    rows = [[*key, *(cells.get(name, NOTHING) for name in names)] for key, cells in found.items()]
    return pd.DataFrame(rows, columns=[*keys, *names])
