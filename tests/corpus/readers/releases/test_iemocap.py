"""What the reader makes of an IEMOCAP release: turns, speakers, folds, audio, transcripts, and what it refuses."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
from corpora import names_all, record, refusal, write

from probing.corpus.audit import require
from probing.corpus.checked import Needs, check_corpus
from probing.corpus.model import EMOTIONS, Corpus
from probing.corpus.opening import open_corpus
from probing.corpus.overview import check
from probing.corpus.readers.releases import iemocap
from probing.corpus.spec import CorpusSpec
from probing.errors import CorpusError

HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]"
DIALOGS = ("F_impro01", "M_impro01", "F_script01_1")  # who wears the markers, scenario
TURNS = ("F000", "M000", "M001")  # who speaks, number
RATERS = (  # the last two of each kind are the evaluators', the first the actor's own
    "C-F1:\tAnger;\t(curious)",
    "C-E2:\tNeutral state;\t()",
    "C-E4:\tFrustration; Excited;\t(tired; of it)",
    "A-F1:\tval 5; act 5; dom  5;\t()",
    "A-E3:\tval  3; act  2; dom  2;\t()",
    "A-E4:\tval 1; act ; dom  9;\t(calm)",
)


def labelled(turn: str, ratings: str = "2.5000, 4.0000, 1.5000") -> str:
    """A turn's line in EmoEvaluation."""
    return f"[6.2901 - 8.2357]\t{turn}\tneu\t[{ratings}]"


def labels_file(root: Path, dialog: str = "Ses01F_impro01") -> Path:
    """Where the labels of a dialog are."""
    return root / f"Session{dialog[4]}" / "dialog" / "EmoEvaluation" / f"{dialog}.txt"


def release(root: Path, sessions: tuple[int, ...] = (1, 2, 3, 4, 5)) -> Path:
    """A release laid out like the real one: three dialogs of three turns a session; audio files are empty."""
    for session, dialog in itertools.product(sessions, DIALOGS):
        name = f"Ses0{session}{dialog}"
        turns = [f"{name}_{turn}" for turn in TURNS]
        evaluation = labels_file(root, name)
        blocks = [line for turn in turns for line in (labelled(turn), *RATERS, "")]
        write(evaluation, HEADER, "", *blocks)
        for kind in ("Attribute", "Categorical", "Self-evaluation"):  # the single raters' files, which are not labels
            write(evaluation.parent / kind / f"{name}_e2_{kind[:3].lower()}.txt", labelled(turns[0]), f"{turns[0]} :x")
        write(evaluation.parent / f"._{name}.txt", "\x00\x05\x16\x07[")
        said = [f"{turn} [006.2901-008.2357]: Turn {number} it is." for number, turn in enumerate(turns)]
        odd = ("M: [LAUGHTER]", f"{name}_MXX0 [010.1000-011.0000]: [BREATHING]", "")
        write(root / f"Session{session}" / "dialog" / "transcriptions" / f"{name}.txt", *said, *odd)
        write(root / f"Session{session}" / "dialog" / "transcriptions" / f"._{name}.txt", "\x00")
        write(root / f"Session{session}" / "dialog" / "wav" / f"{name}.wav")  # the whole dialog, not a turn
        for turn in turns:
            write(root / f"Session{session}" / "sentences" / "wav" / name / f"{turn}.wav")
            write(root / f"Session{session}" / "sentences" / "wav" / name / f"._{turn}.wav")
            write(root / f"Session{session}" / "sentences" / "ForcedAlignment" / name / f"{turn}.wdseg")
    write(root / "Documentation" / "timeinfo.txt")
    write(root / "README.txt")
    return root


def opened(root: Path, fold: int | None = None) -> Corpus:
    """The release in a folder."""
    return open_corpus(f"iemocap:{root}", fold=fold)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A release."""
    return release(tmp_path / "IEMOCAP_full_release")


def test_a_release_is_read_as_it_is_unpacked(root):
    """Each turn once, with its ratings by name: the release's order is valence, activation, dominance."""
    corpus = opened(root)
    first = corpus.utterances[0]
    assert (corpus.name, corpus.scale, corpus.dimensions) == ("iemocap", (1.0, 5.0), EMOTIONS)
    assert len(corpus) == 5 * len(DIALOGS) * len(TURNS)
    assert first.id == "Ses01F_impro01_F000"
    assert dict(first.labels) == {"valence": 2.5, "arousal": 4.0, "dominance": 1.5}
    assert first.text == "Turn 0 it is."
    assert first.path == root / "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"
    assert all(u.path.is_file() and u.path.stem == u.id and u.text for u in corpus.utterances)
    assert corpus.notes == ("fold 5: Session 5 is test2, Session 4 development",)


