"""What the columns of a table are learned as: dimensions, categories, what raters said; and how they are called."""

from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import pytest
from corpora import names_all, refusal, write

from probing.corpus.audit import no_labels
from probing.corpus.overview import check
from probing.corpus.readers.tables.table import read
from probing.corpus.reading import Reading
from probing.corpus.spec import CorpusSpec
from probing.corpus.splits import split_anew
from probing.errors import CorpusError, OptionError


def table(tmp_path, header, *rows, name="t.csv"):
    """A table whose rows repeat until there are twelve, so that names repeat."""
    lines = [f"u{n},{rows[n % len(rows)]}" for n in range(12)]
    return write(tmp_path / name, f"id,{header}", *lines)


def test_a_category_has_two_to_a_hundred_names_that_repeat(tmp_path):
    """Everything else is not used, and says why; a number among the names makes them ratings that are wrong."""
    names = [f"n{n}" for n in range(101)]
    rows = [
        f"u{n},a.wav,{names[n % 100]},{names[n % 101]},same,{n % 3},{('1', 'joy')[n % 2]},{n // 2},{'x' * 101}{n % 2}"
        for n in range(404)
    ]
    corpus = read(write(tmp_path / "t.csv", "id,path,hundred,more,one,few,mixed,pairs,long", *rows), scale=(0, 2))
    assert (corpus.categories, corpus.dimensions) == (("hundred",), ("few",))
    assert list(corpus.unused) == ["more", "one", "mixed", "pairs", "long"]
    assert "101 different" in corpus.unused["more"] and "'joy'" in corpus.unused["mixed"]
    assert "same" in corpus.unused["one"] and "texts" in corpus.unused["long"]


def test_sex_and_gender_are_a_category_too(tmp_path):
    """By one spelling of each sex, under the name of the column in lower case."""
    corpus = read(table(tmp_path, "path,Gender", "a,F", "b,male", "c,m", "d,"))
    assert corpus.categories == ("gender",) and corpus.classes("gender") == ("female", "male")
    assert [u.categories.get("gender") for u in corpus.utterances[:4]] == ["female", "male", "male", None]
    assert [u.sex for u in corpus.utterances[:4]] == ["female", "male", "male", None]
    women = read(table(tmp_path, "path,sex", "a,F"))
    assert (women.categories, women.unused, women.utterances[0].sex) == ((), {}, "female")


def test_any_column_is_a_category_if_the_user_says_so(tmp_path):
    """Numbers too, and one of ours; whatever the case of its letters."""
    numbered = table(tmp_path, "path,speaker,Emotion,arousal", "a,s1,1,0.1", "b,s2,2,0.2")
    corpus = read(numbered, reading=Reading(categories=("emotion", "speaker", "arousal")))
    assert corpus.categories == ("Emotion", "arousal", "speaker") and corpus.dimensions == ()
    assert corpus.classes("Emotion") == ("1", "2")
    assert corpus.utterances[0].speaker == "s1"


def test_classes_that_differ_only_in_case_are_noted(tmp_path):
    """They stay two, since nobody said that they are one."""
    corpus = read(table(tmp_path, "path,emotion", "a,Joy", "b,joy", "c,none"))
    assert corpus.classes("emotion") == ("Joy", "joy", "none")
    assert any("Joy and joy" in note for note in corpus.notes)


@pytest.mark.parametrize(
    ("category", "code", "facts"),
    [("emotions", "column-missing", ["emotions", "path, class"]), ("class", "category-classes", ["1 class: joy"])],
)
def test_a_column_that_can_be_no_category_is_refused(tmp_path, category, code, facts):
    """One that there is not, and one of one class."""
    error = refusal(
        CorpusError, code, read, table(tmp_path, "path,class", "a,joy"), reading=Reading(categories=(category,))
    )
    assert names_all(error, f"--category {category}", *facts)


# Several raters


