"""What the readers make of tables and of MSP-Podcast releases, and what they say where one cannot be read."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from probing.corpus.model import EMOTIONS, Corpus
from probing.corpus.opening import open_corpus
from probing.errors import CorpusError

HEADER = "id,path,partition,speaker,arousal,valence,dominance,text"
ROWS = (
    "u1,audio/u1.wav,train,s1,0.1,0.2,0.3,hello there",
    "u2,audio/u2.wav,development,s2,0.4,0.5,0.6,good day",
    "u3,audio/u3.wav,test1,s1,0.7,0.8,0.9,bye",
)


def write(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    """A text file of these lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def refusal(spec: object, **options: object) -> str:
    """The whole message with which a corpus is refused; it always names a remedy."""
    with pytest.raises(CorpusError) as caught:
        open_corpus(str(spec), **options)
    assert caught.value.remedy
    return str(caught.value)


def by_id(corpus: Corpus) -> dict[str, object]:
    return {utterance.id: utterance for utterance in corpus.utterances}


# Tables


def test_a_table_is_read_as_it_is_written(tmp_path):
    """Every cell arrives in its field, in the table's order, with paths below the table's folder."""
    corpus = open_corpus(str(write(tmp_path / "mine.csv", HEADER, *ROWS)))
    first = corpus.utterances[0]
    assert (corpus.name, corpus.scale, corpus.dimensions, corpus.notes) == ("mine", (0.0, 1.0), EMOTIONS, ())
    assert corpus.spec == str(tmp_path / "mine.csv")
    assert [u.id for u in corpus.utterances] == ["u1", "u2", "u3"]
    assert (first.path, first.partition, first.speaker) == (tmp_path / "audio/u1.wav", "train", "s1")
    assert dict(first.labels) == {"arousal": 0.1, "valence": 0.2, "dominance": 0.3}
    assert first.text == "hello there"


def test_dimensions_go_by_name_whatever_the_order_and_case_of_the_columns(tmp_path):
    """A table in another order with capitals and spaces in its header reads the same."""
    table = write(tmp_path / "t.csv", " Dominance ,VALENCE,Partition, ID,Arousal,Path", "0.3,0.2,Train,u1,0.1,a.wav")
    utterance = open_corpus(str(table)).utterances[0]
    assert dict(utterance.labels) == {"arousal": 0.1, "valence": 0.2, "dominance": 0.3}
    assert (utterance.id, utterance.partition) == ("u1", "train")


@pytest.mark.parametrize(
    ("written", "read"),
    [("Validation", "development"), ("dev", "development"), ("Train", "train"), ("Test2", "test2"), ("x", "x")],
)
def test_partitions_get_the_names_of_the_toolkit(tmp_path, written, read):
    """The spellings that occur are mapped, others stay."""
    table = write(tmp_path / "t.csv", "id,partition,arousal,path", f"u1,{written},0.5,a.wav")
    assert open_corpus(str(table)).utterances[0].partition == read


def test_a_tsv_with_a_byte_order_mark_unicode_and_spaces(tmp_path):
    """Excel's mark is no part of the first column's name; letters and spaces in names are kept."""
    table = write(
        tmp_path / "Tabelle 1.tsv",
        "id\tpath\tpartition\tvalence\ttext",
        "ü 1\tTöne/日本 1.wav\ttrain\t0.5\tsagt, er „ja“",
        encoding="utf-8-sig",
    )
    utterance = open_corpus(str(table)).utterances[0]
    assert (utterance.id, utterance.path) == ("ü 1", tmp_path / "Töne/日本 1.wav")
    assert utterance.text == "sagt, er „ja“"


def test_an_absolute_path_stays_absolute(tmp_path):
    """Audio may lie elsewhere."""
    table = write(tmp_path / "t.csv", "id,partition,arousal,path", "u1,train,0.5,/data/a.wav")
    assert open_corpus(str(table)).utterances[0].path == Path("/data/a.wav")


