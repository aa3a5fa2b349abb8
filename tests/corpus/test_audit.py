"""What is found missing or damaged in a corpus, who stops for it, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from probing.corpus.audit import leave_out_damaged, require
from probing.corpus.model import Corpus, Utterance
from probing.corpus.overview import report
from probing.corpus.scan import AudioScan, scan_audio
from probing.errors import AudioError, CorpusError

PARTITIONS = {"train": "abc", "development": "d", "test1": "ab", "test2": "xy"}  # one letter a speaker


def corpus_of(*utterances: Utterance, scale: tuple[float, float] = (1.0, 7.0)) -> Corpus:
    return Corpus("planted", scale, tuple(utterances))


@pytest.fixture
def whole() -> Corpus:
    """Four partitions in good order: every utterance has audio, text, speaker, arousal and valence."""
    utterances = [
        Utterance(
            f"{partition}-{speaker}{take}",
            Path(f"/nowhere/{partition}-{speaker}{take}.wav"),
            partition,
            speaker,
            {"arousal": 1.0 + take, "valence": 4.0},
            "words",
        )
        for partition, speakers in PARTITIONS.items()
        for speaker in speakers
        for take in range(4)
    ]
    return corpus_of(*utterances)


def without(corpus: Corpus, ids: str | list[str], **changes: object) -> Corpus:
    """The corpus with some fields of some utterances changed."""
    chosen = [ids] if isinstance(ids, str) else ids
    return replace(corpus, utterances=tuple(replace(u, **changes) if u.id in chosen else u for u in corpus.utterances))


def refusal(call, *args, **options) -> CorpusError:
    with pytest.raises(CorpusError) as caught:
        call(*args, **options)
    assert caught.value.remedy
    return caught.value


TRAIN_A = ["train-a0", "train-a1", "train-a2", "train-a3"]

# What a command demands


def test_a_whole_corpus_passes_unchanged(whole):
    """Nothing is left out, no note is added."""
    assert require(whole, dims=["arousal", "valence"], text=True, audio=True) == (whole, ())


@pytest.mark.parametrize(
    ("changes", "needs", "said"),
    [
        pytest.param({"labels": {"valence": 4.0}}, {"dims": ["arousal"]}, "4 have no rating of arousal", id="label"),
        pytest.param({"text": None}, {"text": True}, "4 have no transcript", id="text"),
        pytest.param({"path": None}, {"audio": True}, "4 have no audio path", id="audio"),
    ],
)
class TestMissing:
    """Four utterances lack what a command reads."""

    def test_it_stops_with_count_names_and_option(self, whole, changes, needs, said):
        """So that the user can mend it, or go on."""
        error = refusal(require, without(whole, TRAIN_A, **changes), **needs)
        assert said in error.why
        assert "4 of 32 utterances" in error.what
        assert "train-a0, train-a1, train-a2, train-a3" in error.why
        assert "--allow-missing 4" in error.remedy

    def test_it_does_not_stop_for_what_it_does_not_read(self, whole, changes, needs, said):
        """A command that needs none of it gets the whole corpus."""
        corpus = without(whole, TRAIN_A, **changes)
        assert require(corpus, dims=["valence"]) == (corpus, ())

    def test_as_many_as_allowed_are_left_out(self, whole, changes, needs, said):
        """And named, in the corpus's order; one fewer is too few."""
        corpus = without(whole, TRAIN_A[::-1], **changes)
        kept, left_out = require(corpus, **needs, allow_missing=4)
        assert left_out == tuple(TRAIN_A)
        assert [u.id for u in kept.utterances] == [u.id for u in whole.utterances if u.id not in TRAIN_A]
        refusal(require, corpus, **needs, allow_missing=3)


def test_an_empty_transcript_is_a_transcript(whole):
    """A recogniser may hear nothing."""
    assert require(without(whole, TRAIN_A, text=""), text=True)[1] == ()


def test_an_utterance_that_lacks_two_things_is_left_out_once(whole):
    """The budget counts utterances."""
    corpus = without(whole, "train-a0", text=None, path=None)
    assert require(corpus, text=True, audio=True, allow_missing=1)[1] == ("train-a0",)


def test_a_test_partition_without_any_rating_is_kept_with_a_note(whole):
    """MSP-Podcast's Test3, say; and only for the dimension that it lacks."""
    test2 = [u.id for u in whole.partitions["test2"]]
    kept, left_out = require(without(whole, test2, labels={"valence": 3.0}), dims=["arousal", "valence"])
    assert (len(kept), left_out) == (32, ())
    assert kept.notes == ("no utterance of test2 is rated on arousal",)


@pytest.mark.parametrize("partition", ["train", "development"])
def test_train_and_development_must_be_rated(whole, partition):
    """No allowance helps; the message names the dimensions there are."""
    ids = [u.id for u in whole.partitions[partition]]
    error = refusal(require, without(whole, ids, labels={"valence": 3.0}), dims=["arousal"], allow_missing=99)
    assert f"no utterance of {partition} is rated on arousal" in error.what
    assert "valence" in error.remedy


