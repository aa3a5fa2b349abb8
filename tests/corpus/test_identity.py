"""A corpus is what its utterances are: two of one name differ by their digests, and a copy elsewhere has the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from corpora import record, save_table, whole_corpus, write

from probing.corpus.checked import Needs, check_corpus
from probing.corpus.identity import Identity, identify
from probing.corpus.spec import CorpusSpec

ALL = Needs(audio=True, text=True, dims=("all",))


def identity_of(table: Path, needs: Needs = ALL, scale: tuple[float, float] | None = None) -> Identity:
    """The identity of a table as a command has read it."""
    return check_corpus(CorpusSpec.resolve(str(table), scale), needs, cache=table.parent / "cache").identity


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table with audio, labels and text."""
    return save_table(tmp_path / "first")


def test_a_copy_elsewhere_under_another_name_is_the_same_corpus(tmp_path, table):
    """The table's name, its folder and its format do not count."""
    for name in ("labels.csv", "other.csv", "other.tsv", "OTHER.TSV"):
        assert identity_of(save_table(tmp_path / "copy", name)) == identity_of(table)


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [
        pytest.param(0, "arousal", "0.05", id="a label"),
        pytest.param(0, "arousal", "", id="a label less"),
        pytest.param(0, "partition", "development", id="a partition"),
        pytest.param(0, "speaker", "somebody", id="a speaker"),
        pytest.param(0, "speaker", "", id="no speaker"),
        pytest.param(0, "id", "v0", id="an id"),
        pytest.param(0, "text", "other words", id="a text"),
        pytest.param(0, "path", "u1.wav", id="an audio file"),
    ],
)
def test_a_table_of_the_same_name_with_one_other_cell_is_another_corpus(tmp_path, table, row, column, value):
    """Whatever the cell."""
    other = save_table(tmp_path / "second", cells={(row, column): value})
    spec = CorpusSpec.resolve(str(other))
    found = check_corpus(spec, replace(ALL, dims=("valence",)), cache=tmp_path / "cache").identity
    assert found.short != identity_of(table, replace(ALL, dims=("valence",))).short


def test_other_audio_under_the_same_path_is_another_corpus(tmp_path, table):
    """For whoever reads the audio."""
    other = save_table(tmp_path / "second")
    record(tmp_path / "second" / "u3.wav", seed=99)
    assert not identity_of(other).agrees(identity_of(table))
    assert identity_of(other, Needs(text=True)) == identity_of(table, Needs(text=True))


def test_another_order_or_scale_is_another_corpus(tmp_path, table):
    """Batches depend on the order, targets on the scale."""
    header, *rows = table.read_text().splitlines()
    turned = write(table.with_name("turned.csv"), header, *rows[::-1])
    assert identity_of(turned).labels != identity_of(table).labels
    assert identity_of(table, scale=(0, 2)).labels != identity_of(table).labels
    assert identity_of(table, scale=(0, 1)) == identity_of(table)


def test_utterances_left_out_make_another_corpus(tmp_path, table):
    """What was read is what counts."""
    other = save_table(tmp_path / "second", cells={(0, "path"): ""})
    found = check_corpus(CorpusSpec.resolve(str(other)), ALL, 1, cache=tmp_path / "cache")
    assert found.left_out == ("u0",)
    assert found.identity.labels != identity_of(table).labels


def test_identities_agree_as_far_as_both_were_read(table):
    """A command that reads no audio cannot tell other audio; other labels it can."""
    audio, text, both = (identity_of(table, Needs(audio=a, text=t)) for a, t in ((1, 0), (0, 1), (1, 1)))
    assert audio.text is None and text.audio is None
    assert audio.agrees(text) and text.agrees(both) and both.agrees(audio)
    assert not both.agrees(replace(audio, audio="0" * 16))
    assert not both.agrees(replace(text, labels="0" * 16))
    assert len({audio.short, text.short, both.short}) == 3


def test_whole_numbers_and_floats_are_one_scale():
    """A corpus opened in Python with (1, 7) is that of the command line."""
    corpus = whole_corpus()
    assert identify(replace(corpus, scale=(1, 7))) == identify(replace(corpus, scale=(1.0, 7.0)))


def test_the_order_in_which_labels_are_given_does_not_count():
    """A table's columns may be in any order."""
    corpus = whole_corpus()
    turned = tuple(replace(u, labels=dict(reversed(u.labels.items()))) for u in corpus.utterances)
    assert identify(replace(corpus, utterances=turned)) == identify(corpus)


def test_classes_count_where_a_category_is_read(tmp_path):
    """Only there: a corpus of which none is read keeps the name that it had before there were categories."""
    rows = [f"u{n},said {n},{('train', 'development')[n % 2]},0.{n},{('joy', 'fear')[n > 3]}" for n in range(8)]
    table = write(tmp_path / "named.csv", "id,text,partition,valence,emotion", *rows)
    other = write(
        tmp_path / "other.csv", "id,text,partition,valence,emotion", *rows[:-1], rows[-1].replace("fear", "joy")
    )
    rated, named = (replace(ALL, audio=False, dims=(dimension,)) for dimension in ("valence", "emotion"))
    assert identity_of(table, rated) == identity_of(other, rated) and identity_of(table, rated).categories is None
    assert not identity_of(table, named).agrees(identity_of(other, named))
    assert identity_of(table, named).agrees(identity_of(table, rated))
    assert identity_of(table, named) == identity_of(table, Needs(text=True, classes=True))
    assert identity_of(table, named).short != identity_of(other, named).short


def test_a_name_without_categories_is_that_of_earlier_versions():
    """So is a configuration, whose digest is a run's signature."""
    identity = Identity("0" * 16, "1" * 16)
    assert identity.short == "fbfcb96b"  # as it was before there were categories
    assert identity.to_json() == {"labels": "0" * 16, "audio": "1" * 16, "text": None}
    assert replace(identity, categories="2" * 16).to_json()["categories"] == "2" * 16
