"""Train one system on a corpus's train partition, with transformers' Trainer (section 3.2).

Adam at a constant rate, batches of utterances of similar length, the loss averaged over targets (1 − CCC of dimensions,
cross-entropy of categories), and the state that is best on the whole development partition kept. A training that was
killed is resumed from its last checkpoint and ends as one that was not: the order of the batches depends on seed and
epoch alone, and optimiser, random states and early stopping are in the checkpoint (`probing.training.checkpoints`).

The CCC of the loss is over one batch. With several processes (torchrun) each has a batch of its own, and their
gradients are averaged.

Shape legend: N utterances · B those of a batch · K dimensions of emotion.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Subset
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)

from probing.corpus.model import DEVELOPMENT, TRAIN
from probing.environment import processes
from probing.errors import FitError, RunError, ScoreError, first_names
from probing.systems.batches import by_length, readers_watched
from probing.systems.config import SystemConfig
from probing.systems.model import EmotionSystem
from probing.training.accelerated import by_the_first
from probing.training.checkpoints import (
    DIGESTS,
    STATE,
    checkpoint_at,
    damaged,
    has_ended,
    prune,
    resumable,
    seal,
    unsealed,
)
from probing.training.datasets import Buckets, Material
from probing.training.options import FinetuneOptions
from probing.training.progress import Progress
from probing.training.start import hold_fewer_activations, learning_rate, readers, uses_bf16
from probing.training.stopping import metric_of, scores_of

_LOGGED = ("loss", "grad_norm", "learning_rate", "epoch", "step", "eval_loss", "eval_ccc", "eval_score")


def train(
    system: EmotionSystem, material: Material, options: FinetuneOptions, seed: int, folder: Path, device: str
) -> dict[str, Any]:
    """Train a system, or resume a training that was killed; it is left in its best state, on the CPU.

    Args:
        system: Freshly built from the same seed.
        material: What it is trained on.
        options: How; its dimensions are settled.
        seed: Of the order of the data and of dropout.
        folder: Where checkpoints are kept meanwhile.
        device: PyTorch's name of a device; torchrun gives each process its own.

    Returns:
        `steps`, `best_step`, the best mean score on development (`best_ccc`, or `best_score` with categories),
        `history`, what was logged, and
        `damaged_checkpoints` and `unsealed_checkpoints`, steps of those that were not resumed, if there were any.

    Raises:
        FitError: The loss is not finite (code `loss-not-finite`; the message names the batch), or an estimate for
            development is not (`estimate-not-finite`).
    """
    learned, scored = material.members[TRAIN], by_length(material.lengths, material.members[DEVELOPMENT])
    buckets = Buckets([material.lengths[place] for place in learned], options.batch, seed)
    every = options.evaluate_every or max(1, len(buckets) // _global(options))
    every = min(every, options.max_steps or every)  # a training that is never scored has no best state
    if options.gradient_checkpointing:
        hold_fewer_activations(system)
    if options.spec_augment:
        np.random.seed(seed)  # transformers draws its spans from NumPy's global state
    config: Any = system.config  # a SystemConfig, which transformers' types do not know
    metric = metric_of(config)
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "tensorboard")
    trainer = _Trainer(
        material.ids,
        buckets,
        model=system,
        args=_arguments(options, learning_rate(options, system), metric, every, seed, folder, device),
        data_collator=material.collate,
        train_dataset=Subset(material.items, learned),
        eval_dataset=Subset(material.items, scored),
        compute_metrics=lambda found: scores_of(found, config),
        callbacks=[_Epoch(buckets), EarlyStoppingCallback(options.patience), Progress()],
    )
    trainer.remove_callback(PrinterCallback)  # it prints to stdout, which is for results
    checkpoint = by_the_first(lambda: resumable(folder))
    with readers_watched():
        if checkpoint is not None and has_ended(checkpoint, options.patience):
            trainer.end_as(checkpoint)
        else:
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    module: Any = system
    module.to("cpu")
    state = trainer.state
    found = {
        "steps": state.global_step,
        "best_step": state.best_global_step,
        f"best_{metric}": state.best_metric,
        "history": [_ordered(e, config) for e in state.log_history if "loss" in e or f"eval_{metric}" in e],
    }
    passed = by_the_first(lambda: {"damaged_checkpoints": damaged(folder), "unsealed_checkpoints": unsealed(folder)})
    return found | {name: steps for name, steps in passed.items() if steps}


def _ordered(entry: Mapping[str, Any], config: SystemConfig) -> dict[str, Any]:
    """What was logged in one order of names; that of a checkpoint's is another."""
    names = [*_LOGGED, *(f"eval_ccc_{name}" for name in config.dimensions)]
    names += [f"eval_uar_{name}" for name in config.categories]
    return {name: entry[name] for name in [*names, *sorted({*entry} - {*names})] if name in entry}


