"""A sentence is laid out without gaps, at the rate asked for, and lasts two to five seconds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from probing.demo.language import FUNCTION, NEUTRAL, PATTERNS, STRONG_WORDS
from probing.demo.timing import schedule
from probing.demo.voice import RANGES

POSITIVE, NEGATIVE = STRONG_WORDS[0][0]
PARTICLES = tuple(word for pair in FUNCTION for word in pair)
SENTENCE = (PARTICLES[0], *POSITIVE[:2], PARTICLES[1], NEUTRAL[0][0], PARTICLES[2], NEGATIVE[0], NEUTRAL[0][3])


def test_rate_is_met_exactly_and_segments_leave_no_gap() -> None:
    """Spoken time is syllables over rate, and each segment begins where the one before ends."""
    for rate in RANGES["rate"]:
        segments = schedule(SENTENCE, rate, np.random.default_rng(1))
        spoken = sum(s.end - s.start for s in segments if s.word >= 0)
        assert spoken == pytest.approx(sum(len(word.syllables) for word in SENTENCE) / rate)
        assert all(a.end == b.start and a.end > a.start for a, b in pairwise(segments))
        assert [s.word for s in segments if s.word >= 0] == sorted(s.word for s in segments if s.word >= 0)


@pytest.mark.parametrize("rate", RANGES["rate"])
def test_a_sentence_lasts_two_to_five_seconds_at_any_rate(rate: float) -> None:
    """The shortest and the longest sentences keep within 1.5–5 s at both ends of the range."""
    for pattern in PATTERNS:
        words = tuple(w for n in pattern for w in (PARTICLES[0], *POSITIVE[:n]))
        for seed in range(5):
            assert 2.0 <= schedule(words, rate, np.random.default_rng(seed))[-1].end <= 5.0
