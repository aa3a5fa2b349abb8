"""A trained system on any recording: the numbers of its run, windows with times, and what cannot be used is named."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from material import RATE, waveform
from test_text import save_text_encoder
from whisper import teach, tone

from probing import load, open_run
from probing.cli import main
from probing.errors import ProbingError
from probing.windows import windows


def typed(*words: object) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def read(result: Result) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(result.stdout))


@pytest.fixture(scope="module")
def hears(checkpoints: dict[str, Path], table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two seeds that hears."""
    root = tmp_path_factory.mktemp("hears")
    places = ("--runs", root / "runs", "--cache", root / "cache", "--name", "it")
    words = ("--system", checkpoints["hubert"], "--max-steps", 3, "--batch", 4, "--seeds", 2, "--lr", 1e-3)
    assert typed("finetune", table, "--scale", 0, 1, *words, *places).exit_code == 0
    return root / "runs/it"


@pytest.fixture(scope="module")
def reads(checkpoints: dict[str, Path], table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that hears and reads."""
    root = tmp_path_factory.mktemp("reads")
    bert = save_text_encoder(root / "bert", words=("some", "words", "low", "high"))
    places = ("--runs", root / "runs", "--cache", root / "cache", "--name", "it")
    words = ("--system", f"{checkpoints['hubert']}+{bert}", "--max-steps", 3, "--batch", 4, "--lr", 1e-3)
    assert typed("finetune", table, "--scale", 0, 1, *words, *places).exit_code == 0
    return root / "runs/it"


def test_a_recording_of_the_corpus_gets_what_its_run_says(hears: Path, table: Path) -> None:
    """Mean over training seeds, on the corpus's scale, whatever it is batched with."""
    found = read(typed("predict", hears, table.parent / "30.wav", table.parent / "07.wav"))
    own = pd.read_csv(hears / "predictions.csv")
    for row, id_ in zip(found.itertuples(), ("u30", "u07"), strict=True):
        said = own[own.id == id_].set_index("dimension")[["seed0", "seed1"]].mean(axis=1)
        assert [row.arousal, row.valence, row.dominance] == pytest.approx(
            [said.arousal, said.valence, said.dominance], abs=1e-4
        )
        assert row.start == 0 and row.end == pytest.approx(len(load(row.file)) / RATE, abs=1e-4)


def test_a_window_gets_what_it_would_get_alone(hears: Path, tmp_path: Path) -> None:
    sound = waveform(5.0, 3)
    soundfile.write(tmp_path / "long.wav", sound, RATE, subtype="FLOAT")
    found = read(typed("predict", hears, tmp_path / "long.wav", "--window", 2, "--hop", 1.5))
    assert list(zip(found.start, found.end, strict=True)) == [(0, 2), (1.5, 3.5), (3, 5)]
    run = open_run(hears)
    for row in found.itertuples():
        alone = run.predict(sound[round(row.start * RATE) : round(row.end * RATE)])
        assert row.valence == pytest.approx(alone.valence.item(), abs=1e-4)


@given(st.integers(400, 100_000), st.integers(400, 50_000), st.integers(1, 50_000))
def test_windows_leave_nothing_out_and_none_is_too_short(samples: int, size: int, step: int) -> None:
    step = max(min(step, size), samples // 200 + 1)
    spans = windows(samples, size / RATE, step / RATE)
    assert all(end - start >= 400 and end - start <= max(size, 400) and end <= samples for start, end in spans)
    assert spans[0][0] == 0
    if step <= size:
        assert spans[-1][1] == samples and all(after[0] <= before[1] for before, after in pairwise(spans))


def test_folders_and_patterns_are_searched_and_what_is_no_audio_is_named(hears: Path, tmp_path: Path) -> None:
    for name in ("a.wav", "deep/b.wav", "c.flac"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, waveform(0.5, 1), RATE)
    (tmp_path / "deep/notes.wav").write_text("this is no audio, just words")
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "zero.wav").touch()
    result = typed("predict", hears, tmp_path)
    assert result.exit_code == 1
    assert [Path(name).name for name in read(result).file] == ["a.wav", "c.flac", "b.wav"]
    assert "notes.wav: it is not an audio file" in result.stderr and "zero.wav: the file is empty" in result.stderr
    assert "2 of 5 files could not be used" in result.stderr
    found = typed("predict", hears, f"{tmp_path}/**/*.wav", tmp_path / "a.wav", "--out", tmp_path / "t.csv")
    assert found.stdout.strip() == str(tmp_path / "t.csv") and len(pd.read_csv(tmp_path / "t.csv")) == 2
    assert "no file is there" in typed("predict", hears, f"{tmp_path}/*.mp3").output


def test_words_are_given_or_recognised(reads: Path, tmp_path: Path) -> None:
    """With --asr each window has words of its own, those that were said in it."""
    sound = np.concatenate([tone("low", 2.0, 1), tone("high", 2.0, 2)])
    soundfile.write(tmp_path / "s.wav", sound, RATE, subtype="FLOAT")
    whisper = teach(tmp_path / "asr")
    found = read(typed("predict", reads, tmp_path / "s.wav", "--window", 2, "--asr", whisper))
    assert list(found.text) == ["low", "high"]
    run = open_run(reads)
    for row, span in zip(found.itertuples(), (sound[: 2 * RATE], sound[2 * RATE :]), strict=True):
        assert row.valence == pytest.approx(run.predict(span, row.text).valence.item(), abs=1e-4)
    given = read(typed("predict", reads, tmp_path / "s.wav", "--text", "some words"))
    assert given.text.item() == "some words"


def test_a_picture_is_drawn_of_what_is_in_the_table(hears: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "s.wav", waveform(3.0, 1), RATE)
    words = ("predict", hears, tmp_path / "s.wav", "--window", 1)
    for name in ("p.png", "p.svg"):
        assert typed(*words, "--plot", tmp_path / name).exit_code == 0
    picture = (tmp_path / "p.svg").read_text()
    assert picture.count("<!-- ") > 10 and "arousal" in picture and "s.wav" in picture
    assert (tmp_path / "p.png").stat().st_size > 5_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--window", 0.02), "320 samples; an encoder's first frame needs 400"),
        (("--window", 1, "--hop", 0), "windows would not move on"),
        (("--hop", 1), "add --window"),
        (("--plot", "p.txt"), "end it in"),
        (("--text", "a", "--asr", "b"), "give one of them"),
        (("--window", "nan"), "0 samples"),
    ],
)
def test_a_mistake_is_said_with_its_remedy(hears: Path, table: Path, words: tuple[object, ...], said: str) -> None:
    result = typed("predict", hears, table.parent / "00.wav", *words)
    assert result.exit_code == 1 and said in result.output and not result.stdout


def test_a_system_that_reads_asks_for_words(reads: Path, table: Path) -> None:
    result = typed("predict", reads, table.parent / "00.wav")
    assert result.exit_code == 1 and "--asr openai/whisper-base" in result.output
    result = typed("predict", reads, table.parent / "00.wav", table.parent / "01.wav", "--text", "x")
    assert "one text for 2 files" in result.output


def test_what_is_no_run_is_refused(table: Path, hears: Path) -> None:
    assert "there is no such folder" in typed("predict", "nowhere", table.parent / "00.wav").output
    assert "it holds no record.json" in typed("predict", table.parent, table.parent / "00.wav").output
    with pytest.raises(ProbingError):
        open_run(hears / "seed0")
