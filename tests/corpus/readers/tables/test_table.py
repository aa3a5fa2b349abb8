"""What the reader makes of tables, which it refuses, and how transcripts of another table replace a corpus's own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from corpora import HEADER, ROWS, names_all, refusal, write
from pandas._libs.parsers import STR_NA_VALUES

from probing.corpus.identity import identify
from probing.corpus.model import EMOTIONS, Corpus, Utterance
from probing.corpus.readers.tables.table import read, with_transcripts
from probing.corpus.reading import Reading
from probing.errors import CorpusError


def by_id(corpus: Corpus) -> dict[str, Utterance]:
    """The utterances by their ids."""
    return {utterance.id: utterance for utterance in corpus.utterances}


def test_a_table_is_read_as_it_is_written(tmp_path):
    """Every cell arrives in its field, in the table's order, with paths relative to the table's folder."""
    corpus = read(write(tmp_path / "mine.csv", HEADER, *ROWS))
    first = corpus.utterances[0]
    assert (corpus.name, corpus.scale, corpus.dimensions, corpus.notes) == ("mine", (0.0, 1.0), EMOTIONS, ())
    assert [u.id for u in corpus.utterances] == ["u1", "u2", "u3"]
    assert (first.path, first.partition, first.speaker) == (tmp_path / "audio/u1.wav", "train", "s1")
    assert dict(first.labels) == {"arousal": 0.1, "valence": 0.2, "dominance": 0.3}
    assert first.text == "hello there"


def test_dimensions_go_by_name_whatever_the_order_and_case_of_the_columns(tmp_path):
    """A table in another order with capitals and spaces in its header reads the same."""
    table = write(tmp_path / "t.csv", " Dominance ,VALENCE,Partition, ID,Arousal,Path", "0.3,0.2,Train,u1,0.1,a.wav")
    utterance = read(table).utterances[0]
    assert dict(utterance.labels) == {"arousal": 0.1, "valence": 0.2, "dominance": 0.3}
    assert (utterance.id, utterance.partition) == ("u1", "train")


@pytest.mark.parametrize(
    ("written", "expected"),
    [("Validation", "development"), ("dev", "development"), ("Train", "train"), ("Test2", "test2"), ("x", "x")],
)
def test_partitions_get_the_names_of_the_toolkit(tmp_path, written, expected):
    """The spellings that occur are mapped, others stay."""
    table = write(tmp_path / "t.csv", "id,partition,arousal,path", f"u1,{written},0.5,a.wav")
    assert read(table).utterances[0].partition == expected


def test_a_tsv_with_a_byte_order_mark_unicode_and_spaces(tmp_path):
    """Excel's mark is no part of the first column's name; letters and spaces in names are kept."""
    table = write(
        tmp_path / "Tabelle 1.tsv",
        "id\tpath\tpartition\tvalence\ttext",
        "ü 1\tTöne/日本 1.wav\ttrain\t0.5\tsagt, er „ja“",
        encoding="utf-8-sig",
    )
    utterance = read(table).utterances[0]
    assert (utterance.id, utterance.path) == ("ü 1", tmp_path / "Töne/日本 1.wav")
    assert utterance.text == "sagt, er „ja“"


@pytest.mark.parametrize(
    ("name", "mark"), [("t.csv", ","), ("t.CSV", ","), ("t.tsv", "\t"), ("t.TSV", "\t"), ("t.Tsv", "\t")]
)
def test_the_ending_says_what_separates_cells_whatever_its_case(tmp_path, name, mark):
    """Commas in .csv, tabs in .tsv."""
    table = write(tmp_path / name, mark.join(["id", "partition", "arousal"]), mark.join(["u1", "train", "0.5"]))
    corpus = read(table)
    assert (corpus.name, corpus.utterances[0].labels["arousal"]) == ("t", 0.5)


def test_an_absolute_path_stays_absolute(tmp_path):
    """Audio may be elsewhere."""
    table = write(tmp_path / "t.csv", "id,partition,arousal,path", "u1,train,0.5,/data/a.wav")
    assert read(table).utterances[0].path == Path("/data/a.wav")


def test_a_blank_cell_means_that_the_thing_is_absent(tmp_path):
    """No rating, no audio, no speaker, no transcript: each None or left out, never NaN or an empty name."""
    utterance = read(write(tmp_path / "t.csv", HEADER, *ROWS, "u4,,train,,, ,0.5,")).utterances[3]
    assert dict(utterance.labels) == {"dominance": 0.5}
    assert (utterance.path, utterance.speaker, utterance.text) == (None, None, None)


def test_what_pandas_takes_for_missing_is_missing(tmp_path):
    """In ratings, classes, speakers, paths and times, which notes count; ids, partitions and texts may say so."""
    values = [*sorted(STR_NA_VALUES - {""}), "none", "na", "Nan", "0", "0"]
    rows = [f"u{n},{value},train,{value},{value},{value},{value},{value}" for n, value in enumerate(values)]
    table = write(tmp_path / "t.csv", "id,path,partition,speaker,text,sex,emotion,arousal", *rows)
    by_pandas = pd.read_csv(table)
    names = read(table, reading=Reading(categories=("emotion", "arousal"))).utterances
    for column in ("speaker", "emotion", "arousal"):
        ours = [u.speaker if column == "speaker" else u.categories.get(column) for u in names]
        assert [value is None for value in ours] == by_pandas[column].isna().tolist()
    assert [u.text for u in names] == values and names[0].path is None
    rated = write(tmp_path / "t.csv", HEADER, "NA,a.wav,None,s,0.5,NA,nan,null", "b,b.wav,train,s,0,1,0,x")
    corpus = read(rated)
    first = corpus.utterances[0]
    assert (first.id, first.partition, first.text, dict(first.labels)) == ("NA", "none", "null", {"arousal": 0.5})
    assert "column valence: 1 cell is NA, which counts as blank" in corpus.notes


def test_path_speaker_and_text_may_be_absent(tmp_path):
    """Without speakers a note says that intervals are by utterance."""
    corpus = read(write(tmp_path / "t.csv", "id,partition,arousal", "u1,train,0.5"))
    assert (corpus.utterances[0].path, corpus.utterances[0].speaker, corpus.utterances[0].text) == (None, None, None)
    assert any("by utterance" in note for note in corpus.notes)


@pytest.mark.parametrize(("column", "cell"), [("path", "a.wav"), ("text", "hello")])
def test_an_unlabelled_table_needs_audio_or_text(tmp_path, column, cell):
    """A table to predict from needs no labels."""
    corpus = read(write(tmp_path / "t.csv", f"id,partition,{column}", f"u1,test1,{cell}"))
    assert corpus.dimensions == ()


def test_any_numeric_column_on_the_scale_is_a_dimension(tmp_path):
    """Other columns are not used, and the corpus says which and why; `check` alone prints it."""
    table = write(
        tmp_path / "t.csv",
        "id,partition,arousal,engagement,gender,age,room",
        "u1,train,2,3,Male,31,1",
        "u2,train,3,,Female,54,kitchen",
    )
    corpus = read(table, scale=(1, 5))
    assert corpus.dimensions == ("arousal", "engagement")
    assert "engagement" not in by_id(corpus)["u2"].labels
    assert list(corpus.unused) == ["age", "room"]  # gender is used for something else
    assert not any("age" in note for note in corpus.notes)
    assert "'kitchen'" in corpus.unused["room"] and "line 3" in corpus.unused["room"]
    assert "31" in corpus.unused["age"]


@pytest.mark.parametrize("column", ["sex", "Gender"])
def test_a_speakers_sex_is_read_in_the_spellings_that_occur(tmp_path, column):
    """A blank cell says nothing; anything else is nobody's sex, and the corpus's notes count it."""
    cells = ["F", "male", "Female", "m", "", "x", "diverse"]
    rows = [f"u{n},train,0.5,{cell}" for n, cell in enumerate(cells)]
    corpus = read(write(tmp_path / "t.csv", f"id,partition,arousal,{column}", *rows))
    assert [u.sex for u in corpus.utterances] == ["female", "male", "female", "male", None, None, None]
    (note,) = [note for note in corpus.notes if column in note]
    assert "2 cells" in note and "x, diverse" in note
    assert corpus.dimensions == ("arousal",)


def test_numbers_in_a_column_of_sex_stay_a_dimension(tmp_path):
    """Nobody knows which number is which sex; and the identity of a corpus read before stays what it was."""
    corpus = read(write(tmp_path / "t.csv", "id,partition,arousal,sex", "u0,train,0.5,1", "u1,train,0.5,0"))
    assert corpus.dimensions == ("arousal", "sex")
    assert [u.sex for u in corpus.utterances] == [None, None]


def test_the_identity_of_a_corpus_does_not_depend_on_the_sex_of_its_speakers(tmp_path):
    """A column that is added later changes neither the name of a cache nor of a run."""
    without = read(write(tmp_path / "a.csv", HEADER, *ROWS))
    told = read(write(tmp_path / "b.csv", f"{HEADER},sex", *(f"{row},F" for row in ROWS)))
    assert all(u.sex == "female" for u in told.utterances)
    assert identify(told, text=True) == identify(without, text=True)


def test_a_column_of_names_that_repeat_is_a_category(tmp_path):
    """Names that do not repeat, and texts, are none; a blank cell has no class."""
    rows = [f"u{n},train,a,{('joy', 'anger', '')[n % 3]},{n} o'clock,{'x' * (101 + n % 2)}" for n in range(12)]
    corpus = read(write(tmp_path / "t.csv", "id,partition,path,emotion,time,said", *rows))
    assert (corpus.dimensions, corpus.categories, corpus.classes("emotion")) == ((), ("emotion",), ("anger", "joy"))
    assert [dict(u.categories) for u in corpus.utterances[:3]] == [{"emotion": "joy"}, {"emotion": "anger"}, {}]
    assert list(corpus.unused) == ["time", "said"] and "12 different" in corpus.unused["time"]


@pytest.mark.parametrize("names", ["start,end", "Start,END", "onset,offset", "begin,end", "start_time,end_time"])
def test_start_and_end_are_a_segment_and_no_ratings(tmp_path, names):
    """Also on the scale of the ratings; one of the two times alone is set aside with its reason."""
    table = write(
        tmp_path / "t.csv", f"id,path,partition,arousal,{names}", "u1,a.wav,train,0.1,0.0,0.4", "u2,a.wav,train,0.1,,"
    )
    corpus = read(table)
    assert [u.segment for u in corpus.utterances] == [(0.0, 0.4), None]
    assert corpus.dimensions == ("arousal",) and not corpus.unused
    first = names.split(",")[0]
    corpus = read(write(tmp_path / "t.csv", f"id,path,partition,arousal,{first}", "u1,a.wav,train,0.1,0.0"))
    assert corpus.dimensions == ("arousal",) and "time" in corpus.unused[first.lower()]


def test_decimal_commas_between_semicolons_are_numbers(tmp_path):
    """As spreadsheets write them where the decimal mark is a comma; commas in texts stay."""
    table = write(
        tmp_path / "t.csv", "id;partition;text;arousal", "u1;train;well, no;0,25", "u2;train;;0.5", "u3;train;;"
    )
    corpus = read(table)
    assert [dict(u.labels) for u in corpus.utterances] == [{"arousal": 0.25}, {"arousal": 0.5}, {}]
    assert corpus.utterances[0].text == "well, no"


@pytest.mark.parametrize(
    ("cells", "noted"), [(("1,250", "2,500"), True), (("1,25", "2,500"), False), (("1", "2"), False)]
)
def test_commas_that_could_part_thousands_are_noted(tmp_path, cells, noted):
    """They are decimal marks all the same."""
    table = write(tmp_path / "t.csv", "id;text;arousal", *(f"u{n};x;{cell}" for n, cell in enumerate(cells)))
    corpus = read(table, scale=(1, 7))
    assert corpus.utterances[0].labels["arousal"] == float(cells[0].replace(",", "."))
    assert any("1,250 = 1.250" in note for note in corpus.notes) is noted


def test_what_separates_cells_is_looked_for_outside_quotes(tmp_path):
    """And a line by which Excel is told says it."""
    quoted = write(tmp_path / "t.csv", 'id;"a, b, c, d, e";text', "u1;0,5;x")
    assert read(quoted).dimensions == ("a, b, c, d, e",)
    for mark, first in ((";", "sep=;"), ("\t", "\ufeffSEP=\t"), (",", "sep=,")):
        told = write(tmp_path / "t.csv", first, mark.join(("id", "text", '"a,b;c"', "arousal")), mark.join("uxy1"))
        corpus = read(told)
        assert (corpus.utterances[0].text, dict(corpus.utterances[0].labels)) == ("x", {"arousal": 1.0})
    wrong = write(tmp_path / "t.csv", "sep=;", "id;arousal", "u1;0", "u2;x")
    assert names_all(refusal(CorpusError, "not-a-number", read, wrong), "line 4")


@pytest.mark.parametrize("name", ["__index_level_0__", "Unnamed: 0", "index"])
def test_numbers_of_rows_are_no_ratings(tmp_path, name):
    """What pandas writes beside the columns; they may be ids if the user says so."""
    rows = pd.DataFrame({name: [0, 1], "text": ["x", "y"], "arousal": [0.5, 1]})
    rows.assign(id=["a", "b"]).to_csv(tmp_path / "t.csv", index=False)
    corpus = read(tmp_path / "t.csv")
    assert corpus.dimensions == ("arousal",) and "numbers of the rows" in corpus.unused[name]
    rows.to_csv(tmp_path / "t.csv", index=False)
    assert [u.id for u in read(tmp_path / "t.csv", reading=Reading(columns=(("id", name),))).utterances] == ["0", "1"]


def test_a_scale_maps_labels_to_the_unit_interval_and_back(tmp_path):
    """On 1 to 7, 4 is the middle."""
    corpus = read(write(tmp_path / "t.csv", "id,partition,arousal", "u1,train,4"), scale=(1, 7))
    assert corpus.scale == (1, 7)
    assert corpus.to_unit(corpus.utterances[0].labels["arousal"]) == 0.5


@pytest.mark.parametrize(
    ("lines", "code", "facts"),
    [
        pytest.param([], "table-empty", [], id="no line"),
        pytest.param([HEADER], "table-empty", [], id="header only"),
        pytest.param(["name,partition,arousal", "u,train,0"], "column-missing", ["id", "name, partition"], id="no id"),
        pytest.param(["id,Partitions,arousal", "u,train,0"], "column-missing", ["Partitions"], id="misspelt"),
        pytest.param(["id|partition|arousal", "u|train|0"], "column-missing", ["'|'"], id="bars"),
        pytest.param(["id,partition,a,a", "u,train,0,0"], "column-repeated", ["column a"], id="column twice"),
        pytest.param(["id,partition,age", "u,train,x"], "nothing-to-read", ["age"], id="nothing to use"),
        pytest.param([HEADER, *ROWS, "u4,a,train,s,0,0,0,well, no"], "table-irregular", ["line 5"], id="comma"),
        pytest.param([HEADER, *ROWS, ",a,train,s,0,0,0,x"], "cell-blank", ["column id", "line 5"], id="blank id"),
        pytest.param(
            [HEADER, *ROWS, "u4,a,,s,0,0,0,x"], "cell-blank", ["column partition", "line 5"], id="blank partition"
        ),
        pytest.param(
            [HEADER, *ROWS, "u4,a,train,s,0,high,0,x"], "not-a-number", ["valence", "line 5", "'high'"], id="text"
        ),
        pytest.param([HEADER, *ROWS, "u4,a,train,s,inf,0,0,x"], "not-a-number", ["arousal", "line 5"], id="inf"),
        pytest.param(
            [HEADER, *ROWS, 'u4,a,train,s,"0,5",0,0,x'], "not-a-number", ["arousal", "'0,5'"], id="decimal comma"
        ),
    ],
)
def test_a_table_that_cannot_be_read_says_what_and_where(tmp_path, lines, code, facts):
    """The message names the file, the column or line, and the value."""
    table = tmp_path / "t.csv"
    table.write_text("".join(line + "\n" for line in lines))
    assert names_all(refusal(CorpusError, code, read, table), "t.csv", *facts)


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    """Texts that span lines and blank lines move the line of the wrong value."""
    table = write(
        tmp_path / "t.csv", "id,partition,text,arousal", "", 'u1,train,"two\nlines",0.5', "", "u2,train,one,loud"
    )
    assert names_all(refusal(CorpusError, "not-a-number", read, table), "line 6", "'loud'")
    assert table.read_text().splitlines()[5].startswith("u2")


def test_repeated_ids_are_counted_and_the_first_five_named(tmp_path):
    """Seven ids occur twice."""
    rows = [f"u{i},train,0.5" for i in range(7)]
    table = write(tmp_path / "t.csv", "id,partition,arousal", *rows, *rows, "once,train,0.5")
    assert names_all(refusal(CorpusError, "ids-repeated", read, table), "7 ids", "u0, u1, u2, u3, u4, …")


def test_labels_outside_the_unit_interval_need_a_scale(tmp_path):
    """The message shows the observed range and the option."""
    table = write(tmp_path / "t.csv", "id,partition,arousal", "u1,train,1.5", "u2,train,6.25")
    assert names_all(refusal(CorpusError, "scale-needed", read, table), "1.5 to 6.25", "--scale LOW HIGH")


@pytest.mark.parametrize("label", ["0.99", "7.01", "-3"])
def test_labels_off_the_given_scale_are_an_error(tmp_path, label):
    """With a count and the first ids."""
    table = write(tmp_path / "t.csv", "id,partition,arousal", "u1,train,1", "u2,train,7", f"u3,train,{label}")
    assert names_all(refusal(CorpusError, "off-scale", read, table, (1, 7)), "1 value ", "1 to 7", f"u3 ({label})")


def test_a_missing_table_a_folder_and_another_encoding_are_told_apart(tmp_path):
    """Each is refused with the table's name."""
    (tmp_path / "folder.csv").mkdir()
    latin = write(tmp_path / "latin.csv", HEADER, ROWS[0].replace("hello", "Grüße"), encoding="latin-1")
    assert names_all(refusal(CorpusError, "table-missing", read, tmp_path / "absent.csv"), "absent.csv")
    assert names_all(refusal(CorpusError, "table-missing", read, tmp_path / "folder.csv"), "folder.csv", "folder")
    assert names_all(refusal(CorpusError, "table-encoding", read, latin), "latin.csv")


