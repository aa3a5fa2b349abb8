"""The built-in corpus: its language, its voices and its writer."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from probing.audio.decode import SAMPLE_RATE, load
from probing.demo import corpus as demo
from probing.demo.corpus import script, speak, write_demo
from probing.demo.language import (
    FUNCTION,
    LEXICON,
    LINKS,
    NEUTRAL,
    PATTERNS,
    STRONG_WORDS,
    Word,
    compose,
    sentence_firmness,
    sentence_valence,
    transcript,
)
from probing.demo.phones import VOWELS
from probing.demo.room import background, reverberate
from probing.demo.timing import Segment, schedule
from probing.demo.truth import bounds, expected_rating, report
from probing.demo.voice import RANGES, Voice, synthesise
from probing.errors import CorpusError
from probing.statistics.concordance import ccc

FEW = {"train": 4, "development": 2, "test1": 2, "test2": 4}
POSITIVE, NEGATIVE = STRONG_WORDS[0][0]
PARTICLES = tuple(word for pair in FUNCTION for word in pair)
SENTENCE = (PARTICLES[0], *POSITIVE[:2], PARTICLES[1], NEUTRAL[0][0], PARTICLES[2], NEGATIVE[0], NEUTRAL[0][3])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("demo"), FEW, progress=False)


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def say(voice: Voice, seed: int = 0, words: tuple[Word, ...] = SENTENCE) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return synthesise(schedule(words, voice.rate, rng), voice, rng)


def autocorrelation_pitch(samples: NDArray[np.float32]) -> float:
    """Median f0 in Hz over clearly periodic 40 ms frames: the highest peak of the autocorrelation."""
    found, window = [], np.hanning(640)
    for start in range(0, len(samples) - 640, 160):
        frame = samples[start : start + 640].astype(np.float64)
        if np.sqrt(np.mean(frame**2)) < 0.3 * np.sqrt(np.mean(samples.astype(np.float64) ** 2)):
            continue
        tapered = frame * window
        lags = np.correlate(tapered, tapered, "full")[639:900] / np.correlate(window, window, "full")[639:900]
        lags /= lags[0]
        lag = 40 + int(np.argmax(lags[40:228]))  # 70 to 400 Hz
        if lags[lag] > 0.6:
            a, b, c = lags[lag - 1 : lag + 2]
            found.append(SAMPLE_RATE / (lag + 0.5 * (a - c) / (a - 2 * b + c)))
    assert len(found) > 20
    return float(np.median(found))


def held_out_correlation(features: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Correlation of a ridge regression's predictions with the truth, on the second half of the rows."""
    half = len(target) // 2
    centre, mean = features[:half].mean(axis=0), target[:half].mean()
    x = features - centre
    weights = np.linalg.solve(x[:half].T @ x[:half] + np.eye(x.shape[1]), x[:half].T @ (target[:half] - mean))
    return float(np.corrcoef(x[half:] @ weights, target[half:])[0, 1])


def counts_of(units: list[list[str]]) -> NDArray[np.float64]:
    kinds = sorted({unit for sentence in units for unit in sentence})
    return np.array([[sentence.count(kind) for kind in kinds] for sentence in units], dtype=np.float64)


# --- language


def test_a_negative_word_is_a_positive_one_with_its_syllables_in_another_order() -> None:
    """Every valenced word has a twin of the opposite valence that is made of the same syllables, link in the middle."""
    valence = {word.syllables: word.valence for word in LEXICON}
    valenced = [word for word in LEXICON if word.valence]
    assert len(valenced) == 72
    for word in valenced:
        assert valence[word.syllables[::-1]] == -word.valence
        assert word.syllables[1] in LINKS


