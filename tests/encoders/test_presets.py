"""Encoders known by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
)

from probing.encoders.presets import PRESETS

SaveCheckpoint = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("hubert-base", 94_371_712),
        ("distilhubert", 23_491_968),
        ("wav2vec2-large-robust-12", 164_284_032),
        ("wavlm-base-plus", 94_381_936),
        ("data2vec-audio-base", 93_164_288),
    ],
)
def test_presets_have_the_published_sizes(name: str, parameters: int) -> None:
    """The architectures behind the names have the parameter counts of the published models."""
    preset = PRESETS[name]
    config = AutoConfig.for_model(preset.model_type, **preset.config)
    config.num_hidden_layers = preset.layers or config.num_hidden_layers
    with torch.device("meta"):
        model = AutoModel.from_config(config)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