def _global(options: FinetuneOptions) -> int:
    """Utterances in a step over all processes."""
    return options.batch * processes()


def _arguments(
    options: FinetuneOptions, lr: float, metric: str, every: int, seed: int, folder: Path, device: str
) -> TrainingArguments:
    gpu = device.startswith("cuda")
    workers = readers(options.workers, device)
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
        # A loader draws from PyTorch's random numbers, on which dropout depends, whenever it starts its processes. They
        # start in every epoch and evaluation, as often as it draws without any, so that no number depends on --workers.
        dataloader_persistent_workers=False,
        dataloader_pin_memory=gpu,
        seed=seed,
        bf16=uses_bf16(options, device),
        use_cpu=not gpu,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        logging_strategy="steps",
        logging_steps=every,
        logging_nan_inf_filter=False,
        load_best_model_at_end=True,
        metric_for_best_model=metric,
        greater_is_better=True,
        restore_callback_states_from_checkpoint=True,
        ddp_find_unused_parameters=False,
        remove_unused_columns=False,
        label_names=["labels"],
        report_to="tensorboard" if logged else "none",
        disable_tqdm=True,  # the bar is our own
    )
    if processes() == 1:
        arguments._n_gpu = min(1, arguments.n_gpu)  # DataParallel would split a batch, and with it its CCC
    return arguments


class _Epoch(TrainerCallback):
    """Tells the sampler which epoch begins, also where several processes or a resumed run wrap it."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets

    def on_epoch_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        self._buckets.set_epoch(int((state.epoch or 0) + 1e-6))


class _Trainer(Trainer):
    """Trainer with our order of utterances, which stops at a loss that is not finite."""

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
        """The system's own loss, which has no value where an estimate or a label is NaN or infinite."""
        places = inputs.pop("places")
        try:
            outputs = model(**inputs)
        except ScoreError as error:
            raise self._not_finite(places.tolist()) from error
        if not bool(torch.isfinite(outputs.loss)):
            raise self._not_finite(places.tolist())
        return (outputs.loss, outputs) if return_outputs else outputs.loss

    def end_as(self, checkpoint: Path) -> None:
        """Be as a training is that ended with a checkpoint: its state, and the best weights until then."""
        self.state = TrainerState.load_from_json(str(checkpoint / STATE))
        self._load_best_model()

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()  # each process writes its own random states
        if self.args.should_save:
            folder = Path(str(self.args.output_dir))
            seal(checkpoint_at(folder, self.state.global_step))
            prune(folder)

    def _load_best_model(self) -> None:
        """The best weights; the state names them by a path, but a run's folder may have been moved since."""
        self.accelerator.wait_for_everyone()
        folder = Path(str(self.args.output_dir))
        best = checkpoint_at(folder, int(self.state.best_global_step or 0))
        if not (best / DIGESTS).is_file():  # Trainer would go on with the last weights instead
            why = "it has been deleted during the training"
            raise RunError(f"{best} is gone", why, "rerun the command to resume", code="checkpoint-gone")
        self.state.best_model_checkpoint = str(best)
        super()._load_best_model()

    def _not_finite(self, places: Sequence[int]) -> FitError:
        return FitError(
            f"the loss of a batch is not finite at step {self.state.global_step:,}",
            f"its utterances are {first_names([self._ids[place] for place in places], 16)}",
            "check their audio and labels, or lower --lr; the last checkpoint is kept",
            code="loss-not-finite",
        )