# Transcripts


@pytest.mark.parametrize("name", ["asr.json", "asr.jsonl", "asr.parquet"])
def test_transcripts_may_be_a_table_of_any_format(tmp_path, name):
    """As a corpus may."""
    corpus = read(write(tmp_path / "t.csv", HEADER, *ROWS))
    words = pd.DataFrame({"ID": ["u1", "u2", "u3"], "text": ["nan", "by", "bye"]})
    save = (
        words.to_parquet
        if name.endswith("parquet")
        else partial(words.to_json, orient="records", lines=name[-1] == "l")
    )
    save(tmp_path / name)
    assert [u.text for u in with_transcripts(corpus, tmp_path / name).utterances] == ["nan", "by", "bye"]
    write(tmp_path / "asr.json", '{"u3": {"text": "c"}, "u1": {"text": "a"}, "u2": {"text": ""}}')
    assert [u.text for u in with_transcripts(corpus, tmp_path / "asr.json").utterances] == ["a", "", "c"]


def test_transcripts_replace_the_texts(tmp_path):
    """In whatever order; an empty one is a transcript, and a note counts it."""
    corpus = read(write(tmp_path / "t.csv", HEADER, *ROWS))
    other = with_transcripts(corpus, write(tmp_path / "asr.csv", "id,text", "u3,by", 'u1,"hello, dare"', "u2,"))
    assert [u.text for u in other.utterances] == ["hello, dare", "", "by"]
    (note,) = other.notes
    assert "1 empty" in note and "asr.csv" in note and "u2" in note


