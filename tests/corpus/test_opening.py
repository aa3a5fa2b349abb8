"""Which corpus a spec opens, with which scale, fold and words, and which specs are refused."""

from __future__ import annotations

import sys
import types

import pytest
from corpora import HEADER, ROWS, names_all, refusal, write

from probing.corpus.opening import open_corpus
from probing.corpus.reading import Reading
from probing.corpus.spec import CorpusSpec
from probing.errors import CorpusError

KNOWN = ("demo", "table.csv", "msp-podcast:/path", "iemocap:/path", "msp-improv:/path")


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("demos", "did you mean demo?"),
        ("demo:x", "did you mean demo?"),
        ("msp_podcast:/data/MSP", "did you mean msp-podcast:/data/MSP?"),
        ("msppodcast", "did you mean msp-podcast:"),
        ("iemocap", "did you mean iemocap:/path/to/release?"),
        ("IEMOCAP:/data/I", "did you mean iemocap:/data/I?"),
        ("msp_improv", "did you mean msp-improv:/path/to/release?"),
        ("zebra:/data", "one of those"),
        ("table.xlsx", "one of those"),
        ("", "one of those"),
    ],
)
def test_an_unknown_spec_names_those_that_exist(spec, hint):
    """And the nearest one."""
    assert names_all(refusal(CorpusError, "corpus-unknown", open_corpus, spec), *KNOWN, hint)


def test_a_folder_is_no_spec_but_leads_to_one(tmp_path):
    """Whoever types the folder of a release is shown the prefixes."""
    error = refusal(CorpusError, "corpus-unknown", open_corpus, str(tmp_path))
    assert names_all(error, *(f"{name}:{tmp_path}" for name in ("msp-podcast", "iemocap", "msp-improv")))


@pytest.mark.parametrize("spec", ["demo", "table.csv", "msp-podcast:/data/MSP"])
def test_a_fold_is_refused_where_the_corpus_has_its_own_split(spec):
    """Before anything is read; the message names the corpora that are split by session."""
    error = refusal(CorpusError, "fold", open_corpus, spec, fold=3)
    assert names_all(error, "--fold 3", spec, "iemocap", "msp-improv")


@pytest.mark.parametrize("scale", [(7, 1), (1, 1), (0, float("nan")), (0, float("inf"))])
def test_a_scale_goes_from_low_to_high(tmp_path, scale):
    """Anything else is refused before the table is read."""
    assert names_all(refusal(CorpusError, "scale", open_corpus, str(tmp_path / "absent.csv"), scale), "--scale")


@pytest.fixture
def small_demo(monkeypatch, tmp_path):
    """Stands in for the synthesiser: a demo of one utterance."""
    module = types.ModuleType("probing.demo.corpus")
    module.write_demo = lambda folder: write(folder / "demo.csv", "id,partition,speaker,arousal", "d1,train,s,6.5")
    monkeypatch.setitem(sys.modules, "probing.demo.corpus", module)
    return tmp_path / "cache"


def test_the_demo_is_written_where_asked_and_rated_on_1_to_7(small_demo):
    """It is a table like any other, with a name of its own; naming its own scale does no harm."""
    for scale in (None, (1, 7)):
        corpus = open_corpus("demo", scale=scale, demo_folder=small_demo)
        assert (corpus.name, corpus.title, corpus.scale) == ("demo", "demo", (1.0, 7.0))
        assert (small_demo / "demo.csv").is_file()


@pytest.mark.parametrize(
    ("spec", "scale", "own"),
    [
        ("demo", (1, 5), "1 to 7"),
        ("msp-podcast:{}", (0, 1), "1 to 7"),
        ("iemocap:{}", (1, 7), "1 to 5"),
        ("msp-improv:{}", (1, 7), "1 to 5"),
    ],
)
def test_a_scale_that_differs_from_the_corpus_own_is_refused(tmp_path, spec, scale, own):
    """The demo and the releases know theirs."""
    assert names_all(refusal(CorpusError, "scale", open_corpus, spec.format(tmp_path), scale), own)


