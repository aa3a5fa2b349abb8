"""Cells of a table arrive as they are written, and what is damaged, hostile or no table is refused with its line."""

from __future__ import annotations

import csv
import gzip
import random
from pathlib import Path

import pytest
from corpora import names_all, refusal, write

from probing.corpus.readers.tables import cells, separated
from probing.corpus.readers.tables.cells import Cells, read_cells
from probing.errors import CorpusError

HEADER = "id,partition,speaker,arousal,text"
ROWS = ("u1,train,a,0.1,one", "u2,train,a,0.2,two", "u3,train,b,0.3,three", "u4,train,b,0.4,four", "u5,dev,c,0.5,five")


def opened(table: Path) -> Cells:
    """The cells of a table with an id and a partition."""
    return read_cells(table, known=("id", "partition", "speaker", "text"), needed=("id", "partition"))


def refused(table: Path, code: str, *facts: str) -> None:
    """A table is refused with this code, by its name and with these facts."""
    assert names_all(refusal(CorpusError, code, opened, table), table.name, *facts)


def test_cells_are_read_as_text_without_the_spaces_around_them(tmp_path):
    """Numbers keep their spelling; a column without a name is left out; one that is not there is blank throughout."""
    found = read_cells(write(tmp_path / "t.csv", ",ID, Note", "0, 007 ,1e3"), known=("id",), needed=("id",))
    assert found.columns == {"id": ["007"], "Note": ["1e3"]}
    assert (len(found), found.lines, found.column("text"), "text" in found) == (1, [2], [""], False)


@pytest.mark.parametrize(
    ("end", "quoting"), [("\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_MINIMAL), ("\r", csv.QUOTE_ALL)]
)
def test_any_text_that_the_standard_library_writes_is_read_back(tmp_path, end, quoting):
    """Quotes, separators and line breaks in texts, with the lines on which rows begin as an editor counts them."""
    draw = random.Random(0)
    texts = ["".join(draw.choices('ab,;"\n\t ', k=12)).strip() for _ in range(200)]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator=end, quoting=quoting)
        writer.writerow(["id", "partition", "text"])
        writer.writerows([f"u{n}", "train", text] for n, text in enumerate(texts))
    found = opened(tmp_path / "t.csv")
    assert found.column("text") == texts
    lines = (tmp_path / "t.csv").read_text().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert all(lines[line - 1].strip('"').startswith(f"u{n}") for n, line in enumerate(found.lines))


@pytest.mark.parametrize(
    ("rows", "facts"),
    [
        pytest.param(
            {1: 'u2,train,a,0.2,"two', 3: 'u4,train,b,0.4,"four'}, ["line 3", "closing quote"], id="opened twice"
        ),
        pytest.param({1: 'u2,train,a,0.2,"two', 3: 'u4,train,b,0.4,four"'}, ["line 3", "u3,train"], id="around rows"),
        pytest.param({3: 'u4,train,b,0.4,"four', 4: 'u5,dev,c,0.5,five"'}, ["line 5", "u5,dev"], id="around one"),
        pytest.param({1: 'u2,train,a,0.2,"two'}, ["line 3", "not closed"], id="never closed"),
        pytest.param({1: 'u2,train,a,0.2,"two" men'}, ["line 3", "closing quote"], id="around a word"),
        pytest.param({1: "u2,train,a,0.2," + "x " * 70_000}, ["line 3", "131,072"], id="a cell without end"),
    ],
)
def test_misplaced_quotes_swallow_no_row(tmp_path, rows, facts):
    """Each is named with the line on which its row begins."""
    lines = [rows.get(n, row) for n, row in enumerate(ROWS)]
    refused(write(tmp_path / "t.csv", HEADER, *lines), "table-quotes", *facts)


def test_a_text_of_several_lines_is_no_swallowed_row(tmp_path):
    """Even where a line of it has as many commas as the table; quotes within a cell are letters."""
    said = "he said:\nwell, no, no, no, no\nbye"
    found = opened(write(tmp_path / "t.csv", HEADER, *ROWS, f'u6,train,c,0.6,"{said}"', 'u7,train,c,0.7,5" long'))
    assert found.column("text")[-2:] == [said, '5" long']


@pytest.mark.parametrize(
    ("row", "facts"),
    [
        ("u6,train,c,0.5", ["line 7", "4 cells", "header 5", "complete"]),
        ("u6,train,c,0.5,well, no", ["line 7", "6 cells", "header 5", "quotes"]),
        ("u6", ["line 7", "1 cell", "header 5"]),
    ],
)
def test_a_row_has_as_many_cells_as_the_header(tmp_path, row, facts):
    """A shorter one is what a cut file ends in."""
    refused(write(tmp_path / "t.csv", HEADER, *ROWS, row), "table-irregular", *facts)


@pytest.mark.parametrize(
    ("content", "code", "facts"),
    [
        pytest.param("\n".join([HEADER, *ROWS]).encode("utf-16"), "table-encoding", ["UTF-16"], id="UTF-16"),
        pytest.param(f"{HEADER}\n{ROWS[0]}".encode("utf-16-le"), "control-character", ["line 1"], id="without mark"),
        pytest.param(
            f"{HEADER}\n{ROWS[0]} f\xfcr".encode("latin-1"), "table-encoding", ["line 2", "'ü'"], id="Latin-1"
        ),
        pytest.param(gzip.compress(HEADER.encode()), "table-encoding", ["compressed"], id="gzip"),
        pytest.param(b"PK\x03\x04" + bytes(40), "table-encoding", ["Excel"], id="a workbook"),
        pytest.param(
            f"{HEADER}\nu\0x,train,a,0.1,one\n".encode(), "control-character", ["line 2", "NUL"], id="NUL in an id"
        ),
        pytest.param(f"{HEADER}\nu1,train,a,0.1,o\0e\n".encode(), "control-character", ["line 2"], id="NUL in a text"),
        pytest.param(
            f"{HEADER}\nu\x1b[2J,train,a,0.1,one\n".encode(), "control-character", ["line 2", "id"], id="escape"
        ),
        pytest.param(f'{HEADER}\n"u\n1",train,a,0.1,one\n'.encode(), "control-character", ["line 2", "id"], id="break"),
        pytest.param(f"{HEADER}\nu1,train,a\x85b,0.1,one\n".encode(), "control-character", ["speaker"], id="speaker"),
        pytest.param(f"{HEADER},x\x07\nu1,train,a,0.1,one,y\n".encode(), "control-character", ["line 1"], id="column"),
        pytest.param(
            f"{HEADER}\n{'u' * 5_000},train,a,0.1,one\n".encode(), "cell-long", ["line 2", "id"], id="long id"
        ),
        pytest.param(b"", "table-empty", [], id="nothing"),
        pytest.param(b"\xef\xbb\xbf\n \n", "table-empty", [], id="blank lines"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, content, code, facts):
    """With what it is instead, or the line."""
    (tmp_path / "t.csv").write_bytes(content)
    refused(tmp_path / "t.csv", code, *facts)


@pytest.mark.parametrize(
    ("module", "bound", "most"),
    [
        (cells, "MOST_CELLS", 20),
        (cells, "MOST_COLUMNS", 4),
        (separated, "MOST_BYTES", 60),
        (separated, "LONGEST_LINE", 20),
    ],
)
def test_what_a_table_may_take_of_memory_is_bounded(tmp_path, monkeypatch, module, bound, most):
    """Each bound for itself, while the table is read."""
    table = write(tmp_path / "t.csv", HEADER, *ROWS)
    assert len(opened(table)) == 5
    monkeypatch.setattr(module, bound, most)
    refused(table, "table-large")
