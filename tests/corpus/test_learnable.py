"""What could be neither learned nor scored although labels are there."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from corpora import changed, corpus_of, scan_of, whole_corpus, write

from probing.corpus.audit import unlabelled
from probing.corpus.learnable import unlearnable, unlearnable_folds, unscorable
from probing.corpus.model import Corpus, Utterance
from probing.corpus.overview import check, overview
from probing.corpus.reading import Reading
from probing.corpus.spec import CorpusSpec
from probing.corpus.splits import split_anew


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


@pytest.mark.parametrize("seed", range(40))
def test_the_folds_that_cannot_be_learned_are_found(seed):
    """Those that are refused one by one where each is opened: constants, single utterances, nothing labelled."""
    rng = np.random.default_rng(seed)
    speakers, found = int(rng.integers(3, 6)), []
    for i in range(int(rng.integers(speakers, 4 * speakers))):
        speaker = i if i < speakers else int(rng.integers(speakers))
        named = {"emotion": "xy"[int(rng.integers(2))]} if rng.uniform() < 0.8 else {}
        rated = {"valence": float(rng.integers(2))} if rng.uniform() < 0.8 else {}
        found.append(Utterance(f"u{i}", None, "unsplit", f"s{speaker}", rated, "words", categories=named))
    corpus, targets = corpus_of(*found), ["emotion", "valence"]
    if not {*targets} <= {*corpus.dimensions, *corpus.categories}:
        return
    folds = [split_anew(corpus, "leave-one-speaker-out", fold) for fold in range(1, speakers + 1)]
    refused = set()
    for one in folds:
        blank = [pair for pair in unlabelled(one, targets) if pair[0] in ("train", "development")]
        refused |= {one.fold} if blank or list(unlearnable(one, targets)) else set()
    for tested in folds:
        lines = [line for line, _ in unlearnable_folds(tested, targets)]
        named = {int(n) for line in lines for n in re.findall("[0-9]+", line.partition(" of ")[0])}
        assert named == refused - {tested.fold}
    assert list(unlearnable_folds(corpus, targets)) == []


def test_check_asks_what_every_fold_will_ask(tmp_path):
    """Unless one fold is named: then it is asked of that alone."""
    rows = [f"u{i},s{i % 4},{'joy' if i % 4 == 2 else ('joy', 'anger')[i // 4 % 2]},words" for i in range(32)]
    spec = CorpusSpec.resolve(str(write(tmp_path / "mine.csv", "id,speaker,emotion,text", *rows)))
    spec = replace(spec, reading=Reading(split="leave-one-speaker-out"))
    (line,) = check(spec).problems
    assert "fold 2 of 4" in line and "emotion is the same for every utterance of development" in line
    assert [check(replace(spec, fold=fold)).count for fold in (1, 2, 3, 4)] == [0, 1, 0, 0]


def test_what_else_could_be_learned_than_a_constant_is_named(whole):
    """By the option to type."""
    (line,) = unlearnable(changed(whole, ids_of(whole, "train"), labels={"arousal": 1.0}), ["arousal"])
    assert line.endswith("--dim valence or --dim emotion")
