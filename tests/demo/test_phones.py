"""Every sound of the language can be spoken, and no two are the same."""

from __future__ import annotations

import pytest

from probing.demo.language import LEXICON
from probing.demo.phones import CONSONANTS, OFF, PAUSE, VOWELS, phones_of

SYLLABLES = sorted({syllable for word in LEXICON for syllable in word.syllables})


@pytest.mark.parametrize("syllable", SYLLABLES)
def test_a_syllable_is_its_consonant_and_then_its_vowel(syllable: str) -> None:
    """The vowel is voiced; a consonant takes its own time and makes a sound."""
    *consonant, vowel = phones_of(syllable)
    assert vowel == VOWELS[syllable[-1]] and vowel.voicing == 0
    assert consonant and all(phone.seconds > 0 for phone in consonant)
    assert any(max(phone.voicing, phone.noise) > OFF for phone in consonant)


def test_no_two_sounds_are_the_same() -> None:
    """Vowels differ in their formants, consonants in something."""
    assert len({vowel.formants for vowel in VOWELS.values()}) == len(VOWELS)
    assert len(set(CONSONANTS.values())) == len(CONSONANTS)


def test_formants_rise_and_a_pause_is_silent() -> None:
    """The first below the second below the third."""
    phones = [phone for phones in CONSONANTS.values() for phone in phones] + [*VOWELS.values(), PAUSE]
    assert all(a < b < c for a, b, c in (phone.formants for phone in phones))
    assert (PAUSE.voicing, PAUSE.noise) == (OFF, OFF)
