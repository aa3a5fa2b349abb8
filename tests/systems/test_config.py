"""What settles a system's architecture: kept and read back, and its own copy of its encoders' configurations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from builders import SMALL
from small_systems import built
from transformers import AutoConfig

from probing.systems.config import SystemConfig
from probing.systems.inference import opened


def test_a_configuration_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    """With both encoders' own configurations; AutoConfig knows its type."""
    audio, text = AutoConfig.for_model("hubert", **SMALL), AutoConfig.for_model("bert", hidden_size=32)
    config = SystemConfig(audio, text, "a+b", ["valence"], (1, 7), "concat", 0.3, freeze=["text"])
    config.save_pretrained(tmp_path)
    for found in (SystemConfig.from_pretrained(tmp_path), AutoConfig.from_pretrained(tmp_path)):
        assert isinstance(found, SystemConfig) and found.to_diff_dict() == config.to_diff_dict()
        assert (found.audio_config.hidden_size, found.text_config.model_type) == (32, "bert")
        assert (found.dimensions, found.scale, found.fusion, found.freeze) == (["valence"], [1, 7], "concat", ["text"])


def test_an_encoder_s_configuration_is_copied() -> None:
    """The system sets dropout in its own copy, and leaves the checkpoint's as it is."""
    audio = AutoConfig.for_model("hubert", **SMALL)
    assert SystemConfig(audio).audio_config is not audio and SystemConfig(audio).text_config is None


@pytest.mark.parametrize("name", ["attn_implementation", "_attn_implementation"])
def test_a_received_configuration_names_no_kernels(checkpoints: dict[str, Path], tmp_path: Path, name: str) -> None:
    """Kernels are code, which would be fetched from the hub; the system opens without."""
    system, processor = built(checkpoints["hubert"])
    system.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    described = json.loads((tmp_path / "config.json").read_text())
    described[name] = described["audio_config"][name] = "evil/kernel"
    (tmp_path / "config.json").write_text(json.dumps(described))
    again, _ = opened(tmp_path)
    assert all(torch.equal(one, other) for one, other in zip(again.parameters(), system.parameters(), strict=True))
    assert "evil" not in f"{again.config} {again.audio.config._attn_implementation}"


def test_what_an_encoder_s_configuration_says_of_its_caller_is_left_out() -> None:
    """What it returns, how it attends, and where its weights are."""
    audio = AutoConfig.for_model("hubert", **SMALL).to_dict()
    told = {"output_hidden_states": 1e308, "return_dict": False, "transformers_weights": "x", "auto_map": {"a": "b.c"}}
    config = SystemConfig(audio_config=audio | told)
    assert config.to_dict() == SystemConfig(audio_config=audio).to_dict()
