"""A small world to damage: a corpus, encoders, a recogniser, and what every command makes of them.

Each worker has a world of its own, always in the same folder, since records name absolute paths. Between trials the
folder is made anew of hard links to a store that nobody writes to.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np

FORMATS = {  # ending → libsndfile's format and subtype
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
_PARTITIONS = ["train"] * 12 + ["development"] * 4 + ["test1"] * 4 + ["test2"] * 4

# Every command that writes, as it is typed here, in the order in which each finds what it reads.
COMMANDS: dict[str, tuple[str, ...]] = {
    "extract": ("extract", "table.csv", "--encoder", "hubert", "--store", "pooled", "--part-seconds", "3"),
    "extract text": ("extract", "table.csv", "--encoder", "bert", "--store", "pooled"),
    "fit": (
        *("fit", "table.csv", "--encoder", "hubert", "--dim", "valence", "--epochs", "2", "--hidden", "4"),
        *("--batch", "4", "--permutations", "0", "--refits", "0"),
    ),
    "finetune": (
        *("finetune", "table.csv", "--system", "hubert+bert", "--name", "tuned", "--max-steps", "4", "--batch", "4"),
        *("--evaluate-every", "2", "--lr", "1e-3"),
    ),
    "evaluate": ("evaluate", "runs/tuned", "--snr", "5"),
    "layers": tuple("layers table.csv --encoder hubert --text bert --dim valence --random 0 --orders 1".split()),
    "transcribe": ("transcribe", "table.csv", "--asr", "whisper", "--out", "transcripts/t.csv"),
    "predict": tuple(
        "predict runs/fit audio/00.wav audio/01.wav --out out/p.csv --plot out/p.svg --window 0.2".split()
    ),
    "compare": ("compare", "runs/tuned", "runs/other", "--name", "all"),
    "figure": ("figure", "2", "runs/fit"),
    "figure contents": ("figure", "contents", "runs/layers"),
    "report": ("report", "runs/fit", "runs/layers", "runs/tuned", "--name", "all"),
}
# What else is made once, so that the commands above have it.
_ALSO = (tuple("finetune table.csv --system hubert --name other --max-steps 2 --batch 4 --lr 1e-3".split()),)
_DATED = {"fit": "fit", "layers": "layers"}  # commands whose run has a date in its name → its name here
# What each command makes, and so what is taken away before it is typed again.
MAKES: dict[str, tuple[str, ...]] = {
    "extract": ("cache/table-*/hubert-*", "cache/table/audio.json*"),
    "extract text": ("cache/table-*/bert-*",),
    "fit": ("runs/fit*",),
    "finetune": ("runs/tuned", "runs/.tuned*"),
    "evaluate": ("runs/tuned/evaluations",),
    "layers": ("runs/layers*", "cache/table/acoustics*"),
    "transcribe": ("transcripts",),
    "predict": ("out",),
    **dict.fromkeys(("compare", "figure", "figure contents", "report"), ("figures",)),
}

# Of what an interrupted command leaves, what shows that there is work to go on from.
UNFINISHED = {"finetune": "runs/tuned/**/checkpoint-*/trainer_state.json", "transcribe": "transcripts/*partial*"}


def build(here: Path, type_: Callable[[tuple[str, ...]], Any], names: Iterable[str] = COMMANDS) -> None:
    """Make a world in a folder that has its material.

    Args:
        here: The folder.
        type_: Types a `probe` command in that folder; it must succeed.
        names: Commands of which it holds what they make.
    """
    for name in names:
        if name == "evaluate":
            for words in _ALSO:
                type_(words)
        type_(COMMANDS[name])
        if name in _DATED:
            (run,) = (here / "runs").glob(f"{name}-*")
            run.rename(run.with_name(_DATED[name]))
    for folder in ("figures", "out"):
        shutil.rmtree(here / folder, ignore_errors=True)


def material(here: Path, names: Collection[str] = COMMANDS) -> None:
    """The corpus, encoders, and a recogniser where one of the commands needs it: what is not made by `probe`."""
    from builders import CHECKPOINTS, RATE, SMALL, WORDS, save_text_encoder, small_model, waveform
    from soundfile import write
    from transformers import Wav2Vec2FeatureExtractor

    rng = np.random.default_rng(0)
    lines = ["id,path,partition,speaker,arousal,valence,dominance,text"]
    (here / "audio").mkdir(parents=True)
    for number, partition in enumerate(_PARTITIONS):
        arousal, valence, dominance = rng.uniform(0.05, 0.95, 3).round(3)
        sound = waveform(rng.uniform(0.3, 0.7), number, 100 + 200 * arousal)
        write(here / f"audio/{number:02d}.wav", sound, RATE, "PCM_16")
        words, speaker = " ".join(rng.choice(WORDS, 3)), f"{partition[0]}{partition[-1]}{number % 3}"
        labels = f"{arousal},{valence},{dominance}"
        lines.append(f"u{number:02d},audio/{number:02d}.wav,{partition},{speaker},{labels},{words}")
    for ending, (container, subtype) in FORMATS.items():
        write(here / f"audio/one.{ending}", waveform(0.6, 77), RATE, subtype, format=container)
    (here / "table.csv").write_text("\n".join(lines) + "\n")
    (here / "few.csv").write_text("\n".join(lines[:4]) + "\n")
    kind, config, normalize = CHECKPOINTS["hubert"]
    small_model(kind, {**SMALL, **config}, 1).save_pretrained(here / "hubert")
    Wav2Vec2FeatureExtractor(do_normalize=normalize, return_attention_mask=False).save_pretrained(here / "hubert")
    save_text_encoder(here / "bert")
    if "transcribe" in names:
        from whisper import teach

        teach(here / "whisper", steps=30)


def lay_out(store: Path, here: Path) -> None:
    """Make the folder anew: every file a hard link to the store's."""
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(store, here, copy_function=os.link, symlinks=True)


def take_away(here: Path, patterns: Iterable[str]) -> None:
    """Remove what matches some patterns, files and folders."""
    for pattern in patterns:
        for path in list(here.glob(pattern)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def replace_bytes(path: Path, content: bytes) -> None:
    """Give a file other content, without touching the store that it is linked to."""
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
