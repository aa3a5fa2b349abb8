"""The synthesiser: a glottal pulse train and noise filtered by time-varying resonances (source and filter).

Shape legend: S samples at 16 kHz · T blocks of 8 ms · F frequencies from 0 to 8 kHz.
Nothing here calls BLAS or draws from a shared generator: the same words, voice and generator give the same samples,
whatever the number of threads and processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy  # its parts load when they are first used
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from probing.audio.decode import SAMPLE_RATE
from probing.demo.phones import OFF
from probing.demo.room import background, reverberate
from probing.demo.timing import Segment

Floats = NDArray[np.float32]

HOP = 128  # samples between two settings of the filter (8 ms); a block is two hops, cross-faded by a Hann window
FFT = 1024  # samples; a block and 48 ms of the filter's ringing
TAPS = 16  # samples over which a pulse that falls between two samples is spread
BANDWIDTHS = (70.0, 90.0, 140.0)  # Hz, of the first three resonances; each phone has its own frequencies
HIGH_FORMANTS = (3500.0, 4500.0, 5500.0, 6500.0, 7500.0)  # Hz; these are the same in every sound
HIGH_BANDWIDTHS = (220.0, 300.0, 400.0, 500.0, 600.0)  # Hz
HIGHEST = 7800.0  # Hz; a resonance that a short vocal tract moves above it is left out
HIGH_PASS = 60.0  # Hz; below it the lips radiate nothing
TILT_CORNER = 300.0  # Hz above which the spectrum is tilted
GLIDE = 0.018  # s; width (standard deviation) of the movement from one articulation to the next
ATTACK = 80  # samples (5 ms); the levels of voicing and noise are averaged over so many, twice
BREATH = -26.0  # dB; noise at the glottis, relative to the pulses
SHIMMER = 0.05  # standard deviation of a pulse's amplitude, relative
DECLINATION, ACCENT = 0.35, 0.9  # phrase slope (half) and accent height, as parts of the pitch range
FALL_SECONDS = 0.35  # s; the last stretch of a sentence, over which the final fall happens
PITCH_GLIDE = 0.03  # s; width of pitch movements
PEAK = 0.95  # highest amplitude in a recording; what would exceed it is scaled down

RANGES = {
    "f0": (60.0, 400.0),
    "f0_range": (0.0, 12.0),
    "fall": (0.0, 10.0),
    "rate": (4.1, 7.0),
    "tilt": (0.0, 15.0),
    "level": (-40.0, -14.0),
    "tract": (0.8, 1.3),
    "jitter": (0.0, 0.05),
    "floor": (-90.0, -40.0),
    "room_seconds": (0.05, 1.0),
    "room_level": (-60.0, 0.0),
}


@dataclass(frozen=True)
class Voice:
    """How one utterance is spoken and recorded.

    Args:
        f0: Mean fundamental frequency (geometric) in Hz, 60–400.
        f0_range: Span of pitch movements in semitones, 0–12.
        fall: Fall of pitch at the end of the sentence in semitones, 0–10.
        rate: Syllables a second without pauses, 4.1–7; sentences then last 2–5 s.
        tilt: Loss of the glottal source above 300 Hz in dB an octave, 0–15; a shout has little, a murmur much.
        level: RMS level of the speech in dB below full scale, -40 to -14.
        tract: Factor on the formants, 0.8–1.3; a short vocal tract has a high one.
        jitter: Standard deviation of a glottal period, relative, 0–0.05.
        floor: RMS level of the background noise in dB below full scale, -90 to -40.
        room_seconds: Reverberation time of the room, 0.05–1 s.
        room_level: Energy of the room's reflections relative to the direct sound in dB, -60 to 0.
    """

    f0: float = 140.0
    f0_range: float = 4.0
    fall: float = 3.0
    rate: float = 5.3
    tilt: float = 6.0
    level: float = -26.0
    tract: float = 1.0
    jitter: float = 0.008
    floor: float = -62.0
    room_seconds: float = 0.2
    room_level: float = -15.0

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie between {low} and {high}")


def synthesise(segments: Sequence[Segment], voice: Voice, rng: np.random.Generator) -> Floats:
    """Speak a schedule.

    Args:
        segments: Phones in their places, without gaps (`probing.demo.timing.schedule`).
        voice: Pitch, tilt, level and so on; its rate is not used here, since the schedule follows it.
        rng: Source of the noises and irregularities.

    Returns:
        Waveform [S], float32, within ±0.95.
    """
    size = round(segments[-1].end * SAMPLE_RATE)
    voicing = _level(segments, [s.phone.voicing for s in segments], size)
    noise = _level(segments, [s.phone.noise for s in segments], size)
    pulses = _pulses(_pitch(segments, voice, size), voice.jitter, rng)
    white = rng.standard_normal(size, dtype=np.float32)
    breath = np.float32(_gain(BREATH)) * white
    glottis = _blocks((pulses + breath) * voicing) * _tract_filter(segments, voice, len(pulses))
    mouth = _blocks(white * noise) * _noise_filter(segments, voice, len(pulses))
    speech = _overlap_add(glottis + mouth, size)
    speech *= np.float32(_gain(voice.level) / np.sqrt(np.mean(np.square(speech), dtype=np.float64)))
    speech = reverberate(speech, voice.room_seconds, voice.room_level, rng)
    speech += background(size, voice.floor, rng)
    return speech * np.float32(min(1.0, PEAK / float(np.abs(speech).max())))


def _gain(decibels: float) -> float:
    """Amplitude factor of a level; 0 for a shut source."""
    return 0.0 if decibels <= OFF else float(10.0 ** (decibels / 20.0))


def _level(segments: Sequence[Segment], decibels: Sequence[float], size: int) -> Floats:
    """Amplitude [S] that steps from phone to phone, with soft edges."""
    steps = _track(segments, [_gain(d) for d in decibels], np.arange(size) / SAMPLE_RATE)
    once = scipy.ndimage.uniform_filter1d(steps.astype(np.float32), ATTACK)
    twice = scipy.ndimage.uniform_filter1d(once, ATTACK)
    return np.asarray(np.maximum(twice, 0), dtype=np.float32)  # running sums leave tiny negatives


def _track(segments: Sequence[Segment], values: Sequence[float], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """The value of the segment that is spoken at each of some times in s."""
    ends = [segment.end for segment in segments[:-1]]
    return np.asarray(values, dtype=np.float64)[np.searchsorted(ends, at, side="right")]


def _block_track(segments: Sequence[Segment], values: Sequence[float], blocks: int) -> NDArray[np.float64]:
    """Values [T] at the middle of each block, gliding from one articulation to the next."""
    steps = _track(segments, values, np.arange(blocks) * HOP / SAMPLE_RATE)
    return np.asarray(scipy.ndimage.gaussian_filter1d(steps, GLIDE * SAMPLE_RATE / HOP, mode="nearest"))


def _pitch(segments: Sequence[Segment], voice: Voice, size: int) -> NDArray[np.float64]:
    """Fundamental frequency [S] in Hz, whose mean over speech is the voice's."""
    at = np.arange(0, size, HOP) / SAMPLE_RATE
    semitones = voice.f0_range * _melody(segments, at)
    semitones -= voice.fall * np.clip((at - segments[-1].start) / FALL_SECONDS + 1, 0, 1)
    semitones = scipy.ndimage.gaussian_filter1d(semitones, PITCH_GLIDE * SAMPLE_RATE / HOP, mode="nearest")
    spoken = _track(segments, [float(s.word >= 0) for s in segments], at)
    semitones -= np.sum(semitones * spoken) / np.sum(spoken)
    return np.asarray(np.interp(np.arange(size) / SAMPLE_RATE, at, voice.f0 * 2 ** (semitones / 12)))


