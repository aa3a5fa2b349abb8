"""Corpus × system → a folder with a trained system for each seed, estimates, scores: the work of `probe finetune`.

    runs/<name>/configuration.json   what settles the numbers; written first, compared when the run is resumed
    runs/<name>/seed0/               system and processor, as save_pretrained writes them, history.csv, training.json
    runs/<name>/.seed0/              checkpoints while it is trained
    runs/<name>/predictions.csv      estimates on the corpus's own scale; of categories categories.csv
    runs/<name>/scores.csv           CCC of each seed on each partition with intervals; category_scores.csv
    runs/<name>/record.json          written last, with the digests of all of these files
    runs/<name>/README.md            the model card, of the record; in each seed's folder too

A run's name comes from corpus, system and options, so that the same command resumes it. A finished run is not made
again: its record is returned. More --seeds add trainings; what is missing or changed is made again, and nothing else.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from accelerate import PartialState

from probing.corpus.spec import CorpusSpec
from probing.corpus.transcripts import Words
from probing.options import with_settings
from probing.runs.entries import corpus_entry
from probing.runs.records import FinetuneRecord
from probing.runs.store import CONFIGURATION, provenance, write_record
from probing.systems.inference import estimates, opened_system
from probing.training.accelerated import by_the_first, held_by_the_first, shown_settings
from probing.training.card import state_licence, write_cards
from probing.training.cost import Forecast, measured
from probing.training.datasets import Material, labels_to_learn, learned_and_scored
from probing.training.describe import configuration_of, notes, system_entry
from probing.training.frozen import Seen
from probing.training.job import Job, fed_for_training, prepared, say_latents
from probing.training.options import FinetuneOptions, FinetunePlace
from probing.training.resume import (
    begin,
    checkpoints_of,
    demand_same,
    files_of,
    finish_seed,
    finished,
    look,
    sole_writer,
    trainings,
)
from probing.training.start import learning_rate, readers, started, uses_bf16
from probing.training.tables import write_tables
from probing.training.train import train

SYSTEM = "demo-hubert"


def finetune(
    corpus: CorpusSpec | str,
    system: str = SYSTEM,
    options: FinetuneOptions = FinetuneOptions(),  # noqa: B008 - frozen
    place: FinetunePlace = FinetunePlace(),  # noqa: B008
    **settings: Any,
) -> FinetuneRecord | None:
    """Train a system with every seed that is not trained yet, score it, and write the record.

    Args:
        corpus: What a user types, or a `CorpusSpec`.
        system: The system's name.
        options: How to train it.
        place: Where, and what may be read.
        **settings: Fields of both by their names: `finetune("demo", seeds=3)`.

    Returns:
        The run's record, read back where it had finished before; None in all but the first of several processes.

    Raises:
        CorpusError: The corpus cannot be opened, or lacks what the system takes.
        EncoderError: An encoder cannot be opened, or --init names none of its kind.
        RunError: The folder holds a run with another configuration (code `run-other-configuration`) or something else
            (`run-foreign`), or another process is working on it (`run-busy`).
        FitError: There is nothing to learn from, or the loss is not finite.
    """
    began = time.time()
    options, place = with_settings((options, place), settings)
    job = prepared(corpus, system, options, place)
    chief = PartialState(cpu=not job.device.startswith("cuda")).is_main_process
    settled = configuration_of(job.checked, job.first, job.options, job.device)
    # A finished run is only read, so it needs no claim.
    done = by_the_first(lambda: finished(job.folder, settled, options.seeds))
    if done is not None and not _licence_to_state(done, place):
        return done if chief else None
    with held_by_the_first(lambda: sole_writer(job.folder)):
        there = by_the_first(lambda: look(job.folder))
        demand_same(job.folder, there.begun_with, settled, there.unrecorded)
        if there.record is not None and there.finished(options.seeds):  # perhaps by another command meanwhile
            licence = _licence_to_state(there.record, place)
            if not chief:
                return None
            return state_licence(there.record, licence) if licence else there.record
        source = fed_for_training(job)
        configuration = {**settled, "latents": source.latents.layout.fingerprint if source.latents else None}
        demand_same(job.folder, there.begun_with, configuration)
        if chief:
            begin(job.folder, configuration, there)
            print("".join(f"{line}\n" for line in shown_settings()), end="", file=sys.stderr)
            say_latents(job, source)
        seen = Seen(source, job.processor, job.device, options.batch, readers(options.workers, job.device))
        before = len(there.record.seeds) if there.record else 0  # a run never loses a seed
        seeds = range(max(options.seeds, before))
        for seed in seeds:
            PartialState().wait_for_everyone()
            if seed not in there.seeds:
                _train_seed(job, seen, seed)
        PartialState().wait_for_everyone()
        if not chief:
            return None
        licence = place.data_licence or (there.record.data_licence if there.record else None)
        return _finished(job, seen, seeds, configuration, began, licence)


def forecast(
    corpus: CorpusSpec | str,
    system: str = SYSTEM,
    options: FinetuneOptions = FinetuneOptions(),  # noqa: B008 - frozen
    place: FinetunePlace = FinetunePlace(),  # noqa: B008
) -> Forecast:
    """What a training will take, from three real steps; nothing is written.

    Arguments and errors are those of `finetune`.
    """
    job = prepared(corpus, system, options, place, dry=True)
    source = job.fed()
    members = learned_and_scored(job.checked.corpus)
    return measured(job.first, source, members, job.options, job.device, Path(place.runs))


def _licence_to_state(record: FinetuneRecord, place: FinetunePlace) -> str | None:
    """The licence that is given, where a finished run's record does not state it."""
    return place.data_licence if place.data_licence != record.data_licence else None


