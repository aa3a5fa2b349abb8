"""Word errors of transcripts, counted against a reference (section 4.4 of the paper)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import jiwer

from probing.corpus.model import Corpus

Normaliser = Callable[[str], str]


@dataclass(frozen=True)
class WordErrors:
    """Errors of transcripts, counted over all of them together.

    Args:
        words: Number of words in the references.
        substitutions: Words that were replaced by others.
        deletions: Words that are missing.
        insertions: Words that were added.
    """

    words: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def rate(self) -> float:
        """Word error rate: errors per word of the references; above 1 there are more errors than words.

        NaN where the references have no words.
        """
        errors = self.substitutions + self.deletions + self.insertions
        return errors / self.words if self.words else float("nan")

    def __str__(self) -> str:
        return (
            f"WER {self.rate:.1%} ({self.substitutions:,} substitutions, {self.deletions:,} deletions, "
            f"{self.insertions:,} insertions in {self.words:,} words)"
        )


def normaliser(language: str = "en", spelling: Mapping[str, str] | None = None) -> Normaliser:
    """What references and transcripts pass through before errors are counted: Whisper's own rules, from transformers.

    Args:
        language: For `en`, case, punctuation, contractions, numbers and spelling are normalised; for other languages
            case and punctuation.
        spelling: British → American spelling, which comes with a Whisper tokenizer.
    """
    from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

    if language != "en":
        return BasicTextNormalizer()
    english, plain = EnglishTextNormalizer(dict(spelling or {})), BasicTextNormalizer()

    def normalise(text: str) -> str:
        try:
            return str(english(text))
        except ValueError:  # of a number with so many digits that Python converts no such text
            return str(plain(text))

    return normalise


def normaliser_name(language: str = "en") -> str:
    """How errors were counted, for a table's note."""
    return f"transformers' {'English' if language == 'en' else 'basic'} normaliser"


def word_errors(references: Sequence[str], transcripts: Sequence[str], normalise: Normaliser) -> WordErrors:
    """Count errors over all transcripts, each aligned with its reference.

    Args:
        references: What was said.
        transcripts: What was recognised, in the same order; in an empty one all words are deleted.
        normalise: From `normaliser`.

    >>> str(word_errors(["Well, I won't!", ""], ["well i will not not", "oh"], normaliser()))
    'WER 50.0% (0 substitutions, 0 deletions, 2 insertions in 4 words)'
    """
    pairs = [(normalise(r).strip(), normalise(t).strip()) for r, t in zip(references, transcripts, strict=True)]
    spoken = [(reference, transcript) for reference, transcript in pairs if reference]
    # jiwer refuses an empty reference; against one every word is an insertion.
    added = sum(len(transcript.split()) for reference, transcript in pairs if not reference)
    if not spoken:
        return WordErrors(0, 0, 0, added)
    found = jiwer.process_words([reference for reference, _ in spoken], [transcript for _, transcript in spoken])
    words = found.hits + found.substitutions + found.deletions
    return WordErrors(words, found.substitutions, found.deletions, found.insertions + added)


def errors_by_partition(reference: Corpus, other: Corpus, normalise: Normaliser) -> dict[str, WordErrors]:
    """Count the errors of other texts of the same utterances, partition by partition.

    Args:
        reference: The corpus with its own texts; utterances without one are passed over.
        other: The same corpus, or some of its utterances, with other texts.
        normalise: From `normaliser`.
    """
    said = {utterance.id: utterance.text for utterance in reference.utterances}
    found = {}
    for partition, utterances in other.partitions.items():
        both = [(said[u.id], u.text) for u in utterances if said.get(u.id) is not None and u.text is not None]
        if both:
            found[partition] = word_errors([str(r) for r, _ in both], [str(t) for _, t in both], normalise)
    return found
