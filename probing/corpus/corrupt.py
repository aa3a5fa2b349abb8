"""Damage transcripts on purpose, at a stated word error rate (section 4.4)."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from probing.corpus.model import Corpus
from probing.errors import CorpusError, first_names

# Substitutions, deletions, insertions of 100 errors. Our choice: a recogniser on clear speech mostly mishears, then
# leaves out, and least often adds.
SHARES = (0.6, 0.25, 0.15)
_ALIKE = 10  # words spelt most alike, of which one takes a word's place


def corrupted(corpus: Corpus, rate: float, seed: int = 0) -> Corpus:
    """Damage a corpus's transcripts at a stated word error rate.

    Each word suffers an error with probability `rate`: in `SHARES` it is replaced by a word of the corpus that is
    spelt like it, left out, or followed by another word of the corpus, drawn by frequency. An utterance's errors
    depend on its id, the rate and the seed alone, and those at a lower rate are among those at a higher one.
    What is achieved must be measured (`errors_by_partition`): an aligner may find a shorter way.

    Args:
        corpus: Every utterance with a transcript.
        rate: Errors per word, 0 to 1.
        seed: Of the errors.

    Raises:
        CorpusError: The rate is no share, or an utterance has no transcript.
    """
    if not 0 <= rate <= 1:
        raise CorpusError(
            f"--corrupt-words {rate:g}", "it is no share of words", "give a number from 0 to 1", code="rate"
        )
    mute = [utterance.id for utterance in corpus.utterances if utterance.text is None]
    if mute:
        raise CorpusError(
            f"corpus {corpus.name}: {len(mute):,} utterances have no transcript to damage",
            first_names(mute),
            "complete the corpus, or give --transcripts FILE",
            code="no-transcript",
        )
    counts = Counter(word for utterance in corpus.utterances for word in str(utterance.text).split())
    vocabulary = sorted(counts)
    frequency = np.array([counts[word] for word in vocabulary], np.float64)
    cumulative = np.cumsum(frequency / max(frequency.sum(), 1))

    @cache
    def alike(word: str) -> list[str]:
        near = process.extract(word, vocabulary, scorer=Levenshtein.distance, limit=_ALIKE + 1)
        return [other for other, *_ in near if other != word][:_ALIKE]

    def damaged(text: str, id_: str) -> str:
        rng = np.random.default_rng([seed, zlib.crc32(id_.encode())])
        kept = []
        for word in text.split():
            suffers, kind, which = rng.random(3)  # always three: a lower rate's errors are among a higher one's
            if suffers >= rate:
                kept.append(word)
            elif kind < SHARES[0]:
                near = alike(word)
                kept.append(near[int(which * len(near))] if near else word)
            elif kind >= SHARES[0] + SHARES[1]:
                kept += [word, vocabulary[min(int(np.searchsorted(cumulative, which)), len(vocabulary) - 1)]]
        return " ".join(kept)

    return replace(corpus, utterances=tuple(replace(u, text=damaged(str(u.text), u.id)) for u in corpus.utterances))
