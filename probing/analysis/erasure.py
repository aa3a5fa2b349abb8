"""What becomes of a layer's emotion when words, sound or speaker are taken out of it.

Erasers (`leace`) are fitted on train. Ridge probes of train, with the penalty of the highest CCC on development, are
fitted to each layer before and after, and scored on the held-out utterances: all partitions but train and development,
together. What a concept takes stands beside what random subspaces of the same rank take, since any directions of a
layer hold something.

Shape legend: B held-out utterances · L layers · D hidden size · K dimensions · R random subspaces · E erasures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from probing.analysis.concepts import Concept, concepts_of, settled_ranks
from probing.analysis.erased import best_weights, estimates_of
from probing.analysis.falls import Falls, fall_of, notes_on
from probing.analysis.leace import Whitened
from probing.analysis.material import WORDS, Material, table
from probing.corpus.model import DEVELOPMENT, TRAIN
from probing.errors import FitError, OptionError
from probing.probes.closed_form import LayerStates, Places
from probing.probes.ridge_plan import Plan, plans_of
from probing.runs.scores import clusters_of

BEFORE = "before"
RANDOMS = 20
Cell = tuple[int, str, str]  # layer, dimension, and what was erased


@dataclass(frozen=True, eq=False)
class Erasure:
    """What was measured, and the estimates that it was measured from.

    Args:
        material: What it was measured on.
        ranks: Concept → how many directions were erased.
        partition: Names of the held-out partitions, joined by `+`.
        held: Dimension → places of the held-out utterances that are rated, [B].
        estimates: Layer, dimension and concept, or `before` → estimates of those on the unit scale, [B].
        falls: Layer, dimension and concept → what became of the CCC.
        notes: What a reader should know.
        analysis: `erasure`, or `inside` of a running system.
    """

    material: Material
    ranks: Mapping[str, int]
    partition: str
    held: Mapping[str, Places]
    estimates: Mapping[Cell, NDArray[np.float64]]
    falls: Mapping[Cell, Falls]
    notes: tuple[str, ...] = ()
    analysis: str = "erasure"

    def rows(self) -> pd.DataFrame:
        """As rows of contents.csv."""
        found: list[dict[str, object]] = []
        for (layer, dim, concept), own in self.falls.items():
            about = {"layer": layer, "target": dim, "part": concept, "partition": self.partition}
            found += [about | row for row in own.rows(self.ranks[concept])]
        return table(self.analysis, found)


def erase(material: Material, randoms: int = RANDOMS, seed: int = 0, device: str = "cpu") -> Erasure:
    """Erase words, sound and speaker from each layer, and probe again.

    Args:
        material: States, and what there is of words and sound.
        randoms: Random subspaces of each rank; 0 for none.
        seed: Of those.
        device: PyTorch's name of a device with float64.

    Raises:
        FitError: A dimension has fewer than two ratings in train or in development (code `too-few`), or there is
            nothing to erase (`no-concept`).
    """
    plans = plans_of(material.corpus, material.dims, 0)
    concepts, notes = demanded_concepts(material)
    train, development = material.places(TRAIN), material.places(DEVELOPMENT)
    ranks = settled_ranks(concepts, _whitened(material, train, device, "ranks"), development)
    names, held_notes = held_out(material)
    clusters = np.asarray(clusters_of(material.corpus))
    held: dict[str, Places] = {}
    estimates: dict[Cell, NDArray[np.float64]] = {}
    falls: dict[Cell, Falls] = {}
    for plan in plans:
        places = np.array([n for name in names for n in plan.members.get(name, ())], np.int64)
        if len(places) < 2:
            held_notes += (f"{', '.join(plan.names)}: fewer than two ratings in {'+'.join(names)}, so no falls",)
            continue
        held |= dict.fromkeys(plan.names, places)
        layers = _whitened(material, plan.members[TRAIN], device, "erase")
        for layer, whitened in zip(material.layers, layers, strict=True):
            probes = _Probes(whitened, plan, places)
            found = probes.without(concepts, ranks)
            drawn = {rank: probes.without_random(rank, randoms, (seed, layer)) for rank in set(ranks.values())}
            for k, dim in enumerate(plan.names):
                estimates |= {(layer, dim, part): own_KB[k] for part, own_KB in found.items()}
                truth_B = plan.labels_NK[places, k]
                for concept, rank in ranks.items():
                    pair = (found[BEFORE][None, k], found[concept][None, k], drawn[rank][:, None, k])
                    falls[layer, dim, concept] = fall_of(truth_B, *pair, clusters[places].tolist())
    notes += (*held_notes, *notes_on(falls))
    return Erasure(material, ranks, "+".join(names), held, estimates, falls, notes)


def demanded_concepts(material: Material) -> tuple[list[Concept], tuple[str, ...]]:
    """As `concepts_of`; it is an error if there is nothing to erase."""
    concepts, notes = concepts_of(material)
    if not concepts:
        raise FitError(
            f"nothing can be erased from the layers of {material.encoder} on {material.corpus.name}",
            "there are neither words nor acoustic measures that vary, nor two speakers in train",
            "name a text encoder, or measure the sound",
            code="no-concept",
        )
    return concepts, notes


def held_out(material: Material) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the held-out partitions, and notes; development where there are none."""
    names = tuple(name for name in material.corpus.partitions if name not in (TRAIN, DEVELOPMENT))
    if names:
        return names, ()
    note = "falls are on development, on which the penalties were chosen: there is no other partition"
    return (DEVELOPMENT,), (note,)