def test_emotions_have_their_full_names_and_no_agreement_is_none(root):
    """As the release's codes mean; an unknown one is no class, and counted."""
    codes = "ang hap exc sad fru fea sur dis neu oth xxx zzz".split()
    turns = [f"Ses01F_impro01_F{number:03}" for number in range(len(codes))]
    lines = [labelled(turn).replace("\tneu\t", f"\t{code}\t") for turn, code in zip(turns, codes, strict=True)]
    write(labels_file(root), HEADER, *lines)
    corpus = opened(root)
    expected = "anger happiness excitement sadness frustration fear surprise disgust neutral other".split()
    assert [u.categories.get("emotion") for u in corpus.utterances[:12]] == [*expected, None, None]
    notes = "\n".join(corpus.notes)
    assert "1 utterance has no class of emotion: raters did not agree" in notes and "'zzz'" in notes


def test_what_the_evaluators_said_is_kept_and_the_actors_own_answers_are_not(root):
    """An emotion each, two names of one of them as one answer; only where it is asked for."""
    corpus = iemocap.read(root, with_answers=True)
    assert dict(corpus.utterances[0].answers) == {
        "valence": (3.0, 1.0),
        "arousal": (2.0,),
        "dominance": (2.0,),
        "emotion": ("neutral", "excitement, frustration"),
    }
    assert all(u.answers == corpus.utterances[0].answers for u in corpus.utterances)
    assert f"{len(corpus)} ratings of single raters are no number from 1 to 5, and not used" in corpus.notes
    assert all(not u.answers for u in opened(root).utterances)


@pytest.mark.parametrize(
    ("turn", "speaker"),
    [
        ("Ses01F_impro01_F000", "Ses01F"),
        ("Ses01F_impro01_M001", "Ses01M"),
        ("Ses03M_impro01_F000", "Ses03F"),
        ("Ses05F_script01_1_M000", "Ses05M"),
    ],
)
def test_the_speaker_is_who_speaks_not_who_wears_the_markers(root, turn, speaker):
    """In Ses01F_impro01_M001 the woman wears the markers and the man speaks."""
    utterance = {u.id: u for u in opened(root).utterances}[turn]
    assert utterance.speaker == speaker
    assert utterance.sex == {"F": "female", "M": "male"}[speaker[-1]]


def test_the_ten_speakers_of_five_sessions_are_told_apart(root):
    """Two a session; no partition shares one with another, so the unseen session is unseen."""
    corpus = opened(root)
    heard = {name: {u.speaker for u in group} for name, group in corpus.partitions.items()}
    assert heard["test2"] == {"Ses05F", "Ses05M"} and heard["development"] == {"Ses04F", "Ses04M"}
    assert sum(map(len, heard.values())) == len(set().union(*heard.values())) == 10
    assert require(corpus, dims=EMOTIONS, text=True, audio=True) == (corpus, ())


@pytest.mark.parametrize(("fold", "development"), [(1, 5), (2, 1), (3, 2), (4, 3), (5, 4)])
def test_fold_k_tests_on_session_k_and_stops_on_the_one_before(root, fold, development):
    """Before the first comes the last; title and notes say the fold, the name that the cache goes by does not."""
    corpus = opened(root, fold=fold)
    expected = dict.fromkeys(range(1, 6), "train") | {fold: "test2", development: "development"}
    assert {int(u.id[4]): u.partition for u in corpus.utterances} == expected
    assert (corpus.name, corpus.fold, corpus.title) == ("iemocap", fold, f"iemocap fold {fold}")
    assert f"fold {fold}: Session {fold} is test2, Session {development} development" in corpus.notes


def test_folds_differ_in_their_partitions_only(root):
    """So one cache serves them all; no fold named is the fold 5."""
    sides = [[(u.id, u.path) for u in opened(root, fold=fold).utterances] for fold in range(1, 6)]
    assert all(side == sides[0] for side in sides)
    assert opened(root) == opened(root, fold=5)


