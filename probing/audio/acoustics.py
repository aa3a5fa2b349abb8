"""Acoustic measures of one utterance: loudness, pitch, voicing, rate, spectral tilt and MFCC statistics, by librosa.

Beside them are the nuisances, which a hidden state may tell of too: energy, F0, rate, duration, SNR and channel. Every
number is finite, whatever the waveform. Where nothing is voiced there is no F0, and every measure of it is 0: F0 is in
semitones relative to 173 Hz, the middle of the range that is searched, so 0 is an average voice. That F0 is missing is
told by `voiced share`, which is 0 as well.

Shape legend: S samples at 16 kHz · T frames of 10 ms · P frames that are speech, or voiced · F frequencies.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from probing.audio.contours import F0_RANGE, QUIET, STEPS, Contours, Floats, decibels, librosa, missing
from probing.audio.decode import SAMPLE_RATE

VERSION = 1  # of the recipes; increase it with every change that alters a number
LIBROSA, EGEMAPS = "librosa", "egemaps"
NUISANCES = ("energy", "f0", "rate", "duration", "snr")
CHANNEL = (125, 250, 500, 1000, 2000, 4000)  # Hz; lower edges of octaves
MFCCS = 13
MIDDLE = float(np.sqrt(F0_RANGE[0] * F0_RANGE[1]))  # Hz, of the range that is searched
ENDING = 35  # frames of the last stretch of voice, over which a sentence falls or rises
PAUSE = 15  # frames that a break must last to be a pause (150 ms): a stop consonant is shorter
STEEPEST = 200.0  # semitones a second; a slope of more is a leap between octaves
LOUDEST = 100.0  # full scales beyond which openSMILE's float32 might overflow
SYLLABLE = (0.015, 1.5)  # s of smoothing, and dB by which a syllable's peak stands out of the level contour


def measures(contours: Contours) -> dict[str, float]:
    """The acoustic measures of an utterance by librosa.

    Args:
        contours: Of its waveform, of at least 400 samples, as `probing.audio.decode.load` gives it.

    Returns:
        Name → number, always the same names in the same order. Levels are in dB relative to full scale, F0 in semitones
        relative to 173 Hz, rates per second.

    Raises:
        ProbingError: librosa is not installed (code `librosa-missing`).
    """
    found: dict[str, float] = {}
    for group in (_loudness, _pitch, _voicing, _rate, _spectrum, _mfcc):
        found |= group(contours)
    return found


def egemaps(contours: Contours) -> dict[str, float]:
    """The 88 functionals of eGeMAPSv02 (Eyben et al. 2016) by openSMILE.

    Args:
        contours: As in `measures`.

    Returns:
        openSMILE's names → numbers; a number that it does not give (of an utterance too short for it) is 0.

    Raises:
        ProbingError: openSMILE is not installed (code `opensmile-missing`).
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Segment too short", UserWarning)  # each of its numbers is then 0
        table = _smile().process_signal(np.clip(contours.waveform, -LOUDEST, LOUDEST), SAMPLE_RATE)
    return dict(zip(table.columns, np.nan_to_num(table.to_numpy(np.float64)[0], posinf=0.0, neginf=0.0), strict=True))


RECIPES: dict[str, Callable[[Contours], dict[str, float]]] = {LIBROSA: measures, EGEMAPS: egemaps}


def versions(recipe: str) -> dict[str, str]:
    """What a recipe's numbers depend on beside the waveform: its own version and those of its libraries.

    Raises:
        ProbingError: A library is not installed (code `librosa-missing` or `opensmile-missing`).
    """
    found = {"recipe": f"{recipe} {VERSION}", "librosa": librosa().__version__}  # the nuisances are by librosa always
    return found | ({"opensmile": _opensmile().__version__} if recipe == EGEMAPS else {})


def nuisances(contours: Contours) -> dict[str, float]:
    """Measures of an utterance other than emotion that a hidden state may encode.

    Args:
        contours: As in `measures`.

    Returns:
        `energy` (level of the whole in dB relative to full scale), `f0` (median in semitones relative to 173 Hz; 0
        where nothing is voiced), `rate` (syllables a second without pauses), `duration` (s), `snr` (loud frames, the
        95th percentile, against the quietest fiftieth, in dB), and the channel: the spectrum of the quietest fiftieth,
        in octaves relative to its whole, and the frequency below which the recording has 99.9 % of its power, in
        octaves above 1 kHz.

    Raises:
        ProbingError: librosa is not installed (code `librosa-missing`).
    """
    quiet = contours.power[:, contours.level <= np.percentile(contours.level, 2)].mean(axis=1)
    rising = np.cumsum(contours.power.mean(axis=1) + QUIET / len(contours.hertz))
    highest = max(contours.hertz[np.searchsorted(rising, 0.999 * rising[-1])], contours.hertz[1])
    return {
        "energy": float(decibels(np.mean(np.square(contours.samples)))),
        "f0": _pitch(contours)["f0 median"],
        "rate": _syllables(contours) / _spoken(contours),
        "duration": len(contours.samples) / SAMPLE_RATE,
        "snr": float(np.percentile(contours.level, 95) - decibels(quiet.sum())),
        **{f"channel {low} Hz": share for low, share in zip(CHANNEL, _octaves(quiet, contours.hertz), strict=True)},
        "channel bandwidth": float(np.log2(highest / 1000)),
    }