@pytest.mark.parametrize("rare", [False, True])
def test_no_syllable_and_no_two_neighbours_favour_a_valence(rare: bool) -> None:
    """Among everyday words, and among rare ones, each syllable and each pair of neighbours is as often positive."""
    balance: Counter[tuple[int, tuple[str, ...]]] = Counter()
    for word in LEXICON:
        if word.valence and word.rare is rare:
            for size in (1, 2):
                for place in range(4 - size):
                    balance[place, word.syllables[place : place + size]] += 1 if word.valence > 0 else -1
    assert len(balance) > 20 and set(balance.values()) == {0}


def test_words_can_be_told_apart_in_a_transcript() -> None:
    """No two words are spelt alike, and none contains a blank."""
    spellings = [str(word) for word in LEXICON]
    assert len(set(spellings)) == len(spellings) == 90
    assert not any(" " in spelling for spelling in spellings)


def test_sentences_have_the_promised_length() -> None:
    """Every sentence opens with a particle and has 10 to 18 syllables."""
    rng = np.random.default_rng(0)
    lengths = set()
    for _ in range(500):
        words = compose(rng, rare=True)
        assert words[0].opens_phrase
        lengths.add(sum(len(word.syllables) for word in words))
    assert lengths <= set(range(10, 19)) and len(lengths) > 5


def test_a_sentence_has_a_topic_and_its_phrases_agree() -> None:
    """All content words come from one topic's syllables; the words of a phrase share the link that its particle has."""
    rng = np.random.default_rng(0)
    syllables = [{s for word in topic for s in word.syllables} for topic in NEUTRAL]
    for _ in range(300):
        words = compose(rng, rare=True)
        topics = [
            topic
            for topic in syllables
            if all({w.syllables[0], w.syllables[-1]} <= topic for w in words if not w.opens_phrase)
        ]
        assert len(topics) == 1
        for word in words:
            if word.opens_phrase:
                link = LINKS[[word in pair for pair in FUNCTION].index(True)]
            elif word.valence:
                assert word.syllables[1] == link


def test_valence_holds_through_a_sentence() -> None:
    """Given one valenced word, another of the sentence has the same sign in some three cases of four."""
    rng = np.random.default_rng(0)
    signs = [[np.sign(word.valence) for word in compose(rng) if word.valence] for _ in range(3000)]
    pairs = [said[0] == said[-1] for said in signs if len(said) > 1]
    assert 0.7 < np.mean(pairs) < 0.8  # leanings follow the arcsine law: 1/2 + E[leaning²]/2 = 3/4


def test_rare_words_are_said_only_where_they_may_be() -> None:
    """One valenced word in three is rare in test2, none in the other partitions."""
    lines = script.plan({"train": 1000, "development": 100, "test1": 100, "test2": 1000})
    for partition in script.COUNTS:
        valenced = [w for line in lines if line.partition == partition for w in line.words if w.valence]
        share = np.mean([word.rare for word in valenced])
        assert share == pytest.approx(1 / 3, abs=0.04) if partition == "test2" else share == 0


def test_sentence_valence_spans_zero_to_one() -> None:
    """Only strongly negative words say 0, only strongly positive ones 1, none of them 0.5."""
    assert sentence_valence(NEGATIVE) == 0.0
    assert sentence_valence(POSITIVE) == 1.0
    assert sentence_valence(PARTICLES) == sentence_valence(()) == 0.5
    assert sentence_firmness(PARTICLES) == sentence_firmness(POSITIVE) == 0.0


def test_valence_is_in_the_words_and_not_in_the_sounds() -> None:
    """A ridge over word counts predicts rated valence in new sentences; over syllables or pairs of them nothing."""
    lines = script.plan({"train": 6000})
    rated = np.array([line.ratings[1] for line in lines])
    spoken = [[s for word in line.words for s in word.syllables] for line in lines]
    words = counts_of([transcript(line.words).split() for line in lines])
    stressed = counts_of([[word.syllables[0] for word in line.words] for line in lines])
    neighbours = counts_of([["".join(pair) for pair in pairwise(sounds)] for sounds in spoken])
    assert held_out_correlation(words, rated) > 0.9
    for sounds in (counts_of(spoken), stressed, neighbours):
        assert abs(held_out_correlation(sounds, rated)) < 0.08