@pytest.mark.parametrize("name", ["arousal_{}", "Arousal{}", "rater{}_arousal", "arousal_rater_{}", "arousal.{}"])
def test_columns_of_raters_are_their_answers_and_their_mean_the_rating(tmp_path, name):
    """Those who said nothing do not count; a note says what the rating is."""
    header = ",".join(["path", *(name.format(rater) for rater in (1, 2, 3))])
    corpus = read(table(tmp_path, header, "a,1,2,6", "b,5,,", "c,,,"), scale=(1, 7))
    assert [u.labels.get("arousal") for u in corpus.utterances[:3]] == [3.0, 5.0, None]
    assert [dict(u.answers) for u in corpus.utterances[:3]] == [{"arousal": (1.0, 2.0, 6.0)}, {"arousal": (5.0,)}, {}]
    assert corpus.dimensions == ("arousal",) and not corpus.unused
    assert any("arousal is the mean of 3 raters" in note for note in corpus.notes)


def test_a_rating_that_is_there_stays_beside_its_raters(tmp_path):
    """Nothing is made up; one column of a name with a number is a dimension like any other."""
    corpus = read(table(tmp_path, "path,arousal,arousal_1,arousal_2,valence_1,mfcc_1,mfcc_2", "a,.5,.1,.2,.3,.4,.5"))
    assert corpus.utterances[0].labels == {"arousal": 0.5, "valence_1": 0.3, "mfcc_1": 0.4, "mfcc_2": 0.5}
    assert corpus.utterances[0].answers == {"arousal": (0.1, 0.2)}
    assert not any("mean" in note for note in corpus.notes)


def test_what_most_raters_name_is_the_class(tmp_path):
    """Where two names are level there is none, and the note counts them."""
    corpus = read(table(tmp_path, "path,emotion_1,emotion_2,emotion_3", "a,joy,joy,sad", "b,joy,sad,", "c,sad,,"))
    assert [u.categories.get("emotion") for u in corpus.utterances[:3]] == ["joy", None, "sad"]
    assert corpus.utterances[1].answers == {"emotion": ("joy", "sad")}
    (note,) = [note for note in corpus.notes if "most" in note]
    assert "3 raters" in note and "4 utterances" in note


def test_a_wrong_answer_of_a_rater_stops_what_needs_it_alone(tmp_path):
    """Where the rating is there, its raters' columns are set aside with their reasons."""
    wrong = table(tmp_path, "path,arousal_1,arousal_2", "a,1,9", "b,2,no")
    assert names_all(refusal(CorpusError, "not-a-number", read, wrong, (1, 9)), "arousal_2", "'no'")
    corpus = read(table(tmp_path, "path,arousal,arousal_1,arousal_2", "a,1,1,9", "b,2,2,no"), (1, 9))
    assert corpus.dimensions == ("arousal", "arousal_1") and "'no'" in corpus.unused["arousal_2"]


# What columns are called


def test_columns_are_called_as_the_user_says(tmp_path):
    """One of theirs may be two of ours; what one of ours replaces is not used; the case of theirs does not matter."""
    theirs = table(tmp_path, "File,path,who,Act,VAL,words", "a.wav,x,s1,.1,.2,hello")
    pairs = {"path": "file", "speaker": "who", "arousal": "Act", "valence": "val", "text": "words", "take": "words"}
    corpus = read(theirs, reading=Reading(columns=tuple(pairs.items())))
    first = corpus.utterances[0]
    assert (first.path, first.speaker, first.text) == (tmp_path / "a.wav", "s1", "hello")
    assert first.labels == {"arousal": 0.1, "valence": 0.2}
    assert list(corpus.unused) == ["path", "take"] and "--column path=File" in corpus.unused["path"]


@pytest.mark.parametrize(
    ("pair", "code", "facts"),
    [
        (("path", "fiel"), "column-missing", ["no column fiel", "its path", "did you mean file?"]),
        (("speeker", "who"), "column-unknown", ["speeker", "--column speaker=who"]),
        (("arousl", "who"), "column-unknown", ["arousl", "--column arousal=who"]),
    ],
)
def test_a_column_that_there_is_not_is_named_with_the_nearest(tmp_path, pair, code, facts):
    """Theirs or ours."""
    theirs = table(tmp_path, "file,who", "a.wav,s1")
    assert names_all(refusal(CorpusError, code, read, theirs, reading=Reading(columns=(pair,))), *facts)


