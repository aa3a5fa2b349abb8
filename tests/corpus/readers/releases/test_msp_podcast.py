"""What the reader makes of an MSP-Podcast release, in all its spellings, and which it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from corpora import names_all, refusal, write

from probing.corpus.model import EMOTIONS
from probing.corpus.opening import open_corpus
from probing.corpus.readers.releases import msp_podcast
from probing.corpus.readers.releases.msp_releases import release_of
from probing.corpus.spec import CorpusSpec
from probing.errors import CorpusError

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
    lines = [layout["header"], *layout["rows"]]
    if layout["file"].endswith(".json"):
        rows = csv.DictReader(lines)
        named = {row.pop(rows.fieldnames[0]): row for row in rows}
        lines = [json.dumps(named)]
    write(root / layout["labels"] / layout["file"], *lines)
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
    pytest.param({"labels": "label", "audios": "Audio", "file": "labels_concensus.csv"}, "", id="release 1.6"),
    pytest.param({"file": "labels_consensus.json"}, "", id="JSON"),
    pytest.param({"file": "labels_concensus.json", "header": MSP_HEADER.lower()}, "", id="JSON, old spelling"),
    pytest.param(
        {"audios": "Audios/Audios", "labels": "Labels/Labels", "transcripts": "Transcripts/Transcripts"},
        "",
        id="each archive in a folder of its name",
    ),
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
    assert [u.sex for u in corpus.utterances] == ["male", None, "female", "female", "male"]
    assert [u.text for u in corpus.utterances] == ["turn number 0", None, *(f"turn number {n}" for n in (2, 3, 4))]
    assert all(u.path is not None and u.path.is_file() and root in u.path.parents for u in corpus.utterances)
    assert dict(corpus.utterances[0].labels) == {"arousal": 2.2, "valence": 4.0, "dominance": 2.6}
    classes = [u.categories.get("emotion") for u in corpus.utterances]
    assert classes == ["neutral", "happiness", "anger", "anger", "sadness"]


def test_what_a_user_should_know_of_a_release_is_counted(tmp_path):
    """Unknown speakers, missing transcripts and an unlabelled partition are notes, not errors."""
    release(tmp_path, rows=MSP_ROWS + TEST3_ROWS)
    corpus = open_corpus(f"msp-podcast:{tmp_path}")
    notes = "\n".join(corpus.notes)
    assert "4 utterances of unknown speakers" in notes
    assert "column Gender: 1 cell is neither female nor male: Unknown" in notes
    assert "1 utterance without a transcript: MSP-PODCAST_0001_0019" in notes
    assert "partition test3 is unlabelled (2 utterances)" in notes
    assert all(not u.labels for u in corpus.partitions["test3"])


def test_audio_that_the_labels_do_not_list_is_counted(tmp_path):
    """Test3 may be absent from the labels file while its audio is there. Hidden files do not count."""
    root = release(tmp_path)
    for name in ("MSP-PODCAST_3000_0001.wav", "MSP-PODCAST_3000_0002.wav", "._MSP-PODCAST_0001_0008.wav"):
        write(root / "Audios" / name)
    notes = open_corpus(f"msp-podcast:{root}").notes
    assert any(note.startswith("2 files in Audios not used") for note in notes)


def test_a_listed_file_that_is_not_there_keeps_its_place(tmp_path):
    """So that the check of the audio can name it."""
    root = release(tmp_path)
    (root / "Audios" / "MSP-PODCAST_0001_0008.wav").unlink()
    corpus = open_corpus(f"msp-podcast:{root}")
    assert corpus.utterances[0].path == root / "Audios" / "MSP-PODCAST_0001_0008.wav"
    assert "1 utterance without a file in Audios: MSP-PODCAST_0001_0008" in corpus.notes


def test_a_file_that_is_not_there_keeps_its_place_in_the_inner_folder(tmp_path):
    """Where an archive was unpacked into a folder of its own name."""
    root = release(tmp_path, audios="Audios/Audios")
    gone = root / "Audios" / "Audios" / "MSP-PODCAST_0001_0008.wav"
    gone.unlink()
    assert open_corpus(f"msp-podcast:{root}").utterances[0].path == gone


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
    assert "1 empty transcript: MSP-PODCAST_0001_0019" in corpus.notes


def test_a_table_of_transcripts_takes_the_place_of_a_release_s_own(tmp_path):
    """Whisper's transcripts of a release, say."""
    root = release(tmp_path / "release")
    rows = [f"{row.split(',')[0].removesuffix('.wav')},heard {n}" for n, row in enumerate(MSP_ROWS)]
    words = write(tmp_path / "asr.csv", "id,text", *rows)
    corpus = open_corpus(CorpusSpec.resolve(f"msp-podcast:{root}", transcripts=words))
    assert [u.text for u in corpus.utterances] == [f"heard {n}" for n in range(5)]
    assert not any("transcript" in note for note in corpus.notes)


