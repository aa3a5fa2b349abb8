"""Public corpora of acted speech: names as their authors' descriptions show them, in folders as they are unpacked."""

from __future__ import annotations

from pathlib import Path

import pytest

from probing.corpus.opening import open_corpus
from probing.errors import CorpusError


def folder_of(folder: Path, *names: str) -> Path:
    """A folder with empty files of these names: only their names are read."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_ravdess(tmp_path):
    """The example of its description: audio only, speech, fearful, normal, dogs, first repetition, actor 12."""
    folder_of(
        tmp_path, "Actor_12/03-01-06-01-02-01-12.wav", "Actor_01/03-02-05-02-01-02-01.wav", "01-01-06-01-02-01-12.mp4"
    )
    song, speech = open_corpus(f"ravdess:{tmp_path}").utterances
    assert (speech.speaker, speech.sex, speech.text) == ("12", "female", "Dogs are sitting by the door")
    assert speech.path == tmp_path / "Actor_12" / "03-01-06-01-02-01-12.wav" and speech.id == speech.path.stem
    assert (song.speaker, song.sex, song.text) == ("01", "male", "Kids are talking by the door")


def test_ravdess_has_eight_emotions_of_two_intensities(tmp_path):
    """Neutral has no strong one."""
    names = [f"03-01-{e:02}-{i:02}-01-{r:02}-01.wav" for e in range(1, 9) for i in (1, 2) for r in (1, 2) if e + i != 3]
    corpus = open_corpus(f"ravdess:{folder_of(tmp_path, *names)}")
    assert set(corpus.classes("emotion")) == set("neutral calm happy sad angry fearful disgust surprised".split())
    assert corpus.classes("intensity") == ("normal", "strong") and "channel" in corpus.unused
    by_id = {u.id: u.categories["emotion"] for u in corpus.utterances}
    assert (by_id["03-01-01-01-01-01-01"], by_id["03-01-08-02-01-02-01"]) == ("neutral", "surprised")


def test_emodb(tmp_path):
    """The example of its site: speaker 03, a man, speaks text a01 with Freude."""
    names = ["03a01Fa", "03b10Wa", "08a02Ta", "16a07Aa", "16b03La", "10b09Nd", "11a05Ea"]
    corpus = open_corpus(f"emodb:{folder_of(tmp_path, *(f'wav/{name}.wav' for name in names))}")
    first = corpus.utterances[0]
    assert (first.id, first.speaker, first.sex) == ("03a01Fa", "03", "male")
    assert first.text == "Der Lappen liegt auf dem Eisschrank."
    assert {u.id: u.sex for u in corpus.utterances}["08a02Ta"] == "female"
    from probing.corpus.readers.public import emodb

    said = dict(zip(corpus_ids(corpus), emodb.read(tmp_path).columns["emotion"], strict=True))
    assert [said[name] for name in names] == "happiness anger sadness fear boredom neutral disgust".split()


def corpus_ids(corpus) -> list[str]:
    """The ids of a corpus in its order."""
    return [u.id for u in corpus.utterances]


def crema_d(folder: Path) -> Path:
    """A copy of the repository, cut down: both audio formats, the actors, and what raters heard."""
    names = ["1001_DFA_ANG_XX", "1001_IEO_HAP_LO", "1002_IEO_HAP_HI", "1002_WSI_ANG_XX", "1040_ITH_SAD_X"]
    folder_of(folder, *(f"AudioWAV/{name}.wav" for name in names), *(f"AudioMP3/{name}.mp3" for name in names))
    (folder / "VideoDemographics.csv").write_text(
        '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","Caucasian","Not Hispanic"\n1002,21,"Female","",""\n'
    )
    (folder / "processedResults").mkdir()
    (folder / "processedResults" / "summaryTable.csv").write_text(
        '"","FileName","VoiceVote","VoiceLevel"\n"1","1001_DFA_ANG_XX","A","47.33"\n"2","1001_IEO_HAP_LO","N","71.67"\n'
        '"3","1002_IEO_HAP_HI","N","63.5"\n"4","1002_WSI_ANG_XX","A","51"\n"5","1040_ITH_SAD_X","A:D","40:50"\n'
    )
    return folder


def test_crema_d(tmp_path):
    """Of two formats the WAV files, whether the repository is named or the folder of its audio."""
    for named in (crema_d(tmp_path), tmp_path / "AudioWAV"):
        corpus = open_corpus(f"crema-d:{named}")
        assert {u.path.suffix for u in corpus.utterances} == {".wav"} and len(corpus) == 5
        first = corpus.utterances[0]
        assert (first.speaker, first.sex, first.text) == ("1001", "male", "Don't forget a jacket.")
        assert [u.categories.get("heard") for u in corpus.utterances] == ["anger", "neutral", "neutral", "anger", None]
    assert corpus.utterances[-1].sex is None


def test_crema_d_has_six_emotions_and_three_levels(tmp_path):
    """A level that says nothing is none."""
    codes = "ANG DIS FEA HAP NEU SAD".split()
    names = [
        f"{actor}_IEO_{code}_{level}.wav" for actor in (1001, 1002) for code in codes for level in ("LO", "MD", "HI")
    ]
    corpus = open_corpus(f"crema-d:{folder_of(tmp_path, *names, '1001_IEO_NEU_XX.wav')}")
    assert corpus.classes("emotion") == ("anger", "disgust", "fear", "happy", "neutral", "sad")
    assert corpus.classes("intensity") == ("high", "low", "medium")
    assert "intensity" not in {u.id: u for u in corpus.utterances}["1001_IEO_NEU_XX"].categories


def test_savee(tmp_path):
    """Speakers are folders, and emotions one letter or two."""
    names = [
        f"{speaker}/{code}{n:02}.wav" for speaker in ("DC", "KL") for code in "a d f h n sa su".split() for n in (1, 2)
    ]
    corpus = open_corpus(f"savee:{folder_of(tmp_path / 'AudioData', *names)}")
    assert corpus.classes("emotion") == ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
    said = {u.id: (u.speaker, u.sex, u.categories["emotion"]) for u in corpus.utterances}
    assert said["DC/sa01"] == ("DC", "male", "sadness") and said["KL/a02"] == ("KL", "male", "anger")


def test_shemo(tmp_path):
    """The example of its description: F03S02 is the second sad utterance of speaker 03, a woman."""
    names = [f"{who}{code}{n:02}.wav" for who in ("F03", "M02") for code in "AFHNSW" for n in (1, 2)]
    corpus = open_corpus(f"shemo:{folder_of(tmp_path, *names)}")
    said = {u.id: (u.speaker, u.sex, u.categories["emotion"]) for u in corpus.utterances}
    assert said["F03S02"] == ("F03", "female", "sadness") and said["M02F01"] == ("M02", "male", "fear")
    assert {said[f"M02{code}01"][2] for code in "AHNW"} == {"anger", "happiness", "neutral", "surprise"}


def meld(folder: Path) -> Path:
    """Two rows for each split, of which clip 1 of train was not converted, and clip 1 of test is not there."""
    header = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
    row = '{0},"You liked it, {0}?",{1},{2},{3},6,{0},8,21,"00:16:16,059","00:16:21,731"'
    said = (("Monica", "joy", "positive"), ("Ross", "neutral", "neutral"))
    for split in ("train", "dev", "test"):
        folder_of(folder, f"{split}_splits/dia6_utt0.mp4")
        rows = [row.format(number, *each) for number, each in enumerate(said)]
        (folder / f"{split}_sent_emo.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    return folder_of(folder, "train_splits/dia6_utt1.mp4", "wav/dev/dia6_utt0.wav", "wav/dev/dia6_utt1.wav")


def test_meld(tmp_path):
    """Its three tables are the partitions, each with clips of its own under the same names."""
    corpus = open_corpus(f"meld:{meld(tmp_path)}")
    assert {name: len(of) for name, of in corpus.partitions.items()} == {"train": 2, "development": 2, "test": 2}
    of = {u.id: u for u in corpus.utterances}
    first = of["train_dia6_utt0"]
    assert (first.speaker, first.text, first.segment) == ("Monica", "You liked it, 0?", None)
    assert first.categories == {"emotion": "joy", "sentiment": "positive"}
    paths = {name: str(u.path.relative_to(tmp_path)) for name, u in of.items()}
    assert paths["train_dia6_utt1"] == "train_splits/dia6_utt1.mp4"
    assert paths["dev_dia6_utt1"] == "wav/dev/dia6_utt1.wav"
    assert paths["test_dia6_utt1"] == "test_splits/dia6_utt1.mp4"


@pytest.mark.parametrize(
    ("prefix", "name", "code"),
    [
        ("ravdess", "03-01-09-01-01-01-01.wav", "code-unknown"),
        ("ravdess", "03-01-01-01-01-01-25.wav", "code-unknown"),
        ("emodb", "04a01Fa.wav", "code-unknown"),
        ("crema-d", "1001_ABC_ANG_XX.wav", "code-unknown"),
        ("savee", "XY/a01.wav", "code-unknown"),
        ("shemo", "F03X02.wav", "code-unknown"),
        ("meld", "train_splits/dia0_utt0.mp4", "release-missing"),
        ("ravdess", "a.wav", "pattern-unmatched"),
        ("ravdess", "a.txt", "no-audio"),
    ],
)
def test_what_a_corpus_does_not_have_is_refused(tmp_path, prefix, name, code):
    """Files of another corpus, or misnamed ones."""
    with pytest.raises(CorpusError) as error:
        open_corpus(f"{prefix}:{folder_of(tmp_path, name)}")
    assert error.value.code == code


def test_a_bare_folder_is_told_from_its_names(tmp_path):
    """Without prefix or pattern, the error names the corpus; of files of nobody knows what, the pattern."""
    for name, hint in (("03a01Fa.wav", "emodb:"), ("1001_DFA_ANG_XX.wav", "crema-d:"), ("hello.wav", "--pattern")):
        folder = folder_of(tmp_path / name, name)
        with pytest.raises(CorpusError) as error:
            open_corpus(str(folder))
        assert error.value.code == "corpus-unknown" and hint in error.value.remedy