# --- script


def test_partitions_have_the_counts_and_speakers_they_should() -> None:
    """792 lines; test1 has the speakers of train, development and test2, with 40 unseen ones, have their own."""
    lines = script.plan()
    assert Counter(line.partition for line in lines) == {"train": 480, "development": 96, "test1": 96, "test2": 120}
    speakers = {p: {line.speaker.name for line in lines if line.partition == p} for p in script.COUNTS}
    assert speakers["test1"] == speakers["train"]
    assert not speakers["test2"] & (speakers["train"] | speakers["development"])
    assert not speakers["development"] & speakers["train"]
    assert len(speakers["test2"]) == 40


def test_unseen_speakers_are_heard_in_other_rooms() -> None:
    """The rooms of test2 ring longer and louder and are noisier than any other."""
    speakers = {line.speaker.name: (line.speaker, line.partition) for line in script.plan()}
    for name in ("room_seconds", "room_level", "floor"):
        unseen = [getattr(speaker, name) for speaker, partition in speakers.values() if partition == "test2"]
        others = [getattr(speaker, name) for speaker, partition in speakers.values() if partition != "test2"]
        assert min(unseen) > max(others)


def test_no_sentence_is_said_twice() -> None:
    """Test sentences are new: every transcript of the corpus is unique, and so is every id."""
    lines = script.plan()
    assert len({transcript(line.words) for line in lines}) == len({line.id for line in lines}) == len(lines)


def test_ratings_follow_the_latent_values_with_noise() -> None:
    """Ratings lie on the scale and correlate with their latent value highly, not perfectly."""
    lines = script.plan()
    ratings = np.array([line.ratings for line in lines])
    latent = np.array([(line.arousal, line.valence, line.dominance) for line in lines])
    assert ratings.min() >= 1 and ratings.max() <= 7
    for dimension in range(3):
        assert 0.9 < np.corrcoef(ratings[:, dimension], latent[:, dimension])[0, 1] < 0.99


def test_valence_is_independent_of_arousal_and_dominance_which_go_together() -> None:
    """Arousal and dominance correlate, valence with neither."""
    lines = script.plan({"train": 3000})
    arousal, valence, dominance = np.array([(line.arousal, line.valence, line.dominance) for line in lines]).T
    assert 0.4 < np.corrcoef(arousal, dominance)[0, 1] < 0.7
    assert abs(np.corrcoef(arousal, valence)[0, 1]) < 0.06
    assert abs(np.corrcoef(dominance, valence)[0, 1]) < 0.06


def test_an_unknown_partition_is_refused() -> None:
    """A partition without a cast is named in the error."""
    with pytest.raises(ValueError, match="test3"):
        script.plan({"train": 1, "test3": 1})


def test_every_mood_of_every_speaker_gives_a_legal_voice() -> None:
    """The most extreme latent values stay within the documented ranges of a voice."""
    for speaker in script.cast():
        for arousal in script.LATENT_RANGE:
            for dominance in script.LATENT_RANGE:
                script.delivery(speaker, arousal, dominance, np.random.default_rng(0))


def test_dominance_is_in_the_voice_and_in_the_words() -> None:
    """Each explains a part of the ratings that the other does not; nothing else does."""
    lines = script.plan({"train": 3000})
    rated = np.array([line.ratings[2] for line in lines])
    voice = np.array([line.voice_dominance for line in lines])
    firmness = np.array([sentence_firmness(line.words) for line in lines])
    assert abs(np.corrcoef(voice, firmness)[0, 1]) < 0.05
    assert 0.7 < np.corrcoef(voice, rated)[0, 1] < 0.85
    assert 0.45 < np.corrcoef(firmness, rated)[0, 1] < 0.65
    assert np.corrcoef(voice + script.DOMINANCE_WORDS * firmness, rated)[0, 1] > 0.95


