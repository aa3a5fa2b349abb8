"""Recordings that are in two places: the same file, the same part of it, the same bytes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
import pytest
import soundfile
from corpora import corpus_of, record

from probing.corpus.model import Utterance
from probing.corpus.recordings import between_folds, overlaps, repeated, shared_recordings
from probing.corpus.scan import AudioScan, scan_audio
from probing.corpus.splits import split_anew


@pytest.fixture
def corpus(tmp_path):
    """Four recordings, each another one, in four partitions."""
    partitions = ("train", "development", "test2", "held-out")
    paths = [record(tmp_path / f"{name}.wav", seed=n) for n, name in enumerate(partitions)]
    return corpus_of(*(Utterance(p.stem, p, p.stem, text="x") for p in paths), Utterance("u", None, "test2", text="x"))


def parts(*spans: tuple[str, float, float] | str):
    """A corpus of parts of one file, or of the whole of it: the first are train, the last one is test1."""
    utterances = []
    for n, span in enumerate(spans):
        partition = "test1" if n == len(spans) - 1 else "train"
        file, segment = (span, None) if isinstance(span, str) else (span[0], span[1:])
        utterances.append(Utterance(f"u{n}", Path(f"/nowhere/{file}.wav"), partition, segment=segment))
    return corpus_of(*utterances)


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
    """A CRC-32 has 32 bits: the bytes decide, where the files are there."""
    ids = [u.id for u in corpus.utterances if u.path]
    alike = AudioScan(dict.fromkeys(ids, 800), {}, dict.fromkeys(ids, 7))
    assert shared_recordings(corpus, alike) == {}
    for utterance in corpus.utterances:
        if utterance.path:
            utterance.path.unlink()
    assert shared_recordings(corpus, alike) == {"test2": [("test2", "train")], "held-out": [("held-out", "train")]}


@pytest.mark.parametrize("ending", ["flac", "aiff"])
def test_the_same_samples_in_another_format_are_found(corpus, tmp_path, ending):
    """The bytes are others; so they are where one sample is, and that is no shared recording."""
    samples, rate = soundfile.read(tmp_path / "train.wav", dtype="int16")
    copy = tmp_path / f"copy.{ending}"
    soundfile.write(copy, samples, rate)
    moved = corpus_of(*corpus.utterances[:-2], Utterance("x", copy, "test2"))
    assert shared_recordings(moved, scan_audio(moved.utterances)) == {"test2": [("x", "train")]}
    samples[100] += 1
    soundfile.write(copy, samples, rate)
    assert shared_recordings(moved, scan_audio(moved.utterances)) == {}


def test_the_same_part_of_copies_is_found(corpus, tmp_path):
    """A segment of one file and that of a copy have the same samples; other parts have others."""
    copy = shutil.copy(tmp_path / "train.wav", tmp_path / "copy.wav")
    one = Utterance("a", tmp_path / "train.wav", "train", segment=(0.0, 0.03))
    for segment, shared in (((0.0, 0.03), True), ((0.02, 0.05), False)):
        both = corpus_of(one, Utterance("b", Path(copy), "test1", segment=segment))
        assert bool(shared_recordings(both, scan_audio(both.utterances))) is shared


@pytest.mark.parametrize("way", ["spelling", "symbolic", "hard"])
@pytest.mark.parametrize("segment", [None, (0.0, 0.04)])
def test_a_file_is_the_same_whatever_path_leads_to_it(corpus, tmp_path, way, segment):
    """Another spelling of its path, or a link: segments that overlap are shared although their samples differ."""
    other = tmp_path / "other.wav"
    if way == "spelling":
        other = tmp_path / ".." / tmp_path.name / "train.wav"
    elif way == "symbolic":
        other.symlink_to("train.wav")
    else:
        other.hardlink_to(tmp_path / "train.wav")
    learned = Utterance("a", tmp_path / "train.wav", "train", segment=segment)
    tested = Utterance("b", other, "test1", segment=segment and (0.01, 0.05))
    both = corpus_of(learned, tested)
    assert shared_recordings(both, AudioScan()) == {"test1": [("b", "a")]}
    assert list(overlaps(both.utterances)) == ([("b", "a")] if segment else [])


def test_segments_of_copies_that_overlap_are_shared(corpus, tmp_path):
    """Two files of one size are compared by their bytes; segments that are apart, or of other files, are not shared."""
    copy = Path(shutil.copy(tmp_path / "train.wav", tmp_path / "copy.wav"))
    learned = Utterance("a", tmp_path / "train.wav", "train", segment=(0.0, 0.03))
    cases = ((copy, (0.01, 0.04), True), (copy, None, True), (copy, (0.03, 0.05), False))
    for path, segment, shared in (*cases, (tmp_path / "test2.wav", (0.01, 0.04), False)):
        both = corpus_of(learned, Utterance("b", path, "test1", segment=segment))
        assert bool(shared_recordings(both, AudioScan())) is shared


def test_utterances_without_audio_are_no_recordings():
    """Whatever a cache says of them; of a corpus that is split in two ways they are the same by their ids."""
    said = corpus_of(Utterance("a", None, "train", text="x"), Utterance("b", None, "test1", text="x"))
    assert shared_recordings(said, AudioScan({"a": 800, "b": 800}, {}, {"a": 7, "b": 7})) == {}
    both_ways = corpus_of(*said.utterances, Utterance("b", None, "train", text="x"))
    assert shared_recordings(both_ways, AudioScan()) == {"test1": [("b", "b")]}


@pytest.mark.parametrize(
    ("learned", "tested", "shared"),
    [
        ("a", "a", True),
        ("a", "b", False),
        (("a", 0.0, 2.0), "a", True),
        ("a", ("a", 5.0, 6.0), True),
        (("a", 0.0, 2.0), ("a", 2.0, 4.0), False),  # next to each other
        (("a", 0.0, 2.0), ("a", 1.5, 4.0), False),  # a quarter of the shorter one
        (("a", 0.0, 2.0), ("a", 0.5, 9.0), True),
        (("a", 0.0, 9.0), ("a", 8.0, 9.0), True),
        (("a", 0.0, 9.0), ("b", 8.0, 9.0), False),
    ],
)
def test_the_same_part_of_a_file_is_found_without_its_audio(learned, tested, shared):
    """Where half of the shorter one is in both; a whole file has every part of it."""
    found = shared_recordings(parts(learned, tested), AudioScan())
    assert found == ({"test1": [("u1", "u0")]} if shared else {})


@pytest.mark.parametrize("seed", range(3))
def test_parts_are_found_as_by_comparing_all_pairs(seed):
    """Whichever of several twins is named, it is one."""
    rng = np.random.default_rng(seed)
    starts, lengths = rng.uniform(0, 60, 80), rng.exponential(2, 80) + 0.01
    spans = [(a, a + b) for a, b in zip(starts, lengths, strict=True)]
    utterances = [
        Utterance(f"u{n}", Path("/nowhere/a.wav"), ("train", "test1")[n % 2], segment=s) for n, s in enumerate(spans)
    ]

    def alike(one: Utterance, other: Utterance) -> bool:
        (a, b), (c, d) = one.segment or (0, inf), other.segment or (0, inf)
        return min(b, d) - max(a, c) > min(b - a, d - c) / 2

    by_pairs = {t.id: {u.id for u in utterances[::2] if alike(t, u)} for t in utterances[1::2]}
    found = dict(shared_recordings(corpus_of(*utterances), AudioScan()).get("test1", []))
    assert found.keys() == {id_ for id_, twins in by_pairs.items() if twins}
    assert all(twin in by_pairs[id_] for id_, twin in found.items())


def test_recordings_that_are_there_twice_on_one_side_are_named(corpus, tmp_path):
    """With the first one; those on both sides are leaks, and are told there."""
    shutil.copy(tmp_path / "train.wav", tmp_path / "development.wav")
    assert repeated(corpus, scan_audio(corpus.utterances)) == [("development", "train")]
    shutil.copy(tmp_path / "test2.wav", tmp_path / "held-out.wav")
    shutil.copy(tmp_path / "test2.wav", tmp_path / "development.wav")
    assert repeated(corpus, scan_audio(corpus.utterances)) == [("held-out", "test2")]


def test_segments_that_overlap_are_named_with_the_earlier_one():
    """Whatever their order in the corpus, within a file only, and not where one begins as another ends."""
    corpus = parts(("a", 3.0, 4.0), ("a", 0.0, 2.0), ("b", 1.0, 2.0), ("a", 1.5, 1.8), ("a", 1.9, 3.0), "a")
    assert list(overlaps(corpus.utterances)) == [("u3", "u1"), ("u4", "u1")]


def test_recordings_in_two_folds_are_those_that_some_fold_shares(tmp_path):
    """Whichever is tested: copies, and overlapping segments of one file; those of the tested fold are told as leaks."""
    rng, found = np.random.default_rng(3), []
    files = [record(tmp_path / f"{n}.wav", 8_000, seed=n) for n in range(12)]
    for n in range(3):
        shutil.copy(files[n], files[n + 3])
    for i in range(60):
        start = round(float(rng.uniform(0, 0.4)), 2)
        segment = (start, start + 0.05) if rng.uniform() < 0.7 else None
        found.append(
            Utterance(f"u{i}", files[int(rng.integers(12))], "unsplit", f"s{rng.integers(4)}", segment=segment)
        )
    corpus = corpus_of(*found)
    scan = scan_audio(found)
    folds = [split_anew(corpus, "leave-one-speaker-out", fold) for fold in range(1, 5)]
    for tested in folds:
        pairs = between_folds(tested, scan)
        expected = set()
        for other in folds:
            if other.fold != tested.fold:
                shared = shared_recordings(other, scan).get("test2", [])
                expected |= {id_ for id_, _ in shared}
        own = {u.id for u in tested.partitions["test2"]}
        reached = {id_ for pair in pairs for id_ in pair}
        assert pairs and reached <= expected - own
        assert all(tested.folds[one] < tested.folds[other] for one, other in pairs)
        # What some other fold shares with yet another one, and not with the tested one alone, has its pair.
        kept = replace(corpus, utterances=tuple(u for u in corpus.utterances if u.id not in own))
        for fold in sorted({tested.folds[u.id] for u in kept.utterances})[:-1]:
            split = [
                replace(u, partition="test2" if tested.folds[u.id] == fold else "train")
                for u in kept.utterances
                if tested.folds[u.id] >= fold
            ]
            twins = {id_ for id_, _ in shared_recordings(corpus_of(*split), scan).get("test2", [])}
            assert twins == {id_ for id_, _ in pairs if tested.folds[id_] == fold}
