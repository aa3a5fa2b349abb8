"""Where an encoder carries the emotion dimensions of the demo corpus: ridge probes, layer by layer.

They are apart from the toolkit's own probes, in code and in kind, so that each checks the other.

Shape legend: N utterances · L states · F features of an utterance · K dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probing.demo.corpus import speak
from probing.demo.language import transcript
from probing.demo.script import COUNTS, Line, plan
from probing.encoders.opening import Encoder
from probing.statistics.concordance import ccc

Floats = NDArray[np.float64]
Profile = dict[str, dict[str, list[float]]]  # partition → dimension → CCC of each state

DIMENSIONS = ("arousal", "valence", "dominance")
PENALTIES = 10.0 ** np.arange(-1, 5.5, 0.5)
PER_BATCH = 16


def depth_profile(
    encoder: Encoder, partitions: Sequence[str] = ("development",), counts: Mapping[str, int] = COUNTS
) -> Profile:
    """CCC of ridge probes on each state of an encoder, fitted to the demo corpus's training partition.

    Args:
        encoder: A speech or text encoder (`open_encoder`).
        partitions: What is scored.
        counts: Size of the demo corpus.

    Returns:
        Partition → dimension → CCC of each of the L states.
    """
    lines = [line for line in plan(counts) if line.partition in ("train", *partitions)]
    features_NLF = pooled(encoder, [transcript(line.words) if encoder.reads else _spoken(line) for line in lines])
    of = np.array([line.partition for line in lines])
    ratings_NK = np.array([line.ratings for line in lines])
    scores: Profile = {partition: {dimension: [] for dimension in DIMENSIONS} for partition in partitions}
    for features_NF in features_NLF.swapaxes(0, 1):
        predict = fit_ridge(features_NF[of == "train"], ratings_NK[of == "train"])
        for partition in partitions:
            predicted_NK = predict(features_NF[of == partition])
            for column, dimension in enumerate(DIMENSIONS):
                score = ccc(predicted_NK[:, column], ratings_NK[of == partition, column])
                scores[partition][dimension].append(round(float(score), 4))
    return scores


@cache  # some 170 MB: an encoder in training is looked at again and again
def _spoken(line: Line) -> NDArray[np.float32]:
    return speak(line)


def pooled(encoder: Encoder, inputs: Sequence[Any]) -> NDArray[np.float32]:
    """Mean and maximum over time of every state [N, L, 2 D] of some waveforms or texts."""
    order = sorted(range(len(inputs)), key=lambda place: len(inputs[place]))
    found: dict[int, NDArray[np.float32]] = {}
    for start in range(0, len(order), PER_BATCH):
        batch = order[start : start + PER_BATCH]
        states_BTLD, lengths = encoder.hidden_states([inputs[place] for place in batch])
        for place, states_TLD, length in zip(batch, states_BTLD.cpu().numpy(), lengths, strict=True):
            own_TLD = states_TLD[:length]
            found[place] = np.concatenate([own_TLD.mean(0), own_TLD.max(0)], axis=-1)
    return np.stack([found[place] for place in range(len(inputs))])


def fit_ridge(features_NF: NDArray[Any], targets_NK: Floats) -> Callable[[NDArray[Any]], Floats]:
    """Ridge regression, its penalty chosen for each target by leaving one out.

    Returns:
        A function from features [M, F] to predictions [M, K].
    """
    centre, spread = features_NF.mean(0), features_NF.std(0) + 1e-6
    level = targets_NK.mean(0)
    u, s, vt = np.linalg.svd((features_NF - centre) / spread, full_matrices=False)
    projected = u.T @ (targets_NK - level)
    errors, weights = [], []
    for penalty in PENALTIES:
        kept = s**2 / (s**2 + penalty)
        leverage = 1 / len(u) + np.sum(u**2 * kept, axis=1)
        residual = targets_NK - level - u @ (kept[:, None] * projected)
        errors.append(np.mean((residual / (1 - leverage)[:, None]) ** 2, axis=0))
        weights.append(vt.T @ ((s / (s**2 + penalty))[:, None] * projected))
    best = np.argmin(errors, axis=0)
    chosen = np.stack([weights[index][:, column] for column, index in enumerate(best)], axis=1)
    return lambda features: (features - centre) / spread @ chosen + level
