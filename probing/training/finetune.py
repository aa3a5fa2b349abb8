"""One run of `probe finetune`: corpus × system → folder with a trained system for each seed, predictions, scores.

    runs/<name>/configuration.json   what settles the numbers; written first, compared when the run goes on
    runs/<name>/seed0/               system and processor, as save_pretrained writes them, and history.csv
    runs/<name>/.seed0/              checkpoints while it is trained
    runs/<name>/predictions.csv      estimates on the corpus's own scale
    runs/<name>/scores.csv           CCC of each seed on each partition with intervals
    runs/<name>/record.json          written after them
    runs/<name>/README.md            the model card, of the record; in each seed's folder too

A run's name comes from corpus and system, so the same command goes on where it was.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import transformers
from accelerate import PartialState

from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.corpus.scan import AudioScan
from probing.corpus.transcripts import HUMAN, name_of, notes_on
from probing.encoders.numerics import weights_digest
from probing.errors import EncoderError, FitError, first_names
from probing.files import digest, slug
from probing.probes.fit import labels_digest, title_of
from probing.probes.results import interval_notes
from probing.runs.records import CONFIGURATION, read_record, write_record
from probing.systems.build import build_system, parts_of
from probing.systems.inference import estimates, predictions_table, printed, scores_table, summary
from probing.systems.inputs import Feed, feed, find_latents, seconds_saved
from probing.systems.model import EmotionSystem, SystemConfig
from probing.systems.processor import Processor
from probing.training.card import card
from probing.training.cost import outlook
from probing.training.datasets import Collate, Utterances, Vectors
from probing.training.train import (
    FinetuneOptions,
    Material,
    learning_rate,
    only_head_learns,
    permuted,
    readers,
    train,
    uses_bf16,
)

_FREE = ("seeds", "workers")  # options that may differ when a run goes on


def run(
    corpus: Corpus,
    scan: AudioScan,
    name: str,
    options: FinetuneOptions,
    folder: Path,
    device: str,
    cache: Path | None = None,
    left_out: Sequence[str] = (),
    command: str = "",
    words: Mapping[str, Any] | None = None,
    licence: str | None = None,
) -> str:
    """Train a system with every seed that is not trained yet, score it, write the record, return what to print.

    Args:
        corpus: Labelled utterances with what the system reads.
        scan: Lengths and checksums of the audio; empty for text alone.
        name: The system's name.
        options: How to train it.
        folder: The run's.
        device: PyTorch's name of a device.
        cache: Folder of all caches, where the front end's latents may be; None: do not look.
        left_out: Utterances left out as --allow-missing permits.
        command: The `probe extract` command that makes the latents, for messages.
        words: What `transcripts.reworded` says of the words.
        licence: Of the data, as the user states it, for the model card.

    Raises:
        FitError: The folder holds a run with another configuration, or the loss is not finite.
        EncoderError: As `build_system`, or --init names no fine-tuned encoder of the same kind.
    """
    began = time.time()
    transformers.utils.logging.disable_progress_bar()  # of each file that is written or read
    first, processor = started(name, corpus, options, seed=0)
    latents = None if cache is None or only_head_learns(first) else find_latents(corpus, name, cache, command)
    source = feed(corpus, options.dims, processor, scan, latents)
    configuration = configuration_of(corpus, scan, first, options, latents.layout.fingerprint if latents else None)
    chief = PartialState(cpu=not device.startswith("cuda")).is_main_process
    if chief:
        _settle(folder, configuration)
        _say_latents(corpus, first, processor, scan, source, options, device, command)
    trained: dict[str, EmotionSystem] = {}
    for seed in range(options.seeds):
        PartialState().wait_for_everyone()
        place = folder / f"seed{seed}"
        if not place.is_dir():
            _train_one(corpus, source, name, options, seed, place, device)
        trained[place.name] = EmotionSystem.from_pretrained(place)
    PartialState().wait_for_everyone()
    if not chief:
        return ""
    found = {
        seed: estimates(
            system,
            source.items,
            source.lengths,
            source.collate,
            device,
            options.batch,
            workers=readers(options, device),
        ).numpy()
        for seed, system in trained.items()
    }
    predictions = predictions_table(corpus, options.dims, found)
    scores = scores_table(corpus, predictions)
    predictions.to_csv(folder / "predictions.csv", index=False, float_format="%.7g")
    scores.to_csv(folder / "scores.csv", index=False, float_format="%.8g")
    notes = _notes(corpus, source, options, device) + notes_on(words or {"method": HUMAN})
    results = {
        "corpus": corpus_entry(corpus, left_out),
        "encoder": {"name": first.config.encoders, "title": first.config.encoders},
        "system": system_entry(first, options),
        "seeds": list(range(options.seeds)),
        "shuffled": options.shuffled,
        "data_licence": licence,
        "device": device,
        "threads": torch.get_num_threads(),
        "used": {"lr": learning_rate(options, first), "bf16": uses_bf16(options, device)},
        "transcripts": dict(words or {"method": HUMAN}) if first.text is not None else None,
        "truncated_transcripts": len(source.truncated),
        "trainings": [json.loads((folder / seed / "training.json").read_text("utf-8")) for seed in trained],
        "scores": json.loads(summary(scores).round(6).to_json(orient="records")),
        "notes": notes,
    }
    write_record(folder, "finetune", configuration, results, began)
    _write_cards(folder, list(trained))
    return report(folder, scores, notes)


def _write_cards(folder: Path, seeds: Sequence[str]) -> None:
    """A README.md in the run's folder, and in each folder that may go to a model hub."""
    record = read_record(folder)
    (folder / "README.md").write_text(card(record, str(folder / seeds[0])), "utf-8")
    for seed in seeds:
        (folder / seed / "README.md").write_text(card(record, "."), "utf-8")