# --- truth


def test_expected_ratings_are_what_many_raters_give() -> None:
    """Mean and variance in closed form equal those of 20,000 drawn ratings, at the ends of the scale too."""
    latent, rng = np.array([0.02, 0.3, 0.5, 0.77, 0.98]), np.random.default_rng(0)
    drawn = np.array([[script.rate(value, rng) for value in latent] for _ in range(20_000)])
    mean, variance = expected_rating(latent)
    assert drawn.mean(0) == pytest.approx(mean, abs=0.01)
    assert drawn.var(0) == pytest.approx(variance, rel=0.05)


def test_no_prediction_from_what_a_listener_knows_beats_the_bound_and_the_best_one_meets_it() -> None:
    """Bins of the latent values, fitted to the very ratings, reach the bound and no more."""
    lines = script.plan({"train": 6000})
    best = bounds(lines)
    known = {
        ("arousal", "prosody"): [line.arousal for line in lines],
        ("valence", "words"): [line.valence for line in lines],
        ("dominance", "prosody"): [line.voice_dominance for line in lines],
        ("dominance", "words"): [sentence_firmness(line.words) for line in lines],
        ("dominance", "both"): [line.dominance for line in lines],
    }
    for (dimension, by), values in known.items():
        rated = np.array([line.ratings[("arousal", "valence", "dominance").index(dimension)] for line in lines])
        edges = np.unique(np.quantile(values, np.linspace(0, 1, 41)[1:-1]))
        place = np.digitize(values, edges)
        fitted = np.array([rated[place == bin_].mean() for bin_ in range(len(edges) + 1) if (place == bin_).any()])
        fitted = fitted[np.unique(place, return_inverse=True)[1]]
        stretched = rated.mean() + (fitted - rated.mean()) * rated.std() / fitted.std()
        assert ccc(stretched, rated) == pytest.approx(best[dimension][by], abs=0.02)


def test_what_a_listener_cannot_know_gives_nothing() -> None:
    """Words say nothing of arousal, prosody nothing of valence; both together are at least as good as each."""
    best = bounds(script.plan())
    assert best["arousal"]["words"] == best["valence"]["prosody"] == 0
    assert all(scores["both"] >= max(scores.values()) for scores in best.values())


def test_the_truth_is_printed_for_every_partition() -> None:
    """The table that `probe check demo` prints has a row a partition, with nine numbers each."""
    lines = script.plan()
    rows = report(lines).splitlines()[3:]
    assert [row.split()[0] for row in rows] == list(script.COUNTS)
    known = bounds([line for line in lines if line.partition == "test2"])
    assert [float(number) for number in rows[-1].split()[1:]] == pytest.approx(
        [score for scores in known.values() for score in scores.values()], abs=6e-4
    )


# --- room


def test_reflections_have_the_energy_and_the_decay_asked_for() -> None:
    """A click in a room: the direct sound stays 1, what follows has its energy and falls by 60 dB in the time."""
    click = np.zeros(SAMPLE_RATE, dtype=np.float32)
    click[0] = 1
    heard = reverberate(click, 0.4, -10.0, np.random.default_rng(0))
    tail = heard[1:]
    assert heard[0] == pytest.approx(1)
    assert 10 * np.log10(np.sum(tail**2)) == pytest.approx(-10, abs=0.1)
    early, late = tail[400:1200], tail[400 + 3200 : 1200 + 3200]  # 0.2 s apart
    assert 10 * np.log10(np.mean(early**2) / np.mean(late**2)) == pytest.approx(30, abs=2)


