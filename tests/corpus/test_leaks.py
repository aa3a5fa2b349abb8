"""Recordings and speakers that a test partition shares with what is learned from."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from corpora import changed, corpus_of, record, whole_corpus

from probing.corpus.leaks import shared_recordings, shared_speakers
from probing.corpus.model import Utterance
from probing.corpus.scan import AudioScan, scan_audio


@pytest.fixture
def corpus(tmp_path):
    """Four recordings, each another one, in four partitions."""
    partitions = ("train", "development", "test2", "held-out")
    paths = [record(tmp_path / f"{name}.wav", seed=n) for n, name in enumerate(partitions)]
    return corpus_of(*(Utterance(p.stem, p, p.stem, text="x") for p in paths), Utterance("u", None, "test2", text="x"))


@pytest.mark.parametrize("learned", ["train", "development"])
@pytest.mark.parametrize("test", ["test2", "held-out"])
def test_the_same_bytes_under_another_name_are_found(corpus, tmp_path, learned, test):
    """In whatever partition they are tested on; the first one of them in train or development is named."""
    assert shared_recordings(corpus, scan_audio(corpus.utterances)) == {}
    shutil.copy(tmp_path / f"{learned}.wav", tmp_path / f"{test}.wav")
    assert shared_recordings(corpus, scan_audio(corpus.utterances)) == {test: [(test, learned)]}


def test_recordings_that_train_and_development_share_are_none_of_a_test(corpus, tmp_path):
    """Nor are those that two test partitions share."""
    shutil.copy(tmp_path / "train.wav", tmp_path / "development.wav")
    shutil.copy(tmp_path / "test2.wav", tmp_path / "held-out.wav")
    assert shared_recordings(corpus, scan_audio(corpus.utterances)) == {}


def test_checksums_that_agree_by_chance_are_no_shared_recording(corpus):
    """A CRC-32 has 32 bits: the bytes decide."""
    ids = [u.id for u in corpus.utterances if u.path]
    assert shared_recordings(corpus, AudioScan(dict.fromkeys(ids, 800), {}, dict.fromkeys(ids, 7))) == {}


def test_shared_speakers_are_named_once_and_nobody_is_no_speaker():
    """Sorted; None is nobody."""
    corpus = changed(whole_corpus(), ["test2-x0", "test2-x1", "test2-y0"], speaker="a")
    corpus = changed(changed(corpus, "test2-y1", speaker=None), "train-b0", speaker=None)
    assert shared_speakers(corpus, "test2") == ["a"]
    assert shared_speakers(replace(corpus, utterances=corpus.partitions["test2"]), "test2") == []
