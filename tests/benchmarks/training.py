"""A training step of each audio system at full size: batches as the paper's, of MSP-Podcast's longest utterances."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from benchmarks.measure import spent
from benchmarks.results import Result, single
from builders import waveform

from probing.bench.memory import forget_peak, peak
from probing.systems.build import build_system
from probing.training.options import FinetuneOptions
from probing.training.start import hold_fewer_activations

BATCH, SECONDS = FinetuneOptions().batch, 11.9
SYSTEMS = {"distilhubert": False, "hubert-base": True, "wav2vec2-large-robust-12": True}  # → gradient checkpointing
CHECKPOINTED = "with --gradient-checkpointing"


def measured(_folder: Path, _rounds: int) -> Iterator[Result]:
    """Rows of this kind; each system is measured once, in a process of its own, since a step takes minutes."""
    for name, fewer in SYSTEMS.items():
        words = [sys.executable, "-m", "benchmarks.training", name]
        seconds, most = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
        work, note = f"training step of {name}, {BATCH} utterances of {SECONDS} s", CHECKPOINTED if fewer else ""
        yield single(work, [seconds], "processor s", note=note)
        yield single(f"{work}: peak memory", [most / 1e6], "MB", note=note)


def main() -> None:
    """One step from audio, with Adam, on the CPU; print processor seconds and the most memory in bytes."""
    name = sys.argv[1]
    system, processor = build_system(f"{name}@random", seed=0)
    if SYSTEMS[name]:
        hold_fewer_activations(system)
    system.train()
    optimizer = torch.optim.Adam([own for own in system.parameters() if own.requires_grad])
    batch = processor([waveform(SECONDS, number) for number in range(BATCH)])
    labels = torch.from_numpy(np.random.default_rng(0).random((BATCH, 3), np.float32))

    def step() -> None:
        system(**batch, labels=labels).loss.backward()
        optimizer.step()

    forget_peak("cpu")
    print(json.dumps([spent(step).processor, peak("cpu")]))


if __name__ == "__main__":
    main()