def test_background_noise_has_its_level() -> None:
    """RMS in dB below full scale, more of it in low frequencies."""
    noise = background(SAMPLE_RATE, -50.0, np.random.default_rng(0))
    assert 20 * np.log10(np.sqrt(np.mean(noise.astype(np.float64) ** 2))) == pytest.approx(-50, abs=0.01)
    power = np.abs(np.fft.rfft(noise)) ** 2
    assert power[50:200].mean() > 50 * power[4000:].mean()


# --- voice


@pytest.mark.parametrize("f0", [95.0, 130.0, 180.0, 250.0])
def test_the_pitch_heard_is_the_pitch_asked_for(f0: float) -> None:
    """An autocorrelation finds the f0 that was asked for within 3 %."""
    samples = say(Voice(f0=f0, f0_range=1.0, fall=0.5))
    assert autocorrelation_pitch(samples) == pytest.approx(f0, rel=0.03)


def test_a_formant_lies_where_the_vowel_and_the_vocal_tract_put_it() -> None:
    """The strongest band of a drawn-out "a" or "i" is its first formant, scaled by the vocal tract."""
    for vowel, tract in (("a", 1.0), ("a", 1.15), ("i", 1.0)):
        voice = Voice(f0=70.0, f0_range=0, fall=0, tract=tract, tilt=3.0, floor=-90, room_level=-60)
        samples = synthesise([Segment(VOWELS[vowel], 0.0, 2.0, 0)], voice, np.random.default_rng(0))
        power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
        smooth = np.convolve(power, np.ones(140), "same")  # 70 Hz: one harmonic at a time
        assert np.argmax(smooth) / 2 == pytest.approx(tract * VOWELS[vowel].formants[0], abs=50)


def test_level_is_met_and_never_clips() -> None:
    """A voice's RMS is the level asked for; the loudest stays within full scale."""
    for level in (-35.0, -25.0):
        rms = np.sqrt(np.mean(say(Voice(level=level, floor=-80, room_level=-40)).astype(np.float64) ** 2))
        assert 20 * np.log10(rms) == pytest.approx(level, abs=0.3)
    assert np.abs(say(Voice(level=-14.0))).max() <= 0.951


def test_rate_is_met_exactly_and_segments_leave_no_gap() -> None:
    """Spoken time is syllables over rate, and each segment begins where the one before ends."""
    for rate in RANGES["rate"]:
        segments = schedule(SENTENCE, rate, np.random.default_rng(1))
        spoken = sum(s.end - s.start for s in segments if s.word >= 0)
        assert spoken == pytest.approx(sum(len(word.syllables) for word in SENTENCE) / rate)
        assert all(a.end == b.start and a.end > a.start for a, b in pairwise(segments))
        assert [s.word for s in segments if s.word >= 0] == sorted(s.word for s in segments if s.word >= 0)


@pytest.mark.parametrize("rate", RANGES["rate"])
def test_a_sentence_lasts_two_to_five_seconds_at_any_rate(rate: float) -> None:
    """The shortest and the longest sentences keep within 1.5–5 s at both ends of the range."""
    for pattern in PATTERNS:
        words = tuple(w for n in pattern for w in (PARTICLES[0], *POSITIVE[:n]))
        for seed in range(5):
            assert 2.0 <= schedule(words, rate, np.random.default_rng(seed))[-1].end <= 5.0


def test_arousal_is_heard_as_higher_faster_louder_and_brighter_speech() -> None:
    """The same speaker and words with more arousal have higher pitch, less time, more energy and a higher centroid."""
    for speaker in script.cast()[:2]:
        calm, excited = (measure(speaker, arousal) for arousal in (0.1, 0.9))
        pitch, seconds, rms, centroid = excited / calm
        assert pitch > 1.1 and seconds < 0.85 and rms > 1.5 and centroid > 1.15


