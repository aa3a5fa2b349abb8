"""The synthesiser speaks with the pitch, formants and level that it is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from probing.audio.decode import SAMPLE_RATE
from probing.demo import script
from probing.demo.language import FUNCTION, NEUTRAL, STRONG_WORDS, Word
from probing.demo.phones import VOWELS
from probing.demo.timing import Segment, schedule
from probing.demo.voice import Voice, synthesise

POSITIVE, NEGATIVE = STRONG_WORDS[0][0]
PARTICLES = tuple(word for pair in FUNCTION for word in pair)
SENTENCE = (PARTICLES[0], *POSITIVE[:2], PARTICLES[1], NEUTRAL[0][0], PARTICLES[2], NEGATIVE[0], NEUTRAL[0][3])


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