def test_rows_in_quotes_in_transcripts_are_missed(tmp_path):
    """A table of two columns has no other sign of a row that a stray quote has swallowed than the missing id."""
    corpus = read(write(tmp_path / "t.csv", HEADER, *ROWS))
    words = write(tmp_path / "asr.csv", "id,text", 'u1,"hello', "u2,good day", 'u3,bye"')
    assert names_all(refusal(CorpusError, "transcripts-missing", with_transcripts, corpus, words), "u2, u3")


@pytest.mark.parametrize(
    ("rows", "code", "facts"),
    [
        pytest.param([], "table-empty", [], id="none"),
        pytest.param(["u2,x"], "transcripts-missing", ["2 of 3", "u1, u3"], id="missing"),
        pytest.param(
            ["u1,x", "u2,x", "u3,x", "v1,x", "v2,x"], "transcripts-unknown", ["2 ids", "v1, v2"], id="unknown"
        ),
        pytest.param(["u1,x", "u2,x", "u3,x", "u3,y"], "ids-repeated", ["1 id", "u3"], id="repeated"),
    ],
)
def test_transcripts_that_do_not_fit_the_corpus_are_refused(tmp_path, rows, code, facts):
    """With counts and names, so that a table of another corpus is noticed."""
    corpus = read(write(tmp_path / "t.csv", HEADER, *ROWS))
    words = write(tmp_path / "asr.csv", "id,text", *rows)
    assert names_all(refusal(CorpusError, code, with_transcripts, corpus, words), "asr.csv", *facts)
