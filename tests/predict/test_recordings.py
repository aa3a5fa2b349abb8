"""Many recordings: of a folder the audio files, of names what is named, and a table of all that can be decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from builders import RATE, waveform
from loud import Loudness

from probing.audio.endings import AUDIO_ENDINGS
from probing.errors import EncoderError, OptionError, ProbingError
from probing.predict.found import found_files
from probing.predict.predictor import Predictor
from probing.predict.recordings import predict_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings of several kinds, with what usually lies beside them."""
    root = tmp_path / "recordings"
    for number, name in enumerate(("a.wav", "deep/b.WAV", "c.flac", "deep/d.ogg")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, waveform(0.5, number), RATE)
    for name in ("README.md", "deep/labels.csv", "a.txt", "noending", ".hidden.wav"):
        (root / name).write_text("no audio, just words")
    return root


@pytest.fixture
def predictor(tmp_path: Path) -> Predictor:
    """A stand-in that estimates how loud a recording is."""
    return Predictor(Loudness(), tmp_path / "runs/any")


def names(files: list[Path]) -> list[str]:
    """Their names alone."""
    return [path.name for path in files]


def test_of_a_folder_only_audio_files_are_taken(folder: Path) -> None:
    """At any depth, whatever the case of their ending; a README and a table beside them are no recordings."""
    assert names(found_files([folder])) == ["a.wav", "c.flac", "b.WAV", "d.ogg"]


@pytest.mark.parametrize("name", ["x.m4a", "x.aac", "x.mp4", "x.webm", "x.opus", "x.mp3", "x.AIFF", "x.w64"])
def test_recordings_that_may_be_undecodable_are_taken_too(tmp_path: Path, name: str) -> None:
    """They are then named as such, instead of being passed over."""
    (tmp_path / name).write_text("x")
    assert names(found_files([tmp_path])) == [name]


def test_every_format_of_libsndfile_has_its_ending() -> None:
    """What can be decoded in a folder is not passed over."""
    assert {f".{kind.lower()}" for kind in soundfile.available_formats()} - {".raw"} <= AUDIO_ENDINGS
    assert not {".raw", ".md", ".txt", ".csv", ".json", ".png", ".pdf", ""} & AUDIO_ENDINGS


def test_what_is_named_is_always_taken(folder: Path) -> None:
    """A file without an ending, one that is not there, and what a pattern names; each once and in the order named."""
    named = [folder / "noending", folder / "gone.wav", f"{folder}/**/*.[wW]*", folder / "a.wav"]
    assert names(found_files(named)) == ["noending", "gone.wav", ".hidden.wav", "a.wav", "b.WAV"]


def test_patterns_are_found_below_the_present_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern may be relative."""
    monkeypatch.chdir(folder)
    assert found_files(["deep/*.ogg"]) == [Path("deep/d.ogg")]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    """`take[1].wav` is there, so it is meant."""
    (tmp_path / "take[1].wav").write_text("x")
    assert names(found_files([tmp_path / "take[1].wav"])) == ["take[1].wav"]


@pytest.mark.parametrize(("name", "code"), [("", "no-audio"), ("*.mp3", "no-match")])
def test_where_no_audio_is_nothing_is_done(tmp_path: Path, name: str, code: str) -> None:
    """A folder with a README alone, and a pattern that nothing fits."""
    (tmp_path / "README.md").write_text("x")
    with pytest.raises(ProbingError) as caught:
        found_files([tmp_path / name])
    assert caught.value.code == code


def test_what_cannot_be_decoded_is_named_and_the_rest_is_done(folder: Path, predictor: Predictor) -> None:
    """The table has the others, file by file; each refusal names its file."""
    (folder / "deep/e.wav").write_text("no audio")
    (folder / "f.wav").touch()
    found = predict_files(predictor, found_files([folder]), window=0.25)
    assert list(found.table.columns) == ["file", "start", "end", "arousal", "valence", "dominance"]
    assert names([Path(name) for name in dict.fromkeys(found.table.file)]) == ["a.wav", "c.flac", "b.WAV", "d.ogg"]
    assert found.table.groupby("file").size().eq(2).all()
    assert sorted(Path(error.what).name for error in found.refused) == ["e.wav", "f.wav"]


def test_a_recording_whose_name_is_no_text_is_estimated(folder: Path, predictor: Predictor) -> None:
    """The table shows its bytes as numbers; a folder of such a name is no hindrance either."""
    odd = folder.rename(folder.with_name("r\udce9"))
    (odd / "a.wav").rename(odd / "a\udcff.wav")
    found = predict_files(predictor, found_files([odd]))
    assert found.refused == () and len(found.table) == 4
    assert found.table.file[0].endswith("r\\xe9/a\\xff.wav")


def test_what_is_noted_of_a_recording_is_told(folder: Path, predictor: Predictor) -> None:
    """In a line with its name; it is estimated all the same."""
    raw = bytearray((folder / "a.wav").read_bytes())
    raw[40:44] = bytes(4)
    (folder / "a.wav").write_bytes(raw)
    found = predict_files(predictor, found_files([folder]))
    assert len(found.table) == 4 and not found.refused
    assert len(found.notes) == 1 and str(folder / "a.wav") in found.notes[0]


def test_where_nothing_can_be_decoded_the_table_is_empty(tmp_path: Path, predictor: Predictor) -> None:
    """It still has its columns."""
    found = predict_files(predictor, [tmp_path / "gone.wav"])
    assert found.table.empty and "valence" in found.table.columns and len(found.refused) == 1


def test_one_text_is_for_one_recording(folder: Path, tmp_path: Path) -> None:
    """A text for several files is refused before any of them is decoded; so are words that change nothing."""
    reads, hears = Predictor(Loudness(reads=True), tmp_path), Predictor(Loudness(), tmp_path)
    files = [folder / "a.wav", folder / "c.flac"]
    assert predict_files(reads, files[:1], "said").table.text.tolist() == ["said"]
    for predictor, text, code in ((reads, "said", "one-text"), (reads, None, "no-words"), (hears, "said", "no-effect")):
        with pytest.raises(OptionError) as caught:
            predict_files(predictor, files, text)
        assert caught.value.code == code
    said = predict_files(reads, files, asr=lambda pieces: [f"{len(piece)} samples" for piece in pieces]).table
    assert said.text.tolist() == ["8000 samples"] * 2
    np.testing.assert_allclose(said.end, 0.5)


def test_a_recording_that_is_too_short_for_the_encoder_is_named_and_the_others_are_estimated(
    folder: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with the encoder itself ends all."""
    estimate, code = Loudness.estimate, "audio-too-short"

    def refusing(self: Loudness, pieces: list[np.ndarray], texts: object) -> np.ndarray:
        if len(pieces[0]) < RATE // 4:
            raise EncoderError("an utterance", "an encoder makes not one frame of it", "", code=code)
        return estimate(self, pieces, texts)

    monkeypatch.setattr(Loudness, "estimate", refusing)
    soundfile.write(folder / "e.wav", waveform(0.1, 9), RATE)
    found = predict_files(predictor, found_files([folder]))
    assert len(found.table) == 4 and [(e.code, Path(e.what).name) for e in found.refused] == [("audio-short", "e.wav")]
    code = "encoder-memory"
    with pytest.raises(EncoderError):
        predict_files(predictor, found_files([folder]))
