"""Erasure inside a running system: a claim about a layer is tested where the layer is used.

At a layer of a fine-tuned system's audio encoder every frame is erased, the rest of the system runs on, and its own CCC
is compared with what it is without the eraser. The eraser is fitted on train, on single frames of the layer, each with
the concept of its utterance: then no linear probe of a frame, or of an average of frames, tells of it. The system pools
maxima too, and the layers above are not linear, which is why the fall is measured and not taken for granted. A text
encoder of the system is left as it is.

Shape legend: B held-out utterances · K dimensions · S training seeds · E erasers of a kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probing.analysis.concepts import settled_ranks
from probing.analysis.erasure import BEFORE, RANDOMS, Cell, Erasure, demanded_concepts, held_out
from probing.analysis.falls import Falls, fall_of, notes_on
from probing.analysis.leace import Eraser, Whitened
from probing.analysis.material import Material
from probing.analysis.running import Running
from probing.corpus.checked import Checked
from probing.corpus.model import DEVELOPMENT, TRAIN
from probing.errors import FitError, RunError
from probing.probes.closed_form import LayerStates, Places
from probing.runs.records import FinetuneRecord
from probing.runs.scores import clusters_of
from probing.runs.store import demand_whole, read_kind
from probing.systems.inference import opened
from probing.systems.inputs import feed

Estimates = Mapping[tuple[int, str], NDArray[np.float64]]  # layer and name of erasers → estimates [E, S, B, K]


def erase_inside(
    run: Path | str,
    checked: Checked,
    material: Material,
    layers: Sequence[int] | None = None,
    randoms: int = RANDOMS,
    seed: int = 0,
    device: str = "cpu",
) -> Erasure:
    """Erase words, sound and speaker at a layer inside a fine-tuned system, and score the system.

    Args:
        run: Folder of a `probe finetune` run; the mean over its training seeds is scored.
        checked: The corpus with audio, and with words where the system reads.
        material: Words and sound of the same utterances; the states are the system's own.
        layers: States of its audio encoder, 0 being the transformer's input; None: four from first to last.
        randoms: Random subspaces of each rank; 0 for none.
        seed: Of those.
        device: PyTorch's name of a device.

    Returns:
        As `erase`; the estimates are means over the training seeds.

    Raises:
        RunError: The folder holds no whole run of `probe finetune` (codes of `probing.runs.store`), or its system has
            no audio encoder (`run-deaf`).
        OptionError: The encoder has no such layer (code `layer-unknown`).
        FitError: The corpus is not the material's (code `other-utterances`), the system estimates none of the
            material's dimensions (`no-ratings`), train or development is nearly empty (`too-few`), or there is nothing
            to erase (`no-concept`).
    """
    record = read_kind(Path(run), FinetuneRecord)
    demand_whole(record, digests=True)
    _refuse_unfit(record, checked, material)
    names, notes = held_out(material)
    held_B = material.places(*names)
    ranks: dict[str, int] = {}
    by_seed: list[Estimates] = []
    for number in record.seeds:
        running = _running(record, number, checked, "cpu" if device == "mps" else device)  # Apple's has no float64
        own_layers = running.layers(layers)
        states = running.states(material.places(TRAIN, DEVELOPMENT), own_layers)
        own = replace(material, encoder=record.title, layers=own_layers, states_NLD=states.means_NLD)
        concepts, concept_notes = demanded_concepts(own)
        ranks = ranks or settled_ranks(concepts, _whitened(own), material.places(DEVELOPMENT))
        drawn = {rank: [(seed, number, rank, one) for one in range(randoms)] for rank in set(ranks.values())}
        taught_F = np.isin(states.owners_F, material.places(TRAIN))
        owners_F, frames_FLD = states.owners_F[taught_F], states.frames_FLD[taught_F]
        known = {one.name: one.leading(ranks[one.name])[owners_F] for one in concepts}
        erasers = {layer: _erasers(frames_FLD[:, column], known, drawn) for column, layer in enumerate(own_layers)}
        by_seed.append(running.estimates(held_B, erasers))
    together = {key: np.stack([found[key] for found in by_seed], axis=1) for key in by_seed[0]}
    return _measured(own, record, ranks, names, (*concept_notes, *notes), held_B, together)


def _refuse_unfit(record: FinetuneRecord, checked: Checked, material: Material) -> None:
    """Raise what `erase_inside` says."""
    if not record.system.hears:
        why, remedy = "it has no audio encoder", "name the run of a system that hears"
        raise RunError(f"{record.folder}", why, remedy, code="run-deaf")
    if [one.id for one in checked.corpus.utterances] != [one.id for one in material.corpus.utterances]:
        raise FitError(
            f"corpus {checked.corpus.name}",
            "its utterances are not those whose words and sound are to be erased",
            "name the same corpus for both",
            code="other-utterances",
        )
    if not {*record.system.dimensions} & {*material.dims}:
        raise FitError(
            f"{record.folder} estimates none of {', '.join(material.dims)}",
            f"its dimensions are {', '.join(record.system.dimensions)}",
            "name a run that estimates one of them",
            code="no-ratings",
        )
    for partition in (TRAIN, DEVELOPMENT):
        if len(material.places(partition)) < 2:
            what, why = f"corpus {checked.corpus.name}", f"partition {partition} has fewer than two utterances"
            raise FitError(what, why, "an eraser is fitted on train and its rank on development", code="too-few")


def _running(record: FinetuneRecord, number: int, checked: Checked, device: str) -> Running:
    """The system of one training seed."""
    system, processor = opened(record.folder / f"seed{number}")
    processor.truncate = bool(record.options.get("truncate_text"))
    return Running(system, feed(checked, record.system.dimensions, processor), device)


def _whitened(material: Material) -> Iterator[Whitened]:
    train = material.places(TRAIN)
    for place in range(len(material.layers)):
        yield Whitened(LayerStates(material.states_NLD[:, place], train, "cpu"), train)


def _erasers(
    frames_FD: NDArray[np.float32],
    known: Mapping[str, NDArray[np.float64]],
    drawn: Mapping[int, Sequence[Sequence[int]]],
) -> dict[str, list[Eraser]]:
    """Concept, or rank of random subspaces → erasers of one layer; `before` is the one that changes nothing.

    They are fitted on single frames, each with the concept of its utterance. Fitted on averages over time, which vary
    far less, they would move single frames far out of their place, and any random subspace would do great damage.
    """
    everything = np.arange(len(frames_FD))
    whitened = Whitened(LayerStates(frames_FD, everything, "cpu"), everything)
    directions = {BEFORE: [whitened.nothing]}
    directions |= {name: [whitened.directions(concept_FK)] for name, concept_FK in known.items()}
    directions |= {str(rank): [whitened.random(rank, own) for own in seeds] for rank, seeds in drawn.items()}
    return {name: [whitened.eraser(own_DR) for own_DR in some] for name, some in directions.items()}


def _measured(
    material: Material,
    record: FinetuneRecord,
    ranks: Mapping[str, int],
    names: Sequence[str],
    notes: tuple[str, ...],
    held_B: Places,
    found: Estimates,
) -> Erasure:
    """Falls of every layer, dimension and concept."""
    clusters = np.asarray(clusters_of(material.corpus))
    estimates: dict[Cell, NDArray[np.float64]] = {}
    falls: dict[Cell, Falls] = {}
    held: dict[str, Places] = {}
    for dim in material.dims:
        if dim not in record.system.dimensions:
            continue
        k = record.system.dimensions.index(dim)
        rated_B = np.isfinite(material.labels(dim)[held_B])
        if rated_B.sum() < 2:
            notes += (f"{dim}: fewer than two ratings in {'+'.join(names)}, so no falls",)
            continue
        held[dim] = held_B[rated_B]
        truth_B = material.labels(dim)[held[dim]]
        own = {key: estimates_ESBK[:, :, rated_B, k] for key, estimates_ESBK in found.items()}
        for layer in material.layers:
            for part in (BEFORE, *ranks):
                estimates[layer, dim, part] = own[layer, part][0].mean(0)
            for concept, rank in ranks.items():
                pair = (own[layer, BEFORE][0], own[layer, concept][0], own[layer, str(rank)])
                falls[layer, dim, concept] = fall_of(truth_B, *pair, clusters[held[dim]].tolist())
    notes = (*notes, *notes_on(falls))
    return Erasure(material, ranks, "+".join(names), held, estimates, falls, notes, analysis="inside")
