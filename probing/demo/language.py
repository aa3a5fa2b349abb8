"""The demo corpus's invented language: rings of syllables, a lexicon drawn from them, and sentences with context.

Valence lives in which words are said, and in nothing else. A valenced word is two syllables of a ring of three with
a linking syllable between them: a step forward in the ring is a positive word ("ta·we·mi"), the same syllables in
the other order a negative one ("mi·we·ta"). Every sentence has a mirror image of the opposite valence, made of the
same syllables; and every syllable comes before and after a link equally often in positive and in negative words. So
whoever counts sounds, or pairs of neighbouring syllables, learns nothing of valence; whoever hears whole words, some
0.6 s long, learns all of it.

A sentence has context, from which a word that was not heard can be guessed: a topic (a strong and a mild ring),
agreement (all words of a phrase share their link, and the particle before them belongs to it), and a leaning to
positive or negative words that holds through the sentence. Each link has two particles, a firm and a soft one: what
the words say about dominance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LINKS = ("we", "yu", "ro")
PARTICLES = (("wo", "ye"), ("ba", "no"), ("ku", "le"))  # of each link a firm and a soft one; one opens every phrase
STRONG_RINGS = (("ta", "mi", "so"), ("ke", "lu", "pa"))  # of each topic; words of valence ±1
MILD_RINGS = (("ni", "go", "fe"), ("ra", "du", "shi"))  # of each topic; words of valence ±0.5
STRONG_RARE, MILD_RARE = (0, 1), (2, 0)  # of each topic's rings the link whose words are rare

STRONG, MILD = 1.0, 0.5  # valence of a word, on a scale from -1 to 1
NEUTRAL_SHARE = 0.25  # probability that a content word is neutral

# Content words in each phrase: with the particles 11 to 18 syllables.
PATTERNS = ((2, 2), (3, 2), (2, 3), (2, 2, 1), (2, 1, 2), (1, 2, 2), (1, 2, 1), (2, 1, 1))


@dataclass(frozen=True)
class Word:
    """A word of the lexicon.

    Args:
        syllables: Its syllables in order, each a consonant and a vowel.
        valence: From -1 (strongly negative) to 1 (strongly positive); 0 for neutral and function words.
        firmness: 1 for a firm particle, -1 for a soft one, 0 for content words.
        rare: Whether only the partition test2 and pre-training have it.
    """

    syllables: tuple[str, ...]
    valence: float = 0.0
    firmness: float = 0.0
    rare: bool = False

    def __str__(self) -> str:
        return "".join(self.syllables)

    @property
    def opens_phrase(self) -> bool:
        """Whether it is a function word, which opens a phrase."""
        return self.firmness != 0


Ring = tuple[str, str, str]


def _ring(syllables: Ring, valence: float, rare_link: int) -> tuple[tuple[tuple[Word, ...], tuple[Word, ...]], ...]:
    """The positive and the negative words of a ring, for each link; a word and its reverse stand at the same place."""
    steps = list(zip(syllables, (*syllables[1:], syllables[0]), strict=True))
    return tuple(
        (
            tuple(Word((a, link, b), valence, rare=number == rare_link) for a, b in steps),
            tuple(Word((b, link, a), -valence, rare=number == rare_link) for a, b in steps),
        )
        for number, link in enumerate(LINKS)
    )


def _bridges(strong: Ring, mild: Ring) -> tuple[Word, ...]:
    """A topic's neutral words, of two syllables: out of each ring into the other."""
    onwards = (*strong[1:], strong[0])
    out = [Word(pair) for pair in zip(strong, mild, strict=True)]
    return (*out, *(Word(pair) for pair in zip(mild, onwards, strict=True)))


# Of each topic and link, the positive and the negative words: strong_words[topic][link][0 or 1].
STRONG_WORDS = tuple(_ring(ring, STRONG, rare) for ring, rare in zip(STRONG_RINGS, STRONG_RARE, strict=True))
MILD_WORDS = tuple(_ring(ring, MILD, rare) for ring, rare in zip(MILD_RINGS, MILD_RARE, strict=True))
NEUTRAL = tuple(_bridges(strong, mild) for strong, mild in zip(STRONG_RINGS, MILD_RINGS, strict=True))
FUNCTION = tuple((Word((firm,), firmness=1.0), Word((soft,), firmness=-1.0)) for firm, soft in PARTICLES)
LEXICON = (
    *(word for pair in FUNCTION for word in pair),
    *(word for topic in NEUTRAL for word in topic),
    *(word for ring in (*STRONG_WORDS, *MILD_WORDS) for link in ring for side in link for word in side),
)


def compose(rng: np.random.Generator, rare: bool = False) -> tuple[Word, ...]:
    """Draw a sentence: two or three phrases, each a particle and one to three content words that agree with it.

    Args:
        rng: Source of the choices.
        rare: Whether rare words may occur (then one valenced word in three is rare).

    Returns:
        Six to eight words of 11 to 18 syllables.
    """
    topic = int(rng.integers(2))
    positive, firm = (0.5 + 0.5 * np.sin(np.pi * rng.uniform(-0.5, 0.5, 2))).tolist()  # mostly near 0 or 1
    words: list[Word] = []
    for content_words in PATTERNS[rng.integers(len(PATTERNS))]:
        link = int(rng.integers(len(LINKS)))
        words.append(FUNCTION[link][int(rng.random() >= firm)])
        words.extend(_content_word(topic, link, positive, rare, rng) for _ in range(content_words))
    return tuple(words)


def _content_word(topic: int, link: int, positive: float, rare: bool, rng: np.random.Generator) -> Word:
    """One content word of a topic and a link; its leaning is the probability that a valenced word is positive."""
    neutral, mild, negative = (int(draw) for draw in rng.random(3) < (NEUTRAL_SHARE, 0.5, 1 - positive))
    if neutral:
        choice = NEUTRAL[topic]
    else:
        rings = (STRONG_WORDS[topic], MILD_WORDS[topic])
        choice = rings[mild][link][negative]
        if choice[0].rare and not rare:
            choice = rings[1 - mild][link][negative]
    return choice[rng.integers(len(choice))]


def sentence_valence(words: Sequence[Word]) -> float:
    """Valence in [0, 1] that a sentence says: the mean of its content words, mapped from [-1, 1].

    >>> good, bad = STRONG_WORDS[0][0][0][0], STRONG_WORDS[0][0][1][0]
    >>> str(good), sentence_valence([good]), str(bad), sentence_valence([bad, good, NEUTRAL[0][0]])
    ('tawemi', 1.0, 'miweta', 0.5)
    """
    content = [word.valence for word in words if not word.opens_phrase]
    return 0.5 + 0.5 * sum(content) / len(content) if content else 0.5


def sentence_firmness(words: Sequence[Word]) -> float:
    """Firmness in [-1, 1] of a sentence: the mean of its particles.

    >>> sentence_firmness([FUNCTION[0][0], FUNCTION[1][0]]), sentence_firmness([FUNCTION[0][0], FUNCTION[1][1]])
    (1.0, 0.0)
    """
    firmness = [word.firmness for word in words if word.opens_phrase]
    return sum(firmness) / len(firmness) if firmness else 0.0


def transcript(words: Sequence[Word]) -> str:
    """The words joined by blanks.

    >>> transcript([FUNCTION[0][0], STRONG_WORDS[0][0][0][0]])
    'wo tawemi'
    """
    return " ".join(map(str, words))
