"""Corrupt transcripts on purpose, at a stated word error rate (section 4.4 of the paper)."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from probing.corpus.model import Corpus
from probing.errors import CorpusError, first_names, number_of

# Shares of substitutions, deletions and insertions among the errors. Our choice: on clear speech a recogniser mostly
# substitutes words, omits some, and inserts the fewest.
SHARES = (0.6, 0.25, 0.15)
_ALIKE = 10  # words closest in spelling, one of which takes a word's place


def corrupted(corpus: Corpus, rate: float, seed: int = 0) -> Corpus:
    """Corrupt a corpus's transcripts at a stated word error rate.

    Each word gets an error with probability `rate`: with the probabilities in `SHARES` it is replaced by a word of the
    corpus with a similar spelling, deleted, or followed by another word of the corpus, drawn by frequency. An
    utterance's errors depend only on its id, the rate and the seed, and the errors at a lower rate are among those at
    a higher one. The rate achieved must be measured (`errors_by_partition`): an alignment may need fewer errors.

    Args:
        corpus: Every utterance with a transcript.
        rate: Errors per word, from 0 to 1.
        seed: Another seed makes other errors.

    Raises:
        CorpusError: The rate is not between 0 and 1 (code `rate`), or an utterance has no transcript
            (`no-transcript`).
    """
    if not 0 <= rate <= 1:
        raise CorpusError(
            f"--corrupt-words {rate:g}", "it is not a proportion of words", "give a number from 0 to 1", code="rate"
        )
    mute = [utterance.id for utterance in corpus.utterances if utterance.text is None]
    if mute:
        raise CorpusError(
            f"corpus {corpus.name}: {number_of(len(mute), 'utterance')} without a transcript to corrupt",
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
            # Always three numbers a word, so that the errors at a lower rate are among those at a higher one.
            chance, kind, which = rng.random(3)
            if chance >= rate:
                kept.append(word)
            elif kind < SHARES[0]:
                near = alike(word)
                kept.append(near[int(which * len(near))] if near else word)
            elif kind >= SHARES[0] + SHARES[1]:
                kept += [word, vocabulary[min(int(np.searchsorted(cumulative, which)), len(vocabulary) - 1)]]
        return " ".join(kept)

    return replace(corpus, utterances=tuple(replace(u, text=damaged(str(u.text), u.id)) for u in corpus.utterances))
