"""What the whole look at the layers claims where there is nothing to find, or nothing but voices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from probing.calibration.trials import Identity
from probing.calibration.worlds import DIMENSION, STANDARD, Drawn, draw
from probing.corpus.model import EMOTIONS, TEST1, TEST2, Corpus
from probing.probes.ridge import ridge_look
from probing.probes.ridge_results import ridge_estimates, said_of_layers
from probing.runs.scores import clusters_of, places, scores_table
from probing.statistics.permutation import permuted
from probing.statistics.verdicts import FAILS, HOLDS

PERMUTED, VOICES = "permuted labels", "voices alone"
_VOICE = 0.5  # share of the labels' variance that a speaker's level has, where voices are all there is


def trials(runs: int) -> Iterator[Identity]:
    """Runs without anything to find: labels permuted, or labels that go with voices alone."""
    for labels in (PERMUTED, VOICES):
        for number in range(1, runs + 1):
            yield {"labels": labels, "run": number}


def look(identity: Identity) -> dict[str, Any]:
    """What one run claims of three dimensions.

    Returns:
        carried: test partition → number of dimensions said to be carried; claims: number of verdicts on claims about
        places.
    """
    _, drawn = draw(identity["run"], STANDARD)
    generator = np.random.default_rng([identity["run"], 99])
    corpus = _permuted(drawn, generator) if identity["labels"] == PERMUTED else _voices(drawn, generator)
    found = ridge_look(corpus, drawn.normalized().states, EMOTIONS)
    findings, _ = said_of_layers(found, scores_table(corpus, ridge_estimates(found)))
    carried = {
        partition: sum(one.on == partition and one.verdict == HOLDS for one in findings) for partition in (TEST1, TEST2)
    }
    claims = sum(one.on not in carried and one.verdict in (HOLDS, FAILS) for one in findings)
    return {"carried": carried, "claims": claims}


def _permuted(drawn: Drawn, generator: np.random.Generator) -> Corpus:
    """Each dimension's labels are the planted ones, permuted within each partition."""
    corpus = drawn.corpus
    label_N = np.array([utterance.labels[DIMENSION] for utterance in corpus.utterances])
    groups = [places(corpus, partition) for partition in corpus.partitions]
    own = [permuted(label_N, groups, int(generator.integers(2**31))) for _ in EMOTIONS]
    return _labelled(corpus, np.stack(own, axis=1))


def _voices(drawn: Drawn, generator: np.random.Generator) -> Corpus:
    """Each dimension's labels are a level of the speaker's and noise; states hold voices, and nothing else of them."""
    names, member_N = np.unique(clusters_of(drawn.corpus), return_inverse=True)
    level_CK = generator.standard_normal((len(names), len(EMOTIONS)))
    own_NK = generator.standard_normal((len(member_N), len(EMOTIONS)))
    label_NK = np.sqrt(_VOICE) * level_CK[member_N] + np.sqrt(1 - _VOICE) * own_NK
    return _labelled(drawn.corpus, np.clip(0.5 + 0.12 * label_NK, 0, 1))


def _labelled(corpus: Corpus, label_NK: np.ndarray[Any, np.dtype[np.float64]]) -> Corpus:
    utterances = tuple(
        replace(utterance, labels=dict(zip(EMOTIONS, map(float, own_K), strict=True)))
        for utterance, own_K in zip(corpus.utterances, label_NK, strict=True)
    )
    return replace(corpus, utterances=utterances)
