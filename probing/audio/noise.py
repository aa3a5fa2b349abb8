"""Noisy, reverberant audio on purpose: what section 4.4 leaves to future studies.

A room is an impulse response of exponentially decaying noise behind the direct sound; the noise is pink (its power
falls with frequency, 1/f) and is mixed in at a stated ratio. Both follow from an utterance's id, so the same utterance
always stands in the same room, and at a lower ratio the same noise is louder.

Shape legend: S samples at 16 kHz.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from probing.audio.decode import SAMPLE_RATE
from probing.errors import ProbingError

REVERBERATION = (0.2, 0.6)  # s in which a room's sound falls by 60 dB, drawn evenly
DIRECT = 6.0  # dB by which the direct sound outweighs the room's
LOWEST = 20.0  # Hz; below it the noise is white
RANGE = (-20.0, 60.0)  # dB


def degraded(waveform: NDArray[np.float32], snr: float, id_: str, seed: int = 0) -> NDArray[np.float32]:
    """Put an utterance into a room and noise upon it.

    Args:
        waveform: [S].
        snr: Signal (with its room) over noise, in dB, over the whole utterance.
        id_: The utterance's; it settles room and noise.
        seed: Other rooms and noises.

    Returns:
        Waveform [S], float32, as loud as before the noise was added.

    Raises:
        ProbingError: The ratio is no number within `RANGE`.
    """
    if not RANGE[0] <= snr <= RANGE[1]:
        raise ProbingError(f"--snr {snr:g}", "it is beyond what is meant", f"give {RANGE[0]:g} to {RANGE[1]:g} dB")
    rng = np.random.default_rng([seed, zlib.crc32(id_.encode())])
    response = room(rng)
    heard = fftconvolve(np.asarray(waveform, np.float64), response)[: len(waveform)]
    added = pink(len(waveform), rng)
    heard *= np.sqrt(np.square(waveform, dtype=np.float64).mean() / max(np.square(heard).mean(), 1e-30))
    loudness = np.sqrt(np.square(heard).mean() / np.square(added).mean()) * 10 ** (-snr / 20)
    return (heard + loudness * added).astype(np.float32)


def room(rng: np.random.Generator) -> NDArray[np.float64]:
    """An impulse response: the direct sound, then noise that decays by 60 dB within its reverberation time."""
    seconds = rng.uniform(*REVERBERATION)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    tail[0] = 0
    tail *= 10 ** (-DIRECT / 20) / np.sqrt(np.square(tail).sum())
    tail[0] = 1
    return tail


def pink(samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise [S] whose power falls as 1/f from 20 Hz on."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    spectrum /= np.sqrt(np.maximum(frequency, LOWEST))
    spectrum[0] = 0
    return np.fft.irfft(spectrum, samples)
