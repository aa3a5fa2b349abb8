"""A small world in which layer 0 holds the sound, layer 1 the words, and a speaker has a voice and a sex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probing.analysis.material import Material
from probing.corpus.model import Corpus, Utterance

DIMS = ("arousal", "valence")


@dataclass(frozen=True)
class World:
    """How large it is.

    Args:
        utterances: Number of utterances: of eight, five are of train, two of development and one of test2.
        speakers: Speakers of train and development; those of test2 are others. None: nobody is named.
        wide: Features of each layer.
    """

    utterances: int = 160
    speakers: int | None = 8
    wide: int = 12


def world(about: World | None = None, seed: int = 0) -> Material:
    """Arousal is loudness, valence is one of two words; all else in the states is noise and the speaker's voice."""
    about = about or World()
    rng = np.random.default_rng(seed)
    count = about.utterances
    parts = np.array(["train"] * 5 + ["development"] * 2 + ["test2"])[np.arange(count) % 8]
    number = about.speakers or 1
    who_N = np.arange(count) // 8 % number
    loud_N, glad_N = rng.standard_normal(count), rng.integers(0, 2, count)
    voice_SD = rng.standard_normal((number, about.wide))
    heard_ND = loud_N[:, None] * rng.standard_normal(about.wide) + voice_SD[who_N]
    read_ND = 3 * glad_N[:, None] * rng.standard_normal(about.wide)
    states_NLD = np.stack([heard_ND, read_ND], axis=1) + 0.5 * rng.standard_normal((count, 2, about.wide))
    labels_N2 = np.stack([0.5 + 0.1 * loud_N, 0.3 + 0.4 * glad_N], axis=1) + 0.02 * rng.standard_normal((count, 2))
    utterances = tuple(
        Utterance(
            f"u{n}",
            None,
            part,
            None if about.speakers is None else f"{part == 'test2'}{who}",
            dict(zip(DIMS, map(float, labels), strict=True)),
            "glad day" if glad else "Sad, sad day!",
            "female" if who % 2 else "male",
        )
        for n, (part, who, labels, glad) in enumerate(zip(parts, who_N, labels_N2, glad_N, strict=True))
    )
    words_NE = np.stack([glad_N, rng.standard_normal(count)], axis=1).astype(np.float32)
    sound_NF = np.stack([loud_N, rng.standard_normal(count)], axis=1)
    nuisances = {"energy": loud_N, "channel": np.stack([loud_N, rng.standard_normal(count)], axis=1)}
    corpus = Corpus("world", (0.0, 1.0), utterances)
    return Material(corpus, DIMS, "encoder", (0, 1), states_NLD.astype(np.float32), words_NE, sound_NF, nuisances)
