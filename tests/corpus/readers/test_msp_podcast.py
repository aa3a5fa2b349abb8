"""What the reader makes of an MSP-Podcast release, in all its spellings, and which it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpora import names_all, refusal, write

from probing.corpus.model import EMOTIONS
from probing.corpus.opening import open_corpus
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
