"""Train a module on batches that are made from a seed and the step's number, with transformers' Trainer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import PrinterCallback, Trainer, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from probing.training.progress import Progress

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a module is trained.

    Args:
        steps: Number of steps.
        learning_rate: Highest learning rate; it rises over the first `warmup` steps and then falls to 0.
        warmup: Steps.
        seed: Of initialisation and batches.
        save_every: Steps between two checkpoints, from which a killed run goes on.
        watch_every: Steps between two looks at the depth profile.
    """

    steps: int
    learning_rate: float
    warmup: int = 200
    seed: int = 0
    save_every: int = 250
    watch_every: int = 500


class Batches(Dataset[Batch]):
    """Batches as a dataset: item i is the i-th batch, whatever was asked for before."""

    def __init__(self, make: Callable[[int], Batch], steps: int) -> None:
        self._make, self._steps = make, steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Batch:
        return self._make(step)


def train(
    module: nn.Module,
    make_batch: Callable[[int], Batch],
    schedule: Schedule,
    folder: Path,
    watch: Callable[[int], None] | None = None,
) -> list[Mapping[str, float]]:
    """Train a module; a run that was killed goes on from its last checkpoint.

    Args:
        module: Its forward takes a batch's tensors by name and gives a dictionary with `loss`.
        make_batch: Step → batch.
        schedule: Steps, learning rate, seed.
        folder: Where checkpoints are kept.
        watch: Called with the step's number every `schedule.watch_every` steps.

    Returns:
        What was logged: the step, the mean loss since the last entry and the learning rate.
    """
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=schedule.steps,
        learning_rate=schedule.learning_rate,
        warmup_steps=schedule.warmup,
        lr_scheduler_type="linear",
        adam_beta2=0.98,
        weight_decay=0.01,
        per_device_train_batch_size=1,  # one item is a whole batch
        seed=schedule.seed,
        save_steps=schedule.save_every,
        save_total_limit=1,
        logging_steps=min(100, schedule.steps),
        report_to="none",
        remove_unused_columns=False,
        label_names=[],
        dataloader_pin_memory=torch.cuda.is_available(),
        disable_tqdm=True,  # the bar is our own, for the same reason
    )
    trainer = Trainer(
        module,
        arguments,
        train_dataset=Batches(make_batch, schedule.steps),
        data_collator=lambda items: items[0],
        callbacks=[Progress(schedule.watch_every, watch)],
    )
    trainer.remove_callback(PrinterCallback)  # it prints to stdout, which is for results
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(folder)) if folder.is_dir() else None)
    module.to("cpu")
    return [entry for entry in trainer.state.log_history if "loss" in entry]
