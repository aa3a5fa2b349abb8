"""Read the cells of a table as they are written; what is no table, or one that is damaged, is refused with its line.

A table may be anybody's, and damaged: a quote that is never closed swallows rows, a cut file ends in a row that is too
short, and a program that was given another format writes bytes that are no text. So quotes are read strictly, every
row must have as many cells as the header, and everything that memory depends on is bounded while it is read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from probing.corpus.readers.tables.columns import demand_columns
from probing.corpus.readers.tables.separated import misquoted, records_of, separator_of, too_large
from probing.errors import CorpusError, first_names, number_of
from probing.files.formulas import from_text

MOST_CELLS = 10_000_000  # some 100 bytes each; 400,000 utterances with 25 columns
MOST_COLUMNS = 10_000
LONGEST_NAME = 4_096  # characters; of a path, which is longer than ids and speakers are
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Cells:
    """A table's cells: text without spaces around it, an empty string where the cell is blank.

    Args:
        path: Its file.
        columns: Column → its cells; columns without a name are left out.
        lines: The line of the file on which each row begins, or the number of the row where a file has no lines.
        decimal: The decimal mark that its numbers may have beside a point.
        names: Columns of which the source says that they have names, never ratings, even if those are digits.
        notes: What a user should know of how it was read.
        unused: Column that cannot be cells (lists, bytes) → why.
        counted: What `lines` counts.
    """

    path: Path
    columns: dict[str, list[str]]
    lines: list[int] = field(repr=False)
    decimal: str = "."
    names: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    unused: Mapping[str, str] = field(default_factory=dict)
    counted: str = "line"

    def __len__(self) -> int:
        return len(self.lines)

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    def column(self, name: str) -> list[str]:
        """A column's cells, blank throughout where the table does not have it."""
        return self.columns.get(name) or [""] * len(self)

    def where(self, row: int) -> str:
        """Where a row is in the file: `line 3`."""
        return f"{self.counted} {self.lines[row]}"

    def demand_filled(self, column: str) -> None:
        """Raise a CorpusError (code `cell-blank`) that names the first line on which a cell of a column is blank."""
        blank = [row for row, cell in enumerate(self.columns[column]) if not cell]
        if blank:
            where = f"{number_of(len(blank), 'blank cell')}, the first at {self.where(blank[0])}"
            raise CorpusError(
                f"{self.path}, column {column}", where, "fill it in, or remove the row", code="cell-blank"
            )

    def demand_printable(self, column: str) -> None:
        """Raise a CorpusError where names have control characters (`control-character`) or no end (`cell-long`)."""
        _demand_printable(self.columns[column], self.lines, self.path, f"column {column}", self.counted)


def read_cells(path: Path, known: Sequence[str], needed: Sequence[str]) -> Cells:
    """Read a table.

    Args:
        path: CSV or TSV file in UTF-8, with or without a byte order mark. Its cells are separated by commas, semicolons
            or tabs, whichever its header has most of; where it is no comma, numbers may have a decimal comma.
        known: Column names to be recognised whatever their case; other columns keep their spelling.
        needed: Those of them that must be there.

    Raises:
        CorpusError: The table is missing (code `table-missing`), empty (`table-empty`), not UTF-8 or no text at all
            (`table-encoding`), larger than memory allows (`table-large`), has rows of other lengths than the header
            (`table-irregular`), misplaced quotes or a cell without end (`table-quotes`), control characters where none
            can be meant (`control-character`), or names without end (`cell-long`); it lacks a needed column
            (`column-missing`) or has one twice (`column-repeated`).
    """
    demand_file(path)
    separator = separator_of(path)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        records = records_of(file, path, separator)
        header = _header(records, known, path)
        demand_columns(header, needed, path)
        lines, rows = _rows(records, header, path)
    found = {name: once_each(column) for name, column in zip(header, zip(*rows, strict=True), strict=True)}
    found.pop("", None)  # a column without a name is pandas's own row number
    read = Cells(path, found, lines, "." if separator == "," else ",")
    named = [name for name in known if name in found and name != "text"]
    for name in named:
        read.demand_printable(name)
    _demand_no_row_inside(path, separator, lines, rows, [header.index(name) for name in named])
    return read


def plain_cells(
    path: Path, columns: dict[str, list[str]], lines: list[int], unused: Mapping[str, str], counted: str = "row"
) -> Cells:
    """The cells of a table that is no separated text, and whose values are known to be single ones.

    Args:
        path: Its file.
        columns: Column → its values as text.
        lines: Where each row is.
        unused: As in the class.
        counted: As in the class.

    Raises:
        CorpusError: It has no rows (code `table-empty`), more columns or cells than memory allows (`table-large`), or a
            column whose name has control characters or no end (`control-character`, `cell-long`).
    """
    if not lines or not (columns or unused):
        raise CorpusError(f"table {path} has no utterances", "", "add a row for each utterance", code="table-empty")
    if len(columns) > MOST_COLUMNS or len(columns) * len(lines) > MOST_CELLS:
        raise too_large(path, f"it has {len(columns):,} columns and {len(lines):,} rows")
    header = [*columns, *unused]
    _demand_printable(header, [0] * len(header), path, "the name of a column", counted)
    found = {name: once_each([from_text(cell.strip()) for cell in column]) for name, column in columns.items() if name}
    return Cells(path, found, lines, unused=unused, counted=counted)