def test_a_blank_cell_means_that_the_thing_is_absent(tmp_path):
    """No rating, no audio, no speaker, no transcript: each None or left out, never NaN or an empty name."""
    utterance = open_corpus(str(write(tmp_path / "t.csv", HEADER, *ROWS, "u4,,train,,, ,0.5,"))).utterances[3]
    assert dict(utterance.labels) == {"dominance": 0.5}
    assert (utterance.path, utterance.speaker, utterance.text) == (None, None, None)


def test_words_that_pandas_takes_for_missing_are_words(tmp_path):
    """An id NA and the text "null" are an id and a text."""
    utterance = open_corpus(str(write(tmp_path / "t.csv", HEADER, "NA,a.wav,train,None,0,0,0,null"))).utterances[0]
    assert (utterance.id, utterance.speaker, utterance.text) == ("NA", "None", "null")


def test_path_speaker_and_text_may_be_absent(tmp_path):
    """Without speakers a note says that intervals are by utterance."""
    corpus = open_corpus(str(write(tmp_path / "t.csv", "id,partition,arousal", "u1,train,0.5")))
    assert (corpus.utterances[0].path, corpus.utterances[0].speaker, corpus.utterances[0].text) == (None, None, None)
    assert any("by utterance" in note for note in corpus.notes)


@pytest.mark.parametrize(("column", "cell"), [("path", "a.wav"), ("text", "hello")])
def test_an_unlabelled_table_needs_audio_or_text(tmp_path, column, cell):
    """A table to predict from needs no labels."""
    corpus = open_corpus(str(write(tmp_path / "t.csv", f"id,partition,{column}", f"u1,test1,{cell}")))
    assert corpus.dimensions == ()


def test_any_numeric_column_on_the_scale_is_a_dimension(tmp_path):
    """Other columns are not used, and notes say which and why."""
    table = write(
        tmp_path / "t.csv",
        "id,partition,arousal,engagement,gender,age,room",
        "u1,train,2,3,Male,31,1",
        "u2,train,3,,Female,54,kitchen",
    )
    corpus = open_corpus(str(table), scale=(1, 5))
    assert corpus.dimensions == ("arousal", "engagement")
    assert "engagement" not in by_id(corpus)["u2"].labels
    assert [next(c for c in ("gender", "age", "room") if c in note) for note in corpus.notes[:3]] == [
        "gender",
        "age",
        "room",
    ]
    assert "'kitchen'" in corpus.notes[2] and "line 3" in corpus.notes[2]
    assert "off the scale" in corpus.notes[1]


def test_a_scale_maps_labels_to_the_unit_interval_and_back(tmp_path):
    """On 1 to 7, 4 is the middle."""
    corpus = open_corpus(str(write(tmp_path / "t.csv", "id,partition,arousal", "u1,train,4")), scale=(1, 7))
    assert corpus.scale == (1, 7)
    assert corpus.to_unit(corpus.utterances[0].labels["arousal"]) == 0.5


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param([], ["empty"], id="no line"),
        pytest.param([HEADER], ["no utterances"], id="header only"),
        pytest.param(["name,partition,arousal", "u,train,0"], ["no column id", "name, partition"], id="no id"),
        pytest.param(["id,Partitions,arousal", "u,train,0"], ["no column partition", "column Partitions to"]),
        pytest.param(["id;partition;arousal", "u;train;0"], ["no column id", "';'"], id="semicolons"),
        pytest.param(["id,partition,a,a", "u,train,0,0"], ["more than one column a"], id="column twice"),
        pytest.param(["id,partition,age", "u,train,x"], ["neither labels nor audio nor text"], id="nothing to use"),
        pytest.param([HEADER, *ROWS, "u4,a,train,s,0,0,0,well, no"], ["not regular", "line 5", "quotes"], id="comma"),
        pytest.param([HEADER, *ROWS, ",a,train,s,0,0,0,x"], ["column id", "line 5", "blank"], id="blank id"),
        pytest.param([HEADER, *ROWS, "u4,a,,s,0,0,0,x"], ["column partition", "line 5", "blank"], id="blank partition"),
        pytest.param([HEADER, *ROWS, "u4,a,train,s,0,high,0,x"], ["column valence", "line 5", "'high'"], id="text"),
        pytest.param([HEADER, *ROWS, "u4,a,train,s,0,nan,0,x"], ["column valence", "line 5", "finite"], id="nan"),
        pytest.param([HEADER, *ROWS, "u4,a,train,s,inf,0,0,x"], ["column arousal", "line 5", "finite"], id="inf"),
        pytest.param([HEADER, *ROWS, 'u4,a,train,s,"0,5",0,0,x'], ["column arousal", "'0,5'"], id="decimal comma"),
    ],
)
def test_a_table_that_cannot_be_read_says_what_where_and_what_to_do(tmp_path, lines, said):
    """The message names the file, the column or line, and the value."""
    table = tmp_path / "t.csv"
    table.write_text("".join(line + "\n" for line in lines))
    message = refusal(table)
    assert all(part in message for part in ["t.csv", *said]), message


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    """Texts that span lines and blank lines move the line of the wrong value."""
    table = write(
        tmp_path / "t.csv", "id,partition,text,arousal", "", 'u1,train,"two\nlines",0.5', "", "u2,train,one,loud"
    )
    assert "line 6 holds 'loud'" in refusal(table)
    assert table.read_text().splitlines()[5].startswith("u2")


