"""One recording, whole or in windows: each window gets what it would get alone, and words are asked for in time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from builders import RATE, waveform
from loud import Loudness
from whisper import teach, tone

from probing.asr.recogniser import Recogniser
from probing.errors import AudioError, OptionError, RunError
from probing.predict.predictor import Predictor, open_run
from probing.runs.records import FinetuneRecord


def test_a_recording_is_estimated_whole() -> None:
    """One row with its length in seconds; a path and a waveform give the same."""
    sound = waveform(1.25, 1)
    found = Predictor(Loudness(), "runs/it").predict(sound)
    assert list(found.columns) == ["start", "end", "arousal", "valence", "dominance"]
    assert (found.start.item(), found.end.item()) == (0, 1.25)
    assert found.arousal.item() == pytest.approx(np.abs(sound).mean())


def test_a_file_is_decoded(tmp_path: Path) -> None:
    """It may be of another rate; one that is not there is an AudioError."""
    soundfile.write(tmp_path / "s.wav", waveform(1.0, 1), RATE, subtype="FLOAT")
    predictor = Predictor(Loudness(), "runs/it")
    assert predictor.predict(str(tmp_path / "s.wav")).arousal.item() == pytest.approx(
        predictor.predict(waveform(1.0, 1)).arousal.item(), abs=1e-6
    )
    with pytest.raises(AudioError):
        predictor.predict(tmp_path / "gone.wav")


def test_a_window_gets_what_it_would_get_alone() -> None:
    """Whatever the number of windows in a batch, which changes only how many are estimated at once."""
    sound = waveform(5.0, 3)
    for batch, batches in ((None, [3]), (2, [2, 1]), (1, [1, 1, 1])):
        stand_in = Loudness()
        found = Predictor(stand_in, "runs/it").predict(sound, window=2, hop=1.5, batch=batch)
        assert list(zip(found.start, found.end, strict=True)) == [(0, 2), (1.5, 3.5), (3, 5)]
        assert stand_in.batches == batches
        for row in found.itertuples():
            piece = sound[round(row.start * RATE) : round(row.end * RATE)]
            assert row.arousal == pytest.approx(np.abs(piece).mean())


def test_a_window_of_a_fine_tuned_run_gets_what_it_would_get_alone(hears: FinetuneRecord) -> None:
    """Padding in a batch of windows of unequal lengths changes no estimate of a real system."""
    sound = waveform(3.3, 3)
    run = open_run(hears.folder)
    found = run.predict(sound, window=1)
    assert (run.scale, run.dimensions, len(found)) == ((1.0, 7.0), ("valence", "arousal"), 4)
    for row in found.itertuples():
        alone = run.predict(sound[round(row.start * RATE) : round(row.end * RATE)])
        assert row.valence == pytest.approx(alone.valence.item(), abs=1e-4)


def test_a_text_is_that_of_every_window() -> None:
    """It stands in the table beside what it led to."""
    found = Predictor(Loudness(reads=True), "runs/it").predict(waveform(2.0, 1), text="four", window=1)
    assert found.text.tolist() == ["four", "four"] and found.dominance.tolist() == [4, 4]


def test_each_window_has_words_of_its_own(reads: FinetuneRecord, tmp_path: Path) -> None:
    """Those that a recogniser finds in it."""
    sound = np.concatenate([tone("low", 2.0, 1), tone("high", 2.0, 2)])
    run = open_run(reads.folder)
    recogniser = Recogniser(str(teach(tmp_path / "asr")))
    found = run.predict(sound, window=2, asr=recogniser.transcribe)
    assert found.text.tolist() == ["low", "high"]
    for row, piece in zip(found.itertuples(), (sound[: 2 * RATE], sound[2 * RATE :]), strict=True):
        assert row.valence == pytest.approx(run.predict(piece, row.text).valence.item(), abs=1e-4)


@pytest.mark.parametrize(("reads", "text", "code"), [(True, None, "no-words"), (False, "said", "no-effect")])
def test_words_are_asked_for_and_refused(reads: bool, text: str | None, code: str) -> None:
    """By a run that reads, and by one that takes audio only; an empty text is a text."""
    predictor = Predictor(Loudness(reads), "runs/it")
    with pytest.raises(OptionError) as caught:
        predictor.predict(waveform(1.0, 1), text)
    assert caught.value.code == code
    predictor.predict(waveform(1.0, 1), "" if reads else None)


def test_what_is_no_run_is_refused(hears: FinetuneRecord, tmp_path: Path) -> None:
    """No folder, a folder of something else, and a seed's own folder."""
    for folder in (tmp_path / "nowhere", tmp_path, hears.folder / "seed0"):
        with pytest.raises(RunError) as caught:
            open_run(folder)
        assert caught.value.code == "no-run"
    (tmp_path / "configuration.json").write_text("{}")
    with pytest.raises(RunError) as caught:
        open_run(str(tmp_path))
    assert caught.value.code == "run-unfinished"


def test_estimating_loads_neither_the_trainer_nor_storage(hears: FinetuneRecord) -> None:
    """With a real run too; accelerate comes with transformers' models themselves."""
    heavy = "{'h5py', 'jiwer', 'transformers.trainer', 'probing.training'}"
    code = (
        "import sys, numpy; from probing import open_run\n"
        f"open_run({str(hears.folder)!r}).predict(numpy.sin(numpy.arange(8000, dtype='f4')))\n"
        f"found = {heavy} & set(sys.modules); assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
