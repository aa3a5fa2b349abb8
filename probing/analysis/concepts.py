"""Concepts to erase: words, sound and speaker, of low rank, and never of labels.

A concept of full rank, such as a bag of words, would erase a whole layer. So words and sound are the leading principal
components, on train, of the text encoder's states and of the acoustic measures, each standardised; a speaker is
described by the leading principal components of what all layers, averaged over the speaker's utterances, tell apart
(with all of them it is the concept of who of train's speakers speaks; one-hot columns themselves have no order).

How many is fixed on development, without labels: the smallest of 1, 2, 4, 8, … with which the layers, once erased, tell
of the concept's source no more than a tenth of what they told. R² of the source by ridge probes of train is averaged
over the layers before it is compared. If no number up to D / 4 is enough, it is D / 4: more would erase the layer.

Shape legend: N utterances · S speakers · L layers · D hidden size · E numbers of the source · K leading components.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probing.analysis.erased import erased_weights
from probing.analysis.leace import Whitened, spanned
from probing.analysis.material import SOUND, SPEAKER, WORDS, Material
from probing.corpus.model import DEVELOPMENT, TRAIN
from probing.probes.closed_form import PENALTIES, Places, Scorer, Targets

LEFT = 0.1  # of what a layer told of the source: with less, it no longer tells of it
_CONSTANT = 1e-12  # of a feature's mean square: a variance that is only rounding
_HIGHER = (1.0, 10.0, 100.0)  # times the penalty that was best before: less is left to tell


@dataclass(frozen=True, eq=False)
class Concept:
    """What is to be erased.

    Args:
        name: `words`, `sound` or `speaker`.
        source_NE: What it is taken from, each number weighted as it counts.
        scores_NK: Leading principal components of that on train, as many as may be erased.
    """

    name: str
    source_NE: NDArray[np.float64]
    scores_NK: NDArray[np.float64]

    def leading(self, rank: int) -> NDArray[np.float64]:
        """The concept of some rank, [N, rank]."""
        return self.scores_NK[:, :rank]

    @property
    def ranks(self) -> list[int]:
        """1, 2, 4, 8, … and the highest possible."""
        highest = self.scores_NK.shape[1]
        return [*(2**step for step in range(highest.bit_length()) if 2**step < highest), highest]


def concepts_of(material: Material) -> tuple[list[Concept], tuple[str, ...]]:
    """The concepts that there is material for, and notes on those that there is none for."""
    train, most = material.places(TRAIN), max(1, material.states_NLD.shape[2] // 4)
    sources: dict[str, NDArray[np.float64] | None] = {
        WORDS: None if material.words_NE is None else _standardised(material.words_NE, train),
        SOUND: None if material.sound_NF is None else _standardised(material.sound_NF, train),
        SPEAKER: _voices(material, train),
    }
    found, notes = [], []
    for name, source_NE in sources.items():
        if source_NE is None:
            notes += ["speaker was not erased: train names fewer than two speakers"] * (name == SPEAKER)
            continue
        scores_NK = _leading(source_NE, train, most)
        if scores_NK.shape[1]:
            found.append(Concept(name, source_NE, scores_NK))
        else:
            notes.append(f"{name} was not erased: it is the same in every utterance of train")
    return found, tuple(notes)


class Told:
    """What one layer tells of a concept's source on development, before and after the concept is erased.

    Args:
        whitened: The layer.
        concept: The concept.
        development: Places of development's utterances.
    """

    def __init__(self, whitened: Whitened, concept: Concept, development: Places) -> None:
        layer, source_NE = whitened.layer, concept.source_NE
        self._whitened = whitened
        self._targets: Targets = whitened.solve(source_NE)
        self._correlations_DK = whitened.correlations(concept.scores_NK)
        seen = whitened.train.project(layer.sums(development))
        self._scorer = Scorer(self._targets, seen, layer.label_sums(development, source_NE[development]))
        self._around = float(self._scorer.squared_error(torch.zeros_like(self._targets.b_DT)).sum())
        nothing_D0 = self._correlations_DK[:, :0]
        r2_G = [self._r2(nothing_D0, penalty) for penalty in PENALTIES[::2]]
        self._penalty = PENALTIES[::2][int(np.argmax(r2_G))]
        self.before = max(*r2_G, 0.0)

    def after(self, rank: int) -> float:
        """R² of the source, by probes of the layer without the concept's leading components; at least 0."""
        directions_DR = spanned(self._correlations_DK[:, :rank])
        return max(*(self._r2(directions_DR, self._penalty * factor) for factor in _HIGHER), 0.0)

    def _r2(self, directions_DR: Tensor, penalty: float) -> float:
        weights_DT = erased_weights(self._whitened, self._targets, directions_DR, penalty)
        error = float(self._scorer.squared_error(weights_DT).sum())
        return 1 - error / self._around if self._around > 0 else 0.0


