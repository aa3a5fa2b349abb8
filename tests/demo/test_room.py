"""Rooms ring with the energy and for the time asked for, and background noise has its level."""

from __future__ import annotations

import numpy as np
import pytest

from probing.audio.decode import SAMPLE_RATE
from probing.demo.room import background, reverberate


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
