"""When each sound of a sentence is spoken: rhythm, stress and pauses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probing.demo.language import Word
from probing.demo.phones import PAUSE, Phone, phones_of

REFERENCE_RATE = 5.3  # syllables a second at which consonants and pauses have their own durations
STRESSED, UNSTRESSED, LINK, PARTICLE = 1.15, 1.0, 0.85, 0.85  # relative length of a syllable: a word's first, last, …
FINAL_LENGTHENING = 1.25  # factor on the last syllable of a phrase
LENGTH_SPREAD = 0.06  # standard deviation of the logarithm of a syllable's length
PHRASE_PAUSE = 0.1  # s between two phrases at the reference rate
EDGE = (0.10, 0.15)  # s of silence before and after the sentence, lowest and highest
VOWEL_SHARE = 0.4  # part of a syllable that its consonant leaves to the vowel at least


@dataclass(frozen=True)
class Segment:
    """One phone in its place.

    Args:
        phone: The sound.
        start: Its beginning in s from the start of the recording.
        end: Its end in s.
        word: Index of the word in the sentence; -1 for a pause.
        stressed: Whether it is the vowel of a content word's first syllable, which carries the pitch accent.
    """

    phone: Phone
    start: float
    end: float
    word: int = -1
    stressed: bool = False


def schedule(words: Sequence[Word], rate: float, rng: np.random.Generator) -> list[Segment]:
    """Lay a sentence out in time, without gaps, from the silence before it to the silence after it.

    Args:
        words: The sentence.
        rate: Syllables a second while speaking, pauses left out; met exactly.
        rng: Source of the irregularities.
    """
    segments: list[Segment] = []
    lead, tail = rng.uniform(*EDGE, 2)
    lengths = iter(_syllable_seconds(words, rate, rng))
    now = _append(segments, 0.0, [(PAUSE, lead)])
    for index, word in enumerate(words):
        if word.opens_phrase and index:
            now = _append(segments, now, [(PAUSE, PHRASE_PAUSE * REFERENCE_RATE / rate)])
        for place, syllable in enumerate(word.syllables):
            phones = _fit(phones_of(syllable), next(lengths), rate)
            now = _append(segments, now, phones, index, stressed=place == 0 and not word.opens_phrase)
    _append(segments, now, [(PAUSE, tail)])
    return segments


def _syllable_seconds(words: Sequence[Word], rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Duration of every syllable; their mean is 1 / rate."""
    weights = np.array([weight for index in range(len(words)) for weight in _weights(words, index)])
    weights *= np.exp(rng.normal(0, LENGTH_SPREAD, len(weights)))
    return np.asarray(weights / (weights.mean() * rate))


def _weights(words: Sequence[Word], index: int) -> Iterator[float]:
    """Relative lengths of one word's syllables."""
    word = words[index]
    ends_phrase = index + 1 == len(words) or words[index + 1].opens_phrase
    for place in range(len(word.syllables)):
        last = place + 1 == len(word.syllables)
        if word.opens_phrase:
            weight = PARTICLE
        elif place == 0:
            weight = STRESSED
        else:
            weight = UNSTRESSED if last else LINK
        yield weight * (FINAL_LENGTHENING if ends_phrase and last else 1.0)


def _fit(phones: Sequence[Phone], seconds: float, rate: float) -> list[tuple[Phone, float]]:
    """Share a syllable's duration: the consonant its own, squeezed at high rates, the vowel the rest."""
    *consonant, vowel = phones
    own = sum(phone.seconds for phone in consonant)
    squeeze = min(REFERENCE_RATE / rate, (1 - VOWEL_SHARE) * seconds / own)
    shares = [(phone, phone.seconds * squeeze) for phone in consonant]
    return [*shares, (vowel, seconds - own * squeeze)]


def _append(
    segments: list[Segment], now: float, phones: Sequence[tuple[Phone, float]], word: int = -1, stressed: bool = False
) -> float:
    """Append phones one after another, the last one stressed or not; returns where they end."""
    for place, (phone, seconds) in enumerate(phones):
        segments.append(Segment(phone, now, now + seconds, word, stressed and place + 1 == len(phones)))
        now += seconds
    return now
