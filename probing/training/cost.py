"""What a training will take: a few real steps are made, and time, memory and disk of the whole follow from them."""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from probing.corpus.model import DEVELOPMENT, TRAIN
from probing.files import duration, size
from probing.systems.batches import Feed, by_length
from probing.systems.model import EmotionSystem
from probing.training.options import FinetuneOptions
from probing.training.start import hold_fewer_activations, uses_bf16

_STEPS = 2  # of the middle length, after one of the longest utterances
_TIMED = 16  # utterances on which the front end's time is measured


@dataclass(frozen=True)
class Forecast:
    """What a training will take, measured on this device before it starts.

    Args:
        system: The system's name.
        parameters: All of its parameters.
        trainable: Those of them that learn.
        members: Partition, `train` and `development` → number of utterances.
        options: How it is trained.
        device: PyTorch's name of the device.
        step: Seconds of a training step.
        epoch: Seconds of an epoch, with scoring development.
        memory: Peak memory, in bytes; on a CPU of the whole process.
        checkpoints: Bytes on disk while a seed is trained.
        n_bytes: Bytes on disk of a trained system.
        free: Free bytes on the disk.
    """

    system: str
    parameters: int
    trainable: int
    members: Mapping[str, int]
    options: FinetuneOptions
    device: str
    step: float
    epoch: float
    memory: int
    checkpoints: int
    n_bytes: int
    free: int

    @property
    def seed(self) -> float:
        """Maximum number of seconds of one training seed; early stopping usually ends it before."""
        whole = self.epoch * self.options.epochs
        return whole if self.options.max_steps is None else min(whole, self.step * self.options.max_steps)

    def all_of(self, folds: int) -> str:
        """What all folds of a corpus will take, of which this is one."""
        trainings = folds * self.options.seeds
        return (
            f"that is one of {folds} folds: at most {duration(trainings * self.seed)} and "
            f"{size(trainings * self.n_bytes)} of disk afterwards for all of them, {trainings:,} trainings in all"
        )

    def __str__(self) -> str:
        return (
            f"{self.system}: {self.parameters / 1e6:.1f} M parameters, {self.trainable / 1e6:.1f} M of them trainable; "
            f"{self.members[TRAIN]:,} utterances for training, {self.members[DEVELOPMENT]:,} for early stopping\n"
            f"{self.step:.2f} s per step of {self.options.batch} utterances, {duration(self.epoch)} per epoch, at most "
            f"{duration(self.seed)} per seed ({self.options.epochs} epochs; early stopping usually ends it before) on "
            f"one {self.device}; {size(self.memory)} of memory; {size(self.checkpoints)} of disk during training, "
            f"{size(self.n_bytes * self.options.seeds)} afterwards ({size(self.free)} free)"
        )


def measured(
    system: EmotionSystem,
    source: Feed,
    members: Mapping[str, Sequence[int]],
    options: FinetuneOptions,
    device: str,
    root: Path,
) -> Forecast:
    """Make three training steps and forecast the whole.

    Args:
        system: A system as its training begins; it is changed.
        source: The corpus as it takes it.
        members: Partition, `train` and `development` → places of its utterances.
        options: How it will be trained.
        device: PyTorch's name of a device.
        root: Where the run will be written.
    """
    order = by_length(source.lengths, members[TRAIN])
    middle = len(order) // 2
    if options.gradient_checkpointing:
        hold_fewer_activations(system)
    module: Any = system
    module.to(device).train()
    parameters = list(module.parameters())
    optimizer = torch.optim.Adam([p for p in parameters if p.requires_grad])
    _step(module, optimizer, source, order[: options.batch], options, device)
    began = time.perf_counter()
    for _ in range(_STEPS):
        _step(module, optimizer, source, order[middle : middle + options.batch], options, device)
    step = (time.perf_counter() - began) / _STEPS
    total, trainable = sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)
    weights, moments = 4 * total, 8 * trainable  # bytes: float32, and Adam's two numbers for each that learns
    steps = max(1, len(order) // options.batch)
    disk = next(folder for folder in (root.absolute(), *root.absolute().parents) if folder.exists())
    return Forecast(
        system=system.config.encoders,
        parameters=total,
        trainable=trainable,
        members={partition: len(places) for partition, places in members.items()},
        options=options,
        device=device,
        step=step,
        epoch=step * (steps + len(members[DEVELOPMENT]) / options.batch / 3),  # scoring is the forward third of a step
        memory=_peak_memory(device),
        checkpoints=3 * (weights + moments),  # the last, the one before it, and the best
        n_bytes=weights,
        free=shutil.disk_usage(disk).free,
    )


def _peak_memory(device: str) -> int:
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _step(
    module: Any,
    optimizer: torch.optim.Optimizer,
    source: Feed,
    places: Sequence[int],
    options: FinetuneOptions,
    device: str,
) -> None:
    batch = source.collate([source.items[place] for place in places])
    batch.pop("places")
    with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=uses_bf16(options, device)):
        loss = module(**{name: tensor.to(device) for name, tensor in batch.items()}).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def seconds_saved(system: EmotionSystem, waveforms: Feed, latents: Feed, device: str) -> float:
    """Seconds that reading latents saves on an utterance, measured on a few: decoding and front end against reading.

    Args:
        system: Whose front end is meant.
        waveforms: The corpus as audio.
        latents: The corpus as latents.
        device: Where the front end would compute.
    """
    n = len(waveforms.items)
    places = np.linspace(0, n - 1, min(_TIMED, n)).astype(int).tolist()

    def timed(source: Feed, then: Callable[[dict[str, Tensor]], object]) -> float:
        began = time.perf_counter()
        then(source.collate([source.items[place] for place in places]))
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        return time.perf_counter() - began

    def compute(batch: dict[str, Tensor]) -> Tensor:
        return module.front_end(batch["input_values"].to(device), batch["lengths"])

    module: Any = system
    module.to(device)
    for source, then in ((waveforms, compute), (latents, lambda _: None)):
        timed(source, then)  # once before, so that nothing is measured that happens only once
    return (timed(waveforms, compute) - timed(latents, lambda _: None)) / len(places)