def measure(speaker: script.Speaker, arousal: float) -> NDArray[np.float64]:
    """Pitch in Hz, duration in s, RMS and spectral centroid in Hz."""
    voice = script.delivery(speaker, arousal, 0.5, np.random.default_rng(0))
    samples = say(replace(voice, floor=-80.0))
    power = np.abs(np.fft.rfft(samples)) ** 2
    centroid = np.average(np.arange(len(power)) * SAMPLE_RATE / len(samples), weights=power)
    rms = np.sqrt(np.mean(samples.astype(np.float64) ** 2))
    return np.array([autocorrelation_pitch(samples), len(samples) / SAMPLE_RATE, rms, centroid])


def test_a_voice_out_of_range_is_refused() -> None:
    """An impossible pitch is named with its range."""
    with pytest.raises(ValueError, match=r"f0 is 20.* between 60.0 and 400.0"):
        Voice(f0=20.0)


# --- writer


def test_the_table_is_complete_and_every_file_loads(written: Path) -> None:
    """Columns, ratings, relative paths; each recording is 1.5–5 s of mono FLAC at 16 kHz with 16 bits."""
    rows = rows_of(written)
    assert list(rows[0]) == ["id", "path", "partition", "speaker", "arousal", "valence", "dominance", "text"]
    assert Counter(row["partition"] for row in rows) == FEW
    lexicon = {str(word) for word in LEXICON}
    for row in rows:
        assert row["path"] == f"audio/{row['id']}.flac"
        assert all(1 <= float(row[dimension]) <= 7 for dimension in ("arousal", "valence", "dominance"))
        assert set(row["text"].split()) <= lexicon
        info = soundfile.info(written.parent / row["path"])
        assert (info.format, info.subtype, info.channels, info.samplerate) == ("FLAC", "PCM_16", 1, SAMPLE_RATE)
        assert 1.5 * SAMPLE_RATE <= len(load(written.parent / row["path"])) <= 5 * SAMPLE_RATE


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(written: Path, tmp_path: Path) -> None:
    """Two folders of one seed are equal file by file; another seed changes table and audio."""
    again = write_demo(tmp_path / "again", FEW, progress=False)
    assert contents(again.parent) == contents(written.parent)
    other = write_demo(tmp_path / "other", FEW, seed=1, progress=False)
    assert other.read_bytes() != written.read_bytes()
    first = rows_of(written)[0]["path"]
    assert (other.parent / first).read_bytes() != (written.parent / first).read_bytes()


def test_an_utterance_does_not_depend_on_what_was_spoken_before_or_beside_it() -> None:
    """Lines spoken backwards in four threads are the lines spoken forwards in one."""
    lines = script.plan(FEW)
    forwards = {line.id: speak(line) for line in lines}
    threaded: dict[str, NDArray[np.float32]] = {}
    threads = [
        threading.Thread(target=lambda part=lines[i::4]: threaded.update({li.id: speak(li) for li in reversed(part)}))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(forwards[name], threaded[name]) for name in forwards)


