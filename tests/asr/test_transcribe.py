"""A recogniser's words become a table; a kill loses nothing; errors are those that were planted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner
from whisper import RATE, WINDOW, teach, tone

from probing.asr.recogniser import Recogniser, chunks
from probing.cli.main import main
from probing.errors import EncoderError

SAID = ["low", "high", "high", "low", "high", "low"]
OWN = ["low", "high", "low", "low low", "", "Low!"]  # what the table says was said


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recogniser that knows two words."""
    return teach(tmp_path_factory.mktemp("asr") / "whisper-two")


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of six recordings; its text is partly not what was said."""
    folder = tmp_path_factory.mktemp("spoken")
    lines = ["id,path,partition,text"]
    for number, (word, text) in enumerate(zip(SAID, OWN, strict=True)):
        soundfile.write(folder / f"{number}.wav", tone(word, 1 + number / 3, 9000 + number), RATE)
        lines.append(f"u{number},{number}.wav,{'train' if number < 4 else 'test1'},{text}")
    (folder / "spoken.csv").write_text("\n".join(lines) + "\n")
    return folder / "spoken.csv"


def _run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_what_is_said_is_written_down_whatever_the_batch(whisper: Path) -> None:
    recogniser = Recogniser(str(whisper))
    sounds = [tone(word, 1 + place / 3, 9000 + place) for place, word in enumerate(SAID)]
    assert recogniser.transcribe(sounds) == recogniser.transcribe(sounds, batch=1) == SAID


def test_long_audio_is_heard_to_its_end(whisper: Path) -> None:
    pause = np.zeros(RATE // 2, np.float32)
    sound = np.concatenate([part for word in SAID[:4] for part in (tone(word, 4.0, 7), pause)])
    assert len(sound) > 3 * WINDOW * RATE
    assert Recogniser(str(whisper)).transcribe([sound, tone("high", 1, 3)]) == ["low high high low", "high"]


def test_chunks_are_cut_in_pauses_and_lose_no_sample() -> None:
    rng = np.random.default_rng(0)
    sound = rng.uniform(0.5, 1, 95 * RATE).astype(np.float32)
    pauses = [27.0, 52.5, 80.0]  # s; each within the last five seconds of a window of 30
    for pause in pauses:
        sound[round((pause - 0.2) * RATE) : round((pause + 0.2) * RATE)] = 0.001
    pieces = chunks(sound, 30)
    assert np.array_equal(np.concatenate(pieces), sound) and max(map(len, pieces)) <= 30 * RATE
    ends = np.cumsum([len(piece) for piece in pieces[:-1]]) / RATE
    assert ends == pytest.approx(pauses, abs=0.2)


def test_word_errors_are_those_that_were_planted(whisper: Path, spoken: Path, tmp_path: Path) -> None:
    code, said = _run("transcribe", spoken, "--asr", whisper, "--out", tmp_path / "t.csv")
    assert code == 0, said
    table = pd.read_csv(tmp_path / "t.csv", dtype=str, keep_default_na=False)
    assert list(table.id) == [f"u{n}" for n in range(6)] and list(table.text) == SAID
    made = json.loads((tmp_path / "t.json").read_text())
    # train: low/low, high/high, low/high (a substitution), low low/low (a deletion): 2 errors in 5 words
    train, test = made["wer"]["train"], made["wer"]["test1"]
    assert train == {"wer": 0.4, "words": 5, "substitutions": 1, "deletions": 1, "insertions": 0}
    assert test == {"wer": 0.0, "words": 1, "substitutions": 0, "deletions": 0, "insertions": 0}  # u4 has no text
    assert "jiwer" in said and "English normaliser" in said and "40.0%" in said
    assert made["parameters"] == Recogniser(str(whisper)).parameters and made["language"] == "en"


def test_the_table_replaces_the_corpus_s_words_and_brings_its_errors_along(
    whisper: Path, spoken: Path, tmp_path: Path
) -> None:
    table = tmp_path / "t.csv"
    assert _run("transcribe", spoken, "--asr", whisper, "--out", table)[0] == 0
    code, said = _run("check", spoken, "--transcripts", table)
    assert "transcripts: whisper-two; WER train 40.0%" in said, said
    with table.open("a") as file:
        file.write("u9,extra\n")
    code, said = _run("check", spoken, "--transcripts", table)
    assert code == 1 and "1 ids that spoken does not have: u9" in said


def test_typed_again_nothing_is_done_again_and_another_recogniser_is_refused(
    whisper: Path, spoken: Path, tmp_path: Path
) -> None:
    words = ("transcribe", spoken, "--asr", whisper, "--out", tmp_path / "t.csv")
    first = _run(*words)
    before = (tmp_path / "t.csv").stat().st_mtime_ns
    assert _run(*words) == first and (tmp_path / "t.csv").stat().st_mtime_ns == before
    code, said = _run(*words, "--language", "de")
    assert code == 1 and "there already" in said and "--out" in said


def test_killed_and_typed_again_it_goes_on_and_ends_the_same(whisper: Path, spoken: Path, tmp_path: Path) -> None:
    driver = (
        "import os, signal, sys\nfrom probing.recognise import Recogniser\nreal, calls = Recogniser.transcribe, [0]\n"
        "def transcribe(self, *words):\n"
        "    calls[0] += 1\n"
        "    if calls[0] == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return real(self, *words)\n"
        "Recogniser.transcribe = transcribe\nfrom probing.cli import main\nmain(sys.argv[1:])\n"
    )
    words = ["transcribe", str(spoken), "--asr", str(whisper), "--batch", "2", "--out", str(tmp_path / "t.csv")]
    ended = subprocess.run([sys.executable, "-c", driver, *words], capture_output=True, env=os.environ.copy())
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    partial = tmp_path / "t.partial"
    assert not (tmp_path / "t.csv").exists() and len(partial.read_text().splitlines()) == 3
    with partial.open("a") as file:
        file.write('["u2", "hi')  # cut off in the middle of a line
    other = [word if word != "2" else "3" for word in words]
    assert _run(*other)[0] == 0
    assert list(pd.read_csv(tmp_path / "t.csv").text) == SAID and not partial.exists()


def test_what_a_user_mistypes_is_said(whisper: Path, spoken: Path, checkpoints: dict[str, Path]) -> None:
    code, said = _run("transcribe", spoken, "--asr", whisper, "--language", "fr")
    assert code == 1 and "it knows de, en" in said
    assert "type en" in _run("transcribe", spoken, "--asr", whisper, "--language", "english")[1]
    code, said = _run("transcribe", spoken, "--asr", checkpoints["hubert"])
    assert code == 1 and "it is a hubert model" in said
    code, said = _run("transcribe", spoken, "--asr", "openai/whisper-tiny")
    assert code == 1 and "hf download openai/whisper-tiny" in said


def test_a_recogniser_for_english_alone_knows_no_other_language(whisper: Path, tmp_path: Path) -> None:
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    model = WhisperForConditionalGeneration.from_pretrained(whisper)
    model.generation_config.is_multilingual = False
    model.save_pretrained(tmp_path / "en")
    WhisperProcessor.from_pretrained(whisper).save_pretrained(tmp_path / "en")
    with pytest.raises(EncoderError, match="English alone"):
        Recogniser(str(tmp_path / "en"), "de")
    assert Recogniser(str(tmp_path / "en")).name == "en"
