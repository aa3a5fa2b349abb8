"""Train one system on a corpus's train partition, with transformers' Trainer (section 3.2).

Adam at a constant rate, batches of utterances of like length, loss 1 − CCC averaged over dimensions, and the state
that is best on the whole development partition kept. A training that was killed goes on from its last checkpoint and
ends as one that was not: the order of the batches depends on seed and epoch alone, and optimiser, random states and
early stopping are in the checkpoint.

The CCC of the loss is over one batch. With several processes (torchrun) each has a batch of its own, and their
gradients are averaged.

Shape legend: N utterances · B those of a batch · K dimensions of emotion.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Subset
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from probing.corpus.model import DEVELOPMENT, TRAIN
from probing.errors import FitError, first_names
from probing.statistics.concordance import ccc
from probing.systems.model import FUSIONS, EmotionSystem
from probing.training.datasets import Buckets, Collate, Item, by_length
from probing.training.progress import Progress

PRECISIONS = ("bf16", "float32")
_LR, _HEAD_LR, _WIDTH = 1e-5, 1e-4, 768  # learning rates at HuBERT base's hidden size
_STATE = "trainer_state.json"  # the last file that Trainer writes into a checkpoint


@dataclass(frozen=True)
class FinetuneOptions:
    """How to train a system; what changes its numbers goes into the run's configuration.

    Args:
        dims: Dimensions to estimate, all at once.
        seeds: Trainings from other random states, 0 … seeds − 1: heads, order of the data, dropout.
        lr: Adam's learning rate, constant; None: 1e-5 (section 3.2), where only the head learns 1e-4; below 768 units
            in inverse proportion to the hidden size.
        batch: Utterances in a step on one process; the loss is the CCC over them.
        epochs: Most passes over the training partition.
        max_steps: Most steps, or None.
        evaluate_every: Steps between two scores on development, each with a checkpoint; None: one pass.
        patience: Scores without a better development CCC after which a training stops.
        dropout: Probability throughout the system.
        fusion: How average and maximum over time are put together, a name in `systems.FUSIONS`.
        spec_augment: Mask spans of frames in training.
        freeze: Encoders that do not learn: `audio`, `text`.
        init: Encoder → folder of the run whose fine-tuned encoder it starts from.
        shuffled: Permute the labels of train and of development: a control, what is learned from nothing.
        truncate_text: Cut transcripts off that are longer than the text encoder reads.
        gradient_checkpointing: Compute activations twice to hold fewer of them.
        precision: `bf16` (a GPU's mixed precision) or `float32`; None: bf16 where the device has it.
        workers: Processes that read ahead; None: 4 where there is a GPU.
    """

    dims: tuple[str, ...] = ("arousal", "valence", "dominance")
    seeds: int = 1
    lr: float | None = None
    batch: int = 16
    epochs: int = 30
    max_steps: int | None = None
    evaluate_every: int | None = None
    patience: int = 5
    dropout: float = 0.1
    fusion: str = "sum"
    spec_augment: bool = False
    freeze: tuple[str, ...] = ()
    init: tuple[tuple[str, str], ...] = ()
    shuffled: bool = False
    truncate_text: bool = False
    gradient_checkpointing: bool = False
    precision: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        for option in ("seeds", "batch", "epochs", "max_steps", "evaluate_every", "patience"):
            value = getattr(self, option)
            if value is not None and value < 1:
                raise FitError(f"--{option.replace('_', '-')} {value}", "it must be 1 or more", "")
        if self.batch < 2:
            raise FitError(f"--batch {self.batch}", "the CCC of one utterance teaches nothing", "take 16")
        if self.lr is not None and not 0 < self.lr < math.inf:
            raise FitError(f"--lr {self.lr}", "it must be above 0", "leave it out for the paper's 1e-5")
        if not 0 <= self.dropout < 1:
            raise FitError(f"--dropout {self.dropout}", "it must be at least 0 and below 1", "the paper takes 0.1")
        if self.fusion not in FUSIONS:
            raise FitError(f"--fusion {self.fusion}", "there is no such fusion", f"use {' or '.join(FUSIONS)}")
        if self.precision not in (None, *PRECISIONS):
            raise FitError(f"--precision {self.precision}", "it is not known", f"use {' or '.join(PRECISIONS)}")
        parts = {*self.freeze, *(part for part, _ in self.init)} - {"audio", "text"}
        if parts:
            raise FitError(f"{sorted(parts)[0]!r} is no encoder of a system", "", "say audio or text")


@dataclass(frozen=True)
class Material:
    """What a training reads.

    Args:
        items: One for each utterance.
        ids: The utterances.
        lengths: Their lengths, in any unit.
        members: Partition → places of its utterances.
        collate: Puts items together.
    """

    items: Dataset[Item]
    ids: Sequence[str]
    lengths: Sequence[int]
    members: Mapping[str, Sequence[int]]
    collate: Collate


def train(
    system: EmotionSystem,
    material: Material,
    dimensions: Sequence[str],
    options: FinetuneOptions,
    seed: int,
    folder: Path,
    device: str,
) -> dict[str, Any]:
    """Train a system, or go on where a killed training was; it is left in its best state, on the CPU.

    Args:
        system: Freshly built from the same seed.
        material: What it reads.
        dimensions: Names of its K outputs.
        options: How.
        seed: Of the order of the data and of dropout.
        folder: Where checkpoints are kept meanwhile.
        device: PyTorch's name of a device; torchrun gives each process its own.

    Returns:
        `steps`, `best_step`, `best_ccc` (mean over dimensions on development) and `history`, what was logged.

    Raises:
        FitError: The loss is not finite; the message names the batch.
    """
    learned, scored = material.members[TRAIN], by_length(material.lengths, material.members[DEVELOPMENT])
    buckets = Buckets([material.lengths[place] for place in learned], options.batch, seed)
    every = options.evaluate_every or max(1, len(buckets) // _global(options))
    every = min(every, options.max_steps or every)  # what is never scored has no best state
    if options.gradient_checkpointing:
        hold_fewer_activations(system)
    if options.spec_augment:
        np.random.seed(seed)  # transformers draws its spans from NumPy's global state
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "tensorboard")
    trainer = _Trainer(
        material.ids,
        buckets,
        model=system,
        args=_arguments(options, learning_rate(options, system), every, seed, folder, device),
        data_collator=material.collate,
        train_dataset=Subset(material.items, learned),
        eval_dataset=Subset(material.items, scored),
        compute_metrics=lambda found: _scores(found, dimensions),
        callbacks=[_Epoch(buckets), EarlyStoppingCallback(options.patience), Progress()],
    )
    trainer.remove_callback(PrinterCallback)  # it prints to stdout, which is for results
    trainer.train(resume_from_checkpoint=last_checkpoint(folder))
    module: Any = system
    module.to("cpu")
    state = trainer.state
    return {
        "steps": state.global_step,
        "best_step": state.best_global_step,
        "best_ccc": state.best_metric,
        "history": [entry for entry in state.log_history if "loss" in entry or "eval_ccc" in entry],
    }


def last_checkpoint(folder: Path) -> str | None:
    """The newest whole checkpoint; what a kill left half-written is removed."""
    whole: dict[int, Path] = {}
    for checkpoint in folder.glob("checkpoint-*"):
        try:
            json.loads((checkpoint / _STATE).read_text("utf-8"))
            whole[int(checkpoint.name.removeprefix("checkpoint-"))] = checkpoint
        except (FileNotFoundError, ValueError):
            if int(os.environ.get("RANK", "0")) == 0:
                shutil.rmtree(checkpoint)
    return str(whole[max(whole)]) if whole else None


def hold_fewer_activations(system: EmotionSystem) -> None:
    """Turn gradient checkpointing on, whose switch transformers renamed within its version 5."""
    getattr(system, "activation_checkpointing_enable", system.gradient_checkpointing_enable)()


def learning_rate(options: FinetuneOptions, system: EmotionSystem) -> float:
    """The rate asked for, or the default for what learns."""
    if options.lr is not None:
        return options.lr
    width = int(system.head[1].out_features)  # type: ignore[arg-type]
    return (_HEAD_LR if only_head_learns(system) else _LR) * max(1.0, _WIDTH / width)


def only_head_learns(system: EmotionSystem) -> bool:
    """Whether every encoder is frozen, so that pooled vectors are computed once."""
    return all(part is None or name in system.config.freeze for name, part in _encoders(system))


def uses_bf16(options: FinetuneOptions, device: str) -> bool:
    """Whether encoders compute in bfloat16."""
    possible = device.startswith("cuda") and torch.cuda.is_bf16_supported()
    if options.precision == "bf16" and not possible:
        raise FitError(f"--precision bf16 on {device}", "it has no bfloat16 arithmetic", "leave --precision out")
    return possible if options.precision is None else options.precision == "bf16"


def readers(options: FinetuneOptions, device: str) -> int:
    """Processes that read ahead: a GPU would wait for a single one."""
    return options.workers if options.workers is not None else 4 * device.startswith("cuda")


def _encoders(system: EmotionSystem) -> list[tuple[str, Any]]:
    return [("audio", system.audio), ("text", system.text)]


def _global(options: FinetuneOptions) -> int:
    """Utterances in a step over all processes."""
    return options.batch * int(os.environ.get("WORLD_SIZE", "1"))


def _arguments(
    options: FinetuneOptions, lr: float, every: int, seed: int, folder: Path, device: str
) -> TrainingArguments:
    gpu = device.startswith("cuda")
    workers = readers(options, device)
    if gpu and "LOCAL_RANK" not in os.environ:
        torch.cuda.set_device(device)
    logged = importlib.util.find_spec("tensorboard") is not None
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=options.epochs,
        max_steps=options.max_steps or -1,
        learning_rate=lr,
        lr_scheduler_type="constant",
        weight_decay=0.0,  # AdamW without weight decay is Adam
        max_grad_norm=0.0,  # no clipping
        per_device_train_batch_size=options.batch,
        per_device_eval_batch_size=options.batch,
        dataloader_drop_last=False,
        dataloader_num_workers=workers,
        dataloader_persistent_workers=workers > 0,
        dataloader_pin_memory=gpu,
        seed=seed,
        bf16=uses_bf16(options, device),
        use_cpu=not gpu,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=1,  # and the best
        logging_strategy="steps",
        logging_steps=every,
        logging_nan_inf_filter=False,
        load_best_model_at_end=True,
        metric_for_best_model="ccc",
        greater_is_better=True,
        restore_callback_states_from_checkpoint=True,
        ddp_find_unused_parameters=False,
        remove_unused_columns=False,
        label_names=["labels"],
        report_to="tensorboard" if logged else "none",
        disable_tqdm=True,  # the bar is our own
    )
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        arguments._n_gpu = min(1, arguments.n_gpu)  # DataParallel would split a batch, and with it its CCC
    return arguments


class _Epoch(TrainerCallback):
    """Tells the sampler which epoch begins, also where several processes or a resumed run wrap it."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets

    def on_epoch_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        self._buckets.set_epoch(int((state.epoch or 0) + 1e-6))


class _Trainer(Trainer):
    """Trainer with our order of utterances, and a loss that may not be other than finite."""

    def __init__(self, ids: Sequence[str], buckets: Buckets, **options: Any) -> None:
        super().__init__(**options)
        self._ids, self._buckets = ids, buckets

    def _get_train_sampler(self, train_dataset: Any = None) -> Buckets:
        return self._buckets

    def _get_eval_sampler(self, eval_dataset: Any) -> None:
        return None  # in order

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The system's own loss."""
        places = inputs.pop("places")
        outputs = model(**inputs)
        if not bool(torch.isfinite(outputs.loss)):
            batch = [self._ids[place] for place in places.tolist()]
            raise FitError(
                f"the loss of a batch is {outputs.loss.item()} at step {self.state.global_step:,}",
                f"its utterances are {first_names(batch, 16)}",
                "look at their audio and labels, or lower --lr; the same command goes on from the last checkpoint",
            )
        return (outputs.loss, outputs) if return_outputs else outputs.loss


def _scores(found: EvalPrediction, dimensions: Sequence[str]) -> dict[str, float]:
    """CCC over the whole partition: of each dimension, and their mean."""
    scores = ccc(np.asarray(found.label_ids).T, np.asarray(found.predictions).T)
    return {"ccc": float(scores.mean())} | {f"ccc_{name}": float(s) for name, s in zip(dimensions, scores, strict=True)}


def permuted(labels: Any, members: Sequence[Sequence[int]], seed: int) -> Any:
    """Labels [N, K] whose rows are permuted within each of some groups of places."""
    shuffled = labels.copy()
    for places in members:
        shuffled[list(places)] = labels[np.random.default_rng([seed, 1]).permutation(list(places))]
    return shuffled