def test_a_column_of_ours_stays_what_it_is(tmp_path):
    """Unless another one replaces it; then it is what it is called now, if anything."""
    ours = table(tmp_path, "path,sex,text,arousal,valence,emotion", "a.x.wav,m,hello,0.1,0.2,joy")

    def first(*pairs):
        return read(ours, reading=Reading(columns=pairs)).utterances[0]

    assert (first(("path", "id")).id, first(("path", "id")).path) == ("u0", tmp_path / "u0")
    assert (first(("speaker", "id")).id, first(("speaker", "id")).speaker) == ("u0", "u0")
    assert (first(("speaker", "sex")).sex, first(("speaker", "text")).text) == ("male", "hello")
    assert first(("valence", "arousal")).labels == {"arousal": 0.1, "valence": 0.1}
    assert first(("valence", "arousal"), ("arousal", "valence")).labels == {"arousal": 0.2, "valence": 0.1}
    assert first(("arousal", "valence")).labels == {"arousal": 0.2, "valence": 0.2}


@pytest.mark.parametrize("codes", [("0", "1"), ("1", "7"), ("0.0", "3.0")])
def test_codes_of_emotions_are_no_ratings(tmp_path, codes):
    """Whole numbers in a column that is called like emotions; other numbers there, or elsewhere, are."""
    coded = table(tmp_path, "path,Label,room", f"a,{codes[0]},{codes[0]}", f"b,{codes[1]},{codes[1]}")
    corpus = read(coded, scale=(0, 7))
    assert corpus.dimensions == ("room",) and "type --category Label" in corpus.unused["Label"]
    assert read(coded, (0, 7), reading=Reading(categories=("Label",))).classes("Label") == codes
    assert read(coded, (0, 7), reading=Reading(columns=(("arousal", "Label"),))).dimensions == ("arousal", "room")
    assert read(table(tmp_path, "path,label", f"a,{codes[0]}", "b,0.5"), (0, 7)).dimensions == ("label",)


def test_one_of_ours_has_one_name():
    """Named twice, nobody knows which is meant."""
    error = refusal(OptionError, "option-twice", Reading, columns=(("path", "a"), ("path", "b")))
    assert names_all(error, "--column path")


def test_audio_may_be_elsewhere(tmp_path):
    """Relative to the folder that is named, also as Windows writes paths; an absolute one stays as it is."""
    (tmp_path / "sounds").mkdir()
    paths = table(tmp_path, "path,arousal", "a/b.wav,0", "/c.wav,1")
    corpus = read(paths, reading=Reading(audio_root=str(tmp_path / "sounds")))
    assert [str(u.path) for u in corpus.utterances[:2]] == [f"{tmp_path}/sounds/a/b.wav", "/c.wav"]
    other = table(tmp_path, "path,arousal", "a\\b.wav,0")
    assert read(other).utterances[0].path == tmp_path / "a/b.wav"
    whole = table(tmp_path, "path,arousal", "/c.wav,0")
    refusal(CorpusError, "audio-root", read, whole, reading=Reading(audio_root=str(tmp_path)))
    absent = Reading(audio_root=str(tmp_path / "absent"))
    assert names_all(refusal(CorpusError, "folder-missing", read, paths, reading=absent), "--audio-root", "absent")


# What a table may lack


def test_without_ids_the_files_are_their_own(tmp_path):
    """By name where names differ, else by path; segments of one file by their times too."""
    cases = {
        ("path", "x/a.wav", "y/b.wav"): ["a", "b"],
        ("path", "x/a.wav", "y/a.wav"): ["x/a.wav", "y/a.wav"],
        ("path,start,end", "x/a.wav,0,1.5", "x/a.wav,1.5,2"): ["a:0-1.5", "a:1.5-2"],
        ("path,start,end", "x/a.wav,0,1", "y/a.wav,0,1"): ["x/a.wav", "y/a.wav"],
    }
    for lines, ids in cases.items():
        assert [u.id for u in read(write(tmp_path / "t.csv", *lines)).utterances] == ids
    refusal(CorpusError, "ids-repeated", read, write(tmp_path / "t.csv", "path", "a.wav", "a.wav"))
    off = write(tmp_path / "t.csv", "path,arousal", "a.wav,1", "b.wav,8")
    assert names_all(refusal(CorpusError, "off-scale", read, off, (1, 7)), "line 3 (8)")
    refusal(CorpusError, "cell-blank", read, write(tmp_path / "t.csv", "path,text", "a.wav,x", ",y"))
    named = write(tmp_path / "t.csv", "path,utt_id", "a.wav,x")
    assert names_all(refusal(CorpusError, "column-missing", read, named), "--column id=utt_id")
    bare = write(tmp_path / "t.csv", "file,actor,emotion", "a.wav,x,joy")
    error = refusal(CorpusError, "column-missing", read, bare)
    assert names_all(error, "no column path", "--column path=file --column speaker=actor")
    for other, typed in {
        "file_id": "path=file_id",
        "clip": "path=clip",
        "utt_id,clip": "id=utt_id --column path=clip",
    }.items():
        rows = ["x.wav,s1,joy"] if "," not in other else ["u1,x.wav,s1,joy"]
        error = refusal(CorpusError, "column-missing", read, write(tmp_path / "t.csv", f"{other},actor,emotion", *rows))
        assert names_all(error, f"--column {typed} --column speaker=actor")


