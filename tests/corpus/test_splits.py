"""A corpus is split anew as scikit-learn's splitters say: by speaker, by utterance or by a column, each tested once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from corpora import names_all, refusal, write
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    StratifiedGroupKFold,
    StratifiedKFold,
)

from probing.corpus.model import Corpus, Utterance
from probing.corpus.opening import open_corpus
from probing.corpus.reading import Reading
from probing.corpus.spec import CorpusSpec
from probing.corpus.splits import split_anew
from probing.errors import CorpusError


def _corpus(speakers=12, takes=6, categories=True, labels=False):
    """Utterances of speakers of unequal size, with emotions of unequal number."""
    rng = np.random.default_rng(1)
    names = rng.choice(["anger", "joy", "neutral", "rare"], speakers * takes, p=[0.4, 0.3, 0.28, 0.02])
    found = []
    for number, name in enumerate(names):
        speaker = f"s{int(speakers * rng.beta(1, 2))}"
        own = {"emotion": str(name)} if categories else {}
        rated = {"valence": float(rng.normal())} if labels else {}
        found.append(Utterance(f"u{number}", None, "unsplit", speaker, rated, categories=own))
    return Corpus("planted", (-9.0, 9.0), tuple(found))


def _tested(corpus, how, number):
    """Of each fold the utterances that are tested."""
    folds = [split_anew(corpus, how, fold) for fold in range(1, number + 1)]
    return [[i for i, u in enumerate(c.utterances) if u.partition.startswith("test")] for c in folds]


@pytest.mark.parametrize(
    ("how", "options", "splitter"),
    [
        ("speaker:4", {}, StratifiedGroupKFold(4, shuffle=True, random_state=0)),
        ("speaker:4", {"categories": False}, GroupKFold(4)),
        ("random:5", {}, StratifiedKFold(5, shuffle=True, random_state=0)),
        ("random:5", {"categories": False}, KFold(5, shuffle=True, random_state=0)),
        ("leave-one-speaker-out", {}, LeaveOneGroupOut()),
    ],
)
@pytest.mark.filterwarnings("ignore:The least populated class")
def test_folds_are_those_of_scikit_learn(how, options, splitter):
    """Fold k tests what the k-th split of the library's own splitter tests."""
    corpus = _corpus(**options)
    groups = None if how.startswith("random") else [u.speaker for u in corpus.utterances]
    strata = [u.categories.get("emotion", "") for u in corpus.utterances]
    expected = [list(tested) for _, tested in splitter.split(np.zeros((len(corpus), 1)), strata, groups)]
    assert _tested(corpus, how, len(expected)) == expected


def test_a_rating_in_five_bins_stratifies_where_there_is_no_category():
    """The bins are those of its quintiles, so every fold has its share of low and of high ratings."""
    corpus = _corpus(20, 10, categories=False, labels=True)
    ratings = np.array([u.labels["valence"] for u in corpus.utterances])
    bins = np.searchsorted(np.sort(ratings), ratings) // (len(ratings) // 5)
    for tested in _tested(corpus, "random:5", 5):
        assert np.bincount(bins[tested]).tolist() == [8] * 5


def test_folds_are_alike_in_emotion_first():
    """A category of another name may say where somebody spoke: ratings of emotion come before it."""
    corpus = _corpus(labels=True)
    sessions = tuple(replace(u, categories={"session": f"x{i % 3}"}) for i, u in enumerate(corpus.utterances))
    assert "by emotion:" in split_anew(corpus, "random:3").notes[-1]
    assert "by valence:" in split_anew(replace(corpus, utterances=sessions), "random:3").notes[-1]
    unrated = tuple(replace(u, labels={}) for u in sessions)
    assert "by session:" in split_anew(replace(corpus, utterances=unrated), "random:3").notes[-1]


def test_every_utterance_is_tested_once_and_no_tested_speaker_is_learned_from():
    """Fold k + 1 is development, cyclically; the rest is train."""
    corpus = _corpus()
    folds = [split_anew(corpus, "speaker:4", fold) for fold in (1, 2, 3, 4)]
    ids = [{p: {u.id for u in own} for p, own in c.partitions.items()} for c in folds]
    assert sorted(name for own in ids for name in own["test2"]) == sorted(u.id for u in corpus.utterances)
    assert [own["development"] for own in ids] == [ids[k]["test2"] for k in (1, 2, 3, 0)]
    for c in folds:
        test = {u.speaker for u in c.partitions["test2"]}
        assert not test & {u.speaker for p in ("train", "development") for u in c.partitions[p]}
        assert c.title == f"planted fold {c.fold}"
        assert any(name in c.notes[-1] for name in test)
    assert split_anew(corpus, "speaker:4").fold == 4