@pytest.mark.parametrize("name", ["t.csv", "t.CSV"])
def test_a_table_opens_by_its_path_or_by_a_spec(tmp_path, monkeypatch, name):
    """Relative to the present folder; the corpus is the same, with its scale."""
    table = write(tmp_path / name, HEADER, *ROWS)
    monkeypatch.chdir(tmp_path)
    corpus = open_corpus(name, (0, 2))
    assert (corpus.name, corpus.scale) == ("t", (0, 2))
    assert corpus == open_corpus(CorpusSpec.resolve(str(table), (0, 2)))


def test_the_words_of_a_spec_replace_the_corpus_own(tmp_path):
    """From the table that it names."""
    table = write(tmp_path / "t.csv", HEADER, *ROWS)
    words = write(tmp_path / "asr.csv", "id,text", "u1,one", "u2,two", "u3,three")
    spec = CorpusSpec.resolve(str(table), transcripts=words)
    assert [u.text for u in open_corpus(spec).utterances] == ["one", "two", "three"]
    assert [u.text for u in open_corpus(spec.without_other_words()).utterances] == ["hello there", "good day", "bye"]


@pytest.mark.parametrize(
    ("spec", "reading", "flag"),
    [
        ("msp-podcast:{}", Reading(columns=(("path", "file"),)), "--column"),
        ("iemocap:{}", Reading(audio_root="/x"), "--audio-root"),
        ("msp-improv:{}", Reading(categories=("emotion",)), "--category"),
        ("crema-d:{}", Reading(pattern="{id}.wav"), "--pattern"),
        ("demo", Reading(pattern="{id}.wav"), "--pattern"),
    ],
)
def test_a_known_corpus_is_read_as_it_is_known(tmp_path, spec, reading, flag):
    """What a user says of other corpora's files does not fit it."""
    resolved = CorpusSpec.resolve(spec.format(tmp_path), reading=reading)
    assert names_all(refusal(CorpusError, "reading", open_corpus, resolved), flag, "does not fit")


def test_a_column_of_folds_is_read_for_a_split_by_it(tmp_path):
    """In place of the partitions that the table has; so it is neither a dimension nor a category."""
    rows = [f"u{n},a{n}.wav,train,s{n % 6},0.5,{1 + n % 3}" for n in range(12)]
    table = write(tmp_path / "t.csv", "id,path,partition,speaker,arousal,fold", *rows)
    corpus = open_corpus(CorpusSpec.resolve(str(table), fold=1, reading=Reading(split="column:fold")))
    assert corpus.dimensions == ("arousal",) and not corpus.categories
    assert [u.partition for u in corpus.utterances[:3]] == ["test2", "development", "train"]


def test_names_become_ratings_before_a_split_and_other_words(tmp_path):
    """A label map, a split and transcripts are applied in this order, each to what the one before made."""
    rows = [f"a{n}.wav,{('joy', 'anger', 'sadness')[n % 3]}" for n in range(12)]
    table = write(tmp_path / "t.csv", "path,emotion", *rows)
    ratings = write(tmp_path / "map.csv", "name,arousal", "joy,0.8", "anger,0.9", "sadness,0.2")
    words = write(tmp_path / "asr.csv", "id,text", *(f"a{n},word" for n in range(12)))
    reading = Reading(split="random:3", label_map=str(ratings))
    corpus = open_corpus(CorpusSpec.resolve(str(table), transcripts=words, reading=reading))
    assert set(corpus.partitions) == {"train", "development", "test1"}
    assert {u.labels["arousal"] for u in corpus.utterances} == {0.8, 0.9, 0.2}
    assert {u.text for u in corpus.utterances} == {"word"}


def test_a_path_that_is_misspelt_is_shown_its_neighbour(tmp_path):
    """Of a folder as of a file."""
    (tmp_path / "ravdess").mkdir()
    error = refusal(CorpusError, "corpus-unknown", open_corpus, str(tmp_path / "ravdes"))
    assert names_all(error, f"did you mean {tmp_path / 'ravdess'}?")
    error = refusal(CorpusError, "corpus-unknown", open_corpus, str(tmp_path / "zzz"))
    assert names_all(error, f"no such file or folder in {tmp_path}")