@pytest.mark.parametrize("fold", [0, 6, -1])
def test_a_fold_that_there_is_not_is_refused(root, fold):
    """The message says which there are."""
    assert names_all(refusal(CorpusError, "fold", opened, root, fold), f"--fold {fold}", "from 1 to 5")


@pytest.mark.parametrize("below", ["", "IEMOCAP_full_release", "corpora/IEMOCAP_full_release"])
def test_a_release_is_found_up_to_two_folders_further_down(tmp_path, below):
    """The archive unpacks into a folder of its own."""
    root = release(tmp_path / below)
    corpus = opened(tmp_path)
    assert len(corpus) == 45
    assert all(root in u.path.parents for u in corpus.utterances)


def test_folders_in_lower_case_are_the_same(root):
    """Copies of the release differ in the case of their letters."""
    for session in range(1, 6):
        folder = root / f"Session{session}"
        (folder / "dialog" / "EmoEvaluation").rename(folder / "dialog" / "emoevaluation")
        folder.rename(root / f"session{session}")
    assert len(opened(root)) == 45


def test_ratings_off_the_scale_are_kept_and_counted(root):
    """The release has a few above 5; they are reported, and no error."""
    file = labels_file(root)
    turns = [f"Ses01F_impro01_{turn}" for turn in TURNS]
    ratings = ("2.5000, 5.5000, 2.0000", "5.0000, 1.0000, 0.5000", "3.0000, 3.0000, 3.0000")
    write(file, HEADER, *map(labelled, turns, ratings))
    corpus = opened(root)
    assert corpus.utterances[0].labels["arousal"] == 5.5 and corpus.utterances[1].labels["dominance"] == 0.5
    (note,) = [note for note in corpus.notes if "off the scale" in note]
    assert note.startswith("2 ratings off the scale 1 to 5")
    assert f"{turns[0]} (arousal 5.5), {turns[1]} (dominance 0.5)" in note
    assert math.isclose(corpus.to_unit(5.5), 1.125)


@pytest.mark.parametrize("absent", [(5,), (1, 3)])
def test_a_release_without_all_its_sessions_names_those_missing(tmp_path, absent):
    """Also if the folder is there without a label file in it."""
    root = release(tmp_path, tuple({1, 2, 3, 4, 5} - set(absent)))
    (root / f"Session{absent[0]}" / "dialog" / "EmoEvaluation").mkdir(parents=True)
    names = ", ".join(f"Session {session}" for session in absent)
    error = refusal(CorpusError, "session-missing", opened, root)
    assert error.what == f"{root} lacks {names}"
    assert names_all(error, "EmoEvaluation/*.txt")


@pytest.mark.parametrize("content", ["", HEADER, "\0" * 200])
def test_a_session_without_a_turn_is_missing(tmp_path, content):
    """Its label files are there and say nothing: no fold has all sessions."""
    root = release(tmp_path)
    for dialog in DIALOGS:
        labels_file(root, f"Ses03{dialog}").write_text(content)
    error = refusal(CorpusError, "session-missing", opened, root, 3)
    assert error.what == f"{root} lacks Session 3" and "no turns" in error.why


def test_a_dialog_without_a_turn_is_damaged(root):
    """Every dialog of the release has turns: an overwritten file must not drop them."""
    file = labels_file(root, "Ses03F_impro01")
    file.write_text("")
    assert names_all(refusal(CorpusError, "labels-empty", opened, root), str(file))


def test_sessions_unpacked_into_folders_of_their_names_are_found(root):
    """Session1/Session1, sentences/wav/wav."""
    outer = root / "Session1"
    outer.rename(root / "inner")
    outer.mkdir()
    (root / "inner").rename(outer / "Session1")
    wav = root / "Session2" / "sentences" / "wav"
    wav.rename(wav.with_name("inner"))
    wav.mkdir()
    wav.with_name("inner").rename(wav / "wav")
    corpus = opened(root)
    assert len(corpus) == 45 and all(u.path.is_file() and u.text for u in corpus.utterances)