def test_repeated_ids_are_counted_and_the_first_five_named(tmp_path):
    """Seven ids stand twice."""
    rows = [f"u{i},train,0.5" for i in range(7)]
    message = refusal(write(tmp_path / "t.csv", "id,partition,arousal", *rows, *rows, "once,train,0.5"))
    assert "repeats 7 ids" in message
    assert "u0, u1, u2, u3, u4, …" in message


def test_labels_outside_the_unit_interval_need_a_scale(tmp_path):
    """The message shows the observed range and the option."""
    table = write(tmp_path / "t.csv", "id,partition,arousal", "u1,train,1.5", "u2,train,6.25")
    message = refusal(table)
    assert "1.5 to 6.25" in message
    assert "--scale LOW HIGH" in message


@pytest.mark.parametrize("label", ["0.99", "7.01", "-3"])
def test_labels_off_the_given_scale_are_an_error(tmp_path, label):
    """With a count and the first ids."""
    table = write(tmp_path / "t.csv", "id,partition,arousal", "u1,train,1", "u2,train,7", f"u3,train,{label}")
    message = refusal(table, scale=(1, 7))
    assert "1 values lie off the scale 1 to 7" in message
    assert f"u3 ({label})" in message


@pytest.mark.parametrize("scale", [(7, 1), (1, 1), (0, float("nan"))])
def test_a_scale_goes_from_low_to_high(tmp_path, scale):
    """Anything else is refused before the table is read."""
    assert "--scale" in refusal(tmp_path / "absent.csv", scale=scale)


def test_a_missing_table_a_folder_and_another_encoding_are_told(tmp_path):
    """Each says what it is."""
    (tmp_path / "folder.csv").mkdir()
    latin = write(tmp_path / "latin.csv", HEADER, ROWS[0].replace("hello", "Grüße"), encoding="latin-1")
    assert "no such file" in refusal(tmp_path / "absent.csv")
    assert "folder" in refusal(tmp_path / "folder.csv")
    assert "not UTF-8" in refusal(latin)


# Specs


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("demos", "did you mean demo?"),
        ("msp_podcast:/data/MSP", "did you mean msp-podcast:/data/MSP?"),
        ("msppodcast", "did you mean msp-podcast:"),
        ("IEMOCAP:/data/I", "did you mean iemocap:/data/I?"),
        ("msp_improv", "did you mean msp-improv:/path/to/release?"),
        ("zebra:/data", "one of those"),
        ("table.xlsx", "one of those"),
    ],
)
def test_an_unknown_spec_names_those_that_exist(spec, hint):
    """And the nearest one."""
    message = refusal(spec)
    known = ("demo", "table.csv", "msp-podcast:/path", "iemocap:/path", "msp-improv:/path")
    assert all(part in message for part in (*known, hint))


def test_a_folder_is_no_spec_but_leads_to_one(tmp_path):
    """Who types the folder of a release is shown the prefixes."""
    message = refusal(tmp_path)
    assert all(f"{name}:{tmp_path}" in message for name in ("msp-podcast", "iemocap", "msp-improv"))


