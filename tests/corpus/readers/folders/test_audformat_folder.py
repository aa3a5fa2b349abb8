"""Databases in audformat, written by that library itself."""

from __future__ import annotations

import math
import pickle
import sys
from pathlib import Path

import audformat
import pandas as pd
import pytest
from corpora import names_all, refusal

from probing.corpus.opening import open_corpus
from probing.corpus.readers.folders import audformat_folder
from probing.errors import CorpusError

FILES = [f"audio/{name}.wav" for name in "abcdef"]
SPEAKERS = ["s1", "s2", "s1", "s2", "s3", "s3"]
EMOTIONS = ["W", "F", "W", "F", "W", "F"]


def column(table, name: str, scheme: str, values: list[object], rater: str | None = None) -> None:
    """Give a table a column."""
    table[name] = audformat.Column(scheme_id=scheme, rater_id=rater)
    table[name].set(values)


def database():
    """Six files with speakers, emotions and two raters' arousal, in tables for each split."""
    made = audformat.Database("planted")
    people = {"s1": ("female", 30), "s2": ("male", 41), "s3": ("female", 52)}
    labels = {name: {"gender": gender, "age": age} for name, (gender, age) in people.items()}
    made.schemes["speaker"] = audformat.Scheme("str", labels=labels)
    made.schemes["emotion"] = audformat.Scheme("str", labels={"W": "anger", "F": "happiness"})
    made.schemes["transcription"] = audformat.Scheme("str", labels={"a01": "Der Lappen liegt."})
    made.schemes["arousal"] = audformat.Scheme("float", minimum=0, maximum=1)
    made.raters["one"], made.raters["two"] = audformat.Rater(), audformat.Rater()
    for split in ("train", "dev", "test"):
        made.splits[split] = audformat.Split(split)
    files = made["files"] = audformat.Table(audformat.filewise_index(FILES))
    column(files, "speaker", "speaker", SPEAKERS)
    column(files, "transcription", "transcription", ["a01"] * 6)
    for number, split in enumerate(("train", "dev", "test")):
        part = slice(2 * number, 2 * number + 2)
        table = audformat.Table(audformat.filewise_index(FILES[part]), split_id=split)
        made[f"emotion.{split}"] = table
        column(table, "emotion", "emotion", EMOTIONS[part])
        column(table, "one", "arousal", [0.25, None], "one")
        column(table, "two", "arousal", [0.75, 0.5], "two")
    return made


@pytest.mark.parametrize("storage", ["csv", "parquet"])
def test_the_tables_of_a_database_are_one_corpus(tmp_path, storage):
    """Labels are spelt out, speakers have their sex, splits are partitions, and raters' means are the ratings."""
    database().save(str(tmp_path / "db"), storage_format=storage)
    corpus = open_corpus(str(tmp_path / "db"))
    of = {u.path: u for u in corpus.utterances}
    assert of.keys() == {tmp_path / "db" / file for file in FILES}
    assert {name: len(part) for name, part in corpus.partitions.items()} == {"train": 2, "development": 2, "test": 2}
    first, second = of[tmp_path / "db" / FILES[0]], of[tmp_path / "db" / FILES[1]]
    assert (first.speaker, first.sex, first.text) == ("s1", "female", "Der Lappen liegt.")
    assert first.categories["emotion"] == "anger" and second.categories["emotion"] == "happiness"
    assert first.labels == {"arousal": 0.5} and second.labels == {"arousal": 0.5}
    assert sorted(first.answers["arousal"]) == [0.25, 0.75] and second.answers["arousal"] == (0.5,)


def test_segments_stand_for_their_files(tmp_path):
    """What is said of a file holds for its segments; files without segments stay whole."""
    made = database()
    index = audformat.segmented_index(FILES[:1] * 2 + FILES[1:2], ["0s", "1.5s", "0s"], ["1.5s", "3.25s", pd.NaT])
    made["turns"] = audformat.Table(index)
    made.schemes["valence"] = audformat.Scheme("float")
    column(made["turns"], "valence", "valence", [0.1, 0.9, 0.3])
    made.save(str(tmp_path))
    corpus = open_corpus(str(tmp_path))
    assert len(corpus) == 7
    turns = [u for u in corpus.utterances if u.segment]
    assert [(u.segment, u.labels["valence"], u.speaker) for u in turns] == [
        ((0.0, 1.5), 0.1, "s1"),
        ((1.5, 3.25), 0.9, "s1"),
    ]
    assert [u.labels.get("valence") for u in corpus.utterances if u.path == tmp_path / FILES[1]] == [0.3]


def test_labels_in_a_table_of_their_own_are_spelt_out(tmp_path):
    """As audformat keeps speakers with many attributes."""
    made = database()
    people = audformat.MiscTable(pd.Index(["s1", "s2", "s3"], name="speaker", dtype="string"))
    made.schemes["accent"] = audformat.Scheme("str", labels=["north", "south"])
    made["people"] = people
    column(people, "accent", "accent", ["north", "south", "north"])
    made.schemes["person"] = audformat.Scheme("str", labels="people")
    column(made["files"], "person", "person", SPEAKERS)
    made.save(str(tmp_path))
    assert open_corpus(str(tmp_path)).classes("accent") == ("north", "south")


