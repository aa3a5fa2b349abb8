"""Folders of the library `datasets`, written by that library: saved datasets, and a repository's Parquet files."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest
import soundfile
from builders import RATE, waveform

from probing.audio.decode import load
from probing.corpus.model import UNSPLIT
from probing.corpus.opening import open_corpus
from probing.corpus.readers.folders import datasets_folder
from probing.corpus.reading import Reading
from probing.corpus.spec import CorpusSpec
from probing.errors import CorpusError

datasets.disable_progress_bars()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, where the cache's folder will be."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PROBING_CACHE", raising=False)
    return tmp_path


def encoded(seed: int, kind: str = "FLAC") -> bytes:
    """A recording as the bytes of a file."""
    file = io.BytesIO()
    soundfile.write(file, waveform(0.1, seed), RATE, format=kind)
    return file.getvalue()


def dataset(rows: int = 4, audio: list[dict[str, object]] | None = None, first: int = 0):
    """Recordings of two speakers with class labels, a rating that one lacks, and a list that no table has."""
    recordings = audio or [{"bytes": encoded(first + n), "path": f"r{first + n}.flac"} for n in range(rows)]
    made = datasets.Dataset.from_dict(
        {
            "audio": recordings,
            "emotion": [n % 2 if n != 2 else None for n in range(rows)],
            "speaker": [f"s{n % 2}" for n in range(rows)],
            "arousal": [None if n == 1 else n / 10 for n in range(rows)],
            "text": ["so, " * n for n in range(rows)],
            "tags": [["x"]] * rows,
        },
        features=datasets.Features(
            {
                "audio": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")},
                "emotion": datasets.ClassLabel(names=["2", "1"]),
                "speaker": datasets.Value("string"),
                "arousal": datasets.Value("float32"),
                "text": datasets.Value("string"),
                "tags": datasets.List(datasets.Value("string")),
            }
        ),
    )
    return made if audio else made.cast_column("audio", datasets.Audio(decode=False))


def test_a_saved_dataset_is_a_corpus(here):
    """Class labels by their names though these are digits, ratings with few digits, and the very samples."""
    dataset().save_to_disk("set")
    corpus = open_corpus("set")
    assert [u.id for u in corpus.utterances] == ["r0", "r1", "r2", "r3"]
    assert [u.speaker for u in corpus.utterances] == ["s0", "s1", "s0", "s1"]
    assert [u.labels for u in corpus.utterances] == [{"arousal": 0.0}, {}, {"arousal": 0.2}, {"arousal": 0.3}]
    assert [u.text for u in corpus.utterances] == [None, "so,", "so, so,", "so, so, so,"]
    assert {u.partition for u in corpus.utterances} == {UNSPLIT} and "tags" in corpus.unused
    assert datasets_folder.read(here / "set").columns["emotion"] == ["2", "1", "", "1"]
    for seed, utterance in enumerate(corpus.utterances):
        expected, _ = soundfile.read(io.BytesIO(encoded(seed)), dtype="float32")
        assert np.array_equal(load(utterance.path), expected)
        assert utterance.path.is_relative_to(here / "cache" / "unpacked")


def test_class_labels_are_a_category_whatever_their_names(here):
    """Eight recordings with two classes that are digits."""
    dataset(8).save_to_disk("set")
    assert open_corpus("set").classes("emotion") == ("1", "2")


def test_splits_are_partitions(here):
    """Of a DatasetDict; recordings whose names repeat are named by split and row."""
    splits = {"train": dataset(3), "validation": dataset(2, first=3), "test": dataset(1, first=5)}
    datasets.DatasetDict(splits).save_to_disk("set")
    corpus = open_corpus("set")
    assert {name: len(of) for name, of in corpus.partitions.items()} == {"train": 3, "development": 2, "test": 1}
    assert [u.id for u in corpus.utterances] == [f"r{n}" for n in range(6)]
    datasets.DatasetDict({"train": dataset(2), "test": dataset(1)}).save_to_disk("same")
    assert [u.id for u in open_corpus("same").utterances] == ["train-1", "train-2", "test-1"]


@pytest.mark.parametrize("place", ["data/{}-0000{}-of-00002.parquet", "default/{}/000{}.parquet"])
def test_the_parquet_files_of_a_repository_are_read(here, place):
    """As they are pushed to the Hub, and as the Hub converts them; the shards of a split are one after the other."""
    for split, shard, first in (("train", 0, 0), ("train", 1, 2), ("test", 0, 4)):
        path = here / "repository" / place.format(split, shard)
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset(2, first=first).to_parquet(path)
    (here / "repository" / "README.md").write_text("---\nlicense: mit\n---\n")
    corpus = open_corpus("repository")
    assert sorted(u.id for u in corpus.utterances) == [f"r{n}" for n in range(6)]
    assert {name: len(of) for name, of in corpus.partitions.items()} == {"train": 4, "test": 2}
    by_id = {u.id: u for u in corpus.utterances}
    expected, _ = soundfile.read(io.BytesIO(encoded(3)), dtype="float32")
    assert np.array_equal(load(by_id["r3"].path), expected) and by_id["r3"].partition == "train"


def test_recordings_are_unpacked_once(here):
    """Not again by the next command, but again where one is gone or the list was not finished; never for other data."""
    dataset(2).save_to_disk("set")
    first = [u.path for u in open_corpus("set").utterances]
    times = [path.stat().st_mtime_ns for path in first]
    assert [u.path for u in open_corpus("set").utterances] == first
    assert [path.stat().st_mtime_ns for path in first] == times
    first[1].unlink()
    assert [u.path for u in open_corpus("set").utterances] == first and first[1].is_file()
    index = first[0].parent / "index.json"
    index.write_text(index.read_text()[:-20])
    first[0].write_bytes(b"half")
    assert [u.path for u in open_corpus("set").utterances] == first and len(first[0].read_bytes()) > 4
    shutil.rmtree("set")
    dataset(2, first=7).save_to_disk("set")
    other = [u.path for u in open_corpus("set").utterances]
    assert not set(other) & set(first) and other[0].read_bytes() == encoded(7)


def test_two_folders_never_share_recordings(here):
    """Even where names, sizes and times of their files are the same, or a file is written again in place."""
    paths = []
    for number, folder in enumerate(("a/set", "b/set", "b/set")):
        audio = [{"bytes": encoded(number, "WAV"), "path": "r.wav"}]
        dataset(1, audio).save_to_disk(here / "made")
        (here / folder).mkdir(parents=True, exist_ok=True)
        for file in (here / "made").iterdir():
            place = here / folder / file.name
            place.write_bytes(file.read_bytes())
            os.utime(place, (1, 1))
        paths.append([u.path for u in open_corpus(folder).utterances])
        assert paths[-1][0].read_bytes() == audio[0]["bytes"]
    assert not {*paths[0]} & {*paths[1]}


def test_an_index_that_names_files_elsewhere_is_not_believed(here):
    """It is written again."""
    dataset(1).save_to_disk("set")
    path = open_corpus("set").utterances[0].path
    (here / "secret.flac").write_bytes(b"")
    (path.parent / "index.json").write_text(json.dumps({"files": [["../../../secret.flac", "r0.flac"]]}))
    assert open_corpus("set").utterances[0].path == path


def test_recordings_with_paths_are_read_where_they_lie(here):
    """Relative to the folder, or to --audio-root; nothing is unpacked."""
    audio = [{"bytes": None, "path": "wav/a.wav"}, {"bytes": None, "path": str(here / "b.wav")}]
    (here / "set").mkdir()
    dataset(2, audio).to_parquet("set/train.parquet")
    assert [u.path for u in open_corpus("set").utterances] == [here / "set" / "wav" / "a.wav", here / "b.wav"]
    (here / "root").mkdir()
    rooted = open_corpus(CorpusSpec.resolve("set", reading=Reading(audio_root="root")))
    assert rooted.utterances[0].path == here / "root" / "wav" / "a.wav"
    assert not (here / "cache").exists()


def test_the_cache_may_be_elsewhere(here, monkeypatch):
    """Where PROBING_CACHE says."""
    monkeypatch.setenv("PROBING_CACHE", str(here / "elsewhere"))
    dataset(1).save_to_disk("set")
    assert open_corpus("set").utterances[0].path.is_relative_to(here / "elsewhere" / "unpacked")


def test_a_cache_that_cannot_be_written_is_named(here):
    """A file is where its folder should be."""
    dataset(1).save_to_disk("set")
    (here / "cache").write_text("")
    with pytest.raises(CorpusError) as error:
        open_corpus("set")
    assert error.value.code == "not-writable" and "PROBING_CACHE" in error.value.remedy


def damaged(folder: Path, kind: str) -> None:
    """Damage a saved dataset in one way."""
    if kind == "state":
        (folder / "state.json").unlink()
    elif kind == "json":
        (folder / "dataset_info.json").write_text('{"features": [')
    elif kind == "other":
        (folder / "state.json").write_text("{}")
    elif kind == "features":
        info = folder / "dataset_info.json"
        info.write_text(info.read_text().replace('"_type"', '"_typ"'))
    else:
        arrow = next(folder.glob("*.arrow"))
        whole = arrow.read_bytes()
        arrow.write_bytes(whole[: len(whole) // 2] if kind == "cut" else os.urandom(len(whole)))


@pytest.mark.parametrize("kind", ["state", "json", "other", "features", "cut", "noise"])
def test_a_damaged_dataset_is_an_error(here, kind):
    """Without a traceback, whatever is damaged."""
    dataset(2).save_to_disk("set")
    damaged(here / "set", kind)
    with pytest.raises(CorpusError) as error:
        open_corpus("set")
    assert error.value.code == "datasets-folder"


def test_offsets_that_lie_outside_the_file_are_an_error(here):
    """Arrow maps a file without looking at them, and would read what is not there."""
    dataset(2).save_to_disk("set")
    arrow = next((here / "set").glob("*.arrow"))
    whole = arrow.read_bytes()
    offsets = np.array([0, 2, 4], "<i4").tobytes()  # of the speakers s0 and s1
    assert whole.count(offsets) == 1
    arrow.write_bytes(whole.replace(offsets, np.array([0, 1 << 30, 4], "<i4").tobytes()))
    with pytest.raises(CorpusError) as error:
        open_corpus("set")
    assert error.value.code == "datasets-folder"


def test_a_file_that_promises_more_than_it_can_hold_is_refused(here, monkeypatch):
    """Before it is decoded: 4 MiB of zeros in some kilobytes, and a bound that is as much smaller."""
    import pyarrow
    from pyarrow import parquet

    monkeypatch.setattr(datasets_folder, "MOST_BYTES", 1 << 16)
    (here / "set").mkdir()
    table = pyarrow.table({"audio": pyarrow.array([bytes(1 << 18)] * 16, pyarrow.binary()), "emotion": ["joy"] * 16})
    parquet.write_table(table, here / "set" / "train.parquet", compression="zstd", use_dictionary=False)
    with pytest.raises(CorpusError) as error:
        open_corpus("set")
    assert error.value.code == "table-large"


def test_several_datasets_in_one_folder_are_named(here):
    """Each is a corpus of its own."""
    for name in ("plain", "clean"):
        (here / "repository" / name).mkdir(parents=True)
        dataset(1).to_parquet(here / "repository" / name / "train-00000-of-00001.parquet")
    with pytest.raises(CorpusError) as error:
        open_corpus("repository")
    assert error.value.code == "datasets-several" and "clean, plain" in str(error.value)
    assert len(open_corpus("repository/clean")) == 1


def test_without_the_library_its_installation_is_named(here, monkeypatch):
    """As an error with what to type."""
    dataset(1).save_to_disk("set")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(CorpusError) as error:
        open_corpus("set")
    assert error.value.code == "extra-missing" and "probing[datasets]" in error.value.remedy