def test_a_folder_without_a_release_says_what_was_looked_for_and_where(tmp_path):
    """A release three folders down is too far."""
    release(tmp_path / "a" / "b" / "c")
    error = refusal(CorpusError, "release-missing", open_corpus, f"msp-podcast:{tmp_path}")
    assert names_all(error, str(tmp_path), "labels_consensus.csv", "labels_concensus.csv")
    absent = tmp_path / "absent"
    assert names_all(refusal(CorpusError, "folder-missing", open_corpus, f"msp-podcast:{absent}"), str(absent))


def test_two_releases_side_by_side_are_not_chosen_from(tmp_path):
    """The message names both; the nearest level decides where one lies within another."""
    release(tmp_path / "1.10")
    release(tmp_path / "1.11")
    error = refusal(CorpusError, "release-several", open_corpus, f"msp-podcast:{tmp_path}")
    assert names_all(error, "1.10/Labels/labels_consensus.csv", "1.11/Labels/labels_consensus.csv")
    assert len(open_corpus(f"msp-podcast:{release(tmp_path)}")) == len(MSP_ROWS)


@pytest.mark.parametrize(
    ("changes", "code", "facts"),
    [
        ({"rows": (*MSP_ROWS, MSP_ROWS[0])}, "ids-repeated", ["MSP-PODCAST_0001_0008"]),
        (
            {"rows": ("MSP-PODCAST_0001_0008.wav,N,2.2,7.5,2.6,30,Male,Train",)},
            "off-scale",
            ["EmoVal", "MSP-PODCAST_0001_0008", "7.5", "1 to 7"],
        ),
        (
            {"rows": ("MSP-PODCAST_0001_0008.wav,N,low,4,2.6,30,Male,Train",)},
            "not-a-number",
            ["EmoAct", "line 2", "'low'"],
        ),
        (
            {"rows": ("MSP-PODCAST_0001_0008.wav,N,2,4,2.6,30,Male,",)},
            "cell-blank",
            ["Split_Set", "MSP-PODCAST_0001_0008"],
        ),
        ({"header": MSP_HEADER.replace("Split_Set", "Split")}, "column-missing", ["Split_Set", "column Split to"]),
    ],
)
def test_a_labels_file_that_cannot_be_read_names_the_place(tmp_path, changes, code, facts):
    """As for any other table."""
    root = release(tmp_path, **changes)
    error = refusal(CorpusError, code, open_corpus, f"msp-podcast:{root}")
    assert names_all(error, "labels_consensus.csv", *facts)


def test_classes_have_their_full_names_and_no_agreement_is_none(tmp_path):
    """X is no class, an unknown letter neither; both are counted."""
    letters = "ASHUFDCNOXZ"
    rows = [f"MSP-PODCAST_0001_{k:04}.wav,{letter},4,4,4,1,Male,Train" for k, letter in enumerate(letters)]
    corpus = open_corpus(f"msp-podcast:{release(tmp_path, rows=rows)}")
    expected = "anger sadness happiness surprise fear disgust contempt neutral other".split()
    assert [u.categories.get("emotion") for u in corpus.utterances] == [*expected, None, None]
    assert corpus.classes("emotion") == tuple(sorted(expected))
    notes = "\n".join(corpus.notes)
    assert "1 utterance has no class of emotion: raters did not agree" in notes
    assert "1 utterance has an unknown code of emotion, and no class: 'Z'" in notes


