"""The demo corpus's invented language: two rings of syllables, a lexicon drawn from them, and sentences.

Valence lives in which words are said, and in nothing else. Two rings of six syllables make every content word.
A step forward in a ring is a positive word, the same two syllables in the other order a negative one ("tami",
"mita"); a step from one ring to the other is a neutral word. So every syllable occurs equally often in positive and
in negative words, at the beginning and at the end: whoever counts sounds learns nothing of valence, whoever knows
the words learns all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

STRONG_RING = ("ta", "mi", "so", "ke", "lu", "pa")  # words of valence ±1
MILD_RING = ("ni", "go", "fe", "ra", "du", "shi")  # words of valence ±0.5
PARTICLES = ("wo", "ye", "ba", "no", "le", "ku")  # function words; one opens every phrase

STRONG, MILD = 1.0, 0.5  # valence of a word, on a scale from -1 to 1
NEUTRAL_SHARE = 0.3  # probability that a content word is neutral
STRONG_SHARE = 0.5  # probability that a valenced word is a strong one

# Content words in each phrase. All make 11 to 13 syllables, so that every sentence lasts 2 to 4 s at any rate.
PATTERNS = ((2, 2, 1), (2, 1, 2), (1, 2, 2), (3, 2), (2, 3), (1, 1, 2), (1, 2, 1), (2, 1, 1))


@dataclass(frozen=True)
class Word:
    """A word of the lexicon.

    Args:
        syllables: Its syllables in order, each a consonant and a vowel.
        valence: From -1 (strongly negative) to 1 (strongly positive); 0 for neutral and function words.
        opens_phrase: Whether it is a function word, which opens a phrase.
    """

    syllables: tuple[str, ...]
    valence: float = 0.0
    opens_phrase: bool = False

    def __str__(self) -> str:
        return "".join(self.syllables)


def _ring(syllables: Sequence[str], valence: float) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """The positive and the negative words of a ring, one pair for every two neighbours."""
    steps = list(zip(syllables, (*syllables[1:], syllables[0]), strict=True))
    return tuple(Word((a, b), valence) for a, b in steps), tuple(Word((b, a), -valence) for a, b in steps)


def _bridges() -> tuple[Word, ...]:
    """The neutral words: out of each syllable of one ring into the other, and back to the next."""
    onwards = (*STRONG_RING[1:], STRONG_RING[0])
    out = [Word(pair) for pair in zip(STRONG_RING, MILD_RING, strict=True)]
    return (*out, *(Word(pair) for pair in zip(MILD_RING, onwards, strict=True)))


STRONG_POSITIVE, STRONG_NEGATIVE = _ring(STRONG_RING, STRONG)
MILD_POSITIVE, MILD_NEGATIVE = _ring(MILD_RING, MILD)
NEUTRAL = _bridges()
FUNCTION = tuple(Word((syllable,), opens_phrase=True) for syllable in PARTICLES)
LEXICON = (*STRONG_POSITIVE, *STRONG_NEGATIVE, *MILD_POSITIVE, *MILD_NEGATIVE, *NEUTRAL, *FUNCTION)


def compose(leaning: float, rng: np.random.Generator) -> tuple[Word, ...]:
    """Draw a sentence: two or three phrases, each a function word and one to three content words.

    Args:
        leaning: From -1 to 1; (1 + leaning) / 2 is the probability that a valenced word is a positive one.
        rng: Source of the choices.

    Returns:
        Six to eight words of 11 to 13 syllables.
    """
    words: list[Word] = []
    for content_words in PATTERNS[rng.integers(len(PATTERNS))]:
        words.append(FUNCTION[rng.integers(len(FUNCTION))])
        words.extend(_content_word(leaning, rng) for _ in range(content_words))
    return tuple(words)


def _content_word(leaning: float, rng: np.random.Generator) -> Word:
    """One content word; three draws whatever the outcome, and one for the word itself."""
    neutral, strong, positive = rng.random(3) < (NEUTRAL_SHARE, STRONG_SHARE, (1 + leaning) / 2)
    if neutral:
        choice = NEUTRAL
    elif strong:
        choice = STRONG_POSITIVE if positive else STRONG_NEGATIVE
    else:
        choice = MILD_POSITIVE if positive else MILD_NEGATIVE
    return choice[rng.integers(len(choice))]


def sentence_valence(words: Sequence[Word]) -> float:
    """Valence in [0, 1] that a sentence says: the mean of its content words, mapped from [-1, 1].

    >>> sentence_valence([FUNCTION[0], STRONG_POSITIVE[0]]), sentence_valence([FUNCTION[0], NEUTRAL[0]])
    (1.0, 0.5)
    """
    content = [word.valence for word in words if not word.opens_phrase]
    return 0.5 + 0.5 * sum(content) / len(content) if content else 0.5


def transcript(words: Sequence[Word]) -> str:
    """The words joined by blanks.

    >>> transcript([FUNCTION[0], STRONG_POSITIVE[0], STRONG_NEGATIVE[0]])
    'wo tami mita'
    """
    return " ".join(map(str, words))
