"""Speech to pre-train on: the demo language in the voices of speakers whom the demo corpus does not have.

Shape legend: S samples at 16 kHz · T frames (50 Hz) · B utterances.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from probing.audio.decode import SAMPLE_RATE
from probing.demo.corpus import VERSION, perform
from probing.demo.language import LEXICON
from probing.demo.phones import VOWELS
from probing.demo.script import HALLS, STUDIOS, Line, draw_line, draw_speaker
from probing.demo.timing import Segment

Integers = NDArray[np.int64]

SPEAKERS = 200
SEED = 1000  # the demo corpus's own seed is 0: its speakers and sentences are others
FRAME, WINDOW = 320, 400  # samples between two frames of HuBERT's front end, and samples that a frame sees
WORDS = {word.syllables: 1 + place for place, word in enumerate(LEXICON)}  # 0 is a pause
SYLLABLES = {s: 1 + place for place, s in enumerate(sorted({s for word in LEXICON for s in word.syllables}))}
FULL_SCALE = 32767


@dataclass(frozen=True)
class Speech:
    """Utterances with their alignment: the word and the syllable that are spoken in each frame.

    Args:
        samples: All waveforms one after another, int16.
        sample_ends: Where each utterance ends in `samples`.
        words: All frames' words one after another, numbered by `WORDS`; 0 is a pause.
        syllables: All frames' syllables one after another, numbered by `SYLLABLES`; 0 is a pause.
        frame_ends: Where each utterance ends in `words` and `syllables`.
    """

    samples: NDArray[np.int16]
    sample_ends: Integers
    words: Integers
    syllables: Integers
    frame_ends: Integers

    def __len__(self) -> int:
        return len(self.frame_ends)

    def waveform(self, index: int) -> NDArray[np.float32]:
        """One utterance [S], mono at 16 kHz."""
        cut = self.samples[self.sample_ends[index - 1] if index else 0 : self.sample_ends[index]]
        return cut.astype(np.float32) / np.float32(FULL_SCALE)

    def of(self, units: Integers, index: int) -> Integers:
        """One utterance's part [T] of units of all frames, such as `words`."""
        return units[self.frame_ends[index - 1] if index else 0 : self.frame_ends[index]]

    @property
    def frames(self) -> Integers:
        """Frames of each utterance."""
        return np.diff(self.frame_ends, prepend=0)

    @property
    def hours(self) -> float:
        """How long it lasts in all."""
        return len(self.samples) / SAMPLE_RATE / 3600


def open_speech(folder: Path, count: int, seed: int = SEED, processes: int = 1) -> Speech:
    """Speak the pre-training sentences, or find them in a folder where they were spoken before.

    Args:
        folder: Where the samples are kept, 100 KB an utterance.
        count: Number of utterances, from 200 speakers by turns (100 low and 100 high voices).
        seed: Equal seeds and counts give equal speech.
        processes: How many speak at once.
    """
    recipe = {"version": VERSION, "count": count, "seed": seed}
    made = folder / "speech.json"
    if not made.is_file() or json.loads(made.read_text("utf-8")) != recipe:
        folder.mkdir(parents=True, exist_ok=True)
        made.unlink(missing_ok=True)
        waveforms, words, syllables = zip(*_spoken(script(count, seed), seed, processes), strict=True)
        for name, parts in (("samples", waveforms), ("words", words), ("syllables", syllables)):
            np.save(folder / f"{name}.npy", np.concatenate(parts))
        for name, parts in (("sample_ends", waveforms), ("frame_ends", words)):
            np.save(folder / f"{name}.npy", np.cumsum([len(part) for part in parts]))
        made.write_text(json.dumps(recipe), "utf-8")
    names = ("samples", "sample_ends", "words", "syllables", "frame_ends")
    return Speech(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in names))


def script(count: int, seed: int = SEED) -> list[Line]:
    """Sentences to pre-train on, with rare words, in studios and halls alike."""
    rng = np.random.default_rng([seed, 0])
    speakers = [draw_speaker(number, (STUDIOS, HALLS)[number // 2 % 2], rng) for number in range(1, SPEAKERS + 1)]
    rng, said = np.random.default_rng([seed, 1]), set[str]()
    return [
        draw_line(f"pretrain-{place + 1:05d}", "pretrain", speakers[place % SPEAKERS], said, rng)
        for place in range(count)
    ]


def alignment(segments: Sequence[Segment], line: Line, samples: int) -> tuple[Integers, Integers]:
    """The word and the syllable [T] at the middle of each frame, as in `Speech`."""
    words, syllables = [], []
    word, place = -1, 0
    for segment in segments:
        word, place = segment.word, place if segment.word == word else 0
        spoken = line.words[word].syllables if word >= 0 else ()
        words.append(WORDS[spoken] if spoken else 0)
        syllables.append(SYLLABLES[spoken[place]] if spoken else 0)
        place += segment.phone in VOWELS.values()  # a vowel ends a syllable
    middles = (np.arange(1 + (samples - WINDOW) // FRAME) * FRAME + WINDOW / 2) / SAMPLE_RATE
    at = np.searchsorted([segment.end for segment in segments[:-1]], middles, side="right")
    return np.array(words, dtype=np.int64)[at], np.array(syllables, dtype=np.int64)[at]


def batches(frames: Integers, per_batch: int, seed: int, n_batches: int) -> Iterator[Integers]:
    """Draw batches of utterances of similar length, pass after pass over all of them.

    Args:
        frames: Length of each utterance.
        per_batch: Utterances in a batch, B.
        seed: Equal arguments give equal batches.
        n_batches: How many are drawn.

    Yields:
        Indices [B].
    """
    drawn = 0
    for epoch in range(1 + n_batches * per_batch // max(1, len(frames) - per_batch)):
        rng = np.random.default_rng([seed, epoch])
        order = np.argsort(frames + rng.uniform(-8, 8, len(frames)), kind="stable")
        starts = np.arange(0, len(order) - per_batch + 1, per_batch)
        for start in rng.permutation(starts):
            if drawn == n_batches:
                return
            drawn += 1
            yield order[start : start + per_batch]


def _spoken(lines: Sequence[Line], seed: int, processes: int) -> Iterator[tuple[NDArray[np.int16], Integers, Integers]]:
    """Samples, words and syllables of every line."""
    with ProcessPoolExecutor(processes) as pool:
        spoken = pool.map(_speak, lines, [seed] * len(lines), chunksize=50)
        yield from tqdm(spoken, desc="pre-training speech", unit="utterance", total=len(lines), disable=None)


def _speak(line: Line, seed: int) -> tuple[NDArray[np.int16], Integers, Integers]:
    segments, waveform = perform(line, seed)
    return (np.rint(waveform * FULL_SCALE).astype(np.int16), *alignment(segments, line, len(waveform)))
