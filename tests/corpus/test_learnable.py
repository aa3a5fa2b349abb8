"""What could be neither learned nor scored although labels are there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from corpora import changed, scan_of, whole_corpus

from probing.corpus.learnable import unlearnable, unscorable
from probing.corpus.model import Corpus
from probing.corpus.overview import overview


@pytest.fixture
def whole() -> Corpus:
    """Ratings and classes that vary everywhere."""
    corpus = whole_corpus()
    named = (replace(u, categories={"emotion": ("joy", "anger")[u.id[-1] in "01"]}) for u in corpus.utterances)
    return replace(corpus, utterances=tuple(named))


def ids_of(corpus: Corpus, partition: str) -> list[str]:
    """The utterances of a partition."""
    return [u.id for u in corpus.partitions[partition]]


@pytest.mark.parametrize("partition", ["train", "development"])
@pytest.mark.parametrize("target", ["arousal", "emotion"])
def test_a_constant_cannot_be_learned(whole, partition, target):
    """Whether it is a rating or a class; it is one problem, and none where it is not asked for."""
    constant = {"labels": {"arousal": 3.0, "valence": 2.0}, "categories": {"emotion": "joy"}}
    corpus = changed(whole, ids_of(whole, partition), **constant)
    (line,) = unlearnable(corpus, [target])
    assert target in line and partition in line
    assert list(unlearnable(corpus, [])) == [] and list(unlearnable(whole, [target])) == []
    found = overview(corpus, scan_of(corpus), [target])
    assert found.problems == (line,) and found.count == 1


def test_a_single_utterance_has_no_score(whole):
    """Of development it is a problem; of a test partition a note."""
    ids = ids_of(whole, "development")
    found = overview(changed(whole, ids[1:], partition="spare"), scan_of(whole))
    assert found.count == 1 and "development has 1 utterance" in found.problems[0]
    found = overview(changed(whole, "test1-a0", partition="spare"), scan_of(whole))
    assert found.count == 0 and any("spare has 1 utterance" in note for note in found.notes)


def test_a_constant_or_a_new_class_in_a_test_partition_is_a_note(whole):
    """It can be scored; the score means little."""
    ids = ids_of(whole, "test2")
    constant = changed(whole, ids, labels={"arousal": 3.0})
    assert any("arousal" in line and "test2" in line for line in unscorable(constant, ["arousal"]))
    (line,) = unscorable(changed(whole, ids[0], categories={"emotion": "fear"}), ["emotion"])
    assert "1 class of emotion" in line and line.endswith("fear")
    assert list(unscorable(whole, ["arousal", "emotion"])) == []
