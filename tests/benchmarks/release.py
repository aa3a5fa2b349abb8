"""A made-up release of MSP-Podcast 1.10: its folders, files and sizes, with short noises for recordings.

Sizes of the partitions are those of the release (104,267 utterances); a part of it keeps their shares. What the files
hold is drawn at random, so nothing is to be learned of them.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

RATE = 16_000
SIZES = {"Train": 63_076, "Development": 10_999, "Test1": 16_903, "Test2": 13_289}
UTTERANCES = sum(SIZES.values())
_TURNS = 40  # of a podcast: some 2,600 podcasts
_SPEAKERS = {"Train": 1_100, "Development": 100, "Test1": 90, "Test2": 80}
_CLASSES = tuple("NHASUDCFOX")
_RATERS = 5  # of an utterance, as the release has them at least
_WORDS = "well so I think that people really know what they want when you ask about it and then you see".split()
_SAMPLES = (720, 1_040)  # of a recording, least and most: two or three frames


def write(folder: Path, utterances: int = UTTERANCES, seed: int = 0) -> Path:
    """Write a release, or a part of it.

    Args:
        folder: Where it goes.
        utterances: How many; the partitions keep their shares.
        seed: Of everything drawn.
    """
    rng = np.random.default_rng(seed)
    audio, labels, transcripts = (folder / name for name in ("Audios", "Labels", "Transcripts"))
    for place in (audio, labels, transcripts):
        place.mkdir(parents=True)
    consensus = ["FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"]
    detailed = ["FileName,EmoClass_Major,EmoClass_Second,EmoAct,EmoVal,EmoDom"]
    for number, partition in enumerate(_partitions(utterances)):
        name = f"MSP-PODCAST_{number // _TURNS:04d}_{number % _TURNS:04d}"
        mean = rng.integers(4 * _RATERS, 28, 3) / _RATERS + rng.integers(0, 2, 3) / _RATERS
        own = int(rng.integers(max(_SPEAKERS[partition] * utterances // UTTERANCES, 8)))
        speaker = "Unknown" if number % 9 == 0 else f"{partition[0]}{partition[-1]}{own}"
        letter, sex = _CLASSES[rng.integers(len(_CLASSES))], ("Male", "Female")[own % 2]
        consensus.append(f"{name}.wav,{letter},{mean[0]:g},{mean[1]:g},{mean[2]:g},{speaker},{sex},{partition}")
        for answer in rng.integers(1, 8, (_RATERS, 3)):
            detailed.append(f"{name}.wav,Happy,,{answer[0]},{answer[1]},{answer[2]}")
        _record(audio / f"{name}.wav", rng)
        if number % 50:  # some are missing in every release
            (transcripts / f"{name}.txt").write_text(" ".join(_WORDS[i] for i in rng.integers(len(_WORDS), size=12)))
    (labels / "labels_consensus.csv").write_text("\n".join(consensus) + "\n")
    (labels / "labels_detailed.csv").write_text("\n".join(detailed) + "\n")
    return folder


def _partitions(utterances: int) -> list[str]:
    """The partition of each utterance."""
    ends = np.cumsum(list(SIZES.values())) * utterances / UTTERANCES
    return np.array(list(SIZES))[np.searchsorted(ends, np.arange(utterances), side="right")].tolist()


def _record(path: Path, rng: np.random.Generator) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(rng.integers(-8_000, 8_000, rng.integers(*_SAMPLES), np.int16).tobytes())
