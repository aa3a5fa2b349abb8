"""What `probe check` says about a corpus: counts that a hand can recompute, notes, and every problem."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corpora import changed, corpus_of, save_table, scan_of, whole_corpus, write

from probing.corpus.model import Corpus, Utterance
from probing.corpus.overview import check, overview
from probing.corpus.scan import AudioScan
from probing.corpus.spec import CorpusSpec


@pytest.fixture
def whole() -> Corpus:
    """A corpus with nothing missing."""
    return whole_corpus()


def test_the_report_of_a_whole_corpus_has_no_problem(whole):
    """It shows sizes, hours, speakers, texts, scale and label statistics that a hand can recompute."""
    found = overview(whole, scan_of(whole))
    text = str(found)
    assert (found.count, found.problems) == (0, ())
    assert "1 to 7" in text.splitlines()[0]
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.startswith("  ")}
    assert rows["train"] == ["train", "12", "0.01", "24.0", "2.00", "2.00", "2.00", "3", "12"]  # 12 x 2 s = 0.0067 h
    assert rows["all"] == ["all", "32", "0.02", "64.0", "2.00", "2.00", "2.00", "6", "32"]
    line = next(line for line in text.splitlines() if line.split()[:2] == ["arousal", "train"])
    assert "mean   2.50" in line and f"sd {np.sqrt(1.25):5.2f}" in line  # 1, 2, 3, 4 equally often
    assert "████···" in line
    assert max(map(len, text.splitlines())) <= 100


def test_the_lowest_and_highest_rating_fall_into_the_outer_bins():
    """The scale's ends belong to the histogram; one rating among many is still a bar."""
    ratings = [1.0] * 99 + [7.0]
    utterances = (Utterance(f"u{n}", None, "train", "s", {"joy": r}) for n, r in enumerate(ratings))
    assert "█·····▁" in str(overview(corpus_of(*utterances), AudioScan()))


def test_the_report_counts_and_names_every_problem(whole):
    """Each kind: 2 + 1 utterances lack something, a speaker is shared, two files are damaged.

    A missing transcript is none: releases miss some, and only the table of counts shows it.
    """
    corpus = changed(whole, ["train-a0", "train-a1"], labels={"valence": 4.0})
    corpus = changed(corpus, "train-b0", text=None)
    corpus = changed(corpus, "train-b1", path=None)
    corpus = changed(corpus, "test2-x0", speaker="c")
    found = overview(corpus, scan_of(corpus, "train-b2", "test1-a0"))
    assert found.count == 2 + 1 + 1 + 2
    assert "6" in next(line for line in str(found).splitlines() if line.startswith("problems"))
    kinds = ["rating of arousal", "audio path", "test2", "train-b2", "test1-a0"]  # in this order, a line each
    assert all(kind in line for kind, line in zip(kinds, found.problems, strict=True))
    assert [line.rpartition(": ")[2] for line in found.problems[:3]] == ["train-a0, train-a1", "train-b1", "c"]
    flat = " ".join(str(found).split())
    assert all(" ".join(line.split()) in flat for line in found.problems)


@pytest.mark.parametrize("lacking", ["text", "path"])
def test_what_a_corpus_lacks_throughout_is_no_problem(whole, lacking):
    """A corpus without text, without audio or with an unlabelled test partition is one for other commands."""
    utterances = tuple(
        replace(u, **{lacking: None}, labels={} if u.partition == "test2" else u.labels) for u in whole.utterances
    )
    found = overview(replace(whole, utterances=utterances), AudioScan())
    assert found.count == 0
    assert "–" in next(line for line in str(found).splitlines() if line.split()[:2] == ["arousal", "test2"])


def test_a_corpus_with_neither_audio_nor_text_can_only_be_looked_at(whole):
    """Nothing can be extracted; a column that may be meant is offered, also where there is only a text."""
    silent = replace(whole, utterances=tuple(replace(u, text=None, path=None) for u in whole.utterances))
    assert overview(silent, AudioScan()).count == 1
    (problem,) = overview(replace(silent, unused={"file": "no number"}), AudioScan()).problems
    assert "--column path=file" in problem
    written = replace(whole, utterances=tuple(replace(u, path=None) for u in whole.utterances), unused={"wav": ""})
    found = overview(written, AudioScan())
    assert found.count == 0 and "type --column path=wav, if it is that" in found.notes


def test_a_corpus_to_learn_from_needs_a_rating(whole):
    """The problem says what was in the columns; what has no development is for other work."""
    plain = replace(
        whole, utterances=tuple(replace(u, labels={}) for u in whole.utterances), unused={"emotion": "it has names"}
    )
    found = overview(plain, scan_of(plain))
    (problem,) = found.problems
    assert found.count == 1 and "column emotion: it has names" in problem
    assert overview(plain.select(["train", "test1", "test2"]), scan_of(plain)).count == 0


def test_seen_speakers_of_any_other_test_partition_are_a_note(whole):
    """Whatever its name; a speaker of test2, which says that they are unseen, is a problem."""
    renamed = replace(
        whole,
        utterances=tuple(replace(u, partition="test") if u.partition == "test1" else u for u in whole.utterances),
    )
    found = overview(changed(renamed, "test1-a0", speaker="z"), scan_of(renamed))
    assert found.count == 0 and "test, seen: 2 of 3 speakers (also in train or development)" in found.notes
    found = overview(changed(whole, "test2-x0", speaker="a"), scan_of(whole))
    assert found.problems == ("1 speaker of test2 (unseen) is also in train or development: a",) and found.count == 1