def settled_ranks(concepts: Sequence[Concept], layers: Iterator[Whitened], development: Places) -> dict[str, int]:
    """Name of a concept → how many of its components are erased, the same in all layers."""
    told: dict[str, list[Told]] = {concept.name: [] for concept in concepts}
    for whitened in layers:
        for concept in concepts:
            told[concept.name].append(Told(whitened, concept, development))
    return {concept.name: _settled(concept, told[concept.name]) for concept in concepts}


def _settled(concept: Concept, told: Sequence[Told]) -> int:
    enough = LEFT * sum(one.before for one in told)
    ranks = concept.ranks
    return next((rank for rank in ranks if sum(one.after(rank) for one in told) <= enough), ranks[-1])


def _standardised(numbers_NE: NDArray[np.floating], train: Places) -> NDArray[np.float64]:
    """Mean 0 and standard deviation 1 on train; a constant number is 0."""
    x_NE = numbers_NE.astype(np.float64)
    own_ME = x_NE[train]
    return (x_NE - own_ME.mean(0)) / np.where(_varies(own_ME), own_ME.std(0), np.inf)


def _leading(source_NE: NDArray[np.float64], train: Places, most: int) -> NDArray[np.float64]:
    """Leading principal components on train, [N, K], that vary at all."""
    own_ME = source_NE[train]
    values_E, vectors_EE = np.linalg.eigh(own_ME.T @ own_ME / len(train) - np.outer(own_ME.mean(0), own_ME.mean(0)))
    kept = np.argsort(-values_E)[:most]
    kept = kept[values_E[kept] > _CONSTANT * max(values_E.max(), 1.0)]
    return np.asarray((source_NE - own_ME.mean(0)) @ vectors_EE[:, kept])


def _voices(material: Material, train: Places) -> NDArray[np.float64] | None:
    """Each utterance's speaker, [N, K]: principal components of train's speakers' mean states, all that vary.

    Speakers of development are seen in the same components, so that it can tell whether a voice is gone; speakers of
    other partitions are not looked at. What development does not name counts as one speaker.
    """
    speakers = [utterance.speaker for utterance in material.corpus.utterances]
    taught = {speakers[place] for place in train}
    if None in taught or len(taught) < 2:
        return None
    places = np.sort(np.concatenate([train, material.places(DEVELOPMENT)]))
    names, own_M = np.unique([speakers[place] or "" for place in places], return_inverse=True)
    taught_S = np.isin(names, sorted(filter(None, taught)))
    products_SS = np.zeros((len(names), len(names)))
    for layer in range(len(material.layers)):
        x_MD = material.states_NLD[places, layer].astype(np.float64)
        sums_SD = np.zeros((len(names), x_MD.shape[1]))
        np.add.at(sums_SD, own_M, x_MD)
        mean_SD = sums_SD / np.bincount(own_M)[:, None]
        mean_SD = (mean_SD - mean_SD[taught_S].mean(0)) / np.where(_varies(x_MD), x_MD.std(0), np.inf)
        products_SS += mean_SD @ mean_SD.T
    values_S, vectors_SS = np.linalg.eigh(products_SS[np.ix_(taught_S, taught_S)])
    kept = np.flatnonzero(values_S > np.sqrt(_CONSTANT) * values_S.max())[::-1][: material.states_NLD.shape[2]]
    scores_SK = products_SS[:, taught_S] @ vectors_SS[:, kept] / np.sqrt(values_S[kept])
    scores_NK = np.zeros((len(speakers), len(kept)))
    scores_NK[places] = scores_SK[own_M]
    return scores_NK


def _varies(x_MD: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which features are not constant but for rounding, [D]."""
    variance_D = x_MD.var(0)
    return np.asarray(variance_D > _CONSTANT * (variance_D + x_MD.mean(0) ** 2))