def test_a_whole_corpus_is_found_and_not_made_again(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second call speaks nothing and returns the same path."""
    monkeypatch.setattr(demo, "speak", lambda *_: pytest.fail("it was made again"))
    assert write_demo(written.parent, FEW, progress=False) == written


def cut_table(folder: Path) -> None:
    table = folder / "demo.csv"
    table.write_bytes(table.read_bytes()[:-30])


def other_version(folder: Path) -> None:
    made = json.loads((folder / "demo.json").read_text())
    (folder / "demo.json").write_text(json.dumps({**made, "version": 0}))


def cut_audio(folder: Path) -> None:
    file = folder / "audio" / "demo-0003.flac"
    file.write_bytes(file.read_bytes()[:1000])


@pytest.mark.parametrize(
    "harm",
    [
        cut_table,
        other_version,
        cut_audio,
        lambda folder: (folder / "audio" / "demo-0003.flac").unlink(),
        lambda folder: (folder / "demo.csv").unlink(),
        lambda folder: (folder / "demo.json").write_text("[]"),
        lambda folder: (folder / "demo.json").unlink(),
    ],
    ids=["cut table", "version", "cut audio", "no audio", "no table", "json of another kind", "no json"],
)
def test_a_stale_or_damaged_corpus_is_made_anew(harm: object, tmp_path: Path) -> None:
    """Whatever is cut, missing or of another version, the next call mends it and leaves nothing beside."""
    few = {"train": 2, "test2": 2}
    table = write_demo(tmp_path, few, progress=False)
    whole = contents(tmp_path)
    harm(tmp_path)  # type: ignore[operator]
    assert write_demo(tmp_path, few, progress=False) == table
    assert contents(tmp_path) == whole


def test_other_counts_in_the_same_folder_make_it_anew(tmp_path: Path) -> None:
    """Asking for more utterances than are there gives them all."""
    write_demo(tmp_path, {"train": 1}, progress=False)
    assert len(rows_of(write_demo(tmp_path, {"train": 2, "test2": 1}, progress=False))) == 3


def test_an_interrupted_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the third utterance fails, nothing that looks finished is there, and the next call finishes."""
    spoken: list[script.Line] = []

    def speak_two(line: script.Line, seed: int = 0) -> NDArray[np.float32]:
        if len(spoken) == 2:
            raise KeyboardInterrupt
        spoken.append(line)
        return speak(line, seed)

    monkeypatch.setattr(demo, "speak", speak_two)
    with pytest.raises(KeyboardInterrupt):
        write_demo(tmp_path, FEW, progress=False)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
    monkeypatch.undo()
    assert len(rows_of(write_demo(tmp_path, FEW, progress=False))) == sum(FEW.values())


def test_what_a_killed_run_left_aside_is_cleared_away_later(tmp_path: Path) -> None:
    """An old unfinished folder goes; a young one, which may belong to a running process, stays."""
    for name in (".making-old", ".making-young"):
        (tmp_path / name).mkdir()
    os.utime(tmp_path / ".making-old", (0, 0))
    write_demo(tmp_path, {"train": 1}, progress=False)
    assert [p.name for p in tmp_path.glob(".making-*")] == [".making-young"]


def write_elsewhere(folder: Path, counts: dict[str, int], threads: int = 1) -> subprocess.Popen[bytes]:
    """Another process that writes the corpus."""
    code = f"import pathlib; from probing.demo import write_demo; write_demo(pathlib.Path({str(folder)!r}), {counts})"
    root = str(Path(demo.__file__).parents[2])
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    return subprocess.Popen([sys.executable, "-c", code], cwd=root, env=environment)


def test_processes_at_once_do_not_break_each_other(written: Path, tmp_path: Path) -> None:
    """Two processes with other numbers of threads write one folder; it is bit-equal to one that was written alone."""
    processes = [write_elsewhere(tmp_path, FEW, threads) for threads in (1, 4)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert contents(tmp_path) == contents(written.parent)


def test_a_kill_leaves_no_table_and_the_next_run_finishes(tmp_path: Path) -> None:
    """After SIGKILL in the middle there is neither table nor audio in its place, and a new call writes all."""
    process = write_elsewhere(tmp_path, {"train": 5000})
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".making-*/*0003.flac")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert list(tmp_path.glob(".making-*/*.flac"))
    assert not (tmp_path / "demo.csv").exists() and not list((tmp_path / "audio").iterdir())
    assert len(rows_of(write_demo(tmp_path, {"train": 2}, progress=False))) == 2


def test_a_folder_that_cannot_be_written_is_an_error_that_a_user_can_mend(tmp_path: Path) -> None:
    """A file where the folder should be: the error names it and says what to do."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(CorpusError, match="taken") as caught:
        write_demo(tmp_path / "taken", FEW, progress=False)
    assert caught.value.remedy


def test_the_demo_loads_without_torch() -> None:
    """Importing probing.demo imports neither torch nor transformers."""
    code = "import sys, probing.demo; sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(demo.__file__).parents[2], check=False).returncode == 0
