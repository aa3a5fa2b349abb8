"""The invented language: valence is in whole words and in nothing else, and sentences have context."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from probing.demo.language import (
    FUNCTION,
    LEXICON,
    LINKS,
    NEUTRAL,
    STRONG_WORDS,
    compose,
    sentence_firmness,
    sentence_valence,
)

POSITIVE, NEGATIVE = STRONG_WORDS[0][0]
PARTICLES = tuple(word for pair in FUNCTION for word in pair)


def test_a_negative_word_is_a_positive_one_with_its_syllables_in_another_order() -> None:
    """Every valenced word has a twin of the opposite valence that is made of the same syllables, link in the middle."""
    valence = {word.syllables: word.valence for word in LEXICON}
    valenced = [word for word in LEXICON if word.valence]
    assert len(valenced) == 72
    for word in valenced:
        assert valence[word.syllables[::-1]] == -word.valence
        assert word.syllables[1] in LINKS


@pytest.mark.parametrize("rare", [False, True])
def test_no_syllable_and_no_two_neighbours_favour_a_valence(rare: bool) -> None:
    """Among everyday words, and among rare ones, each syllable and each pair of neighbours is as often positive."""
    balance: Counter[tuple[int, tuple[str, ...]]] = Counter()
    for word in LEXICON:
        if word.valence and word.rare is rare:
            for size in (1, 2):
                for place in range(4 - size):
                    balance[place, word.syllables[place : place + size]] += 1 if word.valence > 0 else -1
    assert len(balance) > 20 and set(balance.values()) == {0}


def test_words_can_be_told_apart_in_a_transcript() -> None:
    """No two words are spelt alike, and none contains a blank."""
    spellings = [str(word) for word in LEXICON]
    assert len(set(spellings)) == len(spellings) == 90
    assert not any(" " in spelling for spelling in spellings)


def test_sentences_have_the_promised_length() -> None:
    """Every sentence opens with a particle and has 10 to 18 syllables."""
    rng = np.random.default_rng(0)
    lengths = set()
    for _ in range(500):
        words = compose(rng, rare=True)
        assert words[0].opens_phrase
        lengths.add(sum(len(word.syllables) for word in words))
    assert lengths <= set(range(10, 19)) and len(lengths) > 5


def test_a_sentence_has_a_topic_and_its_phrases_agree() -> None:
    """All content words come from one topic's syllables; the words of a phrase share the link that its particle has."""
    rng = np.random.default_rng(0)
    syllables = [{s for word in topic for s in word.syllables} for topic in NEUTRAL]
    for _ in range(300):
        words = compose(rng, rare=True)
        topics = [
            topic
            for topic in syllables
            if all({w.syllables[0], w.syllables[-1]} <= topic for w in words if not w.opens_phrase)
        ]
        assert len(topics) == 1
        for word in words:
            if word.opens_phrase:
                link = LINKS[[word in pair for pair in FUNCTION].index(True)]
            elif word.valence:
                assert word.syllables[1] == link


def test_valence_holds_through_a_sentence() -> None:
    """Given one valenced word, another of the sentence has the same sign in some three cases of four."""
    rng = np.random.default_rng(0)
    signs = [[np.sign(word.valence) for word in compose(rng) if word.valence] for _ in range(3000)]
    pairs = [said[0] == said[-1] for said in signs if len(said) > 1]
    assert 0.7 < np.mean(pairs) < 0.8  # leanings follow the arcsine law: 1/2 + E[leaning²]/2 = 3/4


def test_sentence_valence_spans_zero_to_one() -> None:
    """Only strongly negative words say 0, only strongly positive ones 1, none of them 0.5."""
    assert sentence_valence(NEGATIVE) == 0.0
    assert sentence_valence(POSITIVE) == 1.0
    assert sentence_valence(PARTICLES) == sentence_valence(()) == 0.5
    assert sentence_firmness(PARTICLES) == sentence_firmness(POSITIVE) == 0.0
