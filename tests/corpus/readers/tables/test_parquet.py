"""Tables of Parquet, written by Apache's own library, are the corpora that they are in CSV."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from corpora import names_all, refusal

from probing.corpus.opening import open_corpus
from probing.corpus.readers.tables import parquet
from probing.errors import CorpusError


def saved(path, /, **columns):
    """A Parquet file of columns."""
    pq.write_table(pa.table(columns), path)
    return path


def test_values_of_every_kind_arrive_as_they_are(tmp_path):
    """Floats with the digits that they need, missing ones blank; lists, structures and bytes are not used."""
    table = saved(
        tmp_path / "t.parquet",
        id=["u1", "u2"],
        arousal=pa.array([0.1, None], pa.float32()),
        valence=pa.array([0.1, np.nan]),
        dominance=pa.array([1, 0], pa.int8()),
        emotion=pa.array(["joy", None]).dictionary_encode(),
        mine=[True, False],
        words=[["a"], []],
        audio=[{"path": "a.wav"}, {"path": "b.wav"}],
        raw=[b"\xff", b""],
    )
    found = parquet.read(table)
    assert found.columns == {
        "id": ["u1", "u2"],
        "arousal": ["0.1", ""],
        "valence": ["0.1", ""],
        "dominance": ["1", "0"],
        "emotion": ["joy", ""],
        "mine": ["true", "false"],
    }
    assert list(found.unused) == ["words", "audio", "raw"]
    corpus = open_corpus(str(table))
    assert dict(corpus.utterances[0].labels) == {"arousal": 0.1, "valence": 0.1, "dominance": 1.0}
    assert set(corpus.unused) >= {"words", "audio", "raw"}


def test_a_row_is_named_where_something_is_wrong(tmp_path):
    """There are no lines in Parquet."""
    table = saved(tmp_path / "t.parquet", id=["a", "b"], path=["a.wav", "b.wav"], arousal=["0.5", "loud"])
    assert names_all(refusal(CorpusError, "not-a-number", open_corpus, str(table)), "row 2", "'loud'")


def test_damage_is_named(tmp_path):
    """A file cut short, one of another kind, and one with bytes changed never end in a traceback."""
    table = saved(tmp_path / "t.parquet", id=[f"u{n}" for n in range(500)], arousal=np.linspace(0, 1, 500))
    whole = table.read_bytes()
    for content in (b"", whole[:100], whole[:-1], b"PAR1" + bytes(100), b"id,path\nu,a"):
        table.write_bytes(content)
        refusal(CorpusError, "table-parquet", open_corpus, str(table))
    table.unlink()
    refusal(CorpusError, "table-missing", open_corpus, str(table))


def test_memory_is_bounded_before_anything_is_decoded(tmp_path, monkeypatch):
    """By what the file promises."""
    table = saved(tmp_path / "t.parquet", id=["a", "b"], arousal=[0.5, 0.1])
    assert len(open_corpus(str(table))) == 2
    monkeypatch.setattr(parquet, "MOST_CELLS", 3)
    assert names_all(refusal(CorpusError, "table-large", open_corpus, str(table)), "2 rows")
    refusal(CorpusError, "table-empty", parquet.read, saved(tmp_path / "e.parquet", id=pa.array([], pa.string())))


def test_a_text_that_all_rows_share_is_kept_once(tmp_path):
    """A file of a few kilobytes can promise terabytes of text."""
    said = pa.DictionaryArray.from_arrays(pa.array([0, None] * 500, pa.int32()), ["x" * 10_000])
    found = parquet.read(saved(tmp_path / "t.parquet", id=[str(n) for n in range(1000)], text=said))
    assert found.columns["text"] == ["x" * 10_000, ""] * 500
    assert len({id(text) for text in found.columns["text"]}) == 2


def test_without_the_library_it_is_said_what_to_install(tmp_path, monkeypatch):
    """By the extra that brings it."""
    table = saved(tmp_path / "t.parquet", id=["a"])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert names_all(refusal(CorpusError, "extra-missing", open_corpus, str(table)), "pip install 'probing[parquet]'")
