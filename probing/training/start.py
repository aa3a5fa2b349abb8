"""A system as its training begins, and what is settled of that training."""

from __future__ import annotations

from pathlib import Path

import torch

from probing.corpus.model import Corpus
from probing.errors import EncoderError, FitError
from probing.runs.records import FinetuneRecord
from probing.runs.store import RECORD, demand_whole, read_kind
from probing.systems.build import build_system
from probing.systems.inference import opened_system
from probing.systems.model import EmotionSystem
from probing.systems.processor import Processor
from probing.systems.targets import class_weights, split_targets
from probing.training.accelerated import precision_of
from probing.training.options import PARTS, FinetuneOptions

_LR, _WIDTH = 1e-5, 768  # the learning rate (section 3.2), and the hidden size of HuBERT base that it is meant for
_READERS = 4  # processes that read ahead of a GPU, which would wait for a single one


def started(name: str, corpus: Corpus, options: FinetuneOptions, seed: int) -> tuple[EmotionSystem, Processor]:
    """A system before its first step: pre-trained encoders, those of --init in their place, a fresh head.

    Args:
        name: The system's name.
        corpus: Whose scale and classes its estimates are of.
        options: How it is trained; its dimensions are settled.
        seed: Of its head, and of the encoders that --init takes.

    Raises:
        EncoderError: As `build_system`, or --init names no fine-tuned encoder of the same kind (code `init`).
        RunError: --init names a run that is not whole (code `run-incomplete`), another command's (`run-kind`), or one
            whose record cannot be read.
    """
    dimensions, categories = split_targets(corpus, options.dims)
    weighted = categories if options.class_weights == "balanced" else ()
    system, processor = build_system(
        name,
        seed,
        options.window,
        dimensions=dimensions,
        categories=categories,
        class_weights={category: class_weights(corpus, category) for category in weighted},
        scale=corpus.scale,
        fusion=options.fusion,
        dropout=options.dropout,
        spec_augment=options.spec_augment,
        freeze=options.freeze,
    )
    processor.truncate = options.truncate_text
    for part, origin in options.init:
        _take_encoder(system, part, Path(origin), seed)
    return system, processor


def _take_encoder(system: EmotionSystem, part: str, origin: Path, seed: int) -> None:
    """Put a run's fine-tuned encoder in the place of the pre-trained one: that of the same training seed."""
    what = f"--init {part}={origin}"
    if (origin / RECORD).is_file():  # else it is a trained system alone, or a run that has not ended
        demand_whole(read_kind(origin, FinetuneRecord), digests=True)
    place = origin if (origin / "config.json").is_file() else origin / f"seed{seed}"
    if not (place / "config.json").is_file():
        why = f"{place} holds no fine-tuned system"
        raise EncoderError(what, why, "name a `probe finetune` run with as many --seeds", code="init")
    ours, theirs = getattr(system, part), getattr(opened_system(place), part)
    if ours is None or theirs is None:
        whose = system.config.encoders if ours is None else place
        raise EncoderError(what, f"{whose} has no {part} encoder", "name an encoder that both have", code="init")
    try:
        ours.load_state_dict(theirs.state_dict())
    except RuntimeError as error:
        why = f"its {part} encoder is another one than that of {system.config.encoders}"
        raise EncoderError(what, why, "name a run with the same encoder", code="init") from error


def only_head_learns(system: EmotionSystem) -> bool:
    """Whether every encoder is frozen, so that pooled vectors are computed only once."""
    return all(getattr(system, part) is None or part in system.config.freeze for part in PARTS)


def learning_rate(options: FinetuneOptions, system: EmotionSystem) -> float:
    """The rate asked for, or the paper's 1e-5 (section 3.2), more in proportion for systems narrower than its own.

    The paper states one rate. A head on frozen encoders (FT⇒FRZ) has it too: a comparison of both regimes should not
    rest on a rate of our own.
    """
    if options.lr is not None:
        return options.lr
    width = int(system.head[1].out_features)  # type: ignore[arg-type]
    return _LR * max(1.0, _WIDTH / width)


def uses_bf16(options: FinetuneOptions, device: str) -> bool:
    """Whether encoders compute in bfloat16.

    Raises:
        FitError: It is asked for, and the device cannot (code `precision`), or accelerate's variable asks for another
            format (`environment`).
    """
    asked = precision_of(options.precision)
    possible = device.startswith("cuda") and torch.cuda.is_bf16_supported()
    if asked == "bf16" and not possible:
        what, why = f"bf16 on {device}", "it has no bfloat16 arithmetic"
        remedy = "leave --precision out, and type `unset ACCELERATE_MIXED_PRECISION`"
        raise FitError(what, why, remedy, code="precision")
    return possible if asked is None else asked == "bf16"


def readers(workers: int | None, device: str) -> int:
    """Processes that read ahead: as many as asked for, or the device's default."""
    return workers if workers is not None else _READERS * device.startswith("cuda")


def hold_fewer_activations(system: EmotionSystem) -> None:
    """Turn gradient checkpointing on, whose switch transformers renamed within its version 5."""
    getattr(system, "activation_checkpointing_enable", system.gradient_checkpointing_enable)()
