"""Word errors are counted as a textbook counts them."""

from __future__ import annotations

import numpy as np
import pytest
from corpora import corpus_of, spoken

from probing.corpus.corrupt import corrupted
from probing.corpus.model import Utterance
from probing.corpus.wer import WordErrors, errors_by_partition, normaliser, normaliser_name, word_errors


def _distance(reference: list[str], transcript: list[str]) -> int:
    """Edit distance over words by the textbook's recursion."""
    row = list(range(len(transcript) + 1))
    for i, said in enumerate(reference, 1):
        before, row[0] = row[0], i
        for j, heard in enumerate(transcript, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (said != heard))
    return row[-1]


def test_counts_match_an_edit_distance_written_out() -> None:
    """For transcripts with few and with many errors, one by one."""
    corpus = spoken(40)
    for rate in (0.1, 0.5, 0.9):
        damaged = corrupted(corpus, rate)
        for clean, other in zip(corpus.utterances, damaged.utterances, strict=True):
            found = word_errors([clean.text], [other.text], str)
            assert found.substitutions + found.deletions + found.insertions == _distance(
                clean.text.split(), other.text.split()
            )


def test_the_rate_is_errors_over_words_of_all_transcripts_together() -> None:
    """One substitution in 2 words, nothing in 8: .1 together, where a mean over utterances would be .25."""
    found = word_errors(["a b", "a b c d e f g h"], ["a x", "a b c d e f g h"], str)
    assert found == WordErrors(10, 1, 0, 0) and found.rate == pytest.approx(0.1)


def test_silence_deletes_every_word_and_speech_against_silence_is_inserted() -> None:
    """Without any word in the references there is no rate."""
    assert word_errors(["one two three"], [""], str) == WordErrors(3, 0, 3, 0)
    assert word_errors(["", "a"], ["one two", "a"], str) == WordErrors(1, 0, 0, 2)
    nothing = word_errors(["", ""], ["", "one"], str)
    assert nothing == WordErrors(0, 0, 0, 1) and np.isnan(nothing.rate)


def test_case_punctuation_and_contractions_are_no_errors_in_english() -> None:
    """In other languages case and punctuation are none."""
    english = normaliser("en", {"colour": "color"})
    assert (
        word_errors(["I won't, Mr. Smith: twenty-one colours?"], ["i will not mister smith 21 colours"], english).rate
        == 0
    )
    assert word_errors(["my colour"], ["My color!"], english).rate == 0
    assert word_errors(["Ich ging, weil"], ["ich ging weil"], normaliser("de")).rate == 0


def test_a_number_of_any_length_is_a_word() -> None:
    """Python converts no text of more than 4,300 digits, and English rules write numbers in digits."""
    found = word_errors([f"say {'9' * 5000} now"], ["say it now"], normaliser())
    assert (found.words, found.substitutions) == (3, 1)


def test_errors_are_counted_by_partition_where_both_have_text() -> None:
    """Utterances that one of them lacks, or of which it has no text, are passed over."""
    said = [("a", "train", "one two"), ("b", "train", None), ("c", "test2", "three"), ("d", "test1", "four")]
    other = [("a", "train", "one too"), ("b", "train", "x"), ("c", "test2", "three"), ("d", "test1", None)]
    one, two = (
        corpus_of(*(Utterance(i, None, p, text=t) for i, p, t in rows))
        for rows in (said, [*other, ("e", "train", "y")])
    )
    found = errors_by_partition(one, two, str)
    assert found == {"train": WordErrors(2, 1, 0, 0), "test2": WordErrors(1, 0, 0, 0)}


def test_the_rules_have_a_name() -> None:
    """One for English, one for all other languages."""
    assert normaliser_name("en") != normaliser_name("de") == normaliser_name("fr")
