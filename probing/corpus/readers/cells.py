"""Read the cells of a table as they are written; what is no table, or one that is damaged, is refused with its line.

A table may be anybody's, and damaged: a quote that is never closed swallows rows, a cut file ends in a row that is too
short, and a program that was given another format writes bytes that are no text. So quotes are read strictly, every
row must have as many cells as the header, and everything that memory depends on is bounded while it is read.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from probing.corpus.readers.columns import demand_columns
from probing.errors import CorpusError, first_names, number_of
from probing.files.cells import from_text
from probing.files.quantities import size

SEPARATORS = {".csv": ",", ".tsv": "\t"}
_MOST_CELLS = 10_000_000  # some 100 bytes each; 400,000 utterances with 25 columns
_MOST_COLUMNS = 10_000
_MOST_BYTES = 1 << 28  # of text in memory, where a character of a line that is not ASCII may take four
_LONGEST_NAME = 4_096  # characters; of a path, which is longer than ids and speakers are
_LONGEST_LINE = 1 << 24  # characters
_UNDECODED = re.compile("[\udc80-\udcff]")  # bytes that are not UTF-8, as Python's "surrogateescape" reads them
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_OTHER_FORMATS = {b"PK": "a ZIP archive or an Excel workbook", b"\x1f\x8b": "compressed", b"PAR1": "a Parquet file"}


@dataclass(frozen=True)
class Cells:
    """A table's cells: text without spaces around it, an empty string where the cell is blank.

    Args:
        path: Its file.
        columns: Column → its cells; columns without a name are left out.
        lines: The line of the file on which each row begins, or the number of the row where a file has no lines.
        decimal: The decimal mark of its numbers; a comma where semicolons separate the cells.
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
        path: CSV or TSV file in UTF-8, with or without a byte order mark. A `.csv` whose header has semicolons and no
            comma is read as such programs write it that have a decimal comma.
        known: Column names to be recognised whatever their case; other columns keep their spelling.
        needed: Those of them that must be there.

    Raises:
        CorpusError: The table is missing (code `table-missing`), empty (`table-empty`), not UTF-8 or no text at all
            (`table-encoding`), larger than memory allows (`table-large`), has rows of other lengths than the header
            (`table-irregular`), misplaced quotes or a cell without end (`table-quotes`), control characters where none
            can be meant (`control-character`), or names without end (`cell-long`); it lacks a needed column
            (`column-missing`) or has one twice (`column-repeated`).
    """
    if not path.is_file():
        special = "it is a folder" if path.is_dir() else "it is a pipe or a device"
        why = special if path.exists() else "there is no such file"
        remedy = "give the path of a table, for example data/corpus.csv"
        raise CorpusError(f"table {path}", why, remedy, code="table-missing")
    separator = _separator(path)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        records = _records(file, path, separator)
        header = _header(records, known, path)
        demand_columns(header, needed, path)
        lines, rows = _rows(records, header, path)
    found = {}
    for name, column in zip(header, zip(*rows, strict=True), strict=True):
        shared: dict[str, str] = {}  # most columns repeat few values: each is kept once
        found[name] = [shared.setdefault(cell, cell) for cell in column]
    found.pop("", None)  # a column without a name is pandas's own row number
    read = Cells(path, found, lines, "." if separator == "," else ",")
    named = [name for name in known if name in found and name != "text"]
    for name in named:
        read.demand_printable(name)
    _demand_no_row_inside(path, separator, lines, rows, [header.index(name) for name in named])
    return read


def _header(records: Iterator[tuple[int, list[str]]], known: Sequence[str], path: Path) -> list[str]:
    """The names of the columns, those that are known as we spell them."""
    line, first = next(records, (1, []))
    if not first:
        remedy = f"write a header {','.join(known)} and a row for each utterance"
        raise CorpusError(f"table {path} is empty", "", remedy, code="table-empty")
    if len(first) > _MOST_COLUMNS:
        raise _too_large(path, f"it has more than {_MOST_COLUMNS:,} columns")
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
        if len(rows) * len(header) > _MOST_CELLS:
            raise _too_large(path, f"it has more than {_MOST_CELLS:,} cells")
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


def _separator(path: Path) -> str:
    """What separates cells: as the ending says, or semicolons where the header has them and no comma."""
    with path.open("rb") as file:
        begin = file.read(4)
        header = begin + file.readline(1 << 16)
    if begin.startswith(_UTF_16):
        raise _encoding(path, "it is UTF-16")
    if kind := next((kind for mark, kind in _OTHER_FORMATS.items() if begin.startswith(mark)), ""):
        raise _encoding(path, f"it is {kind}, no text")
    usual = SEPARATORS.get(path.suffix.lower(), ",")
    return ";" if usual == "," and b"," not in header and b";" in header else usual


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    """The lines of a table with their ends; bytes that are no text are refused."""
    held = 0
    for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), ""), start=1):
        if "\0" in line:
            raise CorpusError(
                f"table {path}, line {number}",
                "it has a NUL byte, which no text has",
                "copy the table again, or save it again with encoding UTF-8",
                code="control-character",
            )
        if not line.isascii() and (wrong := _UNDECODED.search(line)):
            byte = bytes([ord(wrong[0]) & 0xFF])
            raise _encoding(path, f"line {number} has the byte 0x{byte.hex()}, {byte.decode('latin-1')!r} in Latin-1")
        held += len(line) if line.isascii() else 4 * len(line)
        if len(line) == _LONGEST_LINE or held > _MOST_BYTES:
            raise _too_large(path, f"{number_of(number, 'line')} of it take {size(held)} of memory")
        yield line


def _records(file: TextIO, path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record begins, from 1, and its cells; blank lines are passed over."""
    reader = csv.reader(_lines(file, path), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise _quotes(path, line, str(error)) from error
        if record is None:
            return
        if len(record) > 1 or "".join(record).strip():
            yield line, record


def _demand_printable(cells: Sequence[str], lines: Sequence[int], path: Path, what: str, counted: str = "line") -> None:
    """Raise a CorpusError where a name has line breaks or other control characters, or no end."""
    if not (_CONTROL.search("".join(cells)) or max(map(len, cells)) > _LONGEST_NAME):
        return
    for cell, line in zip(cells, lines, strict=True):
        where = f"table {path}, {counted} {line}, {what}"
        if _CONTROL.search(cell):
            why = f"{cut(repr(cell))} has a line break or another control character"
            raise CorpusError(where, why, "remove it", code="control-character")
        if len(cell) > _LONGEST_NAME:
            why = f"{cut(repr(cell))} has more than {_LONGEST_NAME:,} characters"
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
                raise _quotes(path, line, f"a cell encloses the row {cut(inner)!r}")


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


def _quotes(path: Path, line: int, why: str) -> CorpusError:
    known = {
        "unexpected end of data": "its quotes are not closed before the table ends",
        "field larger": f"a cell has more than {csv.field_size_limit():,} characters: are its quotes closed?",
        "expected after": "text follows the closing quote of a cell",
    }
    said = next((ours for theirs, ours in known.items() if theirs in why), why)
    return CorpusError(
        f"table {path}, in the row that begins on line {line}",
        said,
        'quotes enclose a whole cell, and one inside it is doubled: "he said ""no"""; remove the others',
        code="table-quotes",
    )


def _encoding(path: Path, why: str) -> CorpusError:
    return CorpusError(
        f"table {path} is not UTF-8", why, "save it again as CSV with encoding UTF-8", code="table-encoding"
    )


def _too_large(path: Path, why: str) -> CorpusError:
    return CorpusError(
        f"table {path} is too large", why, "leave out the columns that are not needed", code="table-large"
    )


def cut(text: str) -> str:
    """A text as part of a message, however long it is."""
    return text if len(text) <= 200 else f"{text[:200]}…"