def test_folders_that_are_no_release_are_told(tmp_path):
    """A missing folder, one without sessions, and one above two releases."""
    (tmp_path / "empty").mkdir()
    refusal(CorpusError, "folder-missing", opened, tmp_path / "absent")
    assert names_all(refusal(CorpusError, "release-missing", opened, tmp_path / "empty"), "IEMOCAP", "Session1")
    for name in "ab":
        release(tmp_path / name, (1,))
    refusal(CorpusError, "release-several", opened, tmp_path)


def test_sessions_without_label_files_are_no_release(root):
    """All five are named."""
    for file in root.glob("Session*/dialog/EmoEvaluation/Ses*.txt"):
        file.unlink()
    names = ", ".join(f"Session {session}" for session in range(1, 6))
    assert names_all(refusal(CorpusError, "session-missing", opened, root), names)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu", id="no ratings"),
        pytest.param(labelled("Ses01F_impro01_F000", "2.5, 2.5"), id="two ratings"),
        pytest.param(labelled("Ses01F_impro01_F000", "2.5, high, 2.5"), id="a word"),
        pytest.param(labelled("Ses01F_impro01_F000", "2.5, nan, 2.5"), id="not a number"),
        pytest.param(labelled("Ses01F_impro01_X000"), id="nobody speaks"),
        pytest.param(labelled("Ses02F_impro01_F000"), id="a turn of another session"),
        pytest.param("[6.2901 - 8.23", id="cut"),
        pytest.param(labelled("Ses01F_impro01_F000")[1:], id="without its first character"),
        pytest.param(labelled("Ses01F_impro01_F000", "2.5, 25000, 2.5"), id="a point lost"),
        pytest.param(labelled("Ses01F_impro01_F000", "2.5, 2_5, 2.5"), id="a number of Python"),
    ],
)
def test_a_malformed_line_is_told_with_file_and_line(root, line):
    """Nothing is guessed."""
    file = write(labels_file(root), HEADER, "", labelled("Ses01F_impro01_M000"), "", line)
    error = refusal(CorpusError, "label-line", opened, root)
    assert names_all(error, f"{file}, line 5")
    assert repr(line) in error.why or ("Ses02F_impro01_F000" in error.why and "Session1" in error.why)


def test_a_turn_that_occurs_twice_is_an_error(root):
    """In one file or in two."""
    write(labels_file(root, "Ses01F_impro02"), labelled("Ses01F_impro01_F000"), labelled("Ses01F_impro02_F000"))
    assert names_all(refusal(CorpusError, "ids-repeated", opened, root), "1 id", "Ses01F_impro01_F000")


def test_what_lacks_a_transcript_is_counted(root):
    """Lines of other kinds are passed over; an empty text is a transcript; sounds in brackets stay."""
    write(
        root / "Session1/dialog/transcriptions/Ses01F_impro01.txt",
        "\ufeffSes01F_impro01_F000 [006.2901-008.2357]:   Excuse   me. [LAUGHTER]  ",
        "Ses01F_impro01_M000 [008.2901-009.2357]:",
        "F: Do you have your forms?",
        "Ses01F_impro01_M001",
    )
    corpus = opened(root)
    assert [u.text for u in corpus.utterances[:3]] == ["Excuse me. [LAUGHTER]", "", None]
    assert "1 utterance without a transcript: Ses01F_impro01_M001" in corpus.notes
    assert "1 empty transcript: Ses01F_impro01_M000" in corpus.notes


@pytest.mark.parametrize("times", [" [006.2901-008.2357]:", ":", " [006.2901-008.2357]"])
def test_a_transcript_without_times_or_colon_is_one(root, times):
    """The lines are not all of one kind."""
    write(
        root / "Session1/dialog/transcriptions/Ses01F_impro01.txt",
        f"Ses01F_impro01_F000{times} Half past [PAUSE]: two.",
    )
    assert opened(root).utterances[0].text == "Half past [PAUSE]: two."


def test_a_transcription_of_windows_is_read(root):
    """One apostrophe in another encoding does not cost a dialog its text."""
    write(
        root / "Session1/dialog/transcriptions/Ses01F_impro01.txt",
        "Ses01F_impro01_F000 [006.2901-008.2357]: It’s me.",
        encoding="cp1252",
    )
    assert opened(root).utterances[0].text == "It’s me."


