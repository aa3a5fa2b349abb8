"""Reverberant and noisy audio on purpose: what section 4.4 of the paper leaves to future studies.

A room is an impulse response: the direct sound, then noise that decays exponentially. The added noise is pink (its
power falls with frequency as 1/f) and is mixed in at a stated signal-to-noise ratio. Both depend on the utterance's id,
so the same utterance is always in the same room, and at a lower ratio the same noise is louder.

Shape legend: S samples at 16 kHz.
"""

from __future__ import annotations

import zlib
from typing import TypeVar

import numpy as np
import scipy  # its parts load when they are first used
from numpy.typing import NDArray

from probing.audio.decode import SAMPLE_RATE
from probing.errors import OptionError

REVERBERATION = (0.2, 0.6)  # s; shortest and longest reverberation time (fall by 60 dB), drawn uniformly
DIRECT = 6.0  # dB; energy of the direct sound over that of the reflections
_Float = TypeVar("_Float", np.float32, np.float64)
LOWEST = 20.0  # Hz; below it the noise is white
RANGE = (-20.0, 60.0)  # dB


def degraded(waveform: NDArray[np.float32], snr: float, id_: str, seed: int = 0) -> NDArray[np.float32]:
    """Put an utterance into a room and add noise.

    Args:
        waveform: [S].
        snr: Ratio of the reverberant signal to the noise in dB, over the whole utterance.
        id_: The utterance's id, which determines room and noise.
        seed: Another seed gives other rooms and noises.

    Returns:
        Waveform [S], float32; its signal is as loud as before.

    Raises:
        OptionError: The ratio is not within `RANGE` (code `option-bounds`).
    """
    if not RANGE[0] <= snr <= RANGE[1]:
        why, remedy = "it is not a usual signal-to-noise ratio", f"give {RANGE[0]:g} to {RANGE[1]:g} dB"
        raise OptionError(f"--snr {snr:g}", why, remedy, code="option-bounds")
    rng = np.random.default_rng([seed, zlib.crc32(id_.encode())])
    reverberant = convolved(np.asarray(waveform, np.float64), room(rng))
    added = pink(len(waveform), rng)
    # The room must change the sound, not the level; 1e-30 keeps a silent waveform finite.
    reverberant *= np.sqrt(np.square(waveform, dtype=np.float64).mean() / max(np.square(reverberant).mean(), 1e-30))
    # RMS of the noise for the ratio: SNR = 20 log10(rms(signal) / rms(noise)).
    gain = np.sqrt(np.square(reverberant).mean() / np.square(added).mean()) * 10 ** (-snr / 20)
    return (reverberant + gain * added).astype(np.float32)


def room(rng: np.random.Generator) -> NDArray[np.float64]:
    """An impulse response: the direct sound, then noise that decays by 60 dB within its reverberation time."""
    return impulse_response(rng.uniform(*REVERBERATION), -DIRECT, rng, gap=1, dtype=np.float64)


def convolved(waveform: NDArray[_Float], response: NDArray[_Float]) -> NDArray[_Float]:
    """A waveform [S] as it sounds in a room, whose reflections after its end are cut off.

    By the product of spectra, with the very numbers of `scipy.signal.fftconvolve`, which takes half a second to import.

    Args:
        waveform: [S].
        response: The room's impulse response, of any length.
    """
    full = len(waveform) + len(response) - 1
    size = scipy.fft.next_fast_len(full, real=True)
    spectrum = scipy.fft.rfft(waveform, size) * scipy.fft.rfft(response, size)
    found: NDArray[_Float] = scipy.fft.irfft(spectrum, size)[: len(waveform)]
    return found


def impulse_response(
    seconds: float, level: float, rng: np.random.Generator, gap: int, dtype: type[_Float]
) -> NDArray[_Float]:
    """The direct sound of a room, then reflections: white noise that decays exponentially.

    Args:
        seconds: Reverberation time, in which the reflections fall by 60 dB.
        level: Energy of all reflections relative to the direct sound, in dB.
        rng: Source of the reflections.
        gap: Samples from the direct sound to the first reflection.
        dtype: Number format of the noise and of the response.

    Returns:
        Impulse response [seconds × 16,000], which begins with 1.
    """
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(time), dtype=dtype) * (10 ** (-3 * time / seconds)).astype(dtype)
    tail[:gap] = 0
    tail *= dtype(10 ** (level / 20) / np.sqrt(np.sum(np.square(tail), dtype=np.float64)))
    tail[0] = 1
    return tail


def pink(samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise [S] whose power falls as 1/f above 20 Hz."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    spectrum /= np.sqrt(np.maximum(frequency, LOWEST))
    spectrum[0] = 0
    return np.fft.irfft(spectrum, samples)