RATERS = (  # two of the first utterance, one of the second; some say what is none of the choices, or nothing
    ("0001_0008", "WORKER1", "Happy", "Happy,Amused", "5", "6", "4"),
    ("0001_0008", "WORKER2", "Other-tired of it", "", "3", "", "4"),
    ("0001_0019", "WORKER1", "Angry", "angry, Annoyed", "7", "1", "9"),
)
MAJOR = "FileName,WorkerID,EmoClass_Major,EmoClass_Second,EmoAct,EmoVal,EmoDom"


def detailed(form: str) -> tuple[str, list[str]]:
    """Name and lines of a file of the raters, in a form that some release has."""
    spoken = [
        (f"MSP-PODCAST_{turn}.wav", who, f"{major}; {second}; A:{a}; V:{v}; D:{d};", [major, second, a, v, d])
        for turn, who, major, second, a, v, d in RATERS
    ]
    if form == "columns":
        rows = [f'{name},{who},"{cells[0]}","{cells[1]}",{",".join(cells[2:])}' for name, who, _, cells in spoken]
        return "labels_detailed.csv", [MAJOR, *rows]
    if form == "lines in cells":
        return "labels_detailed.csv", ["FileName,EmoDetail", *(f'{n},"{w}; {said}"' for n, w, said, _ in spoken)]
    if form == "objects":
        content: dict[str, dict[str, dict[str, str]]] = {}
        for name, who, _, cells in spoken:
            content.setdefault(name, {})[who] = dict(zip(MAJOR.split(",")[2:], cells, strict=True))
        return "labels_detailed.json", [json.dumps(content)]
    blocks = {name: [f"{name}; N; A:4.0; V:6.0; D:4.0;"] for name, *_ in spoken}
    for name, who, said, _ in spoken:
        blocks[name].append(f"{who}; {said}")
    return "labels.txt", [line for block in blocks.values() for line in (*block, "")]


@pytest.mark.parametrize("form", ["columns", "lines in cells", "objects", "lines"])
def test_what_single_raters_said_is_kept_in_every_form(tmp_path, form):
    """Ratings, chosen classes, and all classes that a rater heard as one answer; only where it is asked for."""
    root = release(tmp_path)
    name, lines = detailed(form)
    write(root / "Labels" / name, *lines)
    first, second, third = msp_podcast.read(root, with_answers=True).utterances[:3]
    assert sorted(first.answers["arousal"]) == [3.0, 5.0] and first.answers["dominance"] == (4.0, 4.0)
    assert first.answers["valence"] == (6.0,)
    assert sorted(first.answers["emotion"]) == ["happiness", "other"]
    assert first.answers["secondary emotions"] == ("amused, happy",)
    assert second.answers == {
        "arousal": (7.0,),
        "valence": (1.0,),
        "emotion": ("anger",),
        "secondary emotions": ("angry, annoyed",),
    }
    assert third.answers == {}
    assert all(not u.answers for u in msp_podcast.read(root).utterances)


def test_raters_that_cannot_be_read_stop_nothing(tmp_path):
    """A note says why; a rating off the scale is counted."""
    root = release(tmp_path)
    write(root / "Labels" / "labels_detailed.csv", *detailed("columns")[1])
    assert "1 rating of a single rater is no number from 1 to 7, and not used" in "\n".join(
        msp_podcast.read(root, with_answers=True).notes
    )
    write(root / "Labels" / "labels_detailed.csv", "FileName,EmoDetail", 'a.wav,"never closed')
    corpus = msp_podcast.read(root, with_answers=True)
    assert any(note.startswith("single raters' answers are not read") for note in corpus.notes)
    assert len(corpus) == len(MSP_ROWS)