def test_a_table_of_transcripts_takes_the_place_of_the_release_s_own(root, tmp_path):
    """And nothing is said of the release's own."""
    (root / "Session1/dialog/transcriptions/Ses01F_impro01.txt").unlink()
    ids = [u.id for u in opened(root).utterances]
    table = write(tmp_path / "asr.csv", "id,text", *(f"{id_},heard {n}" for n, id_ in enumerate(ids)))
    corpus = open_corpus(CorpusSpec.resolve(f"iemocap:{root}", transcripts=table))
    assert [u.text for u in corpus.utterances] == [f"heard {n}" for n in range(45)]
    assert not any("transcript" in note for note in corpus.notes)


def test_audio_that_is_missing_keeps_its_place_and_audio_without_labels_is_counted(root):
    """So that the check of the audio can name it."""
    gone = root / "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"
    gone.rename(gone.with_name("Ses01F_impro01_F099.wav"))
    corpus = opened(root)
    assert corpus.utterances[0].path == gone
    assert "1 utterance without a file in sentences/wav: Ses01F_impro01_F000" in corpus.notes
    assert any(note.startswith("1 file in sentences/wav not used") for note in corpus.notes)


def test_a_release_of_labels_alone_opens(root):
    """Labels are enough to fit from a cache."""
    for name in ("sentences/wav", "dialog/transcriptions"):
        for session in range(1, 6):
            (root / f"Session{session}" / name).rename(root / f"Session{session}" / name.replace("/", "-"))
    corpus = opened(root)
    assert all(u.path is None and u.text is None for u in corpus.utterances)
    assert [note.split(": ")[1] for note in corpus.notes[1:]] == ["no audio", "no transcripts"]


def test_check_reports_the_fold_and_finds_no_problem(root):
    """Its partitions, its note, and no problem in a whole release."""
    for seed, file in enumerate(root.glob("Session*/sentences/wav/*/Ses*.wav")):
        record(file, seed=seed)
    for file in root.glob("Session*/dialog/EmoEvaluation/Ses*.txt"):  # ratings that differ can be learned
        file.write_text(file.read_text().replace("M000\tneu\t[2.5000, 4.0000, 1", "M000\tneu\t[4.5000, 3.0000, 2"))
    found = check(CorpusSpec.resolve(f"iemocap:{root}", fold=2))
    assert {name: len(group) for name, group in found.corpus.partitions.items()} == {
        "train": 27,
        "development": 9,
        "test2": 9,
    }
    assert "fold 2: Session 2 is test2, Session 1 development" in found.notes
    assert (found.count, found.problems) == (0, ())


def test_a_checked_release_knows_its_fold_and_its_folds_are_two_corpora(root):
    """The last one where none was asked for; the digest and the name tell folds apart."""
    found = [check_corpus(CorpusSpec.resolve(f"iemocap:{root}", fold=fold), Needs()) for fold in (None, 5, 4)]
    assert [checked.spec.fold for checked in found] == [5, 5, 4]
    assert found[0].name == found[1].name != found[2].name
    assert found[0].name.startswith("iemocap_fold_5-")


def test_one_cache_serves_every_fold_and_a_record_tells_its_fold(root, tmp_path, monkeypatch, save_checkpoint):
    """Extracted under one fold, fitted on another: the audio does not depend on it, the run does."""
    from probing.extraction.extract import extract
    from probing.probes.fit import fit

    for seed, file in enumerate(root.glob("Session*/sentences/wav/*/Ses*.wav")):
        record(file, seed=seed)
    for file in root.glob("Session*/dialog/EmoEvaluation/Ses*.txt"):  # ratings that differ, so that there is a CCC
        file.write_text(file.read_text().replace("M000\tneu\t[2.5", "M000\tneu\t[4.5"))
    monkeypatch.chdir(tmp_path)
    encoder = str(save_checkpoint("hubert"))
    extract(CorpusSpec.resolve(f"iemocap:{root}", fold=2), encoder, store="pooled")
    fitted = fit(CorpusSpec.resolve(f"iemocap:{root}", fold=3), encoder, dims=("valence",), epochs=2, hidden=4)
    assert (fitted.corpus.spec.fold, fitted.corpus.title) == (3, "iemocap fold 3")
    assert any(note.startswith("fold 3: Session 3 is test2") for note in fitted.notes)