def look_ahead(corpus: Corpus, scan: AudioScan, name: str, options: FinetuneOptions, device: str, root: Path) -> str:
    """What `probe finetune --dry-run` prints."""
    system, processor = started(name, corpus, options, seed=0)
    source = feed(corpus, options.dims, processor, scan)
    total = sum(p.numel() for p in system.parameters())
    trainable = sum(p.numel() for p in system.parameters() if p.requires_grad)
    learned, scored = _places(corpus, TRAIN), _places(corpus, DEVELOPMENT)
    found = outlook(system, source, learned, scored, options, device, root)
    return (
        f"{name}: {total / 1e6:.1f} M parameters, {trainable / 1e6:.1f} M learn; {len(learned):,} utterances to train "
        f"on, {len(scored):,} to stop by\n{found.text(options, device)}"
    )


def started(name: str, corpus: Corpus, options: FinetuneOptions, seed: int) -> tuple[EmotionSystem, Processor]:
    """A system as its training begins: pre-trained encoders, those of --init in their place, a fresh head."""
    system, processor = build_system(
        name,
        dimensions=options.dims,
        scale=corpus.scale,
        fusion=options.fusion,
        dropout=options.dropout,
        spec_augment=options.spec_augment,
        freeze=options.freeze,
        seed=seed,
    )
    processor.truncate = options.truncate_text
    for part, origin in options.init:
        _take_encoder(system, part, Path(origin), seed)
    return system, processor


def _take_encoder(system: EmotionSystem, part: str, origin: Path, seed: int) -> None:
    """Put a run's fine-tuned encoder in the place of the pre-trained one: that of the same training seed."""
    place = origin if (origin / "config.json").is_file() else origin / f"seed{seed}"
    what = f"--init {part}={origin}"
    if not (place / "config.json").is_file():
        raise EncoderError(
            what,
            f"{place} holds no fine-tuned system",
            "name the folder of a `probe finetune` run with as many --seeds",
        )
    if SystemConfig.from_pretrained(place).model_type != SystemConfig.model_type:
        raise EncoderError(what, "it is no fine-tuned system", "name the folder of a `probe finetune` run")
    ours, theirs = getattr(system, part), getattr(EmotionSystem.from_pretrained(place), part)
    if ours is None or theirs is None:
        whose = system.config.encoders if ours is None else place
        raise EncoderError(what, f"{whose} has no {part} encoder", "name the encoder that both have")
    try:
        ours.load_state_dict(theirs.state_dict())
    except RuntimeError as error:
        raise EncoderError(
            what, f"its {part} encoder is another one than that of {system.config.encoders}", "name the same encoder"
        ) from error


