"""Small systems and what they are fed, for the tests of systems and training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from builders import waveform
from torch import nn

from probing.systems.build import build_system
from probing.systems.model import EmotionSystem
from probing.systems.processor import Processor

TEXTS = ["the good day", "", "very very good night a bad day the night", "bad"]
SECONDS = [0.6, 0.25, 0.9, 0.41]
LABELS = torch.tensor([[0.1, 0.7, 0.3], [0.9, 0.2, 0.4], [0.4, 0.5, 0.8], [0.6, 0.1, 0.2]])
FAMILIES = ["hubert", "distilhubert", "wav2vec2-layer", "wavlm-base", "data2vec-audio", "conformer-rotary"]


def sounds() -> list[np.ndarray]:
    """Four waveforms of different lengths."""
    return [waveform(seconds, seed) for seed, seconds in enumerate(SECONDS)]


def built(*parts: Path, **options: Any) -> tuple[EmotionSystem, Processor]:
    """A small system whose head is large enough for differences to be seen."""
    system, processor = build_system("+".join(map(str, parts)), **options)
    with torch.no_grad():
        for layer in (system.head[1], system.head[4]):
            nn.init.normal_(layer.weight, std=0.2, generator=torch.Generator().manual_seed(3))
    return system, processor