def _melody(segments: Sequence[Segment], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pitch at some times in s, in parts of the range: phrases decline, stressed vowels rise above them."""
    pitch = np.zeros(len(at))
    pauses = [segment for segment in segments if segment.word < 0]
    for before, after in pairwise(pauses):
        progress = (at - before.end) / (after.start - before.end)
        pitch += DECLINATION * np.where((progress >= 0) & (progress < 1), 1 - 2 * progress, 0)
    for segment in segments:
        if segment.stressed:
            middle, width = (segment.start + segment.end) / 2, (segment.end - segment.start) / 2
            pitch += ACCENT * np.exp(-(((at - middle) / width) ** 2))
    return pitch


def _pulses(pitch: NDArray[np.float64], jitter: float, rng: np.random.Generator) -> Floats:
    """Glottal pulses [S] of unit power: one a period, each a little early or late, loud or soft."""
    phase = np.cumsum(pitch / SAMPLE_RATE)
    times = np.interp(np.arange(1, int(phase[-1])), phase, np.arange(len(phase)))
    periods = SAMPLE_RATE / np.interp(times, np.arange(len(pitch)), pitch)
    times += rng.normal(0, jitter, len(times)) * periods
    heights = np.sqrt(periods) * (1 + rng.normal(0, SHIMMER, len(times)))
    grid = np.floor(times).astype(np.int64)[:, None] + np.arange(1 - TAPS // 2, 1 + TAPS // 2)
    distance = grid - times[:, None]
    shape = np.sinc(distance) * np.cos(np.pi * distance / (TAPS + 2)) ** 2
    inside = (grid >= 0) & (grid < len(pitch))
    weights = (heights[:, None] * shape)[inside]
    return np.bincount(grid[inside], weights, minlength=len(pitch)).astype(np.float32)


def _blocks(excitation: Floats) -> NDArray[np.complex64]:
    """Spectra [T, F] of overlapping blocks whose windows add up to one."""
    blocks = -(-len(excitation) // HOP) + 1
    padded = np.zeros((blocks + 1) * HOP, dtype=np.float32)
    padded[HOP : HOP + len(excitation)] = excitation
    window = (0.5 - 0.5 * np.cos(np.pi * np.arange(2 * HOP) / HOP)).astype(np.float32)
    return np.asarray(scipy.fft.rfft(sliding_window_view(padded, 2 * HOP)[::HOP] * window, FFT, axis=1))


def _overlap_add(spectra: NDArray[np.complex64], size: int) -> Floats:
    """Samples [S] of filtered blocks [T, F], each added where it belongs with its ringing."""
    rows = np.asarray(scipy.fft.irfft(spectra, FFT, axis=1)).reshape(len(spectra), FFT // HOP, HOP)
    total = np.zeros((len(spectra) + FFT // HOP, HOP), dtype=np.float32)
    for place in range(FFT // HOP):
        total[place : place + len(spectra)] += rows[:, place]
    return total.reshape(-1)[HOP : HOP + size]


def _resonator(frequency: NDArray[np.float64], bandwidth: NDArray[np.float64]) -> NDArray[np.complex64]:
    """Response [T, F] of two-pole resonators with unit gain at 0 Hz, for frequencies and bandwidths [T] in Hz."""
    delay = np.exp(-2j * np.pi * np.arange(FFT // 2 + 1) / FFT).astype(np.complex64)
    radius = np.exp(-np.pi * bandwidth / SAMPLE_RATE)
    b = (2 * radius * np.cos(2 * np.pi * frequency / SAMPLE_RATE)).astype(np.float32)[:, None]
    c = (-(radius**2)).astype(np.float32)[:, None]
    return np.asarray((1 - b - c) / (1 - delay * (b + c * delay)))


def _tract_filter(segments: Sequence[Segment], voice: Voice, size: int) -> NDArray[np.complex64]:
    """Response [T, F] from the glottis to the microphone: tilt, formants, radiation."""
    blocks = -(-size // HOP) + 1
    damping = _block_track(segments, [s.phone.damping for s in segments], blocks)
    hertz = np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT
    octave = 20 * np.log10(2)  # dB an octave that one pole takes
    response = (1 + 1j * hertz / TILT_CORNER) ** (-voice.tilt / octave) * (1j * hertz / (1j * hertz + HIGH_PASS))
    for formant, bandwidth in zip(HIGH_FORMANTS, HIGH_BANDWIDTHS, strict=True):
        if formant * voice.tract < HIGHEST:
            response = response * _resonator(np.array([formant * voice.tract]), np.array([bandwidth]))[0]
    spectrum = np.broadcast_to(response.astype(np.complex64), (blocks, len(hertz)))
    for place, bandwidth in enumerate(BANDWIDTHS):
        frequency = voice.tract * _block_track(segments, [s.phone.formants[place] for s in segments], blocks)
        spectrum = spectrum * _resonator(frequency, bandwidth * damping)
    return spectrum


def _noise_filter(segments: Sequence[Segment], voice: Voice, size: int) -> NDArray[np.complex64]:
    """Response [T, F] of the constriction that the noise passes through, with gain one at its resonance."""
    blocks = -(-size // HOP) + 1
    at = np.arange(blocks) * HOP / SAMPLE_RATE
    centre = np.minimum(_track(segments, [s.phone.centre for s in segments], at) * voice.tract, HIGHEST)
    width = _track(segments, [s.phone.width for s in segments], at)
    response = np.square(_resonator(centre, width))  # four poles, for steep slopes
    peaks = np.abs(response[np.arange(blocks), np.rint(centre * FFT / SAMPLE_RATE).astype(np.int64)])
    return np.asarray(response / peaks[:, None])