def beneath(erasure: Erasure, dim: str, layer: int, concept: str = WORDS, count: int = 10) -> pd.DataFrame:
    """The held-out utterances whose estimates gain and lose most when a concept is erased.

    Args:
        erasure: What `erase` gave.
        dim: A dimension.
        layer: Index of a layer.
        concept: What was erased.
        count: Utterances of either kind; fewer where there are fewer.

    Returns:
        id, speaker, partition, text; truth, estimate before and after, on the corpus's scale; change of the squared
        error, below 0 where the estimate gains. The greatest gain comes first, the greatest loss last.

    Raises:
        OptionError: There is no such estimate (code `no-estimate`).
    """
    if (layer, dim, concept) not in erasure.estimates:
        known = ", ".join(dict.fromkeys(f"{name} without {part}" for _, name, part in erasure.falls))
        raise OptionError(
            f"{dim} without {concept} at layer {layer}",
            "it was not estimated",
            f"there is {known or 'none'} at layers {', '.join(map(str, erasure.material.layers))}",
            code="no-estimate",
        )
    corpus, places = erasure.material.corpus, erasure.held[dim]
    own = [corpus.utterances[place] for place in places]
    truth_B = corpus.from_unit(erasure.material.labels(dim)[places])
    before_B, after_B = (corpus.from_unit(erasure.estimates[layer, dim, part]) for part in (BEFORE, concept))
    found = pd.DataFrame(
        {
            "id": [utterance.id for utterance in own],
            "speaker": [utterance.speaker for utterance in own],
            "partition": [utterance.partition for utterance in own],
            "text": [utterance.text for utterance in own],
            "truth": truth_B,
            "before": before_B,
            "after": after_B,
            "change": np.square(truth_B - after_B) - np.square(truth_B - before_B),
        }
    ).sort_values("change", kind="stable")
    gains, loses = found[found.change < 0].head(count), found[found.change > 0].tail(count)
    return pd.concat([gains, loses], ignore_index=True)


class _Probes:
    """Ridge probes of one layer, and what they estimate once something is erased.

    Args:
        whitened: The layer.
        plan: The K dimensions.
        places: The held-out utterances.
    """

    def __init__(self, whitened: Whitened, plan: Plan, places: Places) -> None:
        self._whitened, self._places = whitened, places
        layer, development = whitened.layer, plan.members[DEVELOPMENT]
        self._targets = whitened.solve(plan.labels_NK)
        seen = whitened.train.project(layer.sums(development))
        self._development = (seen, layer.label_sums(development, plan.labels_NK[development]))

    def without(self, concepts: Sequence[Concept], ranks: Mapping[str, int]) -> dict[str, NDArray[np.float64]]:
        """Concept, or `before` → estimates [K, B]."""
        whitened = self._whitened
        directions = [whitened.directions(concept.leading(ranks[concept.name])) for concept in concepts]
        estimates_EKB = self._estimates([whitened.nothing, *directions])
        return dict(zip([BEFORE, *(concept.name for concept in concepts)], estimates_EKB, strict=True))

    def without_random(self, rank: int, count: int, seed: Sequence[int]) -> NDArray[np.float64]:
        """Estimates without random subspaces, [R, K, B]."""
        if not count:
            return np.empty((0, len(self._targets.mean_T), len(self._places)))
        return self._estimates([self._whitened.random(rank, (*seed, rank, number)) for number in range(count)])

    def _estimates(self, erased: Sequence[Tensor]) -> NDArray[np.float64]:
        weights_DT = best_weights(self._whitened, self._targets, erased, self._development)
        return estimates_of(self._whitened, self._targets, weights_DT, self._places)


def _whitened(material: Material, train: Places, device: str, what: str) -> Iterator[Whitened]:
    """The layers one after another, since only one is held in another number format."""
    for place in tqdm(range(len(material.layers)), desc=what, unit="layer", disable=None):
        yield Whitened(LayerStates(material.states_NLD[:, place], train, device), train)
