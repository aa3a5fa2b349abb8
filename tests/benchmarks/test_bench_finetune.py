"""Speed of fine-tuning, as ratios measured in one run."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from builders import waveform

from probing.systems.build import build_system

pytestmark = pytest.mark.slow


def seconds(step: Callable[[], None]) -> float:
    """Median of three, after one that does not count."""
    step()
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        step()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


def test_latents_save_the_front_end(capsys: pytest.CaptureFixture[str]) -> None:
    """A step of DistilHuBERT at real size from latents against one from waveforms."""
    system, processor = build_system("distilhubert@random", dropout=0.0)
    batch = processor([waveform(3.0, seed) for seed in range(4)])
    with torch.no_grad():
        latents = system.front_end(batch["input_values"], batch["lengths"])
    labels = torch.rand(4, 3)
    whole = seconds(lambda: system(**batch, labels=labels).loss.backward())
    short = seconds(lambda: system(latents=latents, lengths=batch["lengths"], labels=labels).loss.backward())
    with capsys.disabled():
        print(f"\na step from latents takes {short / whole:.2f} of one from waveforms ({short:.2f} s, {whole:.2f} s)")
    assert short < whole
