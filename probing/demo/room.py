"""Where speech is recorded: a room with reflections and background noise.

Shape legend: S samples at 16 kHz.
"""

from __future__ import annotations

import numpy as np
import scipy  # its parts load when they are first used
from numpy.typing import NDArray

from probing.audio.decode import SAMPLE_RATE
from probing.audio.noise import convolved, impulse_response

Floats = NDArray[np.float32]

NOISE_CORNER = 200.0  # Hz; background noise falls by 6 dB an octave above it
DIRECT = 0.004  # s between the direct sound and the first reflections


def background(size: int, level: float, rng: np.random.Generator) -> Floats:
    """A room's hum and hiss, falling towards high frequencies.

    Args:
        size: Number of samples S.
        level: RMS level in dB below full scale.
        rng: Source of the noise.

    Returns:
        Noise [S].
    """
    length = scipy.fft.next_fast_len(size, real=True)
    spectrum = scipy.fft.rfft(rng.standard_normal(length, dtype=np.float32))
    hertz = np.arange(len(spectrum)) * SAMPLE_RATE / length
    noise = scipy.fft.irfft(spectrum / np.sqrt(1 + (hertz / NOISE_CORNER) ** 2).astype(np.float32), length)[:size]
    return np.asarray(noise * np.float32(10 ** (level / 20) / np.sqrt(np.mean(np.square(noise)))), dtype=np.float32)


def reverberate(speech: Floats, seconds: float, level: float, rng: np.random.Generator) -> Floats:
    """Speech as it sounds in a simple room: the direct sound, and noise that decays exponentially.

    Args:
        speech: Samples [S].
        seconds: Reverberation time, in which the reflections fall by 60 dB.
        level: Energy of all reflections relative to the direct sound, in dB.
        rng: Source of the reflections.

    Returns:
        Samples [S]; reflections after the end are cut off.
    """
    response = impulse_response(seconds, level, rng, round(DIRECT * SAMPLE_RATE), np.float32)
    return convolved(speech, response)
