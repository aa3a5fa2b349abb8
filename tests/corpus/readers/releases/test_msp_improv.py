"""What the reader makes of an MSP-Improv release: turns, speakers, folds, audio, transcripts, and what it refuses."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from corpora import names_all, record, refusal, write

from probing.corpus.audit import require
from probing.corpus.model import EMOTIONS, Corpus
from probing.corpus.opening import open_corpus
from probing.corpus.overview import check
from probing.corpus.readers.releases import msp_improv
from probing.corpus.spec import CorpusSpec
from probing.errors import CorpusError

RATERS = (  # as single raters answered; some worked twice
    "WORKER00000001; Neutral; Neutral,Concerned; A:3.000000; V:3.000000; D:3.000000; N:4.000000;",
    "ML2011_3-p22; Happy; Excited,UTD-IMPROV- like; A:2.000000; V:4.000000; D:NaN; N:3.000000;",
)
RATINGS = "A:2.000000; V:3.500000; D:3.200000"
SCENES = ("S01A-{}-P-FM01", "S01A-{}-S-FM01", "S02H-{}-R-FF01", "S02H-{}-T-MF01")  # one of each kind of recording


def labelled(turn: str, ratings: str = RATINGS) -> str:
    """A turn's own line in Evalution.txt."""
    return f"UTD-IMPROV-{turn}.avi; N; {ratings} ; N:3.600000;"


def release(root: Path, sessions: tuple[int, ...] = (1, 2, 3, 4, 5, 6), **changes: object) -> Path:
    """A release laid out like the real one: eight turns a session, of two actors; audio files are empty."""
    layout = {"file": "Evalution.txt", "audio": "", "text": None, "lines": (), **changes}
    lines = list(layout["lines"])
    for session, scene, gender in itertools.product(sessions, SCENES, "FM"):
        turn = scene.format(f"{gender}0{session}")
        lines += [labelled(turn), *RATERS, ""]
        sentence, _, kind, _ = turn.split("-")
        place = root / layout["audio"] / f"session{session}" / sentence / kind
        write(place / f"MSP-IMPROV-{turn}.wav")
        write(place / f"._MSP-IMPROV-{turn}.wav")
        write(place / f"UTD-IMPROV-{turn}.avi")
        if layout["text"]:
            write(root / layout["text"] / f"MSP-IMPROV-{turn}.txt", f"words of  {turn}")
    write(root / layout["file"], *lines)
    write(root / f"._{Path(layout['file']).name}", "\x00")
    write(root / "README.txt", "not a transcript")
    return root


def opened(root: Path, fold: int | None = None) -> Corpus:
    """The release in a folder."""
    return open_corpus(f"msp-improv:{root}", fold=fold)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A release."""
    return release(tmp_path / "MSP-IMPROV")


def test_a_release_is_read_as_it_is_unpacked(root):
    """Each turn once, without the lines of its raters; the labels name the video, the id is the audio's."""
    corpus = opened(root)
    first = corpus.utterances[0]
    assert (corpus.name, corpus.scale, corpus.dimensions) == ("msp-improv", (1.0, 5.0), EMOTIONS)
    assert len(corpus) == 6 * len(SCENES) * 2
    assert first.id == "MSP-IMPROV-S01A-F01-P-FM01"
    assert first.path == root / "session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav"
    assert all(u.path.is_file() and u.path.stem == u.id for u in corpus.utterances)
    assert (first.labels["valence"], first.labels["dominance"]) == (3.5, 3.2)
    assert require(corpus, dims=EMOTIONS, audio=True) == (corpus, ())


@pytest.mark.parametrize(("activation", "arousal"), [(1.0, 5.0), (2.4, 3.6), (5.0, 1.0)])
def test_arousal_is_the_release_s_activation_turned_round(tmp_path, activation, arousal):
    """There 1 is active and 5 calm; a note says that it was turned."""
    ratings = f"A:{activation:f}; V:2.000000; D:3.000000"
    corpus = opened(release(tmp_path, lines=[labelled("S20N-M03-S-MF12", ratings), *RATERS, ""]))
    assert corpus.utterances[0].labels["arousal"] == pytest.approx(arousal)
    assert any(note.startswith("arousal is 6 - A") for note in corpus.notes)


def test_classes_and_what_single_raters_said_are_kept(tmp_path):
    """Their activation is turned round as the consensus is; what they chose has the names of the classes."""
    lines = [labelled("S20N-M03-S-MF12").replace("; N;", f"; {code};", 1) for code in "AHSNOX"]
    lines = [line.replace("MF12", f"MF{k:02}") for k, line in enumerate(lines)]
    root = release(tmp_path, lines=[line for turn in lines for line in (turn, *RATERS, "")])
    corpus = msp_improv.read(root, with_answers=True)
    classes = [u.categories.get("emotion") for u in corpus.utterances[:6]]
    assert classes == ["anger", "happiness", "sadness", "neutral", "other", None]
    assert "1 utterance has no class of emotion: raters did not agree" in corpus.notes
    assert dict(corpus.utterances[0].answers) == {
        "arousal": (3.0, 4.0),
        "valence": (3.0, 4.0),
        "dominance": (3.0,),
        "emotion": ("neutral", "happiness"),
        "secondary emotions": ("concerned, neutral", "excited, utd-improv- like"),
    }
    assert all(not u.answers for u in opened(root).utterances)


