"""Folders of recordings with a table of metadata, laid out as the documentation of `datasets` shows an AudioFolder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probing.corpus.model import UNSPLIT
from probing.corpus.opening import open_corpus
from probing.errors import CorpusError

HEADER = "file_name,speaker,emotion,arousal"
ROWS = ["a.wav,s1,joy,0.5", "b.wav,s2,anger,", "c.wav,s1,joy,1", "d.wav,s2,anger,0"]


def write(path: Path, text: str) -> None:
    """A file in a new folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_the_table_of_a_folder_lists_its_recordings(tmp_path):
    """Paths are relative to it, its columns those of a table; without splits there are no partitions."""
    write(tmp_path / "metadata.csv", "\n".join([HEADER, *ROWS]))
    corpus = open_corpus(str(tmp_path))
    assert [u.path for u in corpus.utterances] == [tmp_path / f"{name}.wav" for name in "abcd"]
    assert [u.id for u in corpus.utterances] == ["a", "b", "c", "d"]
    assert corpus.classes("emotion") == ("anger", "joy") and corpus.utterances[1].labels == {}
    assert {u.partition for u in corpus.utterances} == {UNSPLIT}


def test_a_table_in_each_split_s_folder(tmp_path):
    """The folders are the partitions, and their tables need not have the same columns."""
    for split, rows in (("train", ROWS[:2]), ("validation", ROWS[2:])):
        lines = [dict(zip(HEADER.split(","), row.split(","), strict=True)) for row in rows]
        write(tmp_path / split / "metadata.jsonl", "\n".join(map(json.dumps, lines)))
    write(tmp_path / "test" / "metadata.jsonl", json.dumps({"audio_file_name": "deep/e.wav"}))
    corpus = open_corpus(str(tmp_path))
    assert {name: len(of) for name, of in corpus.partitions.items()} == {"train": 2, "development": 2, "test": 1}
    last = corpus.partitions["test"][0]
    assert (last.path, last.speaker, last.categories) == (tmp_path / "test" / "deep" / "e.wav", None, {})


def test_one_table_for_recordings_in_the_folders_of_splits(tmp_path):
    """The folders count where their names are those of splits, and not where they are anything else."""
    rows = [f"{place}/{row}" for place, row in zip(("train", "train", "val", "test"), ROWS, strict=True)]
    write(tmp_path / "set" / "metadata.csv", "\n".join([HEADER, *rows]))
    assert list(open_corpus(str(tmp_path / "set")).partitions) == ["train", "development", "test"]
    write(tmp_path / "other" / "metadata.csv", "\n".join([HEADER, *(f"part{n}/{row}" for n, row in enumerate(ROWS))]))
    assert list(open_corpus(str(tmp_path / "other")).partitions) == [UNSPLIT]


def test_a_table_without_file_names_is_an_error(tmp_path):
    """It names the column that may be meant."""
    write(tmp_path / "metadata.csv", "filename,emotion\na.wav,joy\n")
    with pytest.raises(CorpusError) as error:
        open_corpus(str(tmp_path))
    assert error.value.code == "column-missing" and "filename" in error.value.remedy