def test_the_table_is_read_where_json_says_the_same(tmp_path):
    """A release has both."""
    root = release(tmp_path)
    write(root / "Labels" / "labels_consensus.json", "{}")
    assert len(open_corpus(f"msp-podcast:{root}")) == len(MSP_ROWS)


def test_a_json_that_cannot_be_read_names_the_file(tmp_path):
    """Damaged, or without a column."""
    root = release(tmp_path, file="labels_consensus.json", header=MSP_HEADER.replace("Split_Set", "Split"))
    refusal(CorpusError, "column-missing", open_corpus, f"msp-podcast:{root}")
    write(root / "Labels" / "labels_consensus.json", '{"MSP-PODCAST_0001_0008.wav": {')
    error = refusal(CorpusError, "table-json", open_corpus, f"msp-podcast:{root}")
    assert names_all(error, "labels_consensus.json")


def test_what_an_archive_has_beside_the_labels_is_no_release_of_its_own(tmp_path):
    """Time_Labels and earlier releases have label files too, also where they were unpacked into their own folders."""
    root = release(tmp_path, labels="Labels/Labels")
    write(root / "Time_Labels" / "Time_Labels" / "labels_consensus.csv", MSP_HEADER)
    earlier = root / "Previous_releases_information" / "previous_releases_info"
    write(earlier / "labels_concensus.csv", MSP_HEADER)
    assert len(open_corpus(f"msp-podcast:{tmp_path}")) == len(MSP_ROWS)


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"train": 63_076, "development": 10_999, "test1": 16_903, "test2": 13_289}, "1.10"),
        ({"train": 84_030, "development": 19_815, "test1": 30_647, "test2": 14_815}, "1.11"),
        ({"train": 84_030, "development": 19_815, "test1": 30_647, "test2": 14_815, "test3": 2_347}, "1.11"),
        ({"train": 203_936 - 5, "test1": 5}, "1.12"),
        ({"train": 203_936 - 5, "test1": 5, "test3": 3_200}, "1.12"),
        ({"train": 264_705 - 46_294 - 14_822, "test1": 46_294, "test2": 14_822}, "2.0"),
        ({"train": 40_000, "test1": 12_902}, "1.7"),
        ({"train": 84_029, "development": 19_815, "test1": 30_647, "test2": 14_815}, None),
    ],
)
def test_a_release_is_told_from_its_documented_numbers(tmp_path, counts, found):
    """Whatever its folder is called; one utterance less is another corpus."""
    folder = tmp_path / "MSP-PODCAST"
    folder.mkdir()
    told = release_of(folder, [name for name, count in counts.items() for _ in range(count)])
    assert (told and told[0]) == found


@pytest.mark.parametrize(
    ("below", "readme", "found"),
    [
        ("MSP-PODCAST-Publish-1.8", None, "1.8"),
        ("MSP_Podcast_1.9", None, "1.9"),
        ("MSP-PODCAST2.0", None, "2.0"),
        ("MSP-PODCAST-Publish-1.6/release", None, "1.6"),
        ("MSP-PODCAST-Publish-1.8", "Release 1.12 (June 6, 2024)", "1.12"),
        ("podcast", "no release at all", None),
        ("MSP-Podcast-10.1.2", None, None),
    ],
)
def test_else_its_readme_or_folder_tells_it(tmp_path, below, readme, found):
    """The readme first: folders are renamed."""
    root = release(tmp_path / below)
    if readme is not None:
        write(root / "readme.txt", "# MSP-PODCAST Database #", f"#   {readme}   #")
    corpus = open_corpus(f"msp-podcast:{root}")
    told = [note for note in corpus.notes if note.startswith("release ")]
    assert [note.split()[1].rstrip(",") for note in told] == ([found] if found else [])
    assert (corpus.name, corpus.title, corpus.release) == ("msp-podcast", "msp-podcast", found)
    assert corpus.full_title == (f"msp-podcast {found}" if found else "msp-podcast")
