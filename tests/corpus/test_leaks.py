"""What test partitions share with what is learned from, and what becomes of a command that learns."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from corpora import changed, names_all, refusal, save_table, whole_corpus, write

from probing.corpus.checked import Needs, check_corpus, with_leaks
from probing.corpus.leaks import find_leaks, shared_speakers
from probing.corpus.scan import AudioScan, scan_audio
from probing.corpus.spec import CorpusSpec
from probing.errors import CorpusError

LEARNS = Needs(learns=True)


def spec_of(table, **cells: str) -> CorpusSpec:
    """The corpus of a table whose utterances u7 (test2) and u5 (test1) have other speakers: u7="n0"."""
    return CorpusSpec.resolve(str(save_table(table, cells={(int(u[1:]), "speaker"): s for u, s in cells.items()})))


def test_shared_speakers_are_named_once_and_nobody_is_no_speaker():
    """Sorted; None is nobody."""
    corpus = changed(whole_corpus(), ["test2-x0", "test2-x1", "test2-y0"], speaker="a")
    corpus = changed(changed(corpus, "test2-y1", speaker=None), "train-b0", speaker=None)
    assert shared_speakers(corpus, "test2") == ["a"]
    assert shared_speakers(replace(corpus, utterances=corpus.partitions["test2"]), "test2") == []


@pytest.mark.parametrize("other", ["train-a0", "development-d0"])
@pytest.mark.parametrize("speaker", ["x", "podcast:0007"])
def test_speakers_of_test2_must_be_unseen(other, speaker):
    """A podcast of unknown speakers counts as a speaker."""
    (leak,) = find_leaks(changed(whole_corpus(), ["test2-x0", other], speaker=speaker), AudioScan()).found
    assert leak.what == "1 speaker of test2 (unseen) is also in train or development" and leak.named == (speaker,)


def test_seen_speakers_of_other_test_partitions_are_counted():
    """Of all that are named; a partition whose speakers are all new is not mentioned."""
    corpus = changed(whole_corpus(), "test1-b0", speaker="new")
    corpus = changed(corpus, ["test2-x0", "test2-y0"], partition="held-out")
    assert find_leaks(corpus, AudioScan()).seen == {"test1": (2, 3)}
    assert find_leaks(changed(corpus, "test1-b1", speaker=None), AudioScan()).found == ()


def test_what_learns_stops_for_a_speaker_unless_it_is_allowed(tmp_path):
    """What only reads goes on, and states nothing: it says nothing about generalisation."""
    spec = spec_of(tmp_path, u7="n0")  # the speaker of u0, train
    error = refusal(CorpusError, "leaks", check_corpus, spec, LEARNS, 99)
    assert names_all(error, "1 speaker of test2", "n0", "--allow-leaks", "--split")
    assert check_corpus(spec, LEARNS, allow_leaks=True).leaks.stated == (
        "1 speaker of test2 (unseen) is also in train or development",
    )
    assert check_corpus(spec, Needs()).leaks.stated == ()


def test_what_learns_stops_for_a_recording_unless_it_is_allowed(tmp_path):
    """In test1 too. Bytes are known once they are decoded; a cache knows them without the files."""
    spec = spec_of(tmp_path, u5="n1")
    shutil.copy(tmp_path / "u1.wav", tmp_path / "u5.wav")
    needs, root = replace(LEARNS, audio=True), tmp_path / "cache"
    error = refusal(CorpusError, "leaks", check_corpus, spec, needs, cache=root)
    assert names_all(error, "1 recording of test1", "u5 is u1")
    found = check_corpus(spec, needs, cache=root, allow_leaks=True).leaks
    assert len(found.stated) == 1 and found.seen == {"test1": (1, 1)}
    words = replace(LEARNS, text=True)  # of what reads words the recordings are remembered, or not known
    refusal(CorpusError, "leaks", check_corpus, spec, words, cache=root)
    silent = check_corpus(spec, words, cache=tmp_path / "elsewhere")
    scan = scan_audio(silent.corpus.utterances)
    for utterance in silent.corpus.utterances:
        utterance.path.unlink()
    refusal(CorpusError, "leaks", with_leaks, silent, scan, False)
    assert with_leaks(silent, scan, True).leaks == found


def test_what_learns_needs_a_split(tmp_path):
    """What only reads does not."""
    table = write(tmp_path / "labels.csv", "id,text,valence", "a,words,0.1", "b,others,0.9")
    spec = CorpusSpec.resolve(str(table))
    assert "--split" in refusal(CorpusError, "unsplit", check_corpus, spec, LEARNS).remedy
    assert check_corpus(spec, Needs()).corpus.partitions.keys() == {"unsplit"}