def test_a_rating_that_is_not_a_number_is_absent_and_counted(tmp_path):
    """The release has turns whose dominance nobody rated."""
    corpus = opened(release(tmp_path, lines=[labelled("S20N-M03-S-MF12", "A:2.000000; V:2.000000; D:NaN"), ""]))
    assert dict(corpus.utterances[0].labels) == {"arousal": 4.0, "valence": 2.0}
    assert "1 utterance without a rating of dominance (NaN): MSP-IMPROV-S20N-M03-S-MF12" in corpus.notes


def test_speakers_are_the_twelve_actors_in_the_third_part_of_the_name(root):
    """Gender and session, whatever the roles in the last part; no partition shares one with another."""
    corpus = opened(root)
    assert {u.id: u.speaker for u in corpus.utterances}["MSP-IMPROV-S02H-F04-T-MF01"] == "F04"
    assert all(u.sex == {"F": "female", "M": "male"}[u.speaker[0]] for u in corpus.utterances)
    heard = {name: {u.speaker for u in group} for name, group in corpus.partitions.items()}
    assert heard["test2"] == {"F06", "M06"} and heard["development"] == {"F05", "M05"}
    assert sum(map(len, heard.values())) == len(set().union(*heard.values())) == 12


@pytest.mark.parametrize(("fold", "development"), [(1, 6), (2, 1), (4, 3), (6, 5), (None, 5)])
def test_fold_k_tests_on_session_k_and_stops_on_the_one_before(root, fold, development):
    """Before the first comes the last; the last is the default; the name that the cache goes by is the same."""
    corpus, tested = opened(root, fold=fold), fold or 6
    expected = dict.fromkeys(range(1, 7), "train") | {tested: "test2", development: "development"}
    assert {int(u.speaker[1:]): u.partition for u in corpus.utterances} == expected
    assert (corpus.name, corpus.fold) == ("msp-improv", tested)
    assert corpus.notes[0] == f"fold {tested}: Session {tested} is test2, Session {development} development"
    assert [u.id for u in corpus.utterances] == [u.id for u in opened(root).utterances]


@pytest.mark.parametrize("fold", [0, 7])
def test_a_fold_that_there_is_not_is_refused(root, fold):
    """The message says which there are."""
    assert names_all(refusal(CorpusError, "fold", opened, root, fold), f"--fold {fold}", "from 1 to 6")


@pytest.mark.parametrize(
    ("below", "changes"),
    [
        pytest.param("MSP-IMPROV", {}, id="nested once"),
        pytest.param("corpora/MSP-IMPROV", {}, id="nested twice"),
        pytest.param("", {"file": "Evaluation.txt"}, id="Evaluation"),
        pytest.param("", {"file": "evalution.TXT"}, id="another case"),
        pytest.param("", {"audio": "Audio"}, id="audio in a folder of its own"),
        pytest.param("", {"audio": "Audio", "file": "Labels/Evalution.txt"}, id="labels in a folder of their own"),
        pytest.param("IMPROV", {"audio": "Audio", "file": "Labels/Evalution.txt"}, id="both, nested"),
    ],
)
def test_a_release_reads_the_same_in_all_its_layouts(tmp_path, below, changes):
    """The labels file is found up to two folders down, the audio wherever it lies in the release."""
    release(tmp_path / below, **changes)
    corpus = opened(tmp_path)
    assert len(corpus) == 48
    assert all(u.path.is_file() and u.path.stem == u.id for u in corpus.utterances)


def test_folders_that_are_no_release_are_told(tmp_path):
    """A missing folder, one without labels, and one above two releases."""
    (tmp_path / "empty").mkdir()
    refusal(CorpusError, "folder-missing", opened, tmp_path / "absent")
    assert names_all(refusal(CorpusError, "release-missing", opened, tmp_path / "empty"), "MSP-Improv", "Evalution.txt")
    for name in "ab":
        release(tmp_path / name, (1,))
    assert names_all(refusal(CorpusError, "release-several", opened, tmp_path), "a/Evalution.txt, b/Evalution.txt")


