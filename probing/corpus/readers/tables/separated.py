"""The records of a text file whose cells are separated by commas, semicolons or tabs; what is no such text is refused.

Quotes are read strictly, and everything that memory depends on is bounded while it is read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from probing.errors import CorpusError, number_of
from probing.files.quantities import size

SEPARATORS = {".csv": ",", ".tsv": "\t"}
MOST_BYTES = 1 << 28  # of text in memory, where a character of a line that is not ASCII may take four
LONGEST_LINE = 1 << 24  # characters
_UNDECODED = re.compile("[\udc80-\udcff]")  # bytes that are not UTF-8, as Python's "surrogateescape" reads them
_MARK = b"\xef\xbb\xbf"  # the byte order mark of UTF-8
_SAID = re.compile(rb"sep=([,;\t])", re.IGNORECASE)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_OTHER_FORMATS = {b"PK": "a ZIP archive or an Excel workbook", b"\x1f\x8b": "compressed", b"PAR1": "a Parquet file"}


def separator_of(path: Path) -> str:
    """What separates cells: the mark that the header has most of outside quotes, whatever the ending says.

    A line `sep=;` before the header, by which Excel is told, says it.
    """
    with path.open("rb") as file:
        begin = file.read(1 << 16)
    if begin.startswith(_UTF_16):
        raise _encoding(path, "it is UTF-16")
    if kind := next((kind for mark, kind in _OTHER_FORMATS.items() if begin.startswith(mark)), ""):
        raise _encoding(path, f"it is {kind}, no text")
    usual = SEPARATORS.get(path.suffix.lower(), ",")
    header = next((line for line in re.split(rb"[\r\n]", begin.removeprefix(_MARK)) if line.strip()), b"")
    if said := _SAID.fullmatch(header):
        return said[1].decode()
    unquoted = re.sub(rb'"[^"]*"', b"", header)
    present = {mark: unquoted.count(mark.encode()) for mark in (usual, *",;\t")}
    return max(present, key=present.__getitem__)  # the usual one where two are level


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    """The lines of a table with their ends; bytes that are no text are refused."""
    held = 0
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), start=1):
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
        if len(line) == LONGEST_LINE or held > MOST_BYTES:
            raise too_large(path, f"{number_of(number, 'line')} of it take {size(held)} of memory")
        yield line


def records_of(file: TextIO, path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record begins, from 1, and its cells; blank lines are passed over, and a line `sep=;`."""
    reader = csv.reader(_lines(file, path), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise misquoted(path, line, str(error)) from error
        if record is None:
            return
        said = line == 1 and len(record) == 2 and (record[0].lower(), record[1]) == ("sep=", "")
        if not said and (len(record) > 1 or "".join(record).strip()):
            yield line, record


def misquoted(path: Path, line: int, why: str) -> CorpusError:
    """What to raise where quotes are misplaced, or a cell has no end."""
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


def too_large(path: Path, why: str) -> CorpusError:
    """What to raise where a table does not fit into memory."""
    return CorpusError(
        f"table {path} is too large", why, "leave out the columns that are not needed", code="table-large"
    )
