"""Small checkpoints and a small corpus that the tests make themselves; everything offline, seeded, on the CPU."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported: no test may wait for a network
os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: small models are quickest on one thread
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # and take no processor from the other workers while they wait

import numpy as np
import pytest
import soundfile
from builders import CHECKPOINTS, RATE, SMALL, WORDS, save_text_encoder, small_model, waveform


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Each worker begins with a whole stretch of the files: what they share is then made by one worker, not by all."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


@pytest.fixture(scope="session")
def save_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that saves a small random checkpoint: name, changes to its configuration → folder."""
    from transformers import Wav2Vec2FeatureExtractor

    def save(name: str, seed: int = 1, **changes: object) -> Path:
        model_type, config, do_normalize = CHECKPOINTS[name]
        folder = tmp_path_factory.mktemp("checkpoint") / name
        small_model(model_type, {**SMALL, **config, **changes}, seed).save_pretrained(folder)
        Wav2Vec2FeatureExtractor(do_normalize=do_normalize, return_attention_mask=False).save_pretrained(folder)
        return folder

    return save


@pytest.fixture(scope="session")
def checkpoints(save_checkpoint: Callable[..., Path]) -> dict[str, Path]:
    """One small checkpoint of each kind."""
    return {name: save_checkpoint(name) for name in CHECKPOINTS}


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table corpus of 32 short utterances with audio; pitch follows arousal; labels on [0, 1]."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    lines = ["id,path,partition,speaker,arousal,valence,dominance,text"]
    partitions = ["train"] * 14 + ["development"] * 6 + ["test1"] * 6 + ["test2"] * 6
    for number, partition in enumerate(partitions):
        arousal, valence, dominance = rng.uniform(0.05, 0.95, 3).round(3)
        speaker = f"{'u' if partition == 'test2' else 'd' if partition == 'development' else 's'}{number % 3}"
        soundfile.write(
            folder / f"{number:02d}.wav", waveform(rng.uniform(0.3, 1.6), number, 100 + 200 * arousal), RATE
        )
        lines.append(f"u{number:02d},{number:02d}.wav,{partition},{speaker},{arousal},{valence},{dominance},some words")
    (folder / "small.csv").write_text("\n".join(lines) + "\n")
    return folder / "small.csv"


@pytest.fixture(scope="session")
def read_aloud(table: Path, checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The small corpus with a sentence for each utterance, whose valence follows its first word (`table`).

    `cache` holds pooled states of its audio and of its text, by the encoders in the folders `encoder` and `text`.
    """
    from probing.extraction.extract import extract

    folder = tmp_path_factory.mktemp("read-aloud")
    header, *lines = table.read_text().splitlines()
    rng = np.random.default_rng(3)
    said = [rng.choice(WORDS, 3) for _ in lines]
    rows = [line.split(",") for line in lines]
    for row, words in zip(rows, said, strict=True):
        row[1], row[5], row[7] = str(table.parent / row[1]), f"{0.1 + 0.1 * WORDS.index(words[0]):.2f}", " ".join(words)
    (folder / "read.csv").write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    places = {
        "table": folder / "read.csv",
        "encoder": checkpoints["hubert"],
        "text": save_text_encoder(folder / "reader"),
        "cache": folder / "cache",
    }
    for name in ("encoder", "text"):
        extract(str(places["table"]), str(places[name]), store="pooled", cache=places["cache"])
    return places


@pytest.fixture(scope="session")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recogniser that knows two words."""
    from whisper import teach

    return teach(tmp_path_factory.mktemp("asr") / "whisper-two")


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """A table of six recordings for that recogniser; its text is partly not what was said."""
    from whisper import OWN, SAID, tone

    folder = tmp_path / "spoken"
    folder.mkdir()
    lines = ["id,path,partition,text"]
    for number, (word, text) in enumerate(zip(SAID, OWN, strict=True)):
        soundfile.write(folder / f"{number}.wav", tone(word, 1 + number / 3, 9000 + number), RATE)
        lines.append(f"u{number},{number}.wav,{'train' if number < 4 else 'test1'},{text}")
    (folder / "spoken.csv").write_text("\n".join(lines) + "\n")
    return folder / "spoken.csv"
