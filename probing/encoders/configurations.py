"""Read a checkpoint's configuration: what only a training run or another library meant is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoConfig, PretrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from probing.encoders.families import SPEECH, TEXT, known, why_not
from probing.errors import EncoderError

# Settings of the program that saved it, which say nothing about the model: how it was quantised, what attention it
# computed with, what its forward pass returned. Weights that are quantised themselves are refused when they are read.
_FOREIGN = """
    quantization_config attn_implementation _attn_implementation _attn_implementation_internal return_dict
    output_hidden_states output_attentions torchscript auto_map use_return_dict model_type transformers_version
""".split()
# What transformers calls the number of layers where its own name for it is not that of the encoder.
_LAYERS = {"moonshine": "encoder_num_hidden_layers"}


def configuration_of(described: dict[str, Any], whose: str) -> PretrainedConfig:
    """The configuration of an encoder that is frozen, from what a config.json says.

    A field that is null where transformers knows a number or a switch has transformers' default.

    Args:
        described: Its content.
        whose: Name, for messages.

    Raises:
        EncoderError: It is of a kind that does not open (code `encoder-foreign`).
    """
    model_type = str(described.get("model_type", ""))
    if not known(model_type):
        named = ", ".join((*SPEECH, *TEXT[:12]))
        remedy = f"use one of the architectures that open: {named} and other text encoders of transformers' AutoModel"
        raise EncoderError(f"encoder {whose}", why_not(model_type), remedy, code="encoder-foreign")
    usual = CONFIG_MAPPING[model_type]()
    own = {key: value for key, value in described.items() if key not in _FOREIGN}
    nulls = {key for key, value in own.items() if value is None and getattr(usual, key, None) is not None}
    config = AutoConfig.for_model(model_type, **{key: value for key, value in own.items() if key not in nulls})
    return for_frozen(config)


def for_frozen(config: PretrainedConfig) -> PretrainedConfig:
    """The same for a frozen encoder, which drops and masks nothing, and has no decoder and no adapter behind it."""
    if config.model_type in SPEECH:
        # An adapter would shorten the model's output.
        config.update({"layerdrop": 0.0, "apply_spec_augment": False, "add_adapter": False})
    if config.model_type == "whisper":
        config.update({"encoder_layerdrop": 0.0, "decoder_layers": 0})
    if config.model_type == "moonshine":
        config.update({"decoder_num_hidden_layers": 0})
    return config


def layers_of(config: PretrainedConfig) -> int:
    """Number of transformer layers."""
    return int(getattr(config, _LAYERS.get(config.model_type, "num_hidden_layers")))


def keep_layers(config: PretrainedConfig, kept: int) -> None:
    """Keep only the first so many layers."""
    setattr(config, _LAYERS.get(config.model_type, "num_hidden_layers"), kept)


def refuse_pointers(folder: Path) -> None:
    """Raise an EncoderError (code `lfs-pointer`) where a folder holds a Git LFS pointer instead of a file."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.stat().st_size < 1024 and path.read_bytes().startswith(b"version https://git-lfs"):
            raise EncoderError(
                f"{path}",
                "it is a Git LFS pointer, not the file itself",
                "run `git lfs pull` in the repository that it came from, or `hf download` in its place",
                code="lfs-pointer",
            )