def test_an_unrated_train_partition_is_a_problem(whole):
    """It can be opened and looked at, and the overview says so."""
    train = {u.id: u for u in whole.partitions["train"]}
    unrated = [replace(u, labels={"valence": u.labels["valence"]}) if u.id in train else u for u in whole.utterances]
    found = overview(replace(whole, utterances=tuple(unrated)), scan_of(whole))
    (problem,) = found.problems
    assert found.count == 1 and "train" in problem and "arousal" in problem


def test_notes_are_no_problems(whole):
    """The reader's notes, and the speakers that train and test1 share."""
    found = overview(replace(whole, notes=("a note of the reader",)), scan_of(whole))
    assert found.count == 0
    assert found.notes[0] == "a note of the reader"
    assert "test1, seen: 2 of 2 speakers (also in train or development)" in found.notes
    assert all(note in " ".join(str(found).split()) for note in found.notes)


def test_near_names_of_partitions_and_dimensions_are_offered(whole):
    """A misspelt partition is one of its own, and a misspelt dimension too: the notes say so, and nothing else does."""
    wrong = changed(whole, ["train-a0"], partition="trein", labels={"arousel": 2.0, "arousal": 2.0, "valence": 4.0})
    assert "partition trein is not train: correct its name, if it is that" in overview(wrong, scan_of(wrong)).notes
    renamed = replace(
        whole, utterances=tuple(replace(u, labels={"arousel": 2.0, "valence": 4.0}) for u in whole.utterances)
    )
    assert "type --column arousal=arousel, if it is that" in overview(renamed, scan_of(renamed)).notes


def test_a_corpus_without_train_or_development_says_what_it_cannot_do(whole):
    """It may still be evaluated on."""
    found = overview(whole.select(["test1", "test2"]), scan_of(whole))
    assert found.count == 0 and len(found.notes) == 2
    assert "train" in found.notes[0] and "development" in found.notes[1]


def test_the_overview_of_nothing_but_ids_can_be_printed():
    """Neither labels nor audio nor speakers."""
    found = overview(corpus_of(Utterance("u", None, "train", text="words")), AudioScan())
    assert found.corpus.title in str(found)


@pytest.fixture
def table(tmp_path) -> Path:
    """A table that a fit would take: two utterances of development, and nothing constant."""
    varied = {(row, "dominance"): f"0.{row}" for row in range(8)}
    return save_table(tmp_path, cells={(3, "partition"): "development", **varied})


def test_check_opens_and_decodes_a_table(table, tmp_path):
    """A truncated file is a problem, named with its utterance and its file."""
    assert check(str(table)).count == 0
    (tmp_path / "u3.wav").write_bytes((tmp_path / "u3.wav").read_bytes()[:500])
    found = check(CorpusSpec.resolve(str(table)))
    (problem,) = found.problems
    assert found.count == 1 and "u3: " in problem and "u3.wav" in problem
    assert found.scan.damaged["u3"].code == "audio-damaged"


def test_a_recording_in_train_and_in_a_test_is_a_problem(table, tmp_path):
    """Under whatever name it lies there."""
    shutil.copy(tmp_path / "u1.wav", tmp_path / "u7.wav")
    found = check(str(table))
    assert found.count == 1 and "test2" in found.problems[0] and found.problems[0].endswith(": u7 is u1")


def test_check_counts_the_errors_of_transcripts(tmp_path):
    """Against the corpus's own words; one of two words is another one in train."""
    table = save_table(tmp_path)
    said = [f"u{row},word {row}" for row in range(1, 8)]
    words = write(tmp_path / "asr.csv", "id,text", "u0,word zero", *said)
    notes = check(CorpusSpec.resolve(str(table), transcripts=words)).notes
    assert any("asr" in note and "train 0.0%" in note for note in notes)  # zero is 0 for Whisper's normaliser
    write(words, "id,text", "u0,other 0", *said)
    assert any("train 12.5%" in note for note in check(CorpusSpec.resolve(str(table), transcripts=words)).notes)


def test_raters_agree_as_far_as_their_answers_do(whole):
    """Of each dimension and category by itself; nothing is said where nobody's answers are known."""
    assert "raters" not in str(overview(whole, scan_of(whole)))
    answers = [{"arousal": (1.0, 1.0) if n % 2 else (7.0, 7.0, 7.0), "emotion": ("joy", "fear")} for n in range(32)]
    utterances = [replace(u, answers=a) for u, a in zip(whole.utterances, answers, strict=True)]
    lines = str(overview(replace(whole, utterances=tuple(utterances)), scan_of(whole))).splitlines()
    arousal, emotion = (line.split() for line in lines[lines.index("") :] if line.endswith("answers"))
    assert arousal == ["arousal", "1.000", "32", "utterances,", "80", "answers"]
    assert emotion[0] == "emotion" and float(emotion[1]) < 0 and emotion[2:] == ["32", "utterances,", "64", "answers"]


def test_utterances_without_words_and_columns_without_use_are_notes(whole):
    """What reads words asks for all of them, by a count that can be typed."""
    corpus = replace(changed(whole, "train-a0", text=None), unused={"room": "it has one name throughout"})
    found = overview(corpus, scan_of(corpus))
    assert found.count == 0
    assert any("--allow-missing" in note and note.endswith("train-a0") for note in found.notes)
    assert found.notes[-1] == "columns that are not used: room (it has one name throughout)"


def test_segments_are_counted_with_their_recordings(whole):
    """Two of one file and one of another; a whole file is none."""
    cut = changed(whole, ["train-a0", "train-a1"], path=Path("/nowhere/a.wav"), segment=(0.0, 1.0))
    cut = changed(changed(cut, "train-a1", segment=(1.0, 2.0)), "train-b0", segment=(0.5, 1.0))
    assert "3 utterances are segments of 2 recordings" in overview(cut, scan_of(cut)).notes
    assert not any("segment" in note for note in overview(whole, scan_of(whole)).notes)