@pytest.mark.parametrize(("column", "values"), [("split", ["train", "test"]), ("Set", ["dev", "eval"]), ("fold", "12")])
def test_a_column_of_partitions_is_no_class(tmp_path, column, values):
    """Nor a rating; the folds of a new split are not stratified by it, and it can be split by all the same."""
    lines = [f"u{n}.wav,s{n % 4},{values[n // 2 % 2]}" for n in range(12)]
    corpus = read(
        write(tmp_path / "t.csv", f"path,speaker,{column}", *lines), (1, 7), reading=Reading(split="speaker:3")
    )
    assert not corpus.categories and not corpus.dimensions and column in corpus.unused
    assert "stratified" not in " ".join(split_anew(corpus, "speaker:3").notes)


def test_without_partitions_a_corpus_is_unsplit(tmp_path):
    """Unless another column has the names of partitions, which is then offered; a split asked for needs none."""
    assert list(read(table(tmp_path, "path,fold", "a,1", "b,2")).partitions) == ["unsplit"]
    other = table(tmp_path, "path,Split", "a,Train", "b,Validation")
    assert names_all(refusal(CorpusError, "column-missing", read, other), "--column partition=Split")
    assert list(read(other, reading=Reading(columns=(("partition", "Split"),))).partitions) == ["train", "development"]
    assert list(read(other, reading=Reading(split="random:3")).partitions) == ["unsplit"]


def test_tabs_and_semicolons_are_found_whatever_the_ending(tmp_path):
    """By the header; commas in names and texts do not matter where there are more of the others."""
    lines = ["id;path;text, as said;arousal", "u1;a.wav;well, no, no, no;0,5"]
    for name in ("t.csv", "t.tsv"):
        for mark in (";", "\t"):
            corpus = read(write(tmp_path / name, *(line.replace(";", mark) for line in lines)))
            assert corpus.utterances[0].labels == {"arousal": 0.5}


# Segments


@pytest.mark.parametrize("header", ["start,end", "Begin,END", "tmin,tmax", "offset,duration", "start,duration"])
def test_a_segment_is_read_in_the_spellings_that_occur(tmp_path, header):
    """Its end, or how long it is; both blank: the whole recording; without a recording there is none."""
    last = "1.5" if "duration" in header else "2.0"
    corpus = read(table(tmp_path, f"path,text,arousal,{header}", f"a,x,0,0.5,{last}", "a,x,0,,", f",x,0,0.5,{last}"))
    assert [u.segment for u in corpus.utterances[:3]] == [(0.5, 2.0), None, None]
    assert corpus.dimensions == ("arousal",)


@pytest.mark.parametrize(
    ("times", "code", "facts"),
    [
        ("1.0,0.5", "segment-bounds", ["line 3", "start '1.0' and end '0.5'"]),
        ("1.0,1.0", "segment-bounds", ["line 3"]),
        ("-0.1,1.0", "segment-bounds", ["before its recording"]),
        ("1.0,", "segment-bounds", ["blank"]),
        (",1.0", "segment-bounds", ["blank"]),
        ("0,16000000", "segment-bounds", ["milliseconds"]),
        ("00:16:16,00:16:20", "not-a-number", ["'00:16:16'", "--column other=start"]),
        ("inf,inf", "not-a-number", ["line 3"]),
        ("nan,inf", "segment-bounds", ["line 3", "blank"]),
        ("400000,inf", "segment-bounds", ["line 3", "milliseconds"]),
    ],
)
def test_a_segment_that_has_no_place_is_refused(tmp_path, times, code, facts):
    """With its line, and how to say that these are no times of segments."""
    segments = write(tmp_path / "t.csv", "id,path,start,end", "a,a.wav,0,1", f"b,a.wav,{times}", "c,c.wav,2,3")
    assert names_all(refusal(CorpusError, code, read, segments), *facts)