def test_utterances_split_at_random_are_of_seen_speakers():
    """So the tested fold is test1; a column whose values share no speaker makes test2."""
    corpus = _corpus()
    assert set(split_anew(corpus, "random:3").partitions) == {"train", "development", "test1"}
    by_name = split_anew(corpus, "column:speaker", 1)
    assert set(by_name.partitions) == {"train", "development", "test2"}
    assert {u.speaker for u in by_name.partitions["test2"]} == {"s0"}
    assert set(split_anew(corpus, "column:emotion", 1).partitions) == {"train", "development", "test1"}


def test_a_partition_without_labels_is_not_split():
    """Of it nothing can be learned or tested, as of MSP-Podcast's Test3."""
    corpus = _corpus()
    blank = tuple(Utterance(f"x{i}", None, "test3", "s1") for i in range(3))
    found = split_anew(Corpus("planted", (1, 7), (*corpus.utterances, *blank)), "random:3")
    assert [u.id for u in found.partitions["test3"]] == ["x0", "x1", "x2"]


@pytest.mark.parametrize("name", ["train", "development", "test1", "test2"])
def test_unlabelled_utterances_are_never_among_those_of_a_fold(name):
    """A partition of them that is called as one of the split is set apart under another name, and a note says so."""
    blank = tuple(Utterance(f"x{i}", None, name, "x") for i in range(3))
    found = split_anew(Corpus("planted", (1, 7), (*_corpus().utterances, *blank)), "speaker:3")
    assert {u.id for u in found.partitions[f"unlabelled-{name}"]} == {"x0", "x1", "x2"}
    assert set(found.partitions) == {"train", "development", "test2", f"unlabelled-{name}"}
    assert any(note.startswith(f"{name} has no labels") for note in found.notes)
    assert not any("no labels" in note for note in split_anew(_corpus(), "speaker:3").notes)


@pytest.mark.parametrize("column", ["text", "emotion", "arousal", "partition", "Room", "talker", "speaker", "start"])
def test_a_column_to_split_by_keeps_its_own_use(tmp_path, column):
    """Its values are the folds as they are written, and everything else is read as without the split."""
    names = ["dev", "valid", "Train", "B2", "b10", "a"]
    header = "id,path,partition,talker,arousal,emotion,text,Room,start,end"
    rows = []
    for i in range(60):
        cells = {
            "id": f"u{i}",
            "path": f"{i}.wav",
            "partition": names[i % 6],
            "talker": f"s{i % 6}",
            "start": f"{i % 6}",
        }
        cells |= {"arousal": f"0.{i % 6}", "emotion": names[i % 6], "text": f"word {i % 6}", "Room": names[i % 6]}
        rows.append(",".join({**cells, "end": "9"}[name] for name in header.split(",")))
    spec = CorpusSpec.resolve(str(write(tmp_path / "mine.csv", header, *rows)))
    columns = (("speaker", "talker"),)
    plain = open_corpus(replace(spec, reading=Reading(columns=columns)))
    for fold in range(1, 7):
        reading = Reading(columns=columns, split=f"column:{column}")
        found = open_corpus(replace(spec, reading=reading, fold=fold))
        parts = {name: {int(u.id[1:]) % 6 for u in own} for name, own in found.partitions.items()}
        assert [len(parts[name]) for name in ("train", "development", "test2")] == [4, 1, 1]
        assert [replace(u, partition="") for u in found.utterances] == [
            replace(u, partition="") for u in plain.utterances
        ]
    refusal(CorpusError, "fold", open_corpus, replace(spec, reading=reading, fold=7))


def test_the_column_of_a_table_is_found_whatever_its_case(tmp_path):
    """One that it does not have is refused, with those that it has; a blank cell is in no fold."""
    rows = [f"u{i},0.{i},{'abc'[i % 3]}" for i in range(9)]
    path = write(tmp_path / "mine.csv", "id,valence,Session", *rows)
    spec = CorpusSpec.resolve(str(path), reading=Reading(split="column:session"))
    assert {u.id for u in open_corpus(spec).partitions["test1"]} == {"u2", "u5", "u8"}
    error = refusal(CorpusError, "split", open_corpus, replace(spec, reading=Reading(split="column:sesion")))
    assert names_all(error, "column:Session")
    for blank in ("", "NA"):
        write(path, "id,valence,Session", *rows, f"u9,0.1,{blank}")
        assert names_all(refusal(CorpusError, "split", open_corpus, spec), "u9")