@pytest.mark.parametrize("spec", ["demo", "table.csv", "msp-podcast:/data/MSP"])
def test_a_fold_is_refused_where_the_corpus_has_its_own_split(spec):
    """Before anything is read; the message names the corpora that are split by session."""
    message = refusal(spec, fold=3)
    assert f"--fold 3 does not fit {spec}" in message
    assert "iemocap and msp-improv" in message


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
        assert (corpus.name, corpus.spec, corpus.scale) == ("demo", "demo", (1.0, 7.0))
        assert (small_demo / "demo.csv").is_file()


def test_a_scale_that_differs_from_the_corpus_own_is_refused(small_demo, tmp_path):
    """The demo and the releases know theirs."""
    assert "1 to 7" in refusal("demo", scale=(1, 5), demo_folder=small_demo)
    assert "1 to 7" in refusal(f"msp-podcast:{tmp_path}", scale=(0, 1))
    assert "1 to 5" in refusal(f"iemocap:{tmp_path}", scale=(1, 7))
    assert "1 to 5" in refusal(f"msp-improv:{tmp_path}", scale=(1, 7))


# Transcripts


def test_transcripts_replace_the_texts(tmp_path):
    """In whatever order; an empty one is a transcript, and a note counts it."""
    table = write(tmp_path / "t.csv", HEADER, *ROWS)
    heard = write(tmp_path / "asr.csv", "id,text", "u3,by", 'u1,"hello, dare"', "u2,")
    corpus = open_corpus(str(table), transcripts=heard)
    assert [u.text for u in corpus.utterances] == ["hello, dare", "", "by"]
    assert "1 transcripts of asr.csv are empty: u2" in corpus.notes


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        pytest.param([], ["no utterances"], id="none"),
        pytest.param(["u2,x"], ["lack 2 of 3", "u1, u3"], id="missing"),
        pytest.param(["u1,x", "u2,x", "u3,x", "v1,x", "v2,x"], ["2 ids", "v1, v2"], id="unknown"),
        pytest.param(["u1,x", "u2,x", "u3,x", "u3,y"], ["repeats 1 ids", "u3"], id="repeated"),
    ],
)
def test_transcripts_that_do_not_fit_the_corpus_are_refused(tmp_path, rows, said):
    """With counts and names, so that a table of another corpus is noticed."""
    table = write(tmp_path / "t.csv", HEADER, *ROWS)
    message = refusal(table, transcripts=write(tmp_path / "asr.csv", "id,text", *rows))
    assert all(part in message for part in ["asr.csv", *said]), message


# MSP-Podcast

MSP_HEADER = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"
MSP_ROWS = (
    "MSP-PODCAST_0001_0008.wav,N,2.2,4.0,2.6,30,Male,Train",
    "MSP-PODCAST_0001_0019.wav,H,5.0,6.5,4.8,Unknown,Unknown,Train",
    "MSP-PODCAST_0002_0033_0001.wav,A,6.0,2.0,5.5,31,Female,Development",
    "MSP-PODCAST_0002_0033_0002.wav,A,6.5,1.5,5.5,Unknown,Female,Test1",
    "MSP-PODCAST_1234_0001.wav,S,1.0,1.0,7.0,77,Male,Test2",
)
TEST3_ROWS = (
    "MSP-PODCAST_3000_0001.wav,,,,,Unknown,,Test3",
    "MSP-PODCAST_3000_0002.wav,,,,,Unknown,,Test3",
)


def release(root: Path, **changes: object) -> Path:
    """A release laid out like the real ones; audio files are empty, since readers do not open them."""
    layout = {
        "audios": "Audios",
        "labels": "Labels",
        "transcripts": "Transcripts",
        "file": "labels_consensus.csv",
        "header": MSP_HEADER,
        "rows": MSP_ROWS,
        **changes,
    }
    write(root / layout["labels"] / layout["file"], layout["header"], *layout["rows"])
    for number, row in enumerate(layout["rows"]):
        name = row.split(",")[0]
        write(root / layout["audios"] / name)
        if number != 1:  # one transcript is missing, as in every release
            write(root / layout["transcripts"] / name.replace(".wav", ".txt"), f"turn number {number}")
    write(root / "Time_Labels" / "labels_detailed.csv", "nothing,of,interest")
    write(root / "Speaker_ids.txt", "30; Male")
    return root


