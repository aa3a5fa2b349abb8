"""Who says what, in which mood, and how raters judge it: the demo corpus before it is spoken.

Every utterance has three latent values in [0, 1]. Arousal is heard in pitch, pitch range, rate, spectral tilt and
loudness; dominance in loudness, a lower pitch and the fall at the end, and it goes along with arousal; valence is
what the words say. Ratings are the means of five raters, each with an error of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from probing.demo.language import Word, compose, sentence_valence, transcript
from probing.demo.voice import RANGES, Voice

COUNTS = {"train": 330, "development": 90, "test1": 90, "test2": 90}  # utterances in each partition
CAST = {"train": (1, 12), "development": (13, 16), "test1": (1, 12), "test2": (17, 26)}  # first and last speaker
SCALE = (1, 7)  # lowest and highest rating

RATERS = 5
RATER_ERROR = 0.7  # standard deviation of one rating, in points of the scale
AROUSAL = (0.5, 0.22)  # mean and standard deviation of the latent value before it is clipped
DOMINANCE_SLOPE, DOMINANCE_SPREAD = 0.6, 0.15  # dominance's slope on arousal and its own standard deviation
LATENT_RANGE = (0.02, 0.98)

LOW_VOICES, HIGH_VOICES = (95.0, 140.0), (165.0, 230.0)  # Hz; base pitch of odd and of even speakers
LOW_TRACTS, HIGH_TRACTS = (0.92, 1.05), (1.08, 1.22)  # factor on the formants


@dataclass(frozen=True)
class Speaker:
    """What stays the same in all utterances of a speaker.

    Args:
        name: `spk01` and so on.
        f0: Base pitch in Hz.
        tract: Factor on the formants.
        rate: Syllables a second in a neutral mood.
        tilt: Spectral tilt in a neutral mood, in dB an octave.
        level: Loudness in a neutral mood, in dB below full scale (voice and distance to the microphone).
        jitter: Relative irregularity of the glottal periods.
    """

    name: str
    f0: float
    tract: float
    rate: float
    tilt: float
    level: float
    jitter: float


@dataclass(frozen=True)
class Line:
    """One utterance to be spoken.

    Args:
        id: `demo-0001` and so on.
        partition: Name of the partition.
        speaker: Who says it.
        words: The sentence.
        arousal: Latent value in [0, 1].
        valence: What the words say, in [0, 1].
        dominance: Latent value in [0, 1].
        ratings: Mean ratings of arousal, valence and dominance, 1–7, two decimals.
    """

    id: str
    partition: str
    speaker: Speaker
    words: tuple[Word, ...]
    arousal: float
    valence: float
    dominance: float
    ratings: tuple[float, float, float]


def plan(counts: Mapping[str, int] = COUNTS, seed: int = 0) -> list[Line]:
    """Draw a whole corpus: every sentence occurs once, test1 has the speakers of train, test2 has its own.

    Args:
        counts: Partition → number of utterances; partitions of `CAST` only.
        seed: The same seed and counts give the same corpus; the same seed gives the same speakers.
    """
    unknown = set(counts).difference(CAST)
    if unknown:
        raise ValueError(f"no speakers are cast for {', '.join(sorted(unknown))}; partitions are {', '.join(CAST)}")
    speakers, rng, said = cast(seed), np.random.default_rng([seed, 1]), set[str]()
    lines: list[Line] = []
    for partition, count in counts.items():
        first, last = CAST[partition]
        for place in range(count):
            speaker = speakers[first - 1 + place % (last - first + 1)]
            lines.append(_line(f"demo-{len(lines) + 1:04d}", partition, speaker, said, rng))
    return lines


def cast(seed: int = 0) -> list[Speaker]:
    """Draw the speakers, low and high voices by turns."""
    rng = np.random.default_rng([seed, 0])
    speakers = []
    for number in range(1, 1 + max(last for _, last in CAST.values())):
        voices, tracts = (LOW_VOICES, LOW_TRACTS) if number % 2 else (HIGH_VOICES, HIGH_TRACTS)
        speakers.append(
            Speaker(
                name=f"spk{number:02d}",
                f0=float(np.exp(rng.uniform(*np.log(voices)))),
                tract=float(rng.uniform(*tracts)),
                rate=float(rng.uniform(4.7, 5.1)),
                tilt=float(rng.uniform(6.9, 8.1)),
                level=float(rng.uniform(-29.0, -25.0)),
                jitter=float(rng.uniform(0.004, 0.014)),
            )
        )
    return speakers


def _line(name: str, partition: str, speaker: Speaker, said: set[str], rng: np.random.Generator) -> Line:
    """Draw one utterance whose sentence is not yet among those said, and add it to them."""
    arousal = _clip(rng.normal(*AROUSAL), LATENT_RANGE)
    dominance = _clip(0.5 + DOMINANCE_SLOPE * (arousal - 0.5) + rng.normal(0, DOMINANCE_SPREAD), LATENT_RANGE)
    words = compose(rng.uniform(-1, 1), rng)
    while transcript(words) in said:
        words = compose(rng.uniform(-1, 1), rng)
    said.add(transcript(words))
    valence = sentence_valence(words)
    ratings = (rate(arousal, rng), rate(valence, rng), rate(dominance, rng))
    return Line(name, partition, speaker, words, arousal, valence, dominance, ratings)


def rate(latent: float, rng: np.random.Generator) -> float:
    """Mean of five whole-numbered ratings on the scale, of a latent value in [0, 1]."""
    low, high = SCALE
    votes = np.rint(low + (high - low) * latent + rng.normal(0, RATER_ERROR, RATERS))
    return round(float(np.clip(votes, low, high).mean()), 2)


def delivery(speaker: Speaker, arousal: float, dominance: float, rng: np.random.Generator) -> Voice:
    """How a speaker sounds at some arousal and dominance in [0, 1], give or take a little from time to time."""
    excited, firm = arousal - 0.5, dominance - 0.5
    chance = rng.normal(size=6)
    semitones = 7.0 * excited - 4.0 * firm + 0.6 * chance[0]
    return Voice(
        f0=_clip(speaker.f0 * 2 ** (semitones / 12), RANGES["f0"]),
        f0_range=_clip(4.5 + 7.0 * excited + 0.4 * chance[1], (0.5, 12.0)),
        fall=_clip(3.0 + 6.0 * firm + 0.4 * chance[2], RANGES["fall"]),
        rate=_clip(speaker.rate * (1 + 0.44 * excited + 0.02 * chance[3]), RANGES["rate"]),
        tilt=_clip(speaker.tilt - 6.0 * excited + 0.3 * chance[4], RANGES["tilt"]),
        level=_clip(speaker.level + 9.0 * excited + 6.0 * firm + chance[5], RANGES["level"]),
        tract=speaker.tract,
        jitter=speaker.jitter,
        floor=float(rng.uniform(-66.0, -58.0)),
    )


def _clip(value: float, limits: tuple[float, float]) -> float:
    return float(min(max(value, limits[0]), limits[1]))
