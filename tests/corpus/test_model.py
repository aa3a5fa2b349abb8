"""A corpus's partitions and dimensions by name and in order, and its scale."""

from __future__ import annotations

import numpy as np
import pytest
from corpora import corpus_of, names_all, refusal, whole_corpus
from hypothesis import given
from hypothesis import strategies as st

from probing.corpus.model import Corpus, Utterance, partition_name
from probing.errors import CorpusError


def test_dimensions_are_the_emotions_first_then_others_by_name():
    """Only those that some utterance is rated on."""
    labels = [{"joy": 1.0, "dominance": 1.0}, {"arousal": 2.0}, {"calm": 3.0}]
    corpus = corpus_of(*(Utterance(f"u{i}", None, "train", labels=own) for i, own in enumerate(labels)))
    assert corpus.dimensions == ("arousal", "dominance", "calm", "joy")


def test_partitions_come_in_the_order_of_their_use():
    """Train, development, test1, test2, then others by name; utterances keep their order."""
    names = ["z", "test2", "train", "a", "test1", "development", "train"]
    corpus = corpus_of(*(Utterance(f"u{i}", None, name) for i, name in enumerate(names)))
    assert list(corpus.partitions) == ["train", "development", "test1", "test2", "a", "z"]
    assert [u.id for u in corpus.partitions["train"]] == ["u2", "u6"]


def test_some_partitions_are_selected_in_the_corpus_order():
    """Whatever order they are asked for in; an unknown one is refused with those there are."""
    corpus = whole_corpus()
    chosen = corpus.select(["test2", "train"])
    assert list(chosen.partitions) == ["train", "test2"] and len(chosen) == 20
    error = refusal(CorpusError, "partition-unknown", corpus.select, ["train", "test3"])
    assert names_all(error, "test3", "train, development, test1, test2")


@given(st.floats(-100, 100), st.floats(0.1, 100), st.floats(0, 1))
def test_the_unit_interval_is_the_scale_stretched(low, width, share):
    """Ends go to 0 and 1, and what is mapped there and back is what it was."""
    corpus = Corpus("c", (low, low + width), ())
    assert corpus.to_unit(np.array(corpus.scale)).tolist() == [0, 1]
    rating = np.array([low + share * width])
    assert corpus.from_unit(corpus.to_unit(rating)) == pytest.approx(rating, abs=1e-9)


def test_a_title_has_the_fold_and_a_name_has_not():
    """Each fold is a result of its own, and all share one cache."""
    assert Corpus("iemocap", (1, 5), (), fold=3).title == "iemocap fold 3"
    assert Corpus("iemocap", (1, 5), ()).title == "iemocap"


@pytest.mark.parametrize("spelling", ["Validation", " dev", "VAL", "valid", "development"])
def test_all_spellings_of_development_are_one(spelling):
    """Also with spaces and capitals."""
    assert partition_name(spelling) == "development"
