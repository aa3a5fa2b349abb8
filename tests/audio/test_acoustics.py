"""Acoustic measures find what was planted in tones and spoken lines, and are finite for every waveform."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from corpora import names_all, refusal
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from probing.audio import acoustics
from probing.audio.acoustics import CHANNEL, MFCCS, MIDDLE, NUISANCES, measures, nuisances
from probing.audio.contours import F0_RANGE, Contours
from probing.audio.decode import SAMPLE_RATE
from probing.demo.corpus import speak
from probing.demo.script import COUNTS, delivery, plan
from probing.errors import ProbingError

LINES = 40
AT_SECOND = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE  # two seconds


def measured(waveform: NDArray[Any]) -> dict[str, float]:
    """Measures and nuisances; the latter have other names but for `f0` and `rate`, which the former lack."""
    contours = Contours(waveform.astype(np.float32))
    return measures(contours) | nuisances(contours)


def pulses(f0: float, tilt: float = 6.0, at: NDArray[np.float64] = AT_SECOND) -> NDArray[np.float64]:
    """Harmonics of a pitch, in random phases, that fall by so many dB an octave; peak amplitude about .3."""
    numbers = np.arange(1, int(7000 / f0) + 1)
    phases = np.random.default_rng(0).uniform(0, 2 * np.pi, len(numbers))
    found = sum(
        n ** (-tilt / 6.0206) * np.sin(2 * np.pi * n * f0 * at + p) for n, p in zip(numbers, phases, strict=True)
    )
    return np.asarray(0.3 * found / np.abs(found).max())


@pytest.fixture(scope="module")
def spoken() -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """What was planted in some lines of the built-in world, and what is measured of them, by name."""
    lines = plan(COUNTS)
    chosen = [lines[n] for n in np.random.default_rng(1).choice(len(lines), LINES, replace=False)]
    voices = [
        delivery(one.speaker, one.arousal, one.voice_dominance, np.random.default_rng([0, 2, int(one.id[-4:])]))
        for one in chosen
    ]
    rows = [measured(speak(one)) for one in chosen]
    planted = {name: np.array([getattr(voice, name) for voice in voices]) for name in vars(voices[0])}
    return planted, {name: np.array([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize(
    ("measure", "planted", "least"),
    [
        ("f0 median", "f0", 0.95),
        ("f0 range", "f0_range", 0.8),
        ("level", "level", 0.95),
        ("energy", "level", 0.95),
        ("loudness mean", "level", 0.9),
        ("syllable rate", "rate", 0.8),
        ("rate", "rate", 0.8),
        ("tilt", "tilt", -0.75),
        ("balance", "tilt", 0.75),
    ],
)
def test_measures_follow_what_was_planted_in_the_voices_of_the_built_in_world(spoken, measure, planted, least):
    """Each is correlated with its own parameter; a tilt is a fall, so its slope goes the other way."""
    voices, rows = spoken
    truth = np.log(voices[planted]) if planted == "f0" else voices[planted]
    found = float(np.corrcoef(truth, rows[measure])[0, 1])
    assert found * np.sign(least) > abs(least)


def test_the_noise_and_the_duration_of_spoken_lines_are_found(spoken):
    """The SNR follows the distance of speech from the background, though reverberation fills the pauses."""
    voices, rows = spoken
    assert np.corrcoef(voices["level"] - voices["floor"], rows["snr"])[0, 1] > 0.9
    assert np.corrcoef(voices["rate"], rows["duration"])[0, 1] < -0.6


@pytest.mark.parametrize("f0", [70.0, 110.0, 220.0, 440.0])
def test_the_pitch_of_a_pulse_train_is_found_to_a_fifth_of_a_semitone(f0):
    """Steady pitch has no range, no slope, and all of it is voiced."""
    found = measured(pulses(f0))
    assert found["f0 median"] == pytest.approx(12 * np.log2(f0 / MIDDLE), abs=0.2)
    assert found["f0"] == found["f0 median"]
    assert found["f0 range"] < 0.2 and abs(found["f0 slope"]) < 0.2
    assert found["voiced share"] > 0.98 and found["periodicity mean"] > 0.95


def test_a_gliding_pitch_has_its_slope_and_its_range():
    """Six semitones a second upwards for two seconds; the percentiles leave out a tenth at each end."""
    semitones = 6 * AT_SECOND
    phase = 2 * np.pi * np.cumsum(120 * 2 ** (semitones / 12)) / SAMPLE_RATE
    found = measured(sum(np.sin(n * phase) / n for n in range(1, 8)) / 4)
    assert found["f0 slope"] == pytest.approx(6, abs=0.3)
    assert found["f0 slope at the end"] == pytest.approx(6, abs=1)
    assert found["f0 range"] == pytest.approx(0.8 * 12, abs=0.5)


def test_levels_are_in_decibels_of_full_scale():
    """A full sine is -3.01 dB; twenty dB less is twenty dB less in every measure of level, and in no other."""
    loud, soft = (measured(gain * np.sin(2 * np.pi * 1000 * AT_SECOND)) for gain in (1.0, 0.1))
    assert loud["level"] == pytest.approx(-3.01, abs=0.01) == loud["energy"]
    assert loud["loudness mean"] == pytest.approx(-3.01, abs=0.1)  # the A curve is 0 dB at 1 kHz
    moved = {name for name in loud if abs(loud[name] - soft[name] - 20) < 0.01}
    assert moved == {"level", "energy", "loudness mean", "loudness p10", "loudness median", "loudness p90"}
    assert loud["crest"] == pytest.approx(3.01, abs=0.01)


@pytest.mark.parametrize("tilt", [3.0, 9.0, 15.0])
def test_the_tilt_of_a_pulse_train_is_its_fall_an_octave(tilt):
    """Equally spaced harmonics are as dense in every linear band, so a band's mean falls as they do."""
    assert measured(pulses(100.0, tilt))["tilt"] == pytest.approx(-tilt, abs=0.7)