LAYOUTS = [
    pytest.param({}, "", id="as unpacked"),
    pytest.param({"audios": "Audio"}, "", id="Audio"),
    pytest.param({"audios": "audio", "labels": "labels", "transcripts": "transcripts"}, "", id="lower case"),
    pytest.param({"file": "labels_concensus.csv"}, "", id="concensus"),
    pytest.param({"header": MSP_HEADER.lower()}, "", id="header in lower case"),
    pytest.param({"header": MSP_HEADER.upper()}, "", id="header in upper case"),
    pytest.param({"rows": [row.replace("Development", "Validation") for row in MSP_ROWS]}, "", id="Validation"),
    pytest.param({"audios": "Audios/wav"}, "", id="audio one folder further down"),
    pytest.param({}, "MSP-PODCAST-Publish-1.10", id="nested once"),
    pytest.param({}, "podcast/Release 1.11", id="nested twice"),
]


@pytest.mark.parametrize(("changes", "below"), LAYOUTS)
def test_a_release_reads_the_same_in_all_its_spellings(tmp_path, changes, below):
    """Folder names, file names, header and nesting differ between releases; the corpus does not."""
    root = release(tmp_path / below, **changes)
    corpus = open_corpus(f"msp-podcast:{tmp_path}")
    assert (corpus.name, corpus.scale, corpus.dimensions) == ("msp-podcast", (1.0, 7.0), EMOTIONS)
    assert [u.id for u in corpus.utterances] == [row.split(",")[0].removesuffix(".wav") for row in MSP_ROWS]
    assert [u.partition for u in corpus.utterances] == ["train", "train", "development", "test1", "test2"]
    assert [u.speaker for u in corpus.utterances] == ["30", "podcast:0001", "31", "podcast:0002", "77"]
    assert [u.text for u in corpus.utterances] == ["turn number 0", None, *(f"turn number {n}" for n in (2, 3, 4))]
    assert all(u.path is not None and u.path.is_file() and root in u.path.parents for u in corpus.utterances)
    assert dict(corpus.utterances[0].labels) == {"arousal": 2.2, "valence": 4.0, "dominance": 2.6}


def test_what_a_user_should_know_of_a_release_is_counted(tmp_path):
    """Unknown speakers, missing transcripts and an unlabelled partition are notes, not errors."""
    release(tmp_path, rows=MSP_ROWS + TEST3_ROWS)
    corpus = open_corpus(f"msp-podcast:{tmp_path}")
    notes = "\n".join(corpus.notes)
    assert "4 utterances of unknown speakers" in notes
    assert "1 utterances have no transcript: MSP-PODCAST_0001_0019" in notes
    assert "partition test3 is unlabelled (2 utterances)" in notes
    assert all(not u.labels for u in corpus.partitions["test3"])


def test_audio_that_the_labels_do_not_list_is_counted(tmp_path):
    """Test3 may be absent from the labels file; its audio lies there all the same. Hidden files do not count."""
    root = release(tmp_path)
    for name in ("MSP-PODCAST_3000_0001.wav", "MSP-PODCAST_3000_0002.wav", "._MSP-PODCAST_0001_0008.wav"):
        write(root / "Audios" / name)
    notes = open_corpus(f"msp-podcast:{root}").notes
    assert any(note.startswith("2 files in Audios are not in the labels file") for note in notes)


def test_a_listed_file_that_is_not_there_keeps_its_place(tmp_path):
    """So that the check of the audio can name it."""
    root = release(tmp_path)
    (root / "Audios" / "MSP-PODCAST_0001_0008.wav").unlink()
    corpus = open_corpus(f"msp-podcast:{root}")
    assert corpus.utterances[0].path == root / "Audios" / "MSP-PODCAST_0001_0008.wav"
    assert any("1 utterances have no file in Audios" in note for note in corpus.notes)