def test_a_release_without_all_its_sessions_names_those_missing(tmp_path):
    """A fold needs them all."""
    error = refusal(CorpusError, "session-missing", opened, release(tmp_path, (1, 3, 4, 6)))
    assert names_all(error, "Evalution.txt lacks Session 2, Session 5", "turns")


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("UTD-IMPROV-S01A-F01-S-FM09.avi; N;", id="no ratings"),
        pytest.param(labelled("S01A-F01-S-FM09", "A:2.0; V:2.0"), id="no dominance"),
        pytest.param(labelled("S01A-F01-S-FM09", "A:2.0; V:high; D:2.0"), id="a word"),
        pytest.param(labelled("S01A-F01-S-FM09", "A:2.0; V:5.5; D:2.0"), id="off the scale"),
        pytest.param(labelled("S01A-F01-S-FM09", "A:inf; V:2.0; D:2.0"), id="infinite"),
        pytest.param(labelled("S01A-F07-S-FM09"), id="a seventh session"),
        pytest.param(labelled("S01A-X01-S-FM09"), id="no actor"),
        pytest.param("UTD-IMPROV-S01A-F01", id="cut"),
        pytest.param(labelled("S01A-F01-S-FM09").replace("UTD", "\0TD"), id="another first character"),
    ],
)
def test_a_malformed_line_is_told_with_file_and_line(tmp_path, line):
    """Nothing is guessed."""
    root = release(tmp_path, lines=[labelled("S20N-M03-S-MF12"), *RATERS, "", line])
    error = refusal(CorpusError, "label-line", opened, root)
    assert names_all(error, f"{root / 'Evalution.txt'}, line 5", repr(line))


def test_a_turn_that_occurs_twice_is_an_error(tmp_path):
    """With its name."""
    root = release(tmp_path, lines=[labelled("S01A-F01-S-FM01")])
    assert names_all(refusal(CorpusError, "ids-repeated", opened, root), "1 id", "MSP-IMPROV-S01A-F01-S-FM01")


def test_transcripts_are_read_from_whatever_folder_holds_them(tmp_path):
    """One small file a turn; what is missing, empty or in another encoding is counted."""
    root = release(tmp_path, text="Human_transcriptions/all")
    folder = root / "Human_transcriptions" / "all"
    (folder / "MSP-IMPROV-S01A-F01-P-FM01.txt").unlink()
    (folder / "MSP-IMPROV-S01A-M01-P-FM01.txt").write_bytes(b"it\x92s")
    corpus = opened(root)
    assert [u.text for u in corpus.utterances[:3]] == [None, None, "words of S01A-F01-S-FM01"]
    assert "1 utterance without a transcript: MSP-IMPROV-S01A-F01-P-FM01" in corpus.notes
    assert any(note.startswith("1 transcript not used: not UTF-8") for note in corpus.notes)


def test_a_release_without_transcripts_has_none(root):
    """A note says so, and no command stops that reads no text."""
    corpus = opened(root)
    assert all(u.text is None for u in corpus.utterances)
    assert f"there are no transcripts in {root}" in corpus.notes


def test_audio_that_is_missing_keeps_its_place_and_audio_without_labels_is_counted(root):
    """So that the check of the audio can name it."""
    gone = root / "session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav"
    gone.rename(gone.with_name("MSP-IMPROV-S01A-F01-P-FM99.wav"))
    corpus = opened(root)
    assert corpus.utterances[0].path == gone
    assert "1 utterance without a file in MSP-IMPROV: MSP-IMPROV-S01A-F01-P-FM01" in corpus.notes
    assert any(note.startswith("1 file in MSP-IMPROV not used") for note in corpus.notes)


def test_of_two_recordings_of_a_name_the_first_by_path_is_used_and_they_are_counted(root):
    """A copy at another rate, say; the choice is the same on every machine."""
    copy = write(root / "resampled" / "MSP-IMPROV-S01A-F01-P-FM01.wav")
    first = write(root / "16k" / copy.name)
    corpus = opened(root)
    assert corpus.utterances[0].path == first
    (note,) = [note for note in corpus.notes if "more than one" in note]
    assert note.startswith("1 utterance with more than one WAV file") and copy.stem in note


def test_a_release_of_labels_alone_opens(tmp_path):
    """Labels are enough to fit from a cache."""
    turns = [f"S01A-F0{session}-S-FM01" for session in range(1, 7)]
    write(tmp_path / "Evalution.txt", *map(labelled, turns))
    corpus = opened(tmp_path)
    assert all(u.path is None and u.text is None for u in corpus.utterances)
    assert f"there is no WAV file in {tmp_path}: no audio" in corpus.notes


def test_recordings_at_44_1_khz_pass_the_check(root):
    """They are decoded, resampled and counted; the fold is reported."""
    for seed, file in enumerate(root.glob("session*/*/*/MSP*.wav")):
        record(file, samples=4410, rate=44_100, seed=seed)
    file = root / "Evalution.txt"  # ratings that differ can be learned
    file.write_text(file.read_text().replace(f"-P-FM01.avi; N; {RATINGS}", "-P-FM01.avi; N; A:1; V:1; D:1"))
    found = check(CorpusSpec.resolve(f"msp-improv:{root}", fold=1))
    assert (found.corpus.title, len(found.corpus)) == ("msp-improv fold 1", 48)
    assert "fold 1: Session 1 is test2, Session 6 development" in found.notes
    assert set(found.scan.samples.values()) == {1600}
    assert (found.count, found.problems) == (0, ())