def _loudness(contours: Contours) -> dict[str, float]:
    """A-weighted level of the speech in dB, how it moves, and how peaked the waveform is."""
    spoken = contours.loudness[contours.speech]
    low, middle, high = np.percentile(spoken, (10, 50, 90))
    power = np.square(contours.samples)
    return {
        "loudness mean": float(decibels(np.mean(10 ** (spoken / 10)))),
        "loudness sd": float(spoken.std()),
        "loudness p10": float(low),
        "loudness median": float(middle),
        "loudness p90": float(high),
        "loudness range": float(high - low),
        "loudness change": _mean_change(contours.loudness, contours.speech),
        "loudness slope": _slope(np.flatnonzero(contours.speech), spoken),
        "level": float(decibels(power.mean())),
        "crest": float(decibels(power.max()) - decibels(power.mean())),
    }


def _pitch(contours: Contours) -> dict[str, float]:
    """F0 of the voiced frames in semitones; all 0 where nothing is voiced."""
    semitones = 12 * np.log2(contours.f0 / MIDDLE)
    places = np.flatnonzero(contours.voiced)
    voiced = semitones[places] if len(places) else np.zeros(1)
    low, middle, high = np.percentile(voiced, (10, 50, 90))
    ending = places >= (places[-1] - ENDING if len(places) else 0)
    return {
        "f0 mean": float(voiced.mean()),
        "f0 median": float(middle),
        "f0 sd": float(voiced.std()),
        "f0 p10": float(low),
        "f0 p90": float(high),
        "f0 range": float(high - low),
        "f0 change": _mean_change(semitones, contours.voiced),
        "f0 slope": _slope(places, semitones[places]),
        "f0 slope at the end": _slope(places[ending], semitones[places[ending]]),
    }


def _voicing(contours: Contours) -> dict[str, float]:
    """How much is voiced, for how long at a time, and how periodic it is."""
    voiced = contours.voiced
    periodic = contours.periodicity[voiced] if voiced.any() else np.zeros(1)
    ratio = (periodic + 1e-4) / (1 - periodic + 1e-4)  # within ±40 dB
    runs = ndimage.label(voiced)[1]
    return {
        "voiced share": float(voiced.sum() / contours.speech.sum()),
        "periodicity mean": float(contours.periodicity[contours.speech].mean()),
        "periodicity sd": float(contours.periodicity[contours.speech].std()),
        "harmonicity": float(10 * np.log10(ratio).mean()),
        "voiced stretches": runs / _spoken(contours),
        "voiced length": float(voiced.sum()) / STEPS / max(runs, 1),
    }


def _rate(contours: Contours) -> dict[str, float]:
    """Syllables, pauses, and how fast level and spectrum move."""
    spoken, whole = _spoken(contours), len(contours.level) / STEPS
    places = np.flatnonzero(contours.speech)
    between = slice(places[0], places[-1] + 1)
    within = (between.stop - between.start) / STEPS
    pauses = ndimage.label(~_filled(contours.speech)[between])[1]
    flux = librosa().onset.onset_strength(S=_mel_decibels(contours), sr=SAMPLE_RATE)[contours.speech]
    return {
        "syllable rate": _syllables(contours) / spoken,
        "syllables over all": _syllables(contours) / whole,
        "speech seconds": spoken,
        "pause share": 1 - spoken / within,
        "pauses": pauses / within,
        "modulation": _modulation(contours.level[between]),
        "flux mean": float(flux.mean()),
        "flux sd": float(flux.std()),
    }


