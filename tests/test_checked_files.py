"""Our own files are read whole or refused, whatever they hold and whatever their headers promise."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from corpora import refusal
from safetensors.numpy import save_file

from probing.errors import ProbingError
from probing.files import read_json, sealed
from probing.files.checked_csv import read_table
from probing.files.checked_json import parsed
from probing.files.checked_lines import line_of, value_of
from probing.files.checked_tensors import read_tensors
from probing.files.reading import bounded_bytes

TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "none": np.zeros((0, 3), np.float32)}


# Bytes


def test_no_more_bytes_are_read_than_a_file_may_have(tmp_path: Path) -> None:
    """However many its size promises; a sparse file takes no space."""
    (tmp_path / "x").write_bytes(b"12345")
    assert bounded_bytes(tmp_path / "x", 5) == b"12345"
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10**12)
    for path in (tmp_path / "x", tmp_path / "large"):
        with pytest.raises(ValueError, match="more than"):
            bounded_bytes(path, 4)


def test_a_pipe_and_a_device_are_no_files(tmp_path: Path) -> None:
    """The one would be waited for, the other has no end."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    for name in ("pipe", "zeros"):
        refusal(ProbingError, "damaged", read_json, tmp_path / name, "-")
        for read in (lambda path: read_table(path, ()), read_tensors):
            with pytest.raises(ValueError, match="no file"):
                read(tmp_path / name)


# JSON


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a": ' + "1" * 50 + "}",
        '{"a": ' + "1" * 5000 + "}",
        '{"a": "\\u0000"}',
        '{"\\u0000": 1}',
        '{"a": "\\ud800"}',
        '{"a": ["\\udfff"]}',
        '{"a": ' + "[" * 51 + "]" * 51 + "}",
        "[" + "0," * 4_000_001 + "0]",
    ],
    ids=lambda text: text[:20],
)
def test_json_that_nothing_of_ours_has_is_refused(text: str) -> None:
    """Twice the same name, too large, no text, too deep, too many."""
    with pytest.raises(ValueError, match=r".+"):
        parsed(text)


def test_json_of_ours_and_of_transformers_is_read() -> None:
    """A bound that stands for none, a file name that is not UTF-8, and lists in one another."""
    content = {"length": 10**30, "name": "caf\udce9", "deep": [[[[{"a": None}]]]], "empty": {}}
    assert parsed(json.dumps(content)) == content


def test_a_digest_of_itself_covers_all_other_fields() -> None:
    """Whatever their order, and whatever digest was there."""
    content = sealed({"a": 1, "b": [2.5, None]}, "seal")
    assert sealed({"seal": "old", "b": [2.5, None], "a": 1}, "seal") == content
    assert sealed({"a": 1, "b": [2.5, 0]}, "seal")["seal"] != content["seal"]


# Lines


@pytest.mark.parametrize("value", [["u1", "größer\n"], {"a": 1}, None, "caf\udce9"])
def test_a_line_gives_its_value_back_or_is_refused(value: object) -> None:
    """Cut anywhere, or with one bit flipped, it is not read as another."""
    line = line_of(value).encode("ascii")
    assert line.count(b"\n") == 1 and value_of(line) == value
    others = [line[:end] for end in range(len(line) - 1)]
    others += [bytes([*line[:at], line[at] ^ 1, *line[at + 1 :]]) for at in range(len(line) - 1)]
    for other in others:
        try:
            assert value_of(other) == value  # another blank
        except ValueError:
            continue


# Tables


def test_a_table_is_read_with_only_blanks_missing(tmp_path: Path) -> None:
    """Texts that pandas takes for missing are texts."""
    (tmp_path / "x.csv").write_text("id,said,n\nNA,,1\nnull,x,\n")
    assert read_table(tmp_path / "x.csv", ("id", "said")).isna().to_numpy().tolist() == [[0, 1, 0], [0, 0, 1]]
    assert read_table(tmp_path / "x.csv", ("id", "said"), blank=("n",)).said.tolist() == ["", "x"]


@pytest.mark.parametrize("text", ["", "\0" * 9, "a,b\n1,2,3\n", 'a,b\n"1,2\n', "," * 20_000 + "\n", "x" * 5_000_000])
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    """Empty, of zeros, with rows too long, cut in a text, or with a header that has no end."""
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(ValueError, match=r".+"):
        read_table(tmp_path / "x.csv", ())


def test_a_table_with_more_cells_than_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before pandas reads it."""
    monkeypatch.setattr("probing.files.checked_csv._MOST_CELLS", 5)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(ValueError, match="cells"):
        read_table(tmp_path / "x.csv", ())


# Tensors


def test_tensors_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Also one without rows, and what the file says of them."""
    save_file(TENSORS, tmp_path / "x", metadata={"said": "yes"})
    found, metadata = read_tensors(tmp_path / "x")
    assert metadata == {"said": "yes"} and found.keys() == TENSORS.keys()
    assert all(np.array_equal(found[name], tensor) for name, tensor in TENSORS.items())


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_refused(tmp_path: Path, wrong: float) -> None:
    """One of them is enough."""
    tensor = TENSORS["a"].copy()
    tensor[1, 1] = wrong
    save_file({"a": tensor}, tmp_path / "x")
    with pytest.raises(ValueError, match="NaN or infinite"):
        read_tensors(tmp_path / "x")


def test_damaged_tensors_are_refused(tmp_path: Path) -> None:
    """Cut anywhere, of other numbers, with a header of any length, or with sizes that the file cannot hold."""
    path = tmp_path / "x"
    save_file(TENSORS, path)
    raw = path.read_bytes()
    head = raw[8 : 8 + int.from_bytes(raw[:8], "little")]
    wrong = [raw[:end] for end in range(0, len(raw), 7)]
    wrong += [length.to_bytes(8, "little") + raw[8:] for length in (0, 1, 10**8, 2**63, 2**64 - 1)]
    wrong += [
        len(other).to_bytes(8, "little") + other + raw[8 + len(head) :]
        for other in (head.replace(b"[0,3]", b"[0,1000000000000]"), head.replace(b"F32", b"I32"), b"[" * 1000, b"{}")
    ]
    for other in wrong:
        path.write_bytes(other)
        with pytest.raises(ValueError, match=r".+"):
            read_tensors(path)
