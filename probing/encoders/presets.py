"""Encoders known by name, and where they come from. Loads without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BUILT_IN = Path(__file__).parents[1] / "demo" / "encoders"  # folders of the encoders that come with the package


@dataclass(frozen=True)
class Preset:
    """An encoder known by name.

    Args:
        source: Repository on the model hub, or folder of a built-in encoder.
        model_type: transformers' name of the architecture.
        config: Departures from transformers' default configuration, for `@random`.
        do_normalize: Whether the checkpoint wants zero mean and unit variance per utterance, for `@random`; of encoders
            that hear waveforms.
        layers: Transformer layers kept, or None for all.
        teacher: The preset that it was distilled from, if it was.
    """

    source: str
    model_type: str
    config: dict[str, Any] = field(default_factory=dict)
    do_normalize: bool = True
    layers: int | None = None
    teacher: str | None = None


def _whisper(source: str, width: int, layers: int, **changes: Any) -> Preset:
    """One of Whisper's sizes: its width and its encoder's layers."""
    config = {"d_model": width, "encoder_layers": layers, "encoder_ffn_dim": 4 * width}
    config |= {"encoder_attention_heads": width // 64, "decoder_attention_heads": width // 64}
    return Preset(source, "whisper", config | changes)


PRESETS = {
    "hubert-base": Preset("facebook/hubert-base-ls960", "hubert"),
    "distilhubert": Preset(
        "ntu-spml/distilhubert",
        "hubert",
        {"num_hidden_layers": 2, "feat_proj_layer_norm": False, "apply_spec_augment": False, "layerdrop": 0.0},
        do_normalize=False,
        teacher="hubert-base",
    ),
    "wav2vec2-large-robust-12": Preset(
        "facebook/wav2vec2-large-robust",
        "wav2vec2",
        {
            "hidden_size": 1024,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
            "feat_extract_norm": "layer",
            "conv_bias": True,
            "do_stable_layer_norm": True,
        },
        layers=12,
    ),
    "wavlm-base-plus": Preset("microsoft/wavlm-base-plus", "wavlm", do_normalize=False),
    "data2vec-audio-base": Preset("facebook/data2vec-audio-base", "data2vec-audio"),
    "whisper-tiny": _whisper("openai/whisper-tiny", 384, 4),
    "whisper-tiny.en": _whisper("openai/whisper-tiny.en", 384, 4),
    "whisper-base": _whisper("openai/whisper-base", 512, 6),
    "whisper-base.en": _whisper("openai/whisper-base.en", 512, 6),
    "whisper-small": _whisper("openai/whisper-small", 768, 12),
    "whisper-medium": _whisper("openai/whisper-medium", 1024, 24),
    "whisper-large-v3": _whisper("openai/whisper-large-v3", 1280, 32, num_mel_bins=128),
    "w2v-bert-2.0": Preset("facebook/w2v-bert-2.0", "wav2vec2-bert"),
    "tinybert": Preset(
        "huawei-noah/TinyBERT_General_4L_312D",
        "bert",
        {"hidden_size": 312, "num_hidden_layers": 4, "intermediate_size": 1200},
    ),
    "minilm-l6": Preset(
        "sentence-transformers/all-MiniLM-L6-v2",
        "bert",
        {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536},
    ),
    "demo-hubert": Preset(str(BUILT_IN / "demo-hubert"), "hubert"),
    "demo-distilhubert": Preset(str(BUILT_IN / "demo-distilhubert"), "hubert", teacher="demo-hubert"),
    "demo-tinybert": Preset(str(BUILT_IN / "demo-tinybert"), "bert"),
}


def preset_of(name: str) -> str | None:
    """The preset that a name stands for: its own or its repository's; None for any other encoder.

    >>> preset_of("facebook/hubert-base-ls960"), preset_of("hubert-base"), preset_of("hubert-base-layers6")
    ('hubert-base', 'hubert-base', None)
    """
    return next((preset for preset, own in PRESETS.items() if name in (preset, own.source)), None)


def teacher_of(name: str) -> str | None:
    """The preset that an encoder is known to be distilled from; None where none is known.

    >>> teacher_of("distilhubert"), teacher_of("hubert-base")
    ('hubert-base', None)
    """
    preset = preset_of(name)
    return None if preset is None else PRESETS[preset].teacher