def _spectrum(contours: Contours) -> dict[str, float]:
    """Tilt, balance and shape of the spectrum of the voiced frames, or of all speech where nothing is voiced."""
    chosen = contours.voiced if contours.voiced.any() else contours.speech
    frames, hertz = contours.power[:, chosen], contours.hertz
    mean = frames.mean(axis=1)
    below = decibels(frames[hertz < 1000].sum(axis=0)) - decibels(frames[hertz >= 1000].sum(axis=0))
    edges = 300 * 2 ** (np.arange(8) / 2)  # half octaves from 300 Hz to 3.4 kHz
    bands = decibels(np.array([mean[(hertz >= low) & (hertz < high)].mean() for low, high in pairwise(edges)]))
    amplitude, feature = np.sqrt(frames) + 1e-12, librosa().feature
    centroid = feature.spectral_centroid(S=amplitude, sr=SAMPLE_RATE)[0]
    return {
        "tilt": float(np.polyfit(np.arange(len(bands)) / 2, bands, 1)[0]),
        "balance": float(decibels(mean[hertz < 1000].sum()) - decibels(mean[hertz >= 1000].sum())),
        "balance sd": float(below.std()),
        "peaks": float(decibels(mean[hertz < 2000].max()) - decibels(mean[(hertz >= 2000) & (hertz < 5000)].max())),
        "centroid mean": float(centroid.mean()),
        "centroid sd": float(centroid.std()),
        "bandwidth": float(feature.spectral_bandwidth(S=amplitude, sr=SAMPLE_RATE, centroid=centroid[None]).mean()),
        "rolloff": float(feature.spectral_rolloff(S=amplitude, sr=SAMPLE_RATE).mean()),
        "flatness": float(decibels(feature.spectral_flatness(S=amplitude)).mean()),
    }


def _mfcc(contours: Contours) -> dict[str, float]:
    """Mean and standard deviation over the speech of the cepstral coefficients 1 to 13; the 0th is the level."""
    found = librosa().feature.mfcc(S=_mel_decibels(contours), n_mfcc=MFCCS + 1)[1:, contours.speech]
    named = zip(range(1, MFCCS + 1), found.mean(axis=1), found.std(axis=1), strict=True)
    return {f"mfcc {n} {kind}": float(v) for n, mean, sd in named for kind, v in (("mean", mean), ("sd", sd))}


def _mel_decibels(contours: Contours) -> Floats:
    """Mel spectrum [40, T] in dB, no more than 80 below its peak."""
    mel = librosa().feature.melspectrogram(S=contours.power, sr=SAMPLE_RATE, n_mels=40)
    return np.asarray(librosa().power_to_db(mel), np.float64)


def _filled(speech: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Speech [T] with breaks shorter than a pause closed."""
    return np.asarray(ndimage.binary_closing(np.pad(speech, PAUSE), np.ones(PAUSE))[PAUSE:-PAUSE])


def _spoken(contours: Contours) -> float:
    """Seconds of speech without pauses."""
    return float(_filled(contours.speech).sum()) / STEPS


def _syllables(contours: Contours) -> int:
    """The nuclei of syllables: peaks of the level contour, which is flattened outside speech."""
    width, height = SYLLABLE
    floor = contours.level.max() - 30
    smooth = ndimage.gaussian_filter1d(np.maximum(contours.level, floor), width * STEPS)
    return len(signal.find_peaks(smooth, prominence=height)[0])


def _modulation(level: Floats) -> float:
    """Mean modulation frequency of the level between 2 and 10 Hz, in Hz; 0 for a constant level."""
    moving = (level - level.mean()) * np.hanning(len(level))
    power, hertz = np.square(np.abs(np.fft.rfft(moving, 2048))), np.fft.rfftfreq(2048, 1 / STEPS)
    chosen = (hertz >= 2) & (hertz < 10)
    return float(power[chosen] @ hertz[chosen] / (power[chosen].sum() + QUIET))


def _octaves(spectrum: Floats, hertz: Floats) -> Iterator[float]:
    """Level of each octave of a spectrum [F] relative to its whole, in dB."""
    for low in CHANNEL:
        yield float(decibels(spectrum[(hertz >= low) & (hertz < 2 * low)].sum()) - decibels(spectrum.sum()))


def _slope(places: NDArray[np.int64], values: Floats) -> float:
    """Least-squares slope per second over some frames; 0 for fewer than three."""
    if len(places) < 3:
        return 0.0
    return float(np.clip(np.polyfit(places / STEPS, values, 1)[0], -STEEPEST, STEEPEST))


def _mean_change(contour: Floats, where: NDArray[np.bool_]) -> float:
    """Mean absolute change between neighbouring frames that are both selected; 0 if there are none."""
    both = where[1:] & where[:-1]
    return float(np.abs(np.diff(contour))[both].mean()) if both.any() else 0.0


@cache
def _smile() -> Any:
    opensmile = _opensmile()
    return opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)


def _opensmile() -> Any:
    try:
        import opensmile
    except ModuleNotFoundError as error:
        raise missing("opensmile", "egemaps", error) from error
    return opensmile
