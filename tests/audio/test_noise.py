"""Noise has the colour and the loudness that were asked for; a room decays as rooms do."""

from __future__ import annotations

import numpy as np
import pytest
from builders import RATE, waveform
from scipy.signal import welch

from probing.audio.noise import REVERBERATION, degraded, pink, room
from probing.errors import ProbingError


@pytest.mark.parametrize("snr", [-5.0, 0.0, 10.0, 30.0])
def test_the_noise_is_as_loud_as_was_asked_for(snr: float) -> None:
    clean = waveform(3.0, 1)
    in_room = degraded(clean, 60, "u1").astype(np.float64)  # at 60 dB next to nothing is added
    noise = degraded(clean, snr, "u1") - in_room
    measured = 10 * np.log10(np.square(in_room).mean() / np.square(noise).mean())
    assert measured == pytest.approx(snr, abs=0.3)


def test_the_noise_is_pink() -> None:
    frequency, power = welch(pink(60 * RATE, np.random.default_rng(0)), RATE, nperseg=8192)
    inside = (frequency > 50) & (frequency < 6000)
    slope = np.polyfit(np.log(frequency[inside]), np.log(power[inside]), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.05)


def test_a_room_decays_by_sixty_decibels_in_its_time() -> None:
    for seed in range(5):
        response = room(np.random.default_rng(seed))
        assert REVERBERATION[0] <= len(response) / RATE <= REVERBERATION[1] and response[0] == 1
        blocks = np.array_split(response[1:], 20)
        level = 10 * np.log10([np.square(block).mean() for block in blocks])
        slope = np.polyfit(np.linspace(0.025, 0.975, 20), level, 1)[0]  # dB over the whole response
        assert slope == pytest.approx(-60, abs=4)


def test_an_utterance_is_degraded_alike_every_time_and_others_otherwise() -> None:
    clean = waveform(1.0, 1)
    assert np.array_equal(degraded(clean, 5, "u1"), degraded(clean, 5, "u1"))
    assert not np.allclose(degraded(clean, 5, "u1"), degraded(clean, 5, "u2"))
    assert not np.allclose(degraded(clean, 5, "u1"), degraded(clean, 5, "u1", seed=1))
    assert len(degraded(clean, 5, "u1")) == len(clean) and degraded(clean, 5, "u1").dtype == np.float32


@pytest.mark.parametrize("snr", [float("nan"), 100.0, -40.0])
def test_a_ratio_that_nobody_means_is_refused(snr: float) -> None:
    with pytest.raises(ProbingError, match="--snr"):
        degraded(waveform(0.5, 1), snr, "u1")
