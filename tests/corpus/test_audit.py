"""What a command finds missing or damaged in a corpus, when it stops for it, and what it leaves out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from corpora import changed, names_all, refusal, scan_of, whole_corpus

from probing.corpus.audit import leave_out_damaged, require
from probing.corpus.model import Corpus
from probing.errors import CorpusError


@pytest.fixture
def whole() -> Corpus:
    """A corpus with nothing missing."""
    return whole_corpus()


TRAIN_A = ["train-a0", "train-a1", "train-a2", "train-a3"]

# What a command demands


def test_a_whole_corpus_passes_unchanged(whole):
    """Nothing is left out, no note is added."""
    assert require(whole, dims=["arousal", "valence"], text=True, audio=True) == (whole, ())


@pytest.mark.parametrize(
    ("changes", "needs", "lacking"),
    [
        pytest.param({"labels": {"valence": 4.0}}, {"dims": ["arousal"]}, "rating of arousal", id="label"),
        pytest.param({"text": None}, {"text": True}, "transcript", id="text"),
        pytest.param({"path": None}, {"audio": True}, "audio path", id="audio"),
    ],
)
class TestMissing:
    """Four utterances lack what a command reads."""

    def test_it_stops_with_count_names_and_option(self, whole, changes, needs, lacking):
        """So that the user can mend it, or go on."""
        error = refusal(CorpusError, "utterances-lack", require, changed(whole, TRAIN_A, **changes), **needs)
        names = "train-a0, train-a1, train-a2, train-a3"
        assert names_all(error, "4 of 32", lacking, names, "--allow-missing 4")

    def test_it_does_not_stop_for_what_it_does_not_read(self, whole, changes, needs, lacking):
        """A command that needs none of it gets the whole corpus."""
        corpus = changed(whole, TRAIN_A, **changes)
        assert require(corpus, dims=["valence"]) == (corpus, ())

    def test_as_many_as_allowed_are_left_out(self, whole, changes, needs, lacking):
        """And named, in the corpus's order; one fewer is too few."""
        corpus = changed(whole, TRAIN_A[::-1], **changes)
        kept, left_out = require(corpus, **needs, allow_missing=4)
        assert left_out == tuple(TRAIN_A)
        assert [u.id for u in kept.utterances] == [u.id for u in whole.utterances if u.id not in TRAIN_A]
        refusal(CorpusError, "utterances-lack", require, corpus, **needs, allow_missing=3)


def test_an_empty_transcript_is_a_transcript(whole):
    """A recogniser may find no words."""
    assert require(changed(whole, TRAIN_A, text=""), text=True)[1] == ()


def test_an_utterance_that_lacks_two_things_is_left_out_once(whole):
    """The budget counts utterances."""
    corpus = changed(whole, "train-a0", text=None, path=None)
    assert require(corpus, text=True, audio=True, allow_missing=1)[1] == ("train-a0",)


def test_a_test_partition_without_any_rating_is_kept_with_a_note(whole):
    """MSP-Podcast's Test3, say; and only for the dimension that it lacks."""
    test2 = [u.id for u in whole.partitions["test2"]]
    kept, left_out = require(changed(whole, test2, labels={"valence": 3.0}), dims=["arousal", "valence"])
    assert (len(kept), left_out) == (32, ())
    assert kept.notes == ("no utterance of test2 is rated on arousal",)


@pytest.mark.parametrize("partition", ["train", "development"])
def test_train_and_development_must_be_rated(whole, partition):
    """No allowance helps; the message names the dimensions there are."""
    ids = [u.id for u in whole.partitions[partition]]
    corpus = changed(whole, ids, labels={"valence": 3.0})
    error = refusal(CorpusError, "unlabelled", require, corpus, dims=["arousal"], allow_missing=99)
    assert names_all(error, partition, "arousal") and "valence" in error.remedy


def test_a_category_that_train_lacks_is_called_one(whole):
    """A corpus of names alone: its categories are offered, and nothing is said of ratings."""
    named = replace(
        whole,
        utterances=tuple(
            replace(u, labels={}, categories={"mood": "calm"} | ({} if u.partition == "train" else {"emotion": "sad"}))
            for u in whole.utterances
        ),
    )
    error = refusal(CorpusError, "unlabelled", require, named, dims=["emotion"])
    assert names_all(error, "no utterance of train has a class of emotion", "another of mood")
    assert "rated" not in str(error) and "ratings" not in str(error)


def test_a_column_that_may_be_the_path_is_offered(whole):
    """Where no utterance has one; not where some have."""
    unused = {"file": "no number"}
    silent = replace(changed(whole, [u.id for u in whole.utterances], path=None), unused=unused)
    error = refusal(CorpusError, "utterances-lack", require, silent, audio=True)
    assert "--column path=file" in error.remedy
    partly = replace(changed(whole, TRAIN_A, path=None), unused=unused)
    assert "--column" not in refusal(CorpusError, "utterances-lack", require, partly, audio=True).remedy


@pytest.mark.parametrize(
    ("asked", "hint"), [("arousel", "did you mean arousal?"), ("Valence", "did you mean valence?"), ("joy", "joy")]
)
def test_an_unknown_dimension_names_those_there_are(whole, asked, hint):
    """With the nearest one."""
    assert names_all(refusal(CorpusError, "dimension-unknown", require, whole, dims=[asked]), "arousal, valence", hint)


def test_a_dimension_that_the_reader_set_aside_says_why(whole):
    """What the reader found in that column is part of the message."""
    corpus = replace(whole, unused={"joy": "its values range from 1 to 9"})
    error = refusal(CorpusError, "dimension-unknown", require, corpus, dims=["joy"])
    assert names_all(error, "its values range from 1 to 9")


# Damaged audio


def test_damaged_files_stop_with_count_reasons_and_option(whole):
    """The first five are named with their reasons."""
    damaged = [u.id for u in whole.utterances[:7]]
    error = refusal(CorpusError, "audio-unusable", leave_out_damaged, whole, scan_of(whole, *damaged), 6)
    assert names_all(error, "7 of 32", "--allow-missing 7", *(f"/nowhere/{id_}.wav: 0 bytes" for id_ in damaged[:5]))
    assert damaged[5] not in error.why and "…" in error.why


def test_as_many_damaged_files_as_allowed_are_left_out(whole):
    """A whole corpus passes with an allowance of zero."""
    assert leave_out_damaged(whole, scan_of(whole)) == (whole, ())
    kept, left_out = leave_out_damaged(whole, scan_of(whole, "test1-a0", "train-a1"), 2)
    assert left_out == ("train-a1", "test1-a0")
    assert len(kept) == 30


def test_missing_and_damaged_share_one_allowance(whole):
    """Two without text and two damaged need four, and the message says so."""
    corpus = changed(whole, TRAIN_A[:2], text=None)
    kept, left_out = require(corpus, text=True, allow_missing=3)
    scan = scan_of(kept, "test1-a0", "test2-x0")
    error = refusal(CorpusError, "audio-unusable", leave_out_damaged, kept, scan, 3, left_out)
    assert names_all(error, "--allow-missing 4", "the 2 left out")
    kept, left_out = leave_out_damaged(kept, scan, 4, left_out)
    assert left_out == ("train-a0", "train-a1", "test1-a0", "test2-x0")
    assert len(kept) == 28


def test_what_require_left_out_is_no_damage(whole):
    """An allowance that require has used up does not stop a corpus whose audio is whole."""
    assert leave_out_damaged(whole, scan_of(whole), 1, ["train-z9"]) == (whole, ("train-z9",))