def test_a_segment_may_end_with_its_recording(tmp_path):
    """Where its end, or its length, is infinite."""
    for header in ("start,end", "offset,duration"):
        assert read(table(tmp_path, f"path,{header}", "a,1.5,inf")).utterances[0].segment == (1.5, math.inf)


def test_rows_of_one_recording_need_both_times(tmp_path):
    """With one alone each row would be the whole recording."""
    half = write(tmp_path / "t.csv", "id,path,start", "a,a.wav,0", "b,a.wav,1")
    assert names_all(refusal(CorpusError, "segment-bounds", read, half), "column start", "--column end=THEIRS")
    whole = read(write(tmp_path / "t.csv", "id,path,start", "a,a.wav,0", "b,b.wav,1"))
    assert [u.segment for u in whole.utterances] == [None, None]
    other = read(half, reading=Reading(columns=(("other", "start"),)))
    assert other.dimensions == ("other",)


def test_ratings_that_are_partly_off_a_scale_are_a_problem_where_nothing_is_rated(tmp_path):
    """Column, range and the scale to type; years are no ratings, and beside ratings a duration is none either."""
    rows = [f"u{n},train,{1 + n % 5},{1.5 + n % 3},{2000 + n},{('joy', 'fear')[n % 2]}" for n in range(12)]
    own = write(tmp_path / "t.csv", "id,partition,V,A,year,emotion", *rows)
    corpus = read(own, (1, 3))
    assert (corpus.dimensions, corpus.off_scale) == ((), ("V", "A")) and "year" in corpus.unused
    assert "they range from 1 to 5; if they are ratings, type --scale 1 5" in corpus.unused["V"]
    assert "--scale 1 4" in corpus.unused["A"]
    found = check(CorpusSpec.resolve(str(own), (1.0, 3.0))).problems
    assert [line.split(":")[0] for line in found if line.startswith("column")] == ["column V", "column A"]
    split = CorpusSpec.resolve(str(own), (1.0, 3.0), reading=Reading(split="column:V"))
    assert sum(line.startswith("column") for line in check(split).problems) == 1  # what says the split is no rating
    rated = read(own, (1, 4))
    assert (rated.dimensions, rated.off_scale) == (("A",), ("V",))
    assert not any(line.startswith("column") for line in check(CorpusSpec.resolve(str(own), (1.0, 4.0))).problems)
    silent = write(tmp_path / "v.csv", "id,partition,V,text", *(",".join(row.split(",")[:3]) + ",a" for row in rows))
    _, why, _ = no_labels(read(silent, (1, 3)))
    assert "column V" in why and "--scale 1 5" in why


@pytest.mark.slow
def test_a_hundred_thousand_rows_open_in_seconds(tmp_path):
    """In time that grows no faster than their number: ten times as many take less than twenty times as long."""
    rng = np.random.default_rng(0)
    took = []
    for rows in (10_000, 100_000):
        columns = {
            "id": [f"u{n}" for n in range(rows)],
            "path": [f"a/{n // 4}.wav" for n in range(rows)],
            "start": np.arange(rows) % 4,
            "end": np.arange(rows) % 4 + 0.9,
            "speaker": [f"s{n % 997}" for n in range(rows)],
            "emotion": rng.choice(["joy", "anger", "fear"], rows),
            "note": [f"note {n}" for n in range(rows)],
        }
        columns |= {f"{name}{rater}": rng.uniform(1, 7, rows) for name in ("arousal", "valence_") for rater in (1, 2)}
        pd.DataFrame(columns).to_csv(tmp_path / "t.csv", index=False)
        begun = time.process_time()
        corpus = read(tmp_path / "t.csv", (1, 7))
        took.append(time.process_time() - begun)
        assert (len(corpus), corpus.categories, len(corpus.dimensions)) == (rows, ("emotion",), 2)
    assert took[1] < 6 and took[1] < 20 * took[0]