def test_tables_that_disagree_keep_both_columns(tmp_path):
    """The second is called by its table too."""
    made = database()
    other = made["second"] = audformat.Table(audformat.filewise_index(FILES))
    column(other, "emotion", "emotion", EMOTIONS[::-1])
    made.save(str(tmp_path))
    corpus = open_corpus(str(tmp_path))
    assert {"emotion", "second.emotion"} <= set(corpus.categories)
    said = next(u.categories for u in corpus.utterances if u.path == tmp_path / FILES[0])
    assert (said["emotion"], said["second.emotion"]) == ("anger", "happiness")


def test_nothing_of_a_database_is_run(tmp_path):
    """Neither code that the header asks for, nor a pickle beside a table, as audformat itself would."""
    made = database()
    made.save(str(tmp_path / "db"), storage_format="csv")
    ran = tmp_path / "ran"

    class Touch:
        def __reduce__(self):
            return (Path.touch, (ran,))

    (tmp_path / "db" / "db.files.pkl").write_bytes(pickle.dumps(Touch()))
    assert len(open_corpus(str(tmp_path / "db"))) == 6 and not ran.exists()
    header = tmp_path / "db" / "db.yaml"
    header.write_text(f"{header.read_text()}\nmeta: !!python/object/apply:os.mkdir ['{ran}']\n")
    with pytest.raises(CorpusError) as error:
        open_corpus(str(tmp_path / "db"))
    assert error.value.code == "audformat-folder" and not ran.exists()


def damaged(folder: Path, kind: str) -> None:
    """Damage a database in one way."""
    header, table = folder / "db.yaml", folder / "db.files.csv"
    if kind == "pickle":
        table.rename(table.with_suffix(".pkl"))
    elif kind == "table":
        table.unlink()
    elif kind == "cut":
        header.write_text(header.read_text()[:300])
    elif kind == "list":
        header.write_text("[1, 2]")
    elif kind == "noise":
        header.write_bytes(bytes(range(256)))
    elif kind == "columns":
        table.write_text("file,speaker\naudio/a.wav\n")
    elif kind == "endless":
        bomb = "\n".join(f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 9)}]" for n in range(1, 12))
        header.write_text(f"k0: &k0 [x]\n{bomb}\n{header.read_text()}")
    else:
        header.write_text(f"loop: &self [*self]\n{header.read_text()}")


@pytest.mark.parametrize("kind", ["pickle", "table", "cut", "list", "noise", "columns", "endless", "itself"])
def test_a_damaged_database_is_an_error(tmp_path, kind):
    """Without a traceback, whatever is damaged."""
    database().save(str(tmp_path), storage_format="csv")
    damaged(tmp_path, kind)
    with pytest.raises(CorpusError) as error:
        open_corpus(str(tmp_path))
    assert error.value.code == ("audformat-pickle" if kind == "pickle" else "audformat-folder")


def test_a_segment_without_an_end_goes_to_the_end_of_its_recording(tmp_path):
    """As in audformat, where NaT is that."""
    made = database()
    made["turns"] = audformat.Table(audformat.segmented_index(FILES[:2], ["1s", "0s"], [pd.NaT, pd.NaT]))
    made.save(str(tmp_path))
    segments = {u.path: u.segment for u in open_corpus(str(tmp_path)).utterances}
    assert (segments[tmp_path / FILES[0]], segments[tmp_path / FILES[1]]) == ((1.0, math.inf), None)


@pytest.mark.parametrize("segmented", [False, True])
def test_a_file_in_two_splits_is_named(tmp_path, segmented):
    """As a whole, or as a whole in one and a segment in the other; segments of one file may be in several."""
    made = database()
    rows = audformat.segmented_index(FILES[:1], ["1s"], ["2s"]) if segmented else audformat.filewise_index(FILES[:1])
    made["again"] = audformat.Table(rows, split_id="test")
    made.save(str(tmp_path))
    error = refusal(CorpusError, "audformat-splits", open_corpus, str(tmp_path))
    assert names_all(error, FILES[0], "test and train")
    apart = database()
    turns = audformat.segmented_index([FILES[5]] * 2, ["0s", "1s"], ["1s", "2s"])
    apart["turns"] = audformat.Table(turns, split_id="test")
    apart.save(str(tmp_path / "apart"))
    assert len(open_corpus(str(tmp_path / "apart")).partitions["test"]) == 3


def test_without_the_library_its_installation_is_named(tmp_path, monkeypatch):
    """As an error with what to type."""
    database().save(str(tmp_path))
    monkeypatch.setitem(sys.modules, "audformat", None)
    with pytest.raises(CorpusError) as error:
        audformat_folder.read(tmp_path)
    assert error.value.code == "extra-missing" and "probing[audformat]" in error.value.remedy
