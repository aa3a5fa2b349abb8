"""Other words than a corpus's own: where they come from, what they are called, and how many errors they have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from corpora import corpus_of, names_all, refusal, write

from probing.corpus.model import Corpus, Utterance
from probing.corpus.readers.tables.table import with_transcripts
from probing.corpus.spec import CorpusSpec
from probing.corpus.transcripts import Words, counted, made_by, reworded
from probing.errors import CorpusError
from probing.files import file_digest

SAID = {"u0": "a cat sat down", "u1": "good dog", "u2": "bird"}
HEARD = {"u0": "a cat sat", "u1": "good dog", "u2": "birth"}  # a deletion in train, a substitution in test2


@pytest.fixture
def own() -> Corpus:
    """Three utterances with their own words."""
    partitions = {"u0": "train", "u1": "train", "u2": "test2"}
    return corpus_of(*(Utterance(id_, None, partitions[id_], text=text) for id_, text in SAID.items()))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """What a recogniser made of them."""
    return write(tmp_path / "asr.csv", "id,text", *(f"{id_},{text}" for id_, text in HEARD.items()))


def words_of(own: Corpus, table: Path | None = None, rate: float | None = None) -> Words:
    """What is said of the words of a table, or of corrupted ones."""
    corpus = own if table is None else with_transcripts(own, table)
    spec = CorpusSpec("demo", transcripts=None if table is None else str(table), corrupt_words=rate)
    return reworded(corpus, own, spec)[1]


def test_a_corpus_own_words_are_human(own):
    """Nothing is to be said of them, and nothing changes."""
    corpus, words = reworded(own, own, CorpusSpec("demo"))
    assert corpus is own and words == Words()
    assert (words.human, words.name, words.title, words.notes()) == (True, "own", "human", [])


def test_the_errors_of_a_table_are_counted_against_the_corpus_own_words(own, table):
    """Partition by partition: a word in six is deleted, one in one is replaced."""
    words = words_of(own, table)
    assert (words.method, words.asr, words.file, words.sha256) == ("recognised", "asr", str(table), file_digest(table))
    assert words.wer == {
        "train": {"wer": 1 / 6, "words": 6, "substitutions": 0, "deletions": 1, "insertions": 0},
        "test2": {"wer": 1.0, "words": 1, "substitutions": 1, "deletions": 0, "insertions": 0},
    }
    (note,) = words.notes()
    assert all(part in note for part in ("asr", "train 16.7%", "test2 100.0%", words.counted))


def test_what_the_recogniser_wrote_is_taken_over(own, table):
    """Its name, its size, and the errors that it counted."""
    wer = {"train": {"wer": 0.5, "words": 6}}
    made = {"sha256": file_digest(table), "asr": "whisper-tiny", "parameters": 39, "wer": wer, "counted": "by hand"}
    table.with_suffix(".json").write_text(json.dumps(made))
    words = words_of(own, table)
    assert (words.asr, words.parameters, words.wer, words.counted) == ("whisper-tiny", 39, wer, "by hand")


def test_what_was_written_of_another_table_is_not_taken_over(own, table):
    """The table has been corrected since."""
    table.with_suffix(".json").write_text(json.dumps({"sha256": "0" * 64, "asr": "whisper-tiny"}))
    assert made_by(table) == {} and words_of(own, table).asr == "asr"


@pytest.mark.parametrize("damage", ["", "[]", "{", '"x"', "WER", "PARAMETERS"])
def test_damage_beside_a_table_is_told(own, table, damage):
    """With the file; no traceback."""
    beside = table.with_suffix(".json")
    wrong = {"WER": {"wer": ["a"]}, "PARAMETERS": {"parameters": "many"}}.get(damage)
    beside.write_text(json.dumps({"sha256": file_digest(table), **wrong}) if wrong else damage)
    assert names_all(refusal(CorpusError, "transcripts-damaged", words_of, own, table), str(beside))


def test_empty_transcripts_are_counted(own, tmp_path):
    """A recogniser may find no words."""
    words = words_of(own, write(tmp_path / "asr.csv", "id,text", "u0,one", "u1,", "u2,"))
    assert words.empty == 2
    assert any("2 empty" in note for note in words.notes())


def test_corrupted_words_are_counted_too(own):
    """Their origin says the rate."""
    words = words_of(own, rate=1.0)
    assert (words.method, words.rate, words.human) == ("corrupted", 1.0, False)
    assert words.wer["train"]["wer"] > 0


def test_a_corpus_without_words_of_its_own_has_no_errors_to_count(table):
    """Unless they are made on purpose: then against the table's."""
    mute = corpus_of(*(Utterance(id_, None, "train") for id_ in SAID))
    assert words_of(mute, table).wer == {}
    assert words_of(mute, table, 1.0).wer["train"]["wer"] > 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Words(), Words(), True),
        (Words("recognised", "/a/t.csv", "1" * 64), Words("recognised", "/b/u.csv", "1" * 64), True),
        (Words("recognised", "/a/t.csv", "1" * 64), Words("recognised", "/a/t.csv", "2" * 64), False),
        (Words("corrupted", rate=0.1), Words("corrupted", rate=0.2), False),
        (Words("corrupted", rate=0.1), Words("corrupted", rate=0.1000001), False),
        (Words("corrupted", "/a/t.csv", "1" * 64, rate=0.1), Words("corrupted", rate=0.1), False),
        (Words("recognised", "/a/t.csv", "1" * 64), Words(), False),
    ],
)
def test_words_of_one_origin_have_one_name_and_others_another(one, other, same):
    """A table is its digest, whatever it is called; names never mix two origins."""
    assert one.same(other) is same
    assert same or one.name != other.name


def test_errors_are_counted_by_language(own):
    """The name of the normaliser says by which rules; in English a contraction is two words."""
    shouted = corpus_of(*(Utterance(u.id, None, u.partition, text=u.text.upper() + "!") for u in own.utterances))
    for language in ("en", "de"):
        found = counted(own, shouted, language)
        assert all(row["wer"] == 0 for row in found["wer"].values())
    assert counted(own, shouted, "en")["counted"] != counted(own, shouted, "de")["counted"]
