"""What a run's name, configuration and record say of a training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from accelerate import PartialState

from probing.corpus.checked import Checked
from probing.corpus.untaught import untaught
from probing.encoders.numerics import weights_digest
from probing.encoders.spec import any_random
from probing.environment import processes
from probing.errors import first_names
from probing.files import digest, slug
from probing.runs.records import SystemEntry
from probing.runs.scores import interval_notes, labels_digest
from probing.systems.build import parts_of
from probing.systems.model import EmotionSystem
from probing.training.accelerated import other_settings
from probing.training.options import FinetuneOptions, as_typed
from probing.training.start import learning_rate, only_head_learns, uses_bf16

_FREE = ("seeds", "workers")  # options that may differ when a run is resumed
# Options that the first version did not have, and what they are where they change nothing: without them a configuration
# is what it was.
_LATER = {"window": None, "class_weights": "none"}


def default_name(checked: Checked, system: EmotionSystem, options: FinetuneOptions) -> str:
    """The name of a run's folder: corpus, system, and what makes it another kind of run."""
    parts = ["finetune", checked.name, slug(system.config.encoders)]
    parts += [f"frozen-{'-'.join(options.freeze)}"] if options.freeze else []
    parts += [] if checked.words.human else [slug(checked.words.name)]
    return "-".join(parts + ["shuffled"] * options.shuffled)


def configuration_of(
    checked: Checked, system: EmotionSystem, options: FinetuneOptions, device: str = "cpu"
) -> dict[str, Any]:
    """All that settles a run's numbers, by the names that the user knows, apart from the latents that are read.

    Args:
        checked: What it is trained on.
        system: As the training of seed 0 begins.
        options: How it is trained; its dimensions are settled.
        device: PyTorch's name of the device that it is trained on.
    """
    corpus, checksums = checked.corpus, checked.scan.checksums
    typed = {key: value for key, value in asdict(options).items() if key not in _FREE}
    chosen = {key: value for key, value in typed.items() if key not in _LATER or value != _LATER[key]}
    if only_head_learns(system):  # its default was ten times as high in version 0.1.0: the rate tells such runs apart
        chosen["lr"] = as_typed(learning_rate(options, system))
    texts = [u.text for u in corpus.utterances] if system.text is not None else []
    sounds = [checksums.get(u.id) for u in corpus.utterances] if system.audio is not None else []
    parts = {"audio": system.audio, "text": system.text}
    return {
        "system": system.config.encoders,
        "weights": {key: weights_digest(part)[:16] for key, part in parts.items() if part is not None},
        "corpus": corpus.name,
        "scale": list(corpus.scale),
        "labels": labels_digest(corpus, options.dims),
        "audio and text": digest({"rows": [sounds, texts]}),
        "options": json.loads(json.dumps(chosen)),
        **_arithmetic(options, device),
    }


def _arithmetic(options: FinetuneOptions, device: str) -> dict[str, Any]:
    """Number format, number of processes and accelerate's own settings, where the options do not settle them.

    Nothing is said of float32 in one process, so that such configurations have the signatures of version 0.1.0.
    """
    precision = "bf16" if uses_bf16(options, device) else "float32"
    others = other_settings()
    found: dict[str, Any] = {"accelerate": others} if others else {}
    if (precision, processes()) != ("float32", 1):  # each step's loss is over as many batches as processes
        found["arithmetic"] = {"precision": precision, "processes": processes()}
    return found


def system_entry(system: EmotionSystem, name: str, options: FinetuneOptions) -> SystemEntry:
    """What a record says of a system.

    Args:
        system: As its training begins.
        name: As the user names it.
        options: How it is trained.
    """
    encoders = system.config.encoders
    both = system.audio is not None and system.text is not None
    first, _, second = encoders.partition("+") if both else (encoders, "", encoders)
    audio, text = first if system.audio is not None else None, second if system.text is not None else None
    return SystemEntry(
        name=encoders,
        audio=audio,
        text=text,
        modality="+".join(kind for kind, part in (("audio", audio), ("text", text)) if part),
        parameters=sum(p.numel() for p in system.parameters()),
        trainable=sum(p.numel() for p in system.parameters() if p.requires_grad),
        frozen=options.freeze,
        regime=_regime(options),
        dimensions=tuple(system.config.dimensions),
        categories={name: tuple(classes) for name, classes in system.config.categories.items()},
        random=any_random(encoders),
        spec=tuple(parts_of(name)),
    )


def _regime(options: FinetuneOptions) -> str:
    """What section 4.3 calls it; frozen after fine-tuning if the audio encoder comes from a run."""
    if not options.freeze:
        return "FT"
    return "FT⇒FRZ" if "audio" in dict(options.init) else "FRZ"


def notes(
    checked: Checked, options: FinetuneOptions, truncated: Sequence[str], trained: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """What a reader of the record should know.

    Args:
        checked: What it was trained on.
        options: How.
        truncated: Utterances whose transcripts were truncated.
        trained: What is known of each seed's training: `seed`, `steps`, `best_step`.
    """
    corpus = checked.corpus
    found = [*corpus.notes, *untaught(corpus, options.dims), *interval_notes(corpus)]
    if (n_processes := PartialState().num_processes) > 1:
        found.append(
            f"{n_processes} processes: each step's CCC is over {options.batch} utterances on each of them, and their "
            "gradients are averaged"
        )
    if truncated:
        found.append(f"{len(truncated):,} transcripts were truncated: {first_names(truncated)}")
    if options.shuffled:
        found.append("control: the labels of train and development were permuted")
    if options.spec_augment:
        found.append("SpecAugment was on")
    if late := [str(one["seed"]) for one in trained if one.get("best_step") == one["steps"]]:
        seeds = f"seed{'s' * (len(late) > 1)} {', '.join(late)}"
        found.append(f"the last evaluation on development was the best ({seeds}): more --epochs may give more")
    for one in trained:
        for step in one.get("damaged_checkpoints", ()):
            found.append(
                f"seed {one['seed']}: the checkpoint of step {step} was damaged, or that of its best state; "
                "it was not resumed"
            )
        if steps := one.get("unsealed_checkpoints"):
            found.append(
                f"seed {one['seed']}: checkpoints of an earlier version, without digests, were not resumed: steps "
                f"{', '.join(map(str, steps))}"
            )
    return (*found, *checked.words.notes())
