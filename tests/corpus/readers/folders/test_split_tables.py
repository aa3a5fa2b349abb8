"""Folders with a table for each partition, as many corpora are handed on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probing.corpus.opening import open_corpus
from probing.errors import CorpusError


def test_the_names_of_tables_are_partitions(tmp_path: Path) -> None:
    """Of any format, with paths relative to the folder; another table beside them is none of theirs."""
    (tmp_path / "train.csv").write_text("id,path,arousal\na,wav/a.wav,0.5\nb,wav/b.wav,1\n")
    (tmp_path / "Val.tsv").write_text("id\tpath\tarousal\tspeaker\nc\twav/c.wav\t0\ts1\n")
    (tmp_path / "test.jsonl").write_text(json.dumps({"id": "d", "path": "wav/d.wav"}))
    (tmp_path / "lexicon.csv").write_text("word,phones\na,ah\n")
    corpus = open_corpus(str(tmp_path))
    assert {name: [u.id for u in of] for name, of in corpus.partitions.items()} == {
        "train": ["a", "b"],
        "development": ["c"],
        "test": ["d"],
    }
    of = {u.id: u for u in corpus.utterances}
    assert of["a"].path == tmp_path / "wav" / "a.wav" and of["a"].labels == {"arousal": 0.5}
    assert (of["a"].speaker, of["c"].speaker, of["d"].labels) == (None, "s1", {})


def test_partitions_that_the_tables_state_themselves_count(tmp_path: Path) -> None:
    """A column says more than a file's name."""
    for name, partition in (("train", "train"), ("test", "test2")):
        (tmp_path / f"{name}.csv").write_text(f"id,partition,arousal\n{name},{partition},0.5\n")
    assert set(open_corpus(str(tmp_path)).partitions) == {"train", "test2"}


def test_one_table_is_no_folder_of_tables(tmp_path: Path) -> None:
    """It has to be named."""
    (tmp_path / "train.csv").write_text("id,arousal\na,0.5\n")
    with pytest.raises(CorpusError) as error:
        open_corpus(str(tmp_path))
    assert error.value.code == "corpus-unknown"


def test_an_id_in_two_tables_is_an_error(tmp_path: Path) -> None:
    """Whatever partitions they are of."""
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text("id,arousal\na,0.5\n")
    with pytest.raises(CorpusError) as error:
        open_corpus(str(tmp_path))
    assert error.value.code == "ids-repeated"
