"""Kaldi data folders, made by hand after Kaldi's own documentation of data preparation."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from probing.corpus.model import UNSPLIT
from probing.corpus.opening import open_corpus
from probing.corpus.readers.folders import kaldi
from probing.errors import CorpusError

FILES = {
    "wav.scp": "call1 /audio/call1.wav\ncall2\taudio/call 2.flac\n\n",
    "segments": "call1-a call1 0.00 1.25\ncall1-b call1 1.25 3\ncall2-a call2 0 -1\n",
    "text": "call1-a GOOD  MORNING\ncall1-b\ncall2-a =SUM(A1)\n",
    "utt2spk": "call1-a anna\ncall1-b ben\ncall2-a anna\n",
    "spk2gender": "anna f\nben m\n",
    "utt2emotion": "call1-a joy\ncall1-b anger\ncall2-a joy\n",
    "utt2valence": "call1-a 0.75\ncall2-a 0.5\n",
    "utt2dur": "call1-a 1.25\n",
}


def write(folder: Path, **changed: str | None) -> Path:
    """A data folder, with some of its files changed or, where they are None, left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (FILES | {name.replace("_", "."): text for name, text in changed.items()}).items():
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_the_files_of_a_data_folder_are_one_corpus(tmp_path):
    """Segments of recordings with speaker, sex, text, a category and a dimension; what is not said is absent."""
    corpus = open_corpus(str(write(tmp_path / "data")))
    first, second, third = corpus.utterances
    assert [u.id for u in corpus.utterances] == ["call1-a", "call1-b", "call2-a"]
    assert (first.path, second.path) == (Path("/audio/call1.wav"), Path("/audio/call1.wav"))
    assert third.path == tmp_path / "data" / "audio" / "call 2.flac"
    assert [u.segment for u in corpus.utterances] == [(0.0, 1.25), (1.25, 3.0), None]
    assert [u.text for u in corpus.utterances] == ["GOOD  MORNING", None, "=SUM(A1)"]
    assert [(u.speaker, u.sex) for u in corpus.utterances] == [("anna", "female"), ("ben", "male"), ("anna", "female")]
    assert [u.labels for u in corpus.utterances] == [{"valence": 0.75}, {}, {"valence": 0.5}]
    assert corpus.dimensions == ("valence",) and {u.partition for u in corpus.utterances} == {UNSPLIT}
    assert kaldi.read(tmp_path / "data").columns["emotion"] == ["joy", "anger", "joy"]


def test_without_segments_each_recording_is_an_utterance(tmp_path):
    """As in Kaldi, where wav.scp then names utterances."""
    folder = write(tmp_path, segments=None, text="call2 HELLO\n", utt2spk="call1 anna\ncall2 ben\n")
    cells = kaldi.read(folder)
    assert cells.columns["id"] == ["call1", "call2"] and "start" not in cells
    assert cells.columns["text"] == ["", "HELLO"] and cells.columns["speaker"] == ["anna", "ben"]


def test_folders_of_a_folder_are_its_partitions(tmp_path):
    """Train and dev beside each other, of which one lacks what the other has."""
    write(tmp_path / "train")
    write(tmp_path / "dev", wav_scp="x /x.wav\n", segments=None, text=None, utt2spk="x cora\n", utt2emotion=None)
    (tmp_path / "local").mkdir()
    corpus = open_corpus(str(tmp_path))
    assert {name: len(of) for name, of in corpus.partitions.items()} == {"train": 3, "development": 1}
    assert corpus.partitions["development"][0].speaker == "cora"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"wav_scp": "call1 sox a.wav -t wav - |\ncall2 b.wav\n"}, "kaldi-command"),
        ({"wav_scp": "call1 | touch x\n"}, "kaldi-command"),
        ({"wav_scp": "call1 raw.ark:1234\ncall2 b.wav\n"}, "kaldi-command"),
        ({"wav_scp": "call1\n"}, "kaldi-line"),
        ({"wav_scp": "call1 a.wav\ncall1 b.wav\n"}, "ids-repeated"),
        ({"segments": "a call1 0 1\na call1 1 2\n"}, "ids-repeated"),
        ({"segments": "a call9 0 1\n"}, "kaldi-recording"),
        ({"segments": "a call1 0\n"}, "kaldi-line"),
        ({"segments": "a call1 0 nan\n"}, "kaldi-line"),
        ({"segments": "a call1 2 1\n"}, "segment-bounds"),
        ({"segments": "a call1 1 -2\n"}, "segment-bounds"),
        ({"text": "call1-a A\0B\n"}, "kaldi-line"),
        ({"utt2valence": "call1-a high\ncall2-a low\n"}, "not-a-number"),
    ],
)
def test_what_cannot_be_meant_is_an_error(tmp_path, changed, code):
    """Commands are never run, and a line that says something else is named."""
    with pytest.raises(CorpusError) as error:
        open_corpus(str(write(tmp_path / "data", **changed)))
    assert error.value.code == code
    assert not (tmp_path / "x").exists()


def test_an_end_of_minus_one_is_that_of_the_recording(tmp_path):
    """Whatever the start."""
    folder = write(tmp_path, segments="call1-a call1 1.5 -1\ncall1-b call1 0.0 -1.00\n")
    assert [u.segment for u in open_corpus(str(folder)).utterances] == [(1.5, math.inf), None]


def test_a_file_that_is_no_text_is_named(tmp_path):
    """Bytes that are not UTF-8."""
    (write(tmp_path) / "text").write_bytes(b"call1-a \xff\xfe\n")
    with pytest.raises(CorpusError) as error:
        kaldi.read(tmp_path)
    assert error.value.code == "kaldi-file" and "text" in error.value.what


def test_recordings_without_a_segment_are_named(tmp_path):
    """They are left out, which is not said by the corpus itself."""
    corpus = open_corpus(str(write(tmp_path / "data", segments="call1-a call1 0 1\n")))
    assert len(corpus) == 1
    assert "1 recording has no segment and is left out: call2" in corpus.notes
    (note,) = [note for note in corpus.notes if "utt2valence" in note]
    assert note == "1 line of utt2valence is not used, since the utterances are not there: call2-a"
