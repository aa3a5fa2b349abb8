"""Word errors are counted as a textbook counts them, and made at the rate that is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from probing.corpus.corrupt import SHARES, corrupted
from probing.corpus.model import Corpus, Utterance
from probing.corpus.wer import WordErrors, errors_by_partition, normaliser, word_errors
from probing.errors import CorpusError


def _distance(reference: list[str], transcript: list[str]) -> int:
    """Edit distance over words by the textbook's recursion."""
    row = list(range(len(transcript) + 1))
    for i, said in enumerate(reference, 1):
        before, row[0] = row[0], i
        for j, heard in enumerate(transcript, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (said != heard))
    return row[-1]


def _corpus(n: int = 300, seed: int = 0) -> Corpus:
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("abcdefgh"), 5)) for _ in range(200)]
    said = [" ".join(rng.choice(words, 12)) for _ in range(n)]
    return Corpus("c", (0, 1), tuple(Utterance(f"u{i}", None, "test1", text=t) for i, t in enumerate(said)))


def test_counts_match_an_edit_distance_written_out() -> None:
    corpus, plain = _corpus(40), str
    for rate in (0.1, 0.5, 0.9):
        damaged = corrupted(corpus, rate)
        for clean, other in zip(corpus.utterances, damaged.utterances, strict=True):
            found = word_errors([clean.text], [other.text], plain)
            assert found.substitutions + found.deletions + found.insertions == _distance(
                clean.text.split(), other.text.split()
            )


def test_the_rate_is_errors_over_words_of_all_transcripts_together() -> None:
    # 1 substitution in 2 words, nothing in 8: .1 together, where a mean of utterances would say .25
    found = word_errors(["a b", "a b c d e f g h"], ["a x", "a b c d e f g h"], str)
    assert found == WordErrors(10, 1, 0, 0) and found.rate == pytest.approx(0.1)


def test_silence_deletes_every_word_and_speech_against_silence_is_inserted() -> None:
    assert word_errors(["one two three"], [""], str) == WordErrors(3, 0, 3, 0)
    assert word_errors(["", "a"], ["one two", "a"], str) == WordErrors(1, 0, 0, 2)
    nothing = word_errors(["", ""], ["", "one"], str)
    assert nothing == WordErrors(0, 0, 0, 1) and np.isnan(nothing.rate)


def test_case_punctuation_and_contractions_are_no_errors_in_english() -> None:
    english = normaliser("en", {"colour": "color"})
    assert (
        word_errors(["I won't, Mr. Smith: twenty-one colours?"], ["i will not mister smith 21 colours"], english).rate
        == 0
    )
    assert word_errors(["my colour"], ["My color!"], english).rate == 0
    assert word_errors(["Ich ging, weil"], ["ich ging weil"], normaliser("de")).rate == 0


@pytest.mark.parametrize("rate", [0.05, 0.222, 0.5])
def test_transcripts_are_damaged_at_the_rate_and_in_the_shares_asked_for(rate: float) -> None:
    corpus = _corpus(1000)
    found = errors_by_partition(corpus, corrupted(corpus, rate), str)["test1"]
    assert found.rate == pytest.approx(rate, abs=0.03)
    if rate < 0.3:  # where errors are dense an aligner reads a deletion beside an insertion as one substitution
        kinds = np.array([found.substitutions, found.deletions, found.insertions])
        assert kinds / kinds.sum() == pytest.approx(np.array(SHARES), abs=0.05)


def test_nothing_is_damaged_at_rate_zero_and_damage_is_repeatable() -> None:
    corpus = _corpus(50)
    assert corrupted(corpus, 0.0) == corpus
    assert corrupted(corpus, 0.4) == corrupted(corpus, 0.4) != corrupted(corpus, 0.4, seed=1)


def test_an_utterance_is_damaged_alike_whatever_its_neighbours_order() -> None:
    corpus = _corpus(50)
    backwards = replace(corpus, utterances=corpus.utterances[::-1])
    assert corrupted(corpus, 0.4).utterances == corrupted(backwards, 0.4).utterances[::-1]


def test_words_hurt_at_a_lower_rate_are_hurt_at_a_higher_one() -> None:
    corpus = _corpus(200)
    rates = [errors_by_partition(corpus, corrupted(corpus, rate), str)["test1"].rate for rate in (0.1, 0.2, 0.4, 0.8)]
    assert rates == sorted(rates)
    few, many = corrupted(corpus, 0.1), corrupted(corpus, 0.3)
    for before, after, clean in zip(few.utterances, many.utterances, corpus.utterances, strict=True):
        assert before.text == clean.text or after.text != clean.text


def test_a_replaced_word_is_spelt_like_the_one_it_replaces() -> None:
    near = [f"happie{letter}" for letter in "abcdefghij"]
    other = tuple(Utterance(f"v{i}", None, "train", text=f"{n} zzqx{n[-1]} wwkk{n[-1]}") for i, n in enumerate(near))
    alone = tuple(Utterance(f"u{i}", None, "train", text="happier") for i in range(300))
    damaged = corrupted(Corpus("c", (0, 1), alone + other), 1.0).utterances[: len(alone)]
    replaced = [u.text for u in damaged if len(u.text.split()) == 1]
    assert len(replaced) > 150 and set(replaced) == set(near)


@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan")])
def test_a_rate_that_is_no_share_is_refused(rate: float) -> None:
    with pytest.raises(CorpusError, match="from 0 to 1"):
        corrupted(_corpus(3), rate)


def test_damage_needs_transcripts() -> None:
    corpus = Corpus("c", (0, 1), (Utterance("u1", None, "train"),))
    with pytest.raises(CorpusError, match="no transcript to damage"):
        corrupted(corpus, 0.1)