def test_many_speakers_in_many_folds_are_dealt_in_bounded_time():
    """Without strata, by the splitter that needs none, and the note says so."""
    corpus = _corpus(400, 5)
    groups = [u.speaker for u in corpus.utterances]
    expected = list(GroupKFold(150).split(groups, groups=groups))[2][1].tolist()
    found = split_anew(corpus, "speaker:150", 3)
    assert [i for i, u in enumerate(found.utterances) if u.partition == "test2"] == expected
    assert "not stratified by emotion" in found.notes[-1]


@pytest.mark.parametrize(
    "how", ["speakers", "speaker", "speaker:", "speaker:x", "speaker:2", "speaker:-3", "random:9999999", "column:", ""]
)
def test_a_split_that_cannot_be_meant_is_refused(how):
    """With those that can."""
    assert names_all(refusal(CorpusError, "split", split_anew, _corpus(), how), f"--split {how}")


@pytest.mark.parametrize("how", ["speaker:13", "random:73", "column:room"])
def test_a_split_that_does_not_fit_the_corpus_is_refused(how):
    """More folds than speakers or utterances, or a column that it does not have."""
    error = refusal(CorpusError, "split", split_anew, _corpus(), how)
    assert names_all(error, how)


def test_a_speaker_who_is_not_named_cannot_be_kept_out():
    """The first such utterance is named."""
    unnamed = Utterance("x0", None, "train", categories={"emotion": "joy"})
    corpus = Corpus("planted", (1, 7), (*_corpus().utterances, unnamed))
    assert names_all(refusal(CorpusError, "split", split_anew, corpus, "speaker:3"), "x0", "random:5")


@pytest.mark.parametrize("fold", [0, 5, -1])
def test_a_fold_that_the_split_does_not_make_is_refused(fold):
    """Folds count from 1."""
    assert names_all(refusal(CorpusError, "fold", split_anew, _corpus(), "speaker:4", fold), f"--fold {fold}", "4")


def test_a_table_is_split_anew(tmp_path):
    """A spec with a split and a fold opens the corpus so, and says it in the notes."""
    rows = [f"u{i},train,s{i % 6},0.{i % 10},hello" for i in range(30)]
    path = write(tmp_path / "mine.csv", "id,partition,speaker,valence,text", *rows)
    corpus = open_corpus(CorpusSpec.resolve(str(path), fold=2, reading=Reading(split="speaker:6")))
    assert corpus.title == "mine fold 2"
    assert {name: len(own) for name, own in corpus.partitions.items()} == {"train": 20, "development": 5, "test2": 5}
    assert "speaker:6" in corpus.notes[-1]


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_a_fold_is_never_empty():
    """Where strata would leave one so, folds without strata come instead, and the note says why."""
    sizes, classes = [9, 2, 11, 2, 11, 2, 11], "abbbabb"
    own = [(f"s{i}", name) for i, (size, name) in enumerate(zip(sizes, classes, strict=True)) for _ in range(size)]
    found = tuple(
        Utterance(f"u{i}", None, "unsplit", speaker, categories={"emotion": name})
        for i, (speaker, name) in enumerate(own)
    )
    speakers, names = zip(*own, strict=True)
    for number, empty in ((3, False), (7, True)):
        splitter = StratifiedGroupKFold(number, shuffle=True, random_state=0)
        assert any(not len(tested) for _, tested in splitter.split(speakers, names, speakers)) is empty
        for fold in range(1, number + 1):
            one = split_anew(Corpus("planted", (1, 7), found), f"speaker:{number}", fold)
            assert set(one.partitions) == {"train", "development", "test2"}
            assert ("not stratified by emotion, which leaves a fold empty" in one.notes[-1]) is empty


def test_what_a_pattern_leaves_out_is_said_where_its_split_fails(tmp_path):
    """Too few speakers fit, or none is named: the remedy is in the pattern."""
    for name in ("s1_joy", "s2_joy", "s3-sad", "s4-sad"):
        (tmp_path / f"{name}.wav").touch()
    for pattern, said in {
        "{speaker}_{emotion}.wav": ("2 speakers", "2 recordings do not fit the pattern", "s4-sad.wav"),
        "*_{emotion}.wav": ("write {speaker} in the pattern",),
    }.items():
        spec = CorpusSpec.resolve(str(tmp_path), reading=Reading(pattern=pattern, split="speaker:3"))
        assert names_all(refusal(CorpusError, "split", open_corpus, spec), *said)
