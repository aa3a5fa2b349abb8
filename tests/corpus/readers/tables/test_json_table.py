"""Tables of JSON in every form that programs write, and what is no table of JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from corpora import names_all, refusal, write

from probing.corpus.opening import open_corpus
from probing.corpus.readers.tables import json_table
from probing.errors import CorpusError

TABLE = pd.DataFrame(
    {
        "id": ["u1", "u2", "u3", "u4"],
        "path": ["a.wav", "b.wav", "c.wav", None],
        "emotion": ["joy", "anger", "joy", "anger"],
        "arousal": [0.1, 0.25, None, 1],
        "text": ["well, no", "", 'she said "no"', "ü\nü"],
    }
)


def csv(table: pd.DataFrame, folder: Path) -> Path:
    """The same table in CSV."""
    table.to_csv(folder / "same.csv", index=False)
    return folder / "same.csv"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("t.json", {"orient": "records"}),
        ("t.json", {"orient": "columns"}),
        ("t.json", {"orient": "table", "index": False}),
        ("t.jsonl", {"orient": "records", "lines": True}),
        ("T.NDJSON", {"orient": "records", "lines": True, "force_ascii": False}),
    ],
)
def test_whatever_pandas_writes_is_the_same_corpus(tmp_path, name, form):
    """As the same table in CSV."""
    TABLE.to_json(tmp_path / name, **form)
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    corpus = open_corpus(str(tmp_path / name))
    assert corpus.utterances == open_corpus(str(tmp_path / "t.csv")).utterances
    assert [u.labels.get("arousal") for u in corpus.utterances] == [0.1, 0.25, None, 1]
    assert corpus.categories == ("emotion",)


def test_a_list_for_each_column_and_an_object_for_each_utterance(tmp_path):
    """The names of the objects are the ids, or whatever they are said to be."""
    lists = write(tmp_path / "lists.json", '{"id": ["a", "b"], "text": ["x", null], "arousal": [0, 1.50]}')
    found = json_table.read(lists)
    assert found.columns == {"id": ["a", "b"], "text": ["x", ""], "arousal": ["0", "1.50"]}
    named = write(tmp_path / "named.json", json.dumps({"a": {"EmoAct": 1, "mine": True}, "b": {"EmoAct": 2}}))
    assert json_table.read(named, "FileName").columns == {
        "FileName": ["a", "b"],
        "EmoAct": ["1", "2"],
        "mine": ["true", ""],
    }


def test_an_index_is_the_ids_where_there_are_no_others(tmp_path):
    """Of names, as `set_index` makes it, or of numbers that do not count the rows; the other columns are the same."""
    TABLE.set_index("id").to_json(tmp_path / "t.json")
    assert open_corpus(str(tmp_path / "t.json")).utterances == open_corpus(str(csv(TABLE, tmp_path))).utterances
    some = TABLE.iloc[[1, 2]]
    some.to_json(tmp_path / "some.json")
    assert open_corpus(str(tmp_path / "some.json")).utterances == open_corpus(str(csv(some, tmp_path))).utterances
    some.drop(columns="id").to_json(tmp_path / "some.json")
    assert [(u.id, u.path.name) for u in open_corpus(str(tmp_path / "some.json")).utterances] == [
        ("1", "b.wav"),
        ("2", "c.wav"),
    ]
    numbered = TABLE.assign(id=[1001, 1002, 1003, 1004]).drop(columns="path")
    numbered.set_index("id").to_json(tmp_path / "numbered.json")
    assert [u.id for u in open_corpus(str(tmp_path / "numbered.json")).utterances] == ["1001", "1002", "1003", "1004"]
    numbered.set_index("id").to_json(tmp_path / "rows.json", orient="index")
    assert [u.id for u in open_corpus(str(tmp_path / "rows.json")).utterances] == ["1001", "1002", "1003", "1004"]


@pytest.mark.parametrize("form", ["records", "dict", "list", "index"])
def test_a_table_for_each_partition(tmp_path, form):
    """In any of the forms; lists that are called otherwise are named."""
    parts = {"train": TABLE.iloc[:3], "Test": TABLE.iloc[3:]}
    said = {name: of.set_index("id") if form == "index" else of for name, of in parts.items()}
    shaped = {name: of.to_dict(orient=form) for name, of in said.items()}
    (tmp_path / "t.json").write_text(json.dumps(shaped).replace("NaN", "null"))
    found = open_corpus(str(tmp_path / "t.json"))
    expected = TABLE.assign(partition=["train"] * 3 + ["test"])
    assert found.utterances == open_corpus(str(csv(expected, tmp_path))).utterances
    other = write(tmp_path / "other.json", json.dumps({"images": [{"a": 1}], "annotations": [{"b": 2}]}))
    assert names_all(refusal(CorpusError, "table-json", open_corpus, str(other)), "images, annotations")


def test_lists_and_objects_are_no_cells(tmp_path):
    """Their column is not used; a row without a column has a blank cell; lines are counted."""
    table = write(tmp_path / "t.jsonl", '{"id": "a", "words": ["x"]}', "", '{"id": "b", "arousal": "hi", "text": "x"}')
    found = json_table.read(table)
    assert (found.columns["text"], found.lines, found.counted) == (["", "x"], [1, 3], "line")
    assert list(found.unused) == ["words"]
    assert names_all(refusal(CorpusError, "not-a-number", open_corpus, str(table)), "line 3", "'hi'")


@pytest.mark.parametrize(
    ("name", "content", "code", "facts"),
    [
        pytest.param("t.json", b"[]", "table-json", [], id="an empty list"),
        pytest.param("t.json", b"", "table-json", [], id="nothing"),
        pytest.param("t.jsonl", b"\n\n", "table-empty", [], id="no line"),
        pytest.param("t.json", b"[1, 2]", "table-json", ["list of objects"], id="a list of numbers"),
        pytest.param("t.json", b'{"id": ["a"], "text": []}', "table-json", ["column text has 0", "id 1"], id="lengths"),
        pytest.param("t.json", b'{"id": {"0": "a"}, "text": {"1": "b"}}', "table-json", ["rows"], id="other rows"),
        pytest.param("t.json", b'[{"id": "a", "id": "b"}]', "table-json", ["two values named id"], id="a name twice"),
        pytest.param("t.json", b"[" * 100_000, "table-json", ["without end"], id="nested without end"),
        pytest.param("t.json", b'{"train":' * 300 + b"[]" + b"}" * 300, "nothing-to-read", [], id="nested partitions"),
        pytest.param("t.json", b'{"train": [], "dev": []}', "table-empty", [], id="empty partitions"),
        pytest.param("t.json", b'[{"id": "\xff"}]', "table-json", ["UTF-8"], id="no UTF-8"),
        pytest.param("t.jsonl", b'{"id": "a"}\n{"id": "\xff"}', "table-json", ["line 2", "UTF-8"], id="a line"),
        pytest.param("t.jsonl", b'{"id": "a"}\n{"id": "b"', "table-json", ["line 2"], id="cut"),
        pytest.param("t.jsonl", b'{"id": "a"}\n["b"]', "table-json", ["line 2", "no object"], id="a list in a line"),
        pytest.param("t.json", b'[{"id": "a\\u0000", "text": ""}]', "control-character", ["row 1"], id="NUL in an id"),
        pytest.param("t.json", b'[{"id\\n": "a"}]', "control-character", ["name of a column"], id="a column's name"),
    ],
)
def test_what_is_no_table_says_so(tmp_path, name, content, code, facts):
    """With the line, or what is wrong."""
    (tmp_path / name).write_bytes(content)
    assert names_all(refusal(CorpusError, code, open_corpus, str(tmp_path / name)), name, *facts)


def test_memory_is_bounded(tmp_path, monkeypatch):
    """Before the file is parsed, and line by line."""
    monkeypatch.setattr(json_table, "MOST_BYTES", 100)
    for name in ("t.json", "t.jsonl"):
        table = write(tmp_path / name, *['{"id": "a"}'] * 20)
        refusal(CorpusError, "table-large", open_corpus, str(table))
    monkeypatch.undo()
    monkeypatch.setattr(json_table, "MOST_CELLS", 15)
    rows = [f'{{"column {n}": 1}}' for n in range(4)]  # few values, but a table of four columns and rows
    for name, lines in (("a.json", ["[", *["{},"] * 20, "{}]"]), ("b.jsonl", ["{}"] * 20), ("c.jsonl", rows)):
        assert names_all(
            refusal(CorpusError, "table-large", open_corpus, str(write(tmp_path / name, *lines))),
            "4 columns" if name == "c.jsonl" else "values",
        )