def test_a_release_without_audio_or_transcripts_opens(tmp_path):
    """Nothing stops for what it does not need: labels alone are enough to fit from a cache."""
    write(tmp_path / "Labels" / "labels_consensus.csv", MSP_HEADER, *MSP_ROWS)
    corpus = open_corpus(f"msp-podcast:{tmp_path}")
    assert all(u.path is None and u.text is None for u in corpus.utterances)
    assert any("no folder Audios" in note for note in corpus.notes)
    assert any("no transcripts" in note for note in corpus.notes)


def test_transcripts_of_every_kind_are_told_apart(tmp_path):
    """Spaces and a byte order mark are no text; an empty file is a transcript; another encoding is none."""
    root = release(tmp_path)
    texts = root / "Transcripts"
    (texts / "MSP-PODCAST_0001_0008.txt").write_bytes(b"\xef\xbb\xbf  a\n b \r\n")
    (texts / "MSP-PODCAST_0001_0019.txt").write_bytes(b"\n")
    (texts / "MSP-PODCAST_0002_0033_0001.txt").write_bytes(b"it\x92s")
    corpus = open_corpus(f"msp-podcast:{root}")
    assert [u.text for u in corpus.utterances[:3]] == ["a b", "", None]
    assert any("not UTF-8" in note and "MSP-PODCAST_0002_0033_0001" in note for note in corpus.notes)
    assert any("1 transcripts are empty" in note for note in corpus.notes)


def test_a_table_of_transcripts_takes_the_place_of_a_release_s_own(tmp_path):
    """Whisper's transcripts of a release, say."""
    root = release(tmp_path / "release")
    rows = [f"{row.split(',')[0].removesuffix('.wav')},heard {n}" for n, row in enumerate(MSP_ROWS)]
    corpus = open_corpus(f"msp-podcast:{root}", transcripts=write(tmp_path / "asr.csv", "id,text", *rows))
    assert [u.text for u in corpus.utterances] == [f"heard {n}" for n in range(5)]
    assert not any("transcript" in note for note in corpus.notes)


def test_a_folder_without_a_release_says_what_was_looked_for_and_where(tmp_path):
    """A release three folders down is too far."""
    release(tmp_path / "a" / "b" / "c")
    message = refusal(f"msp-podcast:{tmp_path}")
    assert all(part in message for part in (str(tmp_path), "labels_consensus.csv", "labels_concensus.csv"))
    assert "no such folder" in refusal(f"msp-podcast:{tmp_path / 'absent'}")


def test_two_releases_side_by_side_are_not_chosen_from(tmp_path):
    """The message names both; the nearest level decides where one lies within another."""
    release(tmp_path / "1.10")
    release(tmp_path / "1.11")
    message = refusal(f"msp-podcast:{tmp_path}")
    assert "2 labels files" in message
    assert "1.10/Labels/labels_consensus.csv" in message and "1.11/Labels/labels_consensus.csv" in message
    assert len(open_corpus(f"msp-podcast:{release(tmp_path)}")) == len(MSP_ROWS)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": (*MSP_ROWS, MSP_ROWS[0])}, ["repeats 1 ids", "MSP-PODCAST_0001_0008"]),
        ({"rows": ("MSP-PODCAST_0001_0008.wav,N,2.2,7.5,2.6,30,Male,Train",)}, ["EmoVal", "7.5", "1 to 7"]),
        ({"rows": ("MSP-PODCAST_0001_0008.wav,N,low,4,2.6,30,Male,Train",)}, ["EmoAct", "line 2", "'low'"]),
        ({"rows": ("MSP-PODCAST_0001_0008.wav,N,2,4,2.6,30,Male,",)}, ["Split_Set", "MSP-PODCAST_0001_0008"]),
        (
            {"header": MSP_HEADER.replace("Split_Set", "Split")},
            ["no column Split_Set", "column Split to"],
        ),
    ],
)
def test_a_labels_file_that_cannot_be_read_names_the_place(tmp_path, changes, said):
    """As for any other table."""
    message = refusal(f"msp-podcast:{release(tmp_path, **changes)}")
    assert all(part in message for part in ["labels_consensus.csv", *said]), message