@pytest.mark.parametrize("rate", [3, 5])
def test_the_rate_of_bursts_is_counted(rate):
    """So many bumps a second of a voice are so many syllables."""
    bumps = 0.1 + 0.9 * np.square(np.sin(np.pi * rate * AT_SECOND))
    found = measured(pulses(150.0) * bumps)
    assert found["syllable rate"] == pytest.approx(rate, abs=0.6) == found["rate"]
    assert found["modulation"] == pytest.approx(rate, abs=0.7)


def test_a_pause_is_a_pause_and_is_no_part_of_the_rate():
    """Half a second of silence in two seconds of bursts: a quarter of the time, and as many syllables a second."""
    bumps = 0.1 + 0.9 * np.square(np.sin(np.pi * 4 * AT_SECOND))
    quiet = (AT_SECOND > 0.75) & (AT_SECOND < 1.25)
    found = measured(np.where(quiet, 1e-4, bumps) * pulses(150.0))
    assert found["pause share"] == pytest.approx(0.25, abs=0.05)
    assert found["pauses"] == pytest.approx(0.5, abs=0.05)
    assert found["speech seconds"] == pytest.approx(1.5, abs=0.1)
    assert found["rate"] == pytest.approx(4, abs=0.7)


def test_the_snr_and_the_channel_are_those_of_the_noise():
    """A voice at -20 dB with white noise of -50 dB in its pause; a low-passed recording has a low bandwidth."""
    rng = np.random.default_rng(0)
    voice = np.where(AT_SECOND < 1.5, pulses(150.0, 12.0), 0.0)
    voice *= 0.1 / np.sqrt(np.mean(np.square(voice[AT_SECOND < 1.5])))
    found = measured(voice + rng.normal(0, 10 ** (-50 / 20), len(voice)))
    assert found["snr"] == pytest.approx(30, abs=2)
    octaves = [found[f"channel {low} Hz"] for low in CHANNEL]
    assert np.allclose(np.diff(octaves)[2:], 3.01, atol=1.0)  # white: twice the power in every octave
    dull = measured(np.sin(2 * np.pi * 500 * AT_SECOND) * 0.1)
    assert found["channel bandwidth"] > 1 > dull["channel bandwidth"] == pytest.approx(-1, abs=0.2)


def test_there_are_as_many_measures_as_are_promised_and_all_have_names_of_their_own():
    """Between 45 and 75 of sound; the nuisances that analyses ask for are among the others."""
    contours = Contours(pulses(120.0).astype(np.float32))
    sound, apart = measures(contours), nuisances(contours)
    assert 45 <= len(sound) <= 75
    assert sum(name.startswith("mfcc") for name in sound) == 2 * MFCCS
    assert set(NUISANCES) <= set(apart) and not set(sound) & set(apart)
    assert len(apart) == len(NUISANCES) + len(CHANNEL) + 1