@pytest.mark.parametrize(
    ("asked", "hint"), [("arousel", "did you mean arousal?"), ("Valence", "did you mean valence?"), ("joy", "add")]
)
def test_an_unknown_dimension_names_those_there_are(whole, asked, hint):
    """With the nearest one."""
    error = refusal(require, whole, dims=[asked])
    assert "arousal, valence" in error.why
    assert hint in error.remedy


def test_a_dimension_that_the_reader_set_aside_says_why(whole):
    """The reader's note about that column is part of the message."""
    note = "column joy is not used as a dimension: its values go from 1 to 9"
    assert note in refusal(require, replace(whole, notes=(note,)), dims=["joy"]).why


@pytest.mark.parametrize("heard", ["train-a0", "development-d0"])
@pytest.mark.parametrize("speaker", ["x", "podcast:0007"])
def test_speakers_of_test2_must_be_unheard(whole, heard, speaker):
    """A podcast of unknown speakers counts as a speaker; no allowance helps."""
    corpus = without(whole, ["test2-x0", heard], speaker=speaker)
    error = refusal(require, corpus, allow_missing=99)
    assert "1 speakers of test2" in error.what
    assert error.why == speaker


def test_speakers_shared_with_test1_and_unknown_speakers_are_no_error(whole):
    """test1 is the seen set; None is nobody."""
    corpus = without(without(whole, "test2-x0", speaker=None), "train-a0", speaker=None)
    assert require(corpus)[1] == ()


# Damaged audio


def scan_of(corpus: Corpus, *damaged: str) -> AudioScan:
    """A scan that found every file 32,000 samples long, but for the damaged ones."""
    return AudioScan(
        {u.id: 32_000 for u in corpus.utterances if u.id not in damaged},
        {id_: AudioError(f"/nowhere/{id_}.wav", "the file is empty (0 bytes)", "copy it again") for id_ in damaged},
    )


def test_damaged_files_stop_with_count_reasons_and_option(whole):
    """The first five are named with their reasons."""
    damaged = [u.id for u in whole.utterances[:7]]
    error = refusal(leave_out_damaged, whole, scan_of(whole, *damaged), 6)
    assert "7 of 32 audio files" in error.what
    assert all(f"/nowhere/{id_}.wav: the file is empty (0 bytes)" in error.why for id_ in damaged[:5])
    assert damaged[5] not in error.why and "…" in error.why
    assert "--allow-missing 7" in error.remedy


def test_as_many_damaged_files_as_allowed_are_left_out(whole):
    """A whole corpus passes with an allowance of zero."""
    assert leave_out_damaged(whole, scan_of(whole)) == (whole, ())
    kept, left_out = leave_out_damaged(whole, scan_of(whole, "test1-a0", "train-a1"), 2)
    assert left_out == ("train-a1", "test1-a0")
    assert len(kept) == 30


def test_missing_and_damaged_share_one_allowance(whole):
    """Two without text and two damaged need four, and the message says so."""
    corpus = without(whole, TRAIN_A[:2], text=None)
    kept, left_out = require(corpus, text=True, allow_missing=3)
    scan = scan_of(kept, "test1-a0", "test2-x0")
    error = refusal(leave_out_damaged, kept, scan, 3, left_out)
    assert "--allow-missing 4" in error.remedy and "2 that lack something" in error.remedy
    kept, left_out = leave_out_damaged(kept, scan, 4, left_out)
    assert left_out == ("train-a0", "train-a1", "test1-a0", "test2-x0")
    assert len(kept) == 28


def test_what_require_left_out_is_no_damage(whole):
    """An allowance that require has used up does not stop a corpus whose audio is whole."""
    assert leave_out_damaged(whole, scan_of(whole), 1, ["train-z9"]) == (whole, ("train-z9",))


# Decoding


