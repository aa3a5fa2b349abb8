"""Small corpora, in memory and on disk, for the tests of corpora and of what reads them; and refusals by their code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import soundfile

from probing.corpus.model import Corpus, Utterance
from probing.corpus.scan import AudioScan
from probing.errors import AudioError, ProbingError

HEADER = "id,path,partition,speaker,arousal,valence,dominance,text"
ROWS = (
    "u1,audio/u1.wav,train,s1,0.1,0.2,0.3,hello there",
    "u2,audio/u2.wav,development,s2,0.4,0.5,0.6,good day",
    "u3,audio/u3.wav,test1,s1,0.7,0.8,0.9,bye",
)
SPEAKERS = {"train": "abc", "development": "d", "test1": "ab", "test2": "xy"}  # one letter for each speaker
_Error = TypeVar("_Error", bound=ProbingError)


def write(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    """A text file of these lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def refusal(kind: type[_Error], code: str, call: Callable[..., Any], /, *args: Any, **options: Any) -> _Error:
    """The error of a kind and a code with which a call is refused; it always says what to do."""
    with pytest.raises(kind) as caught:
        call(*args, **options)
    assert caught.value.code == code
    assert caught.value.remedy
    return caught.value


def names_all(error: ProbingError, *facts: str) -> bool:
    """Whether an error's message names facts: a file, a line, a value, ids, an option."""
    missing = [fact for fact in facts if fact not in str(error)]
    assert not missing, f"{missing} not in: {error}"
    return True


def corpus_of(*utterances: Utterance, scale: tuple[float, float] = (1.0, 7.0)) -> Corpus:
    """A corpus of these utterances."""
    return Corpus("planted", scale, tuple(utterances))


def whole_corpus() -> Corpus:
    """Four partitions with nothing missing: every utterance has audio, text, speaker, arousal and valence."""
    utterances = [
        Utterance(
            f"{partition}-{speaker}{take}",
            Path(f"/nowhere/{partition}-{speaker}{take}.wav"),
            partition,
            speaker,
            {"arousal": 1.0 + take, "valence": 5.0 - take},
            "words",
        )
        for partition, speakers in SPEAKERS.items()
        for speaker in speakers
        for take in range(4)
    ]
    return corpus_of(*utterances)


def changed(corpus: Corpus, ids: str | list[str], **changes: Any) -> Corpus:
    """The corpus with some fields of some utterances changed."""
    chosen = [ids] if isinstance(ids, str) else ids
    return replace(corpus, utterances=tuple(replace(u, **changes) if u.id in chosen else u for u in corpus.utterances))


def scan_of(corpus: Corpus, *damaged: str) -> AudioScan:
    """A scan in which every file is 32,000 samples long, except for the damaged ones."""
    return AudioScan(
        {u.id: 32_000 for u in corpus.utterances if u.id not in damaged},
        {id_: AudioError(f"/nowhere/{id_}.wav", "0 bytes", "copy it again", code="audio-empty") for id_ in damaged},
    )


def record(path: Path, samples: int = 800, rate: int = 16_000, seed: int = 0) -> Path:
    """A sound file of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.5, 0.5, samples), rate)
    return path


def save_table(folder: Path, name: str = "labels.csv", cells: Mapping[tuple[int, str], str] | None = None) -> Path:
    """A table of eight recorded, rated and transcribed utterances on [0, 1].

    Args:
        folder: Where the table and its audio go.
        name: Name of the table; tabs separate its cells if it ends in .tsv.
        cells: Row and column → another value.
    """
    mark = "\t" if name.lower().endswith(".tsv") else ","
    columns = HEADER.split(",")
    lines = [mark.join(columns)]
    for row, partition in enumerate(["train"] * 4 + ["development", "test1", "test2", "test2"]):
        speaker = f"{partition[-1]}{row % 2}"
        values = [f"u{row}", f"u{row}.wav", partition, speaker, f"0.{row}", f"0.{9 - row}", "0.5", f"word {row}"]
        record(folder / f"u{row}.wav", seed=row)
        lines.append(
            mark.join((cells or {}).get((row, column), value) for column, value in zip(columns, values, strict=True))
        )
    return write(folder / name, *lines)


def spoken(n: int = 300, seed: int = 0) -> Corpus:
    """Utterances of twelve words each, drawn from 200 made-up words."""
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("abcdefgh"), 5)) for _ in range(200)]
    said = [" ".join(rng.choice(words, 12)) for _ in range(n)]
    return Corpus("c", (0, 1), tuple(Utterance(f"u{i}", None, "test1", text=t) for i, t in enumerate(said)))
