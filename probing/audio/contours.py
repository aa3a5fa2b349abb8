"""Contours of a waveform over time: power spectrum, level, fundamental frequency and periodicity.

Shape legend: S samples at 16 kHz · T frames of 10 ms · F frequencies · W samples in a frame.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import ndimage

from probing.audio.decode import SAMPLE_RATE
from probing.errors import ProbingError

Floats = NDArray[np.float64]

STEP = 160  # samples between frames (10 ms)
STEPS = SAMPLE_RATE // STEP  # frames a second
WINDOW = 512  # samples of a spectrum (32 ms)
F0_WINDOW = 1024  # samples in which F0 is sought (64 ms): two periods of the lowest
F0_RANGE = (60.0, 500.0)  # Hz
QUIET = 1e-10  # power that is added to every frame: -100 dB, so that silence has a level
SPEECH = 25.0  # dB below the loud frames (95th percentile) at which a frame still counts as speech
AUDIBLE = -90.0  # dB, A-weighted; what is below it is never voiced, however regular its rounding errors are
PERIODIC = 0.6  # autocorrelation at the period from which a frame counts as voiced


def librosa() -> ModuleType:
    """Librosa, which takes a second to load, when it is first needed.

    Raises:
        ProbingError: It is not installed (code `librosa-missing`).
    """
    try:
        import librosa as found
    except ModuleNotFoundError as error:
        raise missing("librosa", "acoustics", error) from error
    return found


def missing(package: str, extra: str, error: ModuleNotFoundError) -> ProbingError:
    """The error of an optional package that is not installed, or lacks one of its own."""
    return ProbingError(
        f"acoustic measures need {package}",
        f"{error}",
        f"type: pip install 'probing[{extra}]' (in a clone: pip install -e '.[{extra}]')",
        code=f"{package}-missing",
    )


@dataclass(frozen=True, eq=False)
class Contours:
    """What an utterance's measures are taken from; each contour is computed when it is first asked for.

    Args:
        waveform: Mono [S] at 16 kHz, full scale ±1.
    """

    waveform: NDArray[np.float32]

    @cached_property
    def samples(self) -> Floats:
        """The waveform [S] without its offset, in float64: a WAV file of floats may hold numbers of any size."""
        samples = self.waveform.astype(np.float64)
        return samples - samples.mean()

    def _padded(self, window: int) -> Floats:
        """The samples, mirrored at their ends so that frame t is centred at sample t × STEP."""
        return np.pad(self.samples, window // 2, mode="reflect")

    @cached_property
    def power(self) -> Floats:
        """Power spectrum [F, T] of each frame; its sum over F is the mean square of the frame, full scale 1."""
        stft = librosa().stft(self._padded(WINDOW), n_fft=WINDOW, hop_length=STEP, center=False)
        twice = np.full((WINDOW // 2 + 1, 1), 2.0)
        twice[[0, -1]] = 1.0  # every frequency but the first and the last stands for a negative one too
        return twice * np.square(np.abs(stft)) / (WINDOW * WINDOW * 3 / 8)  # 3/8: the energy of a Hann window

    @cached_property
    def hertz(self) -> Floats:
        """Frequencies [F] of the spectrum."""
        return np.asarray(librosa().fft_frequencies(sr=SAMPLE_RATE, n_fft=WINDOW), np.float64)

    @cached_property
    def level(self) -> Floats:
        """Level [T] in dB relative to full scale."""
        return decibels(self.power.sum(axis=0))

    @cached_property
    def loudness(self) -> Floats:
        """A-weighted level [T] in dB relative to full scale."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the logarithm of 0 Hz
            weights = librosa().A_weighting(self.hertz, min_db=-80.0)
        return decibels(10 ** (weights / 10) @ self.power)

    @cached_property
    def speech(self) -> NDArray[np.bool_]:
        """Whether each frame [T] is loud enough to be speech."""
        return self.loudness >= np.percentile(self.loudness, 95) - SPEECH

    @cached_property
    def f0(self) -> Floats:
        """Fundamental frequency [T] in Hz by YIN (de Cheveigné & Kawahara 2002), voiced or not."""
        low, high = F0_RANGE
        settings = {"sr": SAMPLE_RATE, "frame_length": F0_WINDOW, "hop_length": STEP, "center": False}
        found = librosa().yin(self._padded(F0_WINDOW), fmin=low, fmax=high, **settings)
        return np.clip(np.nan_to_num(found, nan=low), low, high)

    @cached_property
    def periodicity(self) -> Floats:
        """Normalised autocorrelation [T] at the period, 0 to 1."""
        period = np.rint(SAMPLE_RATE / self.f0).astype(np.int64)[:, None]
        frames = sliding_window_view(self._padded(F0_WINDOW), F0_WINDOW)[::STEP]
        half = F0_WINDOW // 2
        places = np.arange(half) + half // 2 - period // 2  # two stretches around the middle, a period apart
        now = np.take_along_axis(frames, places, axis=1)
        later = np.take_along_axis(frames, places + period, axis=1)
        energy = np.sqrt(np.square(now).sum(axis=1)) * np.sqrt(np.square(later).sum(axis=1))
        return np.clip((now * later).sum(axis=1) / (energy + half * QUIET), 0.0, 1.0)

    @cached_property
    def voiced(self) -> NDArray[np.bool_]:
        """Whether each frame [T] is voiced: speech, periodic, and so for three frames at least."""
        found = self.speech & (self.loudness > AUDIBLE) & (self.periodicity >= PERIODIC)
        return np.asarray(ndimage.binary_opening(found, np.ones(3)))


def decibels(power: Floats | np.floating[Any]) -> Floats:
    """A level in dB; -100 of silence."""
    return np.asarray(10 * np.log10(power + QUIET))