@pytest.fixture
def recordings(tmp_path) -> Corpus:
    """Three whole files of different rates, one empty, one cut short, one missing, one utterance without audio."""
    rng = np.random.default_rng(0)
    for name, rate in {"a": 16_000, "b": 8000, "c": 48_000, "cut": 16_000}.items():
        soundfile.write(tmp_path / f"{name}.wav", rng.uniform(-0.5, 0.5, rate // 2), rate)
    cut = tmp_path / "cut.wav"
    cut.write_bytes(cut.read_bytes()[:4000])
    (tmp_path / "zero.wav").touch()
    ids = ("a", "b", "zero", "c", "cut", "gone")
    utterances = [Utterance(id_, tmp_path / f"{id_}.wav", "train", "s", {"arousal": 2.0}) for id_ in ids]
    return corpus_of(*utterances, Utterance("mute", None, "train", "s", {"arousal": 2.0}))


@pytest.mark.parametrize("threads", [1, 3])
def test_a_scan_gives_the_length_of_every_file_or_what_is_wrong_with_it(recordings, threads):
    """Lengths are at 16 kHz; an utterance without audio is in neither part."""
    scan = scan_audio(recordings.utterances, threads)
    assert scan.samples == {"a": 8000, "b": 8000, "c": 8000}
    assert {id_: error.why.split(":")[0] for id_, error in scan.damaged.items()} == {
        "zero": "the file is empty (0 bytes)",
        "cut": "damaged",
        "gone": "there is no such audio file",
    }


def test_a_scan_of_more_files_than_fit_one_chunk_is_complete(recordings, monkeypatch):
    """Chunks bound the memory and lose nothing."""
    monkeypatch.setattr("probing.corpus.opening.check._CHUNK", 2)
    scan = scan_audio(recordings.utterances)
    assert len(scan.samples) + len(scan.damaged) == 6


def test_a_scan_keeps_no_waveform_of_a_damaged_file(recordings):
    """An error with its traceback would hold the decoded audio."""
    scan = scan_audio(recordings.utterances)
    assert all(error.__traceback__ is None and error.__cause__ is None for error in scan.damaged.values())


# The report


def test_the_report_of_a_whole_corpus_has_no_problem(whole):
    """It shows sizes, hours, speakers, texts, scale and label statistics that a hand can recompute."""
    text, problems = report(whole, scan_of(whole))
    assert problems == 0
    assert "problems: none" in text
    assert "labels on 1 to 7" in text
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.startswith("  ")}
    assert rows["train"] == ["train", "12", "0.01", "2.00", "2.00", "2.00", "3", "12"]  # 12 x 2 s = 0.0067 h
    assert rows["all"] == ["all", "32", "0.02", "2.00", "2.00", "2.00", "6", "32"]
    line = next(line for line in text.splitlines() if line.split()[:2] == ["arousal", "train"])
    assert "mean   2.50" in line and f"sd {np.sqrt(1.25):5.2f}" in line  # 1, 2, 3, 4 equally often
    assert "████···" in line
    assert max(map(len, text.splitlines())) <= 100


def test_the_lowest_and_highest_rating_fall_into_the_outer_bins():
    """The scale's ends belong to the histogram; one rating among many is still a bar."""
    ratings = [1.0] * 99 + [7.0]
    text, _ = report(
        corpus_of(*(Utterance(f"u{n}", None, "train", "s", {"joy": r}) for n, r in enumerate(ratings))), AudioScan()
    )
    assert "█·····▁" in text


def test_the_report_counts_and_names_every_problem(whole):
    """Each kind: 2 + 1 utterances lack something, a speaker is shared, two files are damaged.

    A missing transcript is none: releases miss some, and only the table of counts shows it.
    """
    corpus = without(whole, ["train-a0", "train-a1"], labels={"valence": 4.0})
    corpus = without(corpus, "train-b0", text=None)
    corpus = without(corpus, "train-b1", path=None)
    corpus = without(corpus, "test2-x0", speaker="c")
    text, problems = report(corpus, scan_of(corpus, "train-b2", "test1-a0"))
    flat = " ".join(text.split())
    assert problems == 2 + 1 + 1 + 2
    assert "problems: 6" in text
    assert "2 utterances have no rating of arousal: train-a0, train-a1" in flat
    assert "transcript" not in flat
    assert "1 utterances have no audio path: train-b1" in flat
    assert "1 speakers of test2 (unseen) are also in train or development: c" in flat
    assert flat.count("the file is empty (0 bytes)") == 2


def test_what_a_corpus_lacks_throughout_is_no_problem(whole):
    """A corpus without text, without audio or with an unlabelled test partition is one for other commands."""
    utterances = tuple(
        replace(u, text=None, path=None, labels={} if u.partition == "test2" else u.labels) for u in whole.utterances
    )
    text, problems = report(replace(whole, utterances=utterances), AudioScan())
    assert problems == 0
    assert "–" in next(line for line in text.splitlines() if line.split()[:2] == ["arousal", "test2"])


def test_an_unrated_train_partition_is_a_problem(whole):
    """It can be opened and looked at, and the report tells."""
    ids = [u.id for u in whole.partitions["train"]]
    text, problems = report(without(whole, ids, labels={"valence": 2.0}), scan_of(whole))
    assert problems == 1
    assert "no utterance of train is rated on arousal" in text


def test_notes_are_told_and_are_no_problems(whole):
    """The reader's notes, and the speakers that train and test1 share."""
    text, problems = report(replace(whole, notes=("4 utterances of unknown speakers",)), scan_of(whole))
    assert problems == 0
    assert "4 utterances of unknown speakers" in text
    assert "2 speakers stand in both train and test1 (seen): a, b" in text
