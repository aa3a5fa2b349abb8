"""A trained system on any recording: the numbers of its run, windows with times, and what cannot be used is named."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from builders import RATE, waveform
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from test_text import save_text_encoder
from whisper import teach, tone

from probing import load, open_run
from probing.audio.windows import windows
from probing.cli.main import main
from probing.errors import ProbingError


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
        (("--text", "a"), "words change nothing"),
        (("--asr", "nowhere"), "words change nothing"),
        (("--out", "."), "."),
        (("--plot", "/dev/null/p.png"), "/dev/null"),
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


@pytest.fixture(scope="module")
def fitted(checkpoints: dict[str, Path], table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with caches of all frames and of statistics, float32, and a place for runs."""
    root = tmp_path_factory.mktemp("fitted")
    for store in ("frames", "pooled"):
        words = ("--encoder", checkpoints["hubert"], "--store", store, "--dtype", "float32", "--out", root / "cache")
        assert typed("extract", table, "--scale", 0, 1, *words).exit_code == 0
    return root


def fit(root: Path, table: Path, encoder: Path, *words: object) -> Path:
    """Fit probes, and the run's folder."""
    places = ("--cache", root / "cache", "--runs", root / "runs", "--dtype", "float32", "--encoder", encoder)
    few = ("--dim", "all", "--seeds", 2, "--epochs", 3)
    result = typed("fit", table, "--scale", 0, 1, *places, *few, *words)
    assert result.exit_code == 0, result.output
    return Path(result.stdout.split()[-1]).parent


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ((), "weighted"),
        (("--normalize", "layer"), "weighted"),
        (("--store", "pooled", "--pooling", "max"), "weighted"),
        (("--store", "frames", "--pooling", "mean+max", "--normalize", "layer"), "weighted"),
        (("--layers", "each"), "best"),
    ],
)
def test_fitted_probes_give_what_their_run_says(
    fitted: Path, checkpoints: dict[str, Path], table: Path, words: tuple[object, ...], kind: str
) -> None:
    """From the audio, through the encoder again: the estimates that were made from the cache."""
    folder = fit(fitted, table, checkpoints["hubert"], *words)
    found = read(typed("predict", folder, table.parent / "30.wav", table.parent / "07.wav"))
    own = pd.read_csv(folder / "predictions.csv")
    best = json.loads((folder / "record.json").read_text())["best_layers"]
    for row, id_ in zip(found.itertuples(), ("u30", "u07"), strict=True):
        for dimension in ("arousal", "valence", "dominance"):
            names = [f"{kind if kind == 'weighted' else f'layer{best[dimension]}'}-seed{seed}" for seed in (0, 1)]
            said = own[(own.id == id_) & (own.dimension == dimension)][names].mean(axis=1).item()
            assert getattr(row, dimension) == pytest.approx(said, abs=1e-4)


def test_probes_of_a_convolution_and_of_words(checkpoints: dict[str, Path], table: Path, tmp_path: Path) -> None:
    """State C in front of the layers; and probes on a text encoder, which read what is said."""
    bert = save_text_encoder(tmp_path / "bert", words=("some", "words", "low", "high"))
    for encoder, words in ((checkpoints["hubert"], ("--convolution",)), (bert, ())):
        options = ("--encoder", encoder, "--dtype", "float32", *words)
        assert typed("extract", table, "--scale", 0, 1, *options, "--out", tmp_path / "cache").exit_code == 0
        folder = fit(tmp_path, table, encoder, "--layers", "each", *words)
        text = pd.read_csv(table).set_index("id").text["u07"]
        spoken = ("--text", text) if encoder == bert else ()
        found = read(typed("predict", folder, table.parent / "07.wav", *spoken))
        own = pd.read_csv(folder / "predictions.csv")
        best = json.loads((folder / "record.json").read_text())["best_layers"]["valence"]
        names = [f"layer{best}-seed{seed}" for seed in (0, 1)]
        said = own[(own.id == "u07") & (own.dimension == "valence")][names].mean(axis=1).item()
        assert found.valence.item() == pytest.approx(said, abs=1e-4)
    assert "no words were given" in typed("predict", folder, table.parent / "07.wav").output


def test_probes_want_the_encoder_that_they_were_fitted_on(
    fitted: Path, checkpoints: dict[str, Path], table: Path, tmp_path: Path
) -> None:
    """A fit from a cache file knows no encoder; another one's weights are refused; so is a damaged run."""
    file = next((fitted / "cache").rglob("*pooled*.h5"))
    words = ("--cache", file, "--runs", tmp_path, "--epochs", 1, "--seeds", 1)
    result = typed("fit", table, "--scale", 0, 1, *words)
    assert result.exit_code == 0, result.output
    folder, sound = Path(result.stdout.split()[-1]).parent, table.parent / "07.wav"
    assert "does not say how its encoder is opened" in typed("predict", folder, sound).output
    assert typed("predict", folder, sound, "--encoder", checkpoints["hubert"]).exit_code == 0
    other = typed("predict", folder, sound, "--encoder", f"{checkpoints['hubert']}@random")
    assert other.exit_code == 1 and "its weights or its preprocessing are others" in other.output
    smaller = typed("predict", folder, sound, "--encoder", "demo-distilhubert")
    assert smaller.exit_code == 1 and "name the very same one, which was called" in smaller.output
    (folder / "probes.safetensors").write_bytes(b"short")
    assert "it is damaged" in typed("predict", folder, sound, "--encoder", checkpoints["hubert"]).output
    (folder / "probes.safetensors").unlink()
    assert "there is no such file" in typed("predict", folder, sound, "--encoder", checkpoints["hubert"]).output


def test_a_fine_tuned_run_takes_no_encoder(hears: Path, table: Path) -> None:
    result = typed("predict", hears, table.parent / "07.wav", "--encoder", "hubert-base")
    assert result.exit_code == 1 and "leave --encoder out" in result.output
