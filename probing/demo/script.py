"""Who says what, in which mood, and how raters judge it: the demo corpus before it is spoken.

Every utterance has latent values in [0, 1]. Arousal is heard in pitch, pitch range, rate, spectral tilt and loudness.
Valence is what the words say. Dominance is in both: the voice's part (loudness, a lower pitch, the fall at the end)
goes along with arousal, the words' part is the firmness of the particles. Ratings are the means of five raters, each
with an error of their own.

The speakers of test2 are heard nowhere else, in livelier rooms with more noise, and a third of their valenced words
occurs in no other partition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from probing.demo.language import Word, compose, sentence_firmness, sentence_valence, transcript
from probing.demo.voice import RANGES, Voice

COUNTS = {"train": 480, "development": 96, "test1": 96, "test2": 120}  # utterances in each partition
CAST = {"train": (1, 24), "development": (25, 32), "test1": (1, 24), "test2": (33, 72)}  # first and last speaker
UNSEEN = "test2"  # the partition with other rooms and rare words
SCALE = (1, 7)  # lowest and highest rating

RATERS = 5
RATER_ERROR = 0.7  # standard deviation of one rating, in points of the scale
AROUSAL = (0.5, 0.22)  # mean and standard deviation of the latent value before it is clipped
DOMINANCE_SLOPE, DOMINANCE_SPREAD = 0.5, 0.12  # of the voice's dominance: slope on arousal, own standard deviation
DOMINANCE_WORDS = 0.13  # dominance that the firmest words add
LATENT_RANGE = (0.02, 0.98)

LOW_VOICES, HIGH_VOICES = (95.0, 140.0), (165.0, 230.0)  # Hz; base pitch of odd and of even speakers
LOW_TRACTS, HIGH_TRACTS = (0.92, 1.05), (1.08, 1.22)  # factor on the formants


@dataclass(frozen=True)
class Rooms:
    """The recording conditions of some speakers: lowest and highest value of each.

    Args:
        seconds: Reverberation time in s.
        level: Energy of the reflections relative to the direct sound, in dB.
        floor: Background noise in dB below full scale.
    """

    seconds: tuple[float, float]
    level: tuple[float, float]
    floor: tuple[float, float]


STUDIOS = Rooms((0.12, 0.25), (-20.0, -14.0), (-66.0, -58.0))
HALLS = Rooms((0.25, 0.33), (-14.0, -11.0), (-58.0, -54.0))  # of test2


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
        room_seconds: Reverberation time of the speaker's room in s.
        room_level: Energy of its reflections relative to the direct sound, in dB.
        floor: Background noise in dB below full scale, give or take 2 dB.
    """

    name: str
    f0: float
    tract: float
    rate: float
    tilt: float
    level: float
    jitter: float
    room_seconds: float
    room_level: float
    floor: float

    @property
    def sex(self) -> str:
        """`male` of odd speakers, who have low voices and long vocal tracts, `female` of even ones."""
        return "male" if int(self.name.removeprefix("spk")) % 2 else "female"


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
        voice_dominance: The voice's part of dominance, in [0, 1].
        dominance: Latent value in [0, 1].
        ratings: Mean ratings of arousal, valence and dominance, 1–7, two decimals.
    """

    id: str
    partition: str
    speaker: Speaker
    words: tuple[Word, ...]
    arousal: float
    valence: float
    voice_dominance: float
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
            lines.append(draw_line(f"demo-{len(lines) + 1:04d}", partition, speaker, said, rng))
    return lines


def cast(seed: int = 0) -> list[Speaker]:
    """Draw the speakers, low and high voices by turns; those of test2 in other rooms."""
    rng = np.random.default_rng([seed, 0])
    first, last = CAST[UNSEEN]
    return [draw_speaker(number, HALLS if number >= first else STUDIOS, rng) for number in range(1, last + 1)]


def draw_speaker(number: int, rooms: Rooms, rng: np.random.Generator) -> Speaker:
    """Draw one speaker, a low voice if the number is odd, a high one if it is even."""
    voices, tracts = (LOW_VOICES, LOW_TRACTS) if number % 2 else (HIGH_VOICES, HIGH_TRACTS)
    return Speaker(
        name=f"spk{number:02d}",
        f0=float(np.exp(rng.uniform(*np.log(voices)))),
        tract=float(rng.uniform(*tracts)),
        rate=float(rng.uniform(5.1, 5.5)),
        tilt=float(rng.uniform(6.9, 8.1)),
        level=float(rng.uniform(-29.0, -25.0)),
        jitter=float(rng.uniform(0.004, 0.014)),
        room_seconds=float(rng.uniform(*rooms.seconds)),
        room_level=float(rng.uniform(*rooms.level)),
        floor=float(rng.uniform(*rooms.floor)),
    )


def draw_line(name: str, partition: str, speaker: Speaker, said: set[str], rng: np.random.Generator) -> Line:
    """Draw one utterance whose sentence is not yet among those said, and add it to them.

    Args:
        name: Its id.
        partition: Rare words occur in `test2`, and in no other partition of the corpus.
        speaker: Who says it.
        said: Transcripts that must not occur again.
        rng: Source of the choices.
    """
    arousal = _clip(rng.normal(*AROUSAL), LATENT_RANGE)
    voice_dominance = _clip(0.5 + DOMINANCE_SLOPE * (arousal - 0.5) + rng.normal(0, DOMINANCE_SPREAD), LATENT_RANGE)
    rare = partition not in CAST or partition == UNSEEN
    words = compose(rng, rare)
    while transcript(words) in said:
        words = compose(rng, rare)
    said.add(transcript(words))
    valence = sentence_valence(words)
    dominance = latent_dominance(voice_dominance, sentence_firmness(words))
    ratings = (rate(arousal, rng), rate(valence, rng), rate(dominance, rng))
    return Line(name, partition, speaker, words, arousal, valence, voice_dominance, dominance, ratings)


def latent_dominance(voice_dominance: float, firmness: float) -> float:
    """Dominance in [0, 1] of what the voice says in [0, 1] and the words' firmness in [-1, 1]."""
    return _clip(voice_dominance + DOMINANCE_WORDS * firmness, LATENT_RANGE)


