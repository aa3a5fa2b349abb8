"""What a training will take: a few real steps are made, and time, memory and disk of the whole follow from them."""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from probing.extraction.cost import size
from probing.systems.inputs import Feed
from probing.systems.model import EmotionSystem
from probing.training.datasets import by_length
from probing.training.train import FinetuneOptions, hold_fewer_activations, uses_bf16

_STEPS = 2  # of the middle length, after one of the longest utterances


@dataclass(frozen=True)
class Outlook:
    """Measured on this device.

    Args:
        step: A training step, in s.
        epoch: A pass over train and development, in s.
        memory: Most memory in use, in bytes; on a CPU of the whole process.
        checkpoints: Disk that a training takes, in bytes.
        system: Disk that a trained system takes, in bytes.
        free: Free disk, in bytes.
    """

    step: float
    epoch: float
    memory: int
    checkpoints: int
    system: int
    free: int

    def text(self, options: FinetuneOptions, device: str) -> str:
        """As a user reads it."""
        whole = self.epoch * options.epochs
        if options.max_steps is not None:
            whole = min(whole, self.step * options.max_steps)
        return (
            f"{self.step:.2f} s a step of {options.batch} utterances, {_hours(self.epoch)} a pass, at most "
            f"{_hours(whole)} a seed ({options.epochs} passes; early stopping usually ends it before) on one {device}; "
            f"{size(self.memory)} of memory; {size(self.checkpoints)} of disk meanwhile, "
            f"{size(self.system * options.seeds)} in the end ({size(self.free)} free)"
        )


def outlook(
    system: EmotionSystem,
    source: Feed,
    learned: Sequence[int],
    scored: Sequence[int],
    options: FinetuneOptions,
    device: str,
    root: Path,
) -> Outlook:
    """Make three training steps and say what the whole will take.

    Args:
        system: A system as its training begins; it is changed.
        source: The corpus as it takes it.
        learned: Places of the training utterances.
        scored: Places of the development utterances.
        options: How it will be trained.
        device: PyTorch's name of a device.
        root: Where the run will be written.
    """
    order = by_length(source.lengths, learned)
    middle = len(order) // 2
    if options.gradient_checkpointing:
        hold_fewer_activations(system)
    module: Any = system
    module.to(device).train()
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad])
    _step(module, optimizer, source, order[: options.batch], options, device)
    began = time.perf_counter()
    for _ in range(_STEPS):
        _step(module, optimizer, source, order[middle : middle + options.batch], options, device)
    step = (time.perf_counter() - began) / _STEPS
    weights = 4 * sum(p.numel() for p in module.parameters())
    moments = 8 * sum(p.numel() for p in module.parameters() if p.requires_grad)
    steps = max(1, len(learned) // options.batch)
    gpu = device.startswith("cuda")
    absolute = root.absolute()
    disk = next(folder for folder in (absolute, *absolute.parents) if folder.exists())
    return Outlook(
        step=step,
        epoch=step * (steps + len(scored) / options.batch / 3),  # scoring is the forward third of a step
        memory=torch.cuda.max_memory_allocated() if gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        checkpoints=2 * (weights + moments),  # the last and the best
        system=weights,
        free=shutil.disk_usage(disk).free,
    )


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


def _hours(seconds: float) -> str:
    """Seconds as a person reads them.

    >>> _hours(90), _hours(7200), _hours(12)
    ('1.5 min', '2 h', '12 s')
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 3600 else f"{seconds / 3600:.3g} h"