def configuration_of(
    corpus: Corpus, scan: AudioScan, system: EmotionSystem, options: FinetuneOptions, latents: str | None
) -> dict[str, Any]:
    """All that settles a run's numbers, by the names that the user knows."""
    chosen = {key: value for key, value in asdict(options).items() if key not in _FREE}
    texts = [u.text for u in corpus.utterances] if system.text is not None else []
    heard = [scan.checksums.get(u.id) for u in corpus.utterances] if system.audio is not None else []
    parts = {"audio": system.audio, "text": system.text}
    return {
        "system": system.config.encoders,
        "weights": {key: weights_digest(part)[:16] for key, part in parts.items() if part is not None},
        "corpus": corpus.name,
        "scale": list(corpus.scale),
        "labels": labels_digest(corpus, options.dims),
        "audio and text": digest({"rows": [heard, texts]}),
        "latents": latents,
        "options": json.loads(json.dumps(chosen)),
    }


def _settle(folder: Path, configuration: Mapping[str, Any]) -> None:
    """Begin a run, or make sure that the one that is there is this one."""
    path = folder / CONFIGURATION
    if not path.is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise FitError(f"{folder}", f"it holds other files and no {CONFIGURATION}", "choose another --name")
        folder.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f"{CONFIGURATION}.partial")
        aside.write_text(json.dumps(configuration, indent=2, ensure_ascii=False) + "\n", "utf-8")
        aside.replace(path)
        return
    before, now = _flat(json.loads(path.read_text("utf-8"))), _flat(configuration)
    differing = [key for key in before | now if before.get(key) != now.get(key)]
    if differing:
        raise FitError(
            f"{folder} was begun with another configuration",
            "; ".join(f"{key} was {before.get(key)}, is now {now.get(key)}" for key in differing),
            f"type what it was begun with, give this run another --name, or delete {folder}",
        )