def once_each(cells: Iterable[str]) -> list[str]:
    """The same cells, each different one kept once: most columns repeat few values."""
    shared: dict[str, str] = {}
    return [shared.setdefault(cell, cell) for cell in cells]


def demand_file(path: Path) -> None:
    """Raise a CorpusError (code `table-missing`) where a table is no file."""
    if not path.is_file():
        special = "it is a folder" if path.is_dir() else "it is a pipe or a device"
        why = special if path.exists() else "there is no such file"
        remedy = "give the path of a table, for example data/corpus.csv"
        raise CorpusError(f"table {path}", why, remedy, code="table-missing")


def _header(records: Iterator[tuple[int, list[str]]], known: Sequence[str], path: Path) -> list[str]:
    """The names of the columns, those that are known as we spell them."""
    line, first = next(records, (1, []))
    if not first:
        remedy = f"write a header {','.join(known)} and a row for each utterance"
        raise CorpusError(f"table {path} is empty", "", remedy, code="table-empty")
    if len(first) > MOST_COLUMNS:
        raise too_large(path, f"it has more than {MOST_COLUMNS:,} columns")
    spelling = {name.lower(): name for name in known}
    header = [spelling.get(cell.strip().lower(), cell.strip()) for cell in first]
    _demand_printable(header, [line] * len(header), path, "the name of a column")
    return header


def _rows(
    records: Iterator[tuple[int, list[str]]], header: Sequence[str], path: Path
) -> tuple[list[int], list[list[str]]]:
    """The lines on which rows begin, and their cells without spaces around them; as many in each as in the header."""
    lines, rows = [], []
    for line, row in records:
        if len(row) != len(header):
            raise _irregular(path, line, row, header)
        lines.append(line)
        rows.append([from_text(cell.strip()) for cell in row])
        if len(rows) * len(header) > MOST_CELLS:
            raise too_large(path, f"it has more than {MOST_CELLS:,} cells")
    if not rows:
        why, remedy = "there is nothing below its header", "add a row for each utterance"
        raise CorpusError(f"table {path} has no utterances", why, remedy, code="table-empty")
    return lines, rows


def demand_unique(ids: Sequence[str], path: Path) -> None:
    """Raise a CorpusError (code `ids-repeated`) that counts the ids that occur more than once."""
    repeated = [id_ for id_, count in Counter(ids).items() if count > 1]
    if repeated:
        what, remedy = f"{path} repeats {number_of(len(repeated), 'id')}", "give each utterance an id of its own"
        raise CorpusError(what, first_names(repeated), remedy, code="ids-repeated")


def _demand_printable(cells: Sequence[str], lines: Sequence[int], path: Path, what: str, counted: str = "line") -> None:
    """Raise a CorpusError where a name has line breaks or other control characters, or no end."""
    if not (_CONTROL.search("".join(cells)) or max(map(len, cells)) > LONGEST_NAME):
        return
    for cell, line in zip(cells, lines, strict=True):
        where = f"table {path}, {counted} {line}, {what}"
        if _CONTROL.search(cell):
            why = f"{cut(repr(cell))} has a line break or another control character"
            raise CorpusError(where, why, "remove it", code="control-character")
        if len(cell) > LONGEST_NAME:
            why = f"{cut(repr(cell))} has more than {LONGEST_NAME:,} characters"
            raise CorpusError(where, why, "shorten it", code="cell-long")


def _demand_no_row_inside(
    path: Path, separator: str, lines: Sequence[int], rows: Sequence[Sequence[str]], keys: Sequence[int]
) -> None:
    """Refuse a cell that has swallowed rows, since a stray quote before it and another behind it enclose them.

    A text may span lines; but a line of it that has as many cells as the header, with another row's value where every
    row must have one (a partition) or a number where all rows have numbers, is a row.
    """
    spanning = [
        (line, cell) for line, row in zip(lines, rows, strict=True) for cell in row if "\n" in cell or "\r" in cell
    ]
    if not spanning:
        return
    values = {key: {row[key] for row in rows} - {""} for key in keys}
    numeric = [key for key in range(len(rows[0])) if all(map(_is_number, {row[key] for row in rows} - {""}))]
    for line, cell in spanning:
        for inner in cell.splitlines()[1:]:
            parts = [part.strip() for part in inner.split(separator)]
            if len(parts) == len(rows[0]) and (
                any(parts[key] in values[key] for key in keys) or any(_is_number(parts[key]) for key in numeric)
            ):
                raise misquoted(path, line, f"a cell encloses the row {cut(inner)!r}")


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _irregular(path: Path, line: int, row: Sequence[str], header: Sequence[str]) -> CorpusError:
    more = len(row) > len(header)
    remedy = 'put texts that contain a separator in "quotes"' if more else "complete the row, or copy the table again"
    why = f"line {line} has {number_of(len(row), 'cell')}, the header {len(header)}"
    return CorpusError(f"table {path} is irregular", why, remedy, code="table-irregular")


def cut(text: str) -> str:
    """A text as part of a message, however long it is."""
    return text if len(text) <= 200 else f"{text[:200]}…"
