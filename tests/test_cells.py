"""No cell of a table that we write is a formula to a spreadsheet, and every table is read back as it was."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from corpora import write

from probing.corpus.readers.tables.cells import read_cells
from probing.files.cells import to_csv
from probing.files.checked_csv import read_table
from probing.files.formulas import as_text, from_text

FORMULAS = [
    "=1+1",
    "=cmd|'/C calc'!A0",
    "@SUM(1)",
    "+cmd|x",
    "-2+3+cmd|' /C calc'!D2",
    "＝1",
    "'=1",
    "''@x",
    '=HYPERLINK("h")',
]
PLAIN = [
    "-1",
    "+1",
    "-3g5yACwYnA",
    "'cause",
    "",
    "a=b",
    "x@y",
    "(=1)",
    "- well",
    "\U0001f600",
    "a\nb",
    'q"',
    "NA",
    "null",
]


def dangerous(cell: str) -> bool:
    """Whether a spreadsheet would compute something that can reach beyond the cell."""
    cell = cell.lstrip()
    return cell[:1] in set("=@＝＠") or (cell[:1] in set("+-＋－") and any(sign in cell for sign in "(|!"))


@pytest.mark.parametrize("text", FORMULAS + PLAIN)
def test_a_text_is_read_back_as_it_was(text: str) -> None:
    """What could do something is taken for text, and nothing else is changed."""
    assert from_text(as_text(text)) == text and not dangerous(as_text(text))
    assert (as_text(text) != text) == (text in FORMULAS)


def test_whatever_is_written_comes_back() -> None:
    """Also what begins with apostrophes and blanks."""
    rng = random.Random(0)
    for _ in range(3000):
        text = "".join(
            rng.choices(["'", "=", "@", "+", "-", "|", "(", "!", " ", "\t", "\n", "a", "1"], k=rng.randint(0, 6))
        )
        assert from_text(as_text(text)) == text and not dangerous(as_text(text))


def test_a_table_is_read_back_as_it_was(tmp_path: Path) -> None:
    """Names of columns too; numbers are written as before, whatever their sign."""
    texts = [*FORMULAS, *(text for text in PLAIN if text)]
    table = pd.DataFrame({"id": texts, "=d": np.linspace(-1, 1, len(texts)), "kind": pd.Categorical(texts)})
    to_csv(table, tmp_path / "t.csv", "%.3g")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert not any(map(dangerous, [*header, *(cell for row in rows for cell in (row[0], row[2]))]))
    assert [row[1] for row in rows] == [f"{value:.3g}" for value in table["=d"]]
    back = read_table(tmp_path / "t.csv", ("id", "kind"))
    assert list(back) == list(table) and back.id.tolist() == texts == back.kind.tolist()


def test_a_table_without_rows_or_columns_is_one() -> None:
    """Nothing is made up, and what is given is left as it is."""
    table = pd.DataFrame({"id": ["=1"]})
    to_csv(table, Path("/dev/null"))
    to_csv(table.iloc[:0], Path("/dev/null"))
    to_csv(pd.DataFrame(), Path("/dev/null"))
    assert table.id.tolist() == ["=1"]


def test_a_users_table_takes_an_apostrophe_as_spreadsheets_do(tmp_path: Path) -> None:
    """Transcripts that we wrote are a corpus's words again: ids and texts are what they were."""
    to_csv(pd.DataFrame({"id": ["=u1", "-u2"], "text": ["@you", "'cause"]}), tmp_path / "t.csv")
    cells = read_cells(tmp_path / "t.csv", ("id", "text"), ("id", "text"))
    assert cells.column("id") == ["=u1", "-u2"] and cells.column("text") == ["@you", "'cause"]
    own = read_cells(write(tmp_path / "own.csv", "id,text", "=u1,=x"), ("id", "text"), ("id", "text"))
    assert own.column("text") == ["=x"]


@pytest.mark.parametrize("form", ["%.7g", "%.10g", None])
def test_a_table_is_written_as_pandas_writes_it(tmp_path: Path, form: str | None) -> None:
    """Byte by byte: numbers of every size and sign, missing ones, whole ones, texts in quotes, more than a block."""
    rng, rows = np.random.default_rng(0), 5_000
    numbers = rng.normal(size=(rows, 3)) * 10.0 ** rng.integers(-30, 30, (rows, 3))
    numbers[:9, 0] = [0, -0.0, np.inf, -np.inf, 1e22, 123456.75, 9999999.5, 0.0001, 0.00001]
    texts = ["plain", "a,b", 'say "no"', "two\nlines", "", "ü", None]
    table = pd.DataFrame(
        {
            "a,b": [texts[place] for place in rng.integers(0, len(texts), rows)],
            "double": numbers[:, 0],
            "missing": np.where(rng.random(rows) < 0.001, np.nan, numbers[:, 1]),
            "single": numbers[:, 2].astype(np.float32 if form else np.float64),
            "layer": pd.array([None if one < 0 else one for one in rng.integers(-2, 9, rows)], "Int64"),
            "whole": rng.integers(-5, 5, rows),
            "held": rng.random(rows) < 0.5,
        }
    )
    to_csv(table, tmp_path / "ours.csv", form)
    table.to_csv(tmp_path / "theirs.csv", index=False, float_format=form)
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()
