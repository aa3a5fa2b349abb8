"""Word errors of transcripts: counted against a reference, and made on purpose at a stated rate (section 4.4)."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import jiwer
import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from probing.corpus.model import Corpus
from probing.errors import CorpusError

Normaliser = Callable[[str], str]

# Substitutions, deletions, insertions of 100 errors. Our choice: a recogniser on clear speech mostly mishears, then
# leaves out, and least often adds.
SHARES = (0.6, 0.25, 0.15)
_ALIKE = 10  # words spelt most alike, of which one takes a word's place
COUNTED = "jiwer"


@dataclass(frozen=True)
class WordErrors:
    """Errors of transcripts, counted over all of them together.

    Args:
        words: Words of the references.
        substitutions: Words that are others.
        deletions: Words that are missing.
        insertions: Words that are too many.
    """

    words: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def rate(self) -> float:
        """Word error rate: errors per word of the references; above 1 it has more errors than words.

        NaN where the references hold no words.
        """
        errors = self.substitutions + self.deletions + self.insertions
        return errors / self.words if self.words else float("nan")

    def __str__(self) -> str:
        return (
            f"WER {self.rate:.1%} ({self.substitutions:,} substitutions, {self.deletions:,} deletions, "
            f"{self.insertions:,} insertions in {self.words:,} words)"
        )


def normaliser(language: str = "en", spelling: Mapping[str, str] | None = None) -> Normaliser:
    """What both sides pass through before errors are counted: Whisper's own rules, as transformers has them.

    Args:
        language: For `en` case, punctuation, contractions, numbers and spelling are made alike; for others case and
            punctuation.
        spelling: British → American spelling, which a Whisper tokenizer brings along.
    """
    from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

    return EnglishTextNormalizer(dict(spelling or {})) if language == "en" else BasicTextNormalizer()


def normaliser_name(language: str = "en") -> str:
    """What a table must say of how errors were counted."""
    return f"transformers' {'English' if language == 'en' else 'basic'} normaliser"


def word_errors(references: Sequence[str], transcripts: Sequence[str], normalise: Normaliser) -> WordErrors:
    """Count errors over transcripts, aligned one by one.

    Args:
        references: What was said.
        transcripts: What was recognised, in the same order; an empty one has all words deleted.
        normalise: From `normaliser`.

    >>> str(word_errors(["Well, I won't!", ""], ["well i will not not", "oh"], normaliser()))
    'WER 50.0% (0 substitutions, 0 deletions, 2 insertions in 4 words)'
    """
    pairs = [(normalise(r).strip(), normalise(t).strip()) for r, t in zip(references, transcripts, strict=True)]
    spoken = [(reference, transcript) for reference, transcript in pairs if reference]
    added = sum(len(transcript.split()) for reference, transcript in pairs if not reference)  # jiwer wants a reference
    if not spoken:
        return WordErrors(0, 0, 0, added)
    found = jiwer.process_words([reference for reference, _ in spoken], [transcript for _, transcript in spoken])
    words = found.hits + found.substitutions + found.deletions
    return WordErrors(words, found.substitutions, found.deletions, found.insertions + added)


def errors_by_partition(reference: Corpus, other: Corpus, normalise: Normaliser) -> dict[str, WordErrors]:
    """Count the errors of another text of the same utterances, for each partition.

    Args:
        reference: The corpus with its own text; utterances without are passed over.
        other: The same, or some of its utterances, with other text.
        normalise: From `normaliser`.
    """
    said = {utterance.id: utterance.text for utterance in reference.utterances}
    found = {}
    for partition, utterances in other.partitions.items():
        both = [(said[u.id], u.text) for u in utterances if said.get(u.id) is not None and u.text is not None]
        if both:
            found[partition] = word_errors([str(r) for r, _ in both], [str(t) for _, t in both], normalise)
    return found


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
        raise CorpusError(f"--corrupt-words {rate:g}", "it is no share of words", "give a number from 0 to 1")
    mute = [utterance.id for utterance in corpus.utterances if utterance.text is None]
    if mute:
        raise CorpusError(
            f"corpus {corpus.name}: {len(mute):,} utterances have no transcript to damage",
            ", ".join(mute[:5]),
            "complete the corpus, or give --transcripts FILE",
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