def _train_seed(job: Job, seen: Seen, seed: int) -> None:
    """Train with one seed; its folder gets its name when all is in it."""
    corpus, options, chief = job.checked.corpus, job.options, PartialState().is_main_process
    place, work = job.folder / f"seed{seed}", checkpoints_of(job.folder, seed)
    system, processor = started(job.name, corpus, options, seed)
    members = learned_and_scored(corpus)
    labels_NK = labels_to_learn(seen.source.items.labels_NK, members, options.shuffled, seed)
    source = seen.by(system)
    ids, items = [u.id for u in corpus.utterances], source.items.with_labels(labels_NK)
    material = Material(items, ids, source.lengths, members, source.collate)
    if chief:
        print(f"train {place}", file=sys.stderr)
    found = train(system, material, options, seed, work, job.device)
    PartialState().wait_for_everyone()
    if chief:
        done = work / "done"
        shutil.rmtree(done, ignore_errors=True)
        system.save_pretrained(done)
        processor.save_pretrained(done)
        pd.DataFrame(found.pop("history")).to_csv(done / "history.csv", index=False)
        finish_seed(done, place, {"seed": seed, **found})
        shutil.rmtree(work)
    PartialState().wait_for_everyone()


def _finished(
    job: Job, seen: Seen, seeds: range, configuration: Mapping[str, Any], began: float, licence: str | None
) -> FinetuneRecord:
    """Score every trained seed, and write tables, record and cards."""
    options, device = job.options, job.device
    workers = readers(options.workers, device)
    found = {}
    for seed in seeds:
        system = opened_system(job.folder / f"seed{seed}")
        found[seed] = estimates(system, seen.by(system), device, options.batch, workers=workers).numpy()
    trained = trainings(job.folder, seeds)
    entry = system_entry(job.first, job.name, options)
    tables = write_tables(job.checked.corpus, found, entry, job.folder)
    record = FinetuneRecord(
        command="finetune",
        corpus=corpus_entry(job.checked),
        scores=tables.scores,
        category_scores=tables.category_scores,
        notes=(*notes(job.checked, options, seen.source.truncated, trained), *seen.source.notes, *shown_settings()),
        system=entry,
        seeds=tuple(seeds),
        words=job.checked.words if job.first.text is not None else Words(),
        shuffled=options.shuffled,
        data_licence=licence,
        device=device,
        threads=torch.get_num_threads(),
        used={"lr": learning_rate(options, job.first), "bf16": uses_bf16(options, device)},
        truncated=len(seen.source.truncated),
        trainings=trained,
        folder=job.folder,
        **provenance(configuration, began),
    )
    files = [*tables.files, CONFIGURATION, *files_of(job.folder, seeds)]
    write_cards(record)  # before the record: with it the run has ended
    return write_record(record, job.folder, files)
