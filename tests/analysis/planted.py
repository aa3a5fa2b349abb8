"""The built-in world without its audio: what was drawn for each utterance, as a corpus and as features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probing.corpus.model import EMOTIONS, Corpus, Utterance
from probing.demo.language import sentence_firmness, transcript
from probing.demo.script import SCALE, Line, plan


def planted(count: int = 1440, seed: int = 0) -> tuple[Corpus, list[Line]]:
    """A corpus of some train and development utterances, and the lines that it was made of."""
    lines = plan({"train": count * 5 // 6, "development": count // 6}, seed)
    utterances = tuple(
        Utterance(
            line.id,
            None,
            line.partition,
            line.speaker.name,
            dict(zip(EMOTIONS, line.ratings, strict=True)),
            transcript(line.words),
        )
        for line in lines
    )
    return Corpus("planted", SCALE, utterances), lines


def sound_of(lines: list[Line]) -> NDArray[np.float64]:
    """What was planted in the voice: arousal and the voice's dominance, [N, 2]."""
    return np.array([[line.arousal, line.voice_dominance] for line in lines])


def words_of(lines: list[Line]) -> NDArray[np.float32]:
    """What was planted in the words: valence and firmness, [N, 2]."""
    return np.array([[line.valence, sentence_firmness(line.words)] for line in lines], np.float32)