def rate(latent: float, rng: np.random.Generator) -> float:
    """Mean of five whole-numbered ratings on the scale, of a latent value in [0, 1]."""
    low, high = SCALE
    votes = np.rint(low + (high - low) * latent + rng.normal(0, RATER_ERROR, RATERS))
    return round(float(np.clip(votes, low, high).mean()), 2)


def delivery(speaker: Speaker, arousal: float, dominance: float, rng: np.random.Generator) -> Voice:
    """How a speaker sounds at some arousal and voice's dominance in [0, 1], give or take a little each time."""
    excited, firm = arousal - 0.5, dominance - 0.5
    chance = rng.normal(size=6)
    semitones = 8.0 * excited - 4.0 * firm + 0.6 * chance[0]
    return Voice(
        f0=_clip(speaker.f0 * 2 ** (semitones / 12), RANGES["f0"]),
        f0_range=_clip(4.5 + 7.0 * excited + 0.4 * chance[1], (0.5, 12.0)),
        fall=_clip(3.0 + 6.0 * firm + 0.4 * chance[2], RANGES["fall"]),
        rate=_clip(speaker.rate * (1 + 0.44 * excited + 0.02 * chance[3]), RANGES["rate"]),
        tilt=_clip(speaker.tilt - 7.0 * excited + 0.3 * chance[4], RANGES["tilt"]),
        level=_clip(speaker.level + 9.0 * excited + 6.0 * firm + chance[5], RANGES["level"]),
        tract=speaker.tract,
        jitter=speaker.jitter,
        floor=_clip(speaker.floor + rng.uniform(-2.0, 2.0), RANGES["floor"]),
        room_seconds=speaker.room_seconds,
        room_level=speaker.room_level,
    )


def _clip(value: float, limits: tuple[float, float]) -> float:
    return float(min(max(value, limits[0]), limits[1]))