RNG = np.random.default_rng(0)
CLICK = np.zeros(SAMPLE_RATE)
CLICK[8000] = 1.0
ODD = {
    "silence": np.zeros(SAMPLE_RATE),
    "silence of 400 samples": np.zeros(400),
    "a click": CLICK,
    "a click in 400 samples": CLICK[7800:8200],
    "an offset": np.full(SAMPLE_RATE, 0.5),
    "noise without voice": RNG.normal(0, 0.1, SAMPLE_RATE),
    "clipped noise": np.sign(RNG.normal(0, 0.1, SAMPLE_RATE)),
    "numbers of any size": np.sign(RNG.normal(0, 0.1, SAMPLE_RATE)) * 3e38,
    "numbers next to nothing": RNG.normal(0, 1e-38, SAMPLE_RATE),
    "silence after a word": np.concatenate([pulses(120.0)[:4000], np.zeros(60000)]),
}


@pytest.mark.parametrize("waveform", ODD.values(), ids=ODD)
def test_every_number_is_finite_for_odd_recordings(waveform):
    """Names and their order never change."""
    found = measured(waveform)
    assert list(found) == list(measured(pulses(120.0)[:4000]))
    assert np.isfinite(list(found.values())).all()


@pytest.mark.parametrize("name", ["silence", "an offset", "a click", "noise without voice", "numbers next to nothing"])
def test_where_nothing_is_voiced_f0_is_the_middle_of_its_range_and_moves_nowhere(name):
    """All of its measures are 0, and so is the share that is voiced."""
    found = measured(ODD[name])
    assert {value for measure, value in found.items() if measure.startswith("f0")} == {0.0}
    assert found["voiced share"] == 0
    assert pytest.approx(F0_RANGE[0] * F0_RANGE[1]) == MIDDLE**2


@settings(max_examples=25, deadline=None)
@given(
    samples=st.integers(400, 4000),
    seed=st.integers(0, 2**32 - 1),
    gain=st.sampled_from([1e-30, 1e-4, 1.0, 1e30]),
    sparse=st.booleans(),
)
def test_every_number_is_finite_for_every_waveform(samples, seed, gain, sparse):
    """Noise of any length, size and sparseness."""
    rng = np.random.default_rng(seed)
    waveform = rng.standard_cauchy(samples).clip(-1e3, 1e3) * gain
    found = measured(np.where(rng.random(samples) < 0.98, 0.0, waveform) if sparse else waveform)
    assert np.isfinite(list(found.values())).all()


@pytest.mark.parametrize(("package", "code"), [("librosa", "librosa-missing"), ("opensmile", "opensmile-missing")])
def test_a_package_that_is_not_installed_is_named_with_its_pip_command(monkeypatch, package, code):
    """Neither comes with the toolkit: a researcher who measures no acoustics need not install a compiler."""
    monkeypatch.setitem(sys.modules, package, None)
    acoustics._smile.cache_clear()
    recipe = acoustics.RECIPES["egemaps" if package == "opensmile" else "librosa"]
    error = refusal(ProbingError, code, recipe, Contours(pulses(120.0).astype(np.float32)))
    assert names_all(error, package, "pip install 'probing[")


def test_egemaps_has_its_88_functionals_all_finite():
    """Loudness grows with the level and F0 is the planted one; an utterance that is too short for it gets zeros."""
    pytest.importorskip("opensmile", reason="eGeMAPS is an extra of its own")
    voice = pulses(120.0)
    loud, soft, short, silent = (
        acoustics.egemaps(Contours(waveform.astype(np.float32)))
        for waveform in (voice, voice / 10, voice[:400], ODD["silence"])
    )
    assert len(loud) == 88 and list(loud) == list(short)
    assert loud["loudness_sma3_amean"] > 2 * soft["loudness_sma3_amean"]
    assert loud["F0semitoneFrom27.5Hz_sma3nz_amean"] == pytest.approx(12 * np.log2(120 / 27.5), abs=0.3)
    assert all(np.isfinite(list(one.values())).all() for one in (loud, soft, short, silent))
    assert set(short.values()) == {0.0}
