"""Sentences that give a label away are found, and those that do so by chance are not."""

from __future__ import annotations

import numpy as np
import pytest
from corpora import corpus_of

from probing.corpus.model import Corpus, Utterance
from probing.corpus.sentences import giveaways

NAMES = ("anger", "fear", "joy", "sadness")


def said(sentences: list[int], classes: list[str], ratings: list[float] | None = None) -> Corpus:
    """A corpus of numbered sentences with their classes and ratings."""
    return corpus_of(
        *(
            Utterance(
                f"u{n}",
                None,
                "train",
                "s",
                {} if ratings is None else {"joy": ratings[n]},
                f" Sentence  {s}" if n % 2 else f"sentence {s}",
                categories={"emotion": name},
            )
            for n, (s, name) in enumerate(zip(sentences, classes, strict=True))
        )
    )


def test_sentences_written_for_an_emotion_are_counted():
    """Twelve of sixteen always have one class, whatever their spelling; a sentence that is said once tells nothing."""
    sentences = [s for s in range(16) for _ in range(6)] + [99]
    classes = [NAMES[s % 4] if s < 12 else NAMES[take % 4] for s in range(16) for take in range(6)] + ["joy"]
    (line,) = giveaways(said(sentences, classes), ["emotion"])
    assert line.startswith("12 of 16 sentences") and "72 utterances" in line and "by chance 0;" in line


def test_every_sentence_in_every_emotion_gives_nothing_away():
    """As in corpora that are acted from one list."""
    pairs = [(s, name) for s in range(10) for name in NAMES]
    corpus = said([s for s, _ in pairs], [name for _, name in pairs])
    assert list(giveaways(corpus, ["emotion"])) == []


@pytest.mark.parametrize("seed", range(5))
def test_pairs_that_agree_by_chance_are_no_design(seed):
    """Of 200 sentences said twice a quarter agrees; how many do is what is expected, and is not told."""
    rng = np.random.default_rng(seed)
    corpus = said([s for s in range(200) for _ in range(2)], list(rng.choice(NAMES, 400)))
    assert list(giveaways(corpus, ["emotion"])) == []


def test_coarse_ratings_are_names_and_fine_ones_are_not():
    """A rating in steps of one tells as much as a class; a mean of many raters is hardly ever met twice."""
    sentences = [s for s in range(12) for _ in range(3)]
    coarse = said(sentences, ["joy"] * 36, [float(1 + s % 7) for s in sentences])
    (line,) = giveaways(coarse, ["emotion", "joy"])
    assert line.startswith("12 of 12 sentences") and "joy" in line
    assert list(giveaways(said(sentences, ["joy"] * 36, [1 + s / 7 for s in sentences]), ["joy"])) == []
