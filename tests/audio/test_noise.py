"""Noise has the colour and the loudness that were asked for; a room decays as rooms do."""

from __future__ import annotations

import numpy as np
import pytest
from builders import RATE, waveform
from corpora import names_all, refusal
from scipy.signal import welch

from probing.audio.noise import REVERBERATION, degraded, impulse_response, pink, room
from probing.errors import OptionError


@pytest.mark.parametrize("snr", [-5.0, 0.0, 10.0, 30.0])
def test_the_noise_is_as_loud_as_was_asked_for(snr: float) -> None:
    """Its power against that of the reverberant signal, over the whole utterance."""
    clean = waveform(3.0, 1)
    in_room = degraded(clean, 60, "u1").astype(np.float64)  # at 60 dB next to nothing is added
    noise = degraded(clean, snr, "u1") - in_room
    measured = 10 * np.log10(np.square(in_room).mean() / np.square(noise).mean())
    assert measured == pytest.approx(snr, abs=0.3)


def test_the_noise_is_pink() -> None:
    """Its spectral density falls as 1/f."""
    frequency, power = welch(pink(60 * RATE, np.random.default_rng(0)), RATE, nperseg=8192)
    inside = (frequency > 50) & (frequency < 6000)
    slope = np.polyfit(np.log(frequency[inside]), np.log(power[inside]), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.05)


def test_a_room_decays_by_sixty_decibels_in_its_time() -> None:
    """Which lies within the range of rooms."""
    for seed in range(5):
        response = room(np.random.default_rng(seed))
        assert REVERBERATION[0] <= len(response) / RATE <= REVERBERATION[1] and response[0] == 1
        blocks = np.array_split(response[1:], 20)
        level = 10 * np.log10([np.square(block).mean() for block in blocks])
        slope = np.polyfit(np.linspace(0.025, 0.975, 20), level, 1)[0]  # dB over the whole response
        assert slope == pytest.approx(-60, abs=4)


def test_an_utterance_is_degraded_alike_every_time_and_others_otherwise() -> None:
    """Room and noise go by its id and the seed."""
    clean = waveform(1.0, 1)
    assert np.array_equal(degraded(clean, 5, "u1"), degraded(clean, 5, "u1"))
    assert not np.allclose(degraded(clean, 5, "u1"), degraded(clean, 5, "u2"))
    assert not np.allclose(degraded(clean, 5, "u1"), degraded(clean, 5, "u1", seed=1))
    assert len(degraded(clean, 5, "u1")) == len(clean) and degraded(clean, 5, "u1").dtype == np.float32


@pytest.mark.parametrize("snr", [float("nan"), 100.0, -40.0])
def test_a_ratio_out_of_range_is_refused(snr: float) -> None:
    """With the option and the range."""
    error = refusal(OptionError, "option-bounds", degraded, waveform(0.5, 1), snr, "u1")
    assert names_all(error, "--snr", "-20 to 60")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("level", "gap"), [(-6.0, 1), (-14.0, 64)])
def test_reflections_have_the_energy_and_the_gap_asked_for(dtype: type, level: float, gap: int) -> None:
    """The direct sound is 1, nothing follows within the gap, and the rest has its energy."""
    response = impulse_response(0.3, level, np.random.default_rng(0), gap, dtype)
    assert response.dtype == dtype and len(response) == 0.3 * RATE
    assert response[0] == 1 and not response[1:gap].any() and response[gap] != 0
    assert 10 * np.log10(np.square(response[1:], dtype=np.float64).sum()) == pytest.approx(level, abs=1e-4)


def test_the_signal_is_as_loud_as_before() -> None:
    """A room changes the sound, not the level."""
    clean = waveform(2.0, 3)
    in_room = degraded(clean, 60, "u1").astype(np.float64)
    assert np.square(in_room).mean() == pytest.approx(np.square(clean, dtype=np.float64).mean(), rel=1e-4)
