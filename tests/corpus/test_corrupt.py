"""Transcripts are corrupted at the rate that is asked for, utterance by utterance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from corpora import names_all, refusal, spoken

from probing.corpus.corrupt import SHARES, corrupted
from probing.corpus.model import Corpus, Utterance
from probing.corpus.wer import errors_by_partition
from probing.errors import CorpusError


@pytest.mark.parametrize("rate", [0.05, 0.222, 0.5])
def test_transcripts_are_corrupted_at_the_rate_and_in_the_shares_asked_for(rate: float) -> None:
    """Measured over 12,000 words."""
    corpus = spoken(1000)
    found = errors_by_partition(corpus, corrupted(corpus, rate), str)["test1"]
    assert found.rate == pytest.approx(rate, abs=0.03)
    if rate < 0.3:  # where errors are dense an aligner reads a deletion beside an insertion as one substitution
        kinds = np.array([found.substitutions, found.deletions, found.insertions])
        assert kinds / kinds.sum() == pytest.approx(np.array(SHARES), abs=0.05)


def test_nothing_is_corrupted_at_rate_zero_and_corruption_is_repeatable() -> None:
    """Another seed makes other errors."""
    corpus = spoken(50)
    assert corrupted(corpus, 0.0) == corpus
    assert corrupted(corpus, 0.4) == corrupted(corpus, 0.4) != corrupted(corpus, 0.4, seed=1)


def test_an_utterance_is_corrupted_alike_whatever_its_neighbours_order() -> None:
    """Its errors go by its id."""
    corpus = spoken(50)
    backwards = replace(corpus, utterances=corpus.utterances[::-1])
    assert corrupted(corpus, 0.4).utterances == corrupted(backwards, 0.4).utterances[::-1]


def test_the_errors_at_a_lower_rate_are_among_those_at_a_higher_one() -> None:
    """So a curve over rates is one of more errors, not of other ones."""
    corpus = spoken(200)
    rates = [errors_by_partition(corpus, corrupted(corpus, rate), str)["test1"].rate for rate in (0.1, 0.2, 0.4, 0.8)]
    assert rates == sorted(rates)
    few, many = corrupted(corpus, 0.1), corrupted(corpus, 0.3)
    for before, after, clean in zip(few.utterances, many.utterances, corpus.utterances, strict=True):
        assert before.text == clean.text or after.text != clean.text


def test_a_replaced_word_is_spelt_like_the_one_it_replaces() -> None:
    """Of ten words that differ in one letter and twenty others, only the ten take its place."""
    near = [f"happie{letter}" for letter in "abcdefghij"]
    other = tuple(Utterance(f"v{i}", None, "train", text=f"{n} zzqx{n[-1]} wwkk{n[-1]}") for i, n in enumerate(near))
    alone = tuple(Utterance(f"u{i}", None, "train", text="happier") for i in range(300))
    damaged = corrupted(Corpus("c", (0, 1), alone + other), 1.0).utterances[: len(alone)]
    replaced = [u.text for u in damaged if len(u.text.split()) == 1]
    assert len(replaced) > 150 and set(replaced) == set(near)


@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan")])
def test_a_rate_that_is_no_proportion_is_refused(rate: float) -> None:
    """With the option."""
    assert names_all(refusal(CorpusError, "rate", corrupted, spoken(3), rate), "--corrupt-words")


def test_corruption_needs_transcripts() -> None:
    """The utterances without are named."""
    corpus = Corpus("c", (0, 1), (Utterance("u1", None, "train"), Utterance("u2", None, "train", text="words")))
    assert names_all(
        refusal(CorpusError, "no-transcript", corrupted, corpus, 0.1), "1 utterance", "u1", "--transcripts"
    )


def test_a_corpus_of_empty_transcripts_stays_as_it_is() -> None:
    """There is no word to corrupt, and no word to put in."""
    corpus = Corpus("c", (0, 1), (Utterance("u1", None, "train", text=""),))
    assert corrupted(corpus, 1.0) == corpus