def _flat(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """One level of names; options by their spelling on the command line."""
    flat: dict[str, Any] = {}
    for key, value in configuration.items():
        if key == "options":
            flat |= {f"--{name.replace('_', '-')}": chosen for name, chosen in value.items()}
        elif isinstance(value, Mapping):
            flat |= {f"{key} of {part}": chosen for part, chosen in value.items()}
        else:
            flat[key] = value
    return flat


def _train_one(
    corpus: Corpus, source: Feed, name: str, options: FinetuneOptions, seed: int, place: Path, device: str
) -> None:
    """Train with one seed; its folder gets its name when all is in it."""
    system, processor = started(name, corpus, options, seed)
    work = place.with_name(f".{place.name}")
    members = {partition: _places(corpus, partition) for partition in (TRAIN, DEVELOPMENT)}
    labels_NK = source.items.labels_NK
    if options.shuffled:
        labels_NK = permuted(labels_NK, list(members.values()), seed)
    items: Utterances | Vectors
    items, collate = source.items.with_labels(labels_NK), source.collate
    if only_head_learns(system):
        vectors_NP = estimates(
            system, items, source.lengths, collate, device, options.batch, "pool", readers(options, device)
        )
        items, collate = Vectors(vectors_NP, labels_NK), Collate(processor)
    material = Material(items, [u.id for u in corpus.utterances], source.lengths, members, collate)
    if PartialState().is_main_process:
        print(f"train {place}", file=sys.stderr)
    found = train(system, material, options.dims, options, seed, work, device)
    PartialState().wait_for_everyone()
    if PartialState().is_main_process:
        done = work / "done"
        shutil.rmtree(done, ignore_errors=True)
        system.save_pretrained(done)
        processor.save_pretrained(done)
        pd.DataFrame(found.pop("history")).to_csv(done / "history.csv", index=False)
        (done / "training.json").write_text(json.dumps({"seed": seed, **found}) + "\n", "utf-8")
        done.replace(place)
        shutil.rmtree(work)
    PartialState().wait_for_everyone()


def _places(corpus: Corpus, partition: str) -> list[int]:
    return [place for place, u in enumerate(corpus.utterances) if u.partition == partition]


def _say_latents(
    corpus: Corpus,
    system: EmotionSystem,
    processor: Processor,
    scan: AudioScan,
    source: Feed,
    options: FinetuneOptions,
    device: str,
    command: str,
) -> None:
    """Tell on stderr what the latents cache saves, or how to make one."""
    if system.audio is None or only_head_learns(system):
        return
    if source.latents is None:
        print(
            f"the frozen front end is computed in every step; once is enough: {command} --store latents",
            file=sys.stderr,
        )
        return
    waveforms = feed(corpus, options.dims, processor, scan)
    saved = seconds_saved(corpus, system, waveforms, source, device)
    a_pass = saved * len(_places(corpus, TRAIN) + _places(corpus, DEVELOPMENT))
    print(
        f"front end read from {source.latents.path}: {saved * options.batch:.2f} s less a step, "
        f"{a_pass:.0f} s less a pass over train and development",
        file=sys.stderr,
    )


def corpus_entry(corpus: Corpus, left_out: Sequence[str] = ()) -> dict[str, Any]:
    """What a record says of a corpus."""
    return {
        "name": corpus.name,
        "title": title_of(corpus),
        "spec": corpus.spec,
        "scale": corpus.scale,
        "utterances": {partition: len(members) for partition, members in corpus.partitions.items()},
        "left_out": list(left_out),
    }


def system_entry(system: EmotionSystem, options: FinetuneOptions) -> dict[str, Any]:
    """What a record says of a system: its parts, its parameters, and what of it learned."""
    names = system.config.encoders.split("+") if system.audio is not None and system.text is not None else None
    audio = names[0] if names else system.config.encoders if system.audio is not None else None
    text = names[1] if names else system.config.encoders if system.text is not None else None
    tuned = "audio" in dict(options.init)
    frozen = list(options.freeze)
    regime = "FT" if not frozen else "FT⇒FRZ" if tuned else "FRZ"
    return {
        "name": system.config.encoders,
        "audio": audio,
        "text": text,
        "modality": "+".join(kind for kind, part in (("audio", audio), ("text", text)) if part),
        "parameters": sum(p.numel() for p in system.parameters()),
        "trainable": sum(p.numel() for p in system.parameters() if p.requires_grad),
        "frozen": frozen,
        "regime": regime,
        "dimensions": list(options.dims),
        "random": "@random" in system.config.encoders,
    }


def _notes(corpus: Corpus, source: Feed, options: FinetuneOptions, device: str) -> list[str]:
    notes = [*corpus.notes, *interval_notes(corpus)]
    processes = PartialState().num_processes
    if processes > 1:
        notes.append(
            f"{processes} processes: each step's CCC is over {options.batch} utterances on each of them, and their "
            "gradients are averaged"
        )
    if source.truncated:
        notes.append(f"{len(source.truncated):,} transcripts were cut off: {first_names(source.truncated)}")
    if options.shuffled:
        notes.append("control: the labels of train and development were permuted")
    if options.spec_augment:
        notes.append("SpecAugment was on")
    return notes


def report(folder: Path, scores: pd.DataFrame, notes: Sequence[str]) -> str:
    """What `probe finetune` prints of a finished run."""
    record = read_record(folder)
    seeds, system = len(record["seeds"]), record["system"]
    heading = (
        f"CCC, mean over {seeds} seed{'s' * (seeds > 1)} [95 % interval by speaker] · {system['name']} "
        f"({system['parameters'] / 1e6:.3g} M parameters, {system['regime']}) on {record['corpus']['title']}"
    )
    files = [f"{folder}/{name}" for name in ("record.json", "scores.csv", "predictions.csv", "seed0")]
    return "\n".join([heading, printed(scores), *(f"note: {note}" for note in notes), *files])


def default_name(corpus: Corpus, name: str, options: FinetuneOptions, words: Mapping[str, Any] | None = None) -> str:
    """A run's name: corpus, system, and what makes it another kind of run."""
    short = "+".join(Path(part).name if Path(part).is_dir() else part for part in parts_of(name))
    parts = ["finetune", slug(title_of(corpus)), slug(short)]
    parts += [f"frozen-{'-'.join(options.freeze)}"] if options.freeze else []
    parts += [slug(name_of(words))] if words and words["method"] != HUMAN else []
    parts += ["shuffled"] if options.shuffled else []
    return "-".join(parts)
