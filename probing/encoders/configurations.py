"""Read a checkpoint's configuration: what only a training run or another library meant is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from transformers import AutoConfig, PretrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from probing.encoders.families import FROM_PADDING, SPEECH, TEXT, known, why_not
from probing.errors import EncoderError

# Settings of the program that saved it, which say nothing about the encoder: how it was quantised, what attention it
# computed with, what its forward pass returned, in what pieces and number format, what a classifier's labels were
# called, and in which files the weights are. Weights that are quantised themselves are refused when they are read.
_FOREIGN = """
    quantization_config attn_implementation _attn_implementation _attn_implementation_internal return_dict
    output_hidden_states output_attentions torchscript auto_map use_return_dict model_type transformers_version
    architectures dtype torch_dtype gradient_checkpointing chunk_size_feed_forward num_labels id2label label2id
    problem_type transformers_weights fusion_config kernel_config distributed_config
""".split()
# Recognisers whose encoder is one that opens; transformers finds the encoder's weights among theirs.
_RECOGNISERS = ("parakeet_ctc", "parakeet_tdt", "parakeet_rnnt")
# What no encoder has, and what would take memory or time without end: numbers, entries of a list, layers.
_LARGEST, _LONGEST, _DEEPEST = 10_000_000, 1_000, 100
_LARGEST_OF = {
    **dict.fromkeys(("feature_size", "num_mel_bins", "n_fft", "attention_window"), 10_000),
    **dict.fromkeys(("num_hidden_groups", "inner_group_num"), 10),  # ALBERT's, whose product counts layers
}
_MOST_WAVES = 10_000  # positions whose sines are computed one by one
_FARTHEST = 5000  # frames whose relative positions a conformer prepares; it prepares more of them as it needs them
# What transformers calls the number of layers where its own name for it is not that of the encoder.
_LAYERS = {"moonshine": "encoder_num_hidden_layers"}


def configuration_of(described: dict[str, Any], whose: str) -> PretrainedConfig:
    """The configuration of an encoder that is frozen, from what a config.json says.

    A field that is null where transformers wants a number or a switch has transformers' default.

    Args:
        described: Its content.
        whose: Name, for messages.

    Raises:
        EncoderError: It is of a kind that does not open (code `encoder-foreign`), or says what no encoder has
            (`encoder-unopened`).
    """
    if described.get("model_type") in _RECOGNISERS:
        described = {"model_type": "parakeet_encoder"} | described["encoder_config"]
    model_type = str(described.get("model_type", ""))
    if not known(model_type):
        named = ", ".join((*SPEECH, *TEXT[:12]))
        remedy = f"use one of the architectures that open: {named} and other text encoders of transformers' AutoModel"
        raise EncoderError(f"encoder {whose}", why_not(model_type), remedy, code="encoder-foreign")
    return for_frozen(completed(described, model_type, whose))


def completed(described: Mapping[str, Any], model_type: str, whose: str) -> PretrainedConfig:
    """A model's whole configuration, of a kind that transformers knows, with its defaults for what says nothing.

    Args:
        described: Content of its config.json.
        model_type: Its kind, in transformers' spelling.
        whose: Name, for messages.

    Raises:
        EncoderError: It says what no model has (code `encoder-unopened`).
    """
    own = {key: value for key, value in described.items() if key not in _FOREIGN}
    refuse_nonsense(own, whose, "config.json", "num_conv_pos_embeddings" if model_type == "data2vec-audio" else "")
    usual = CONFIG_MAPPING[model_type]()
    # Where transformers' own annotation allows it, a null is an answer: without position embeddings, say.
    answers = {field.name for field in fields(usual) if type(None) in get_args(field.type)}
    if model_type in FROM_PADDING:
        answers.discard("pad_token_id")
    kept = {
        key: value
        for key, value in own.items()
        if value is not None or key in answers or getattr(usual, key, None) is None
    }
    return AutoConfig.for_model(model_type, **kept)


def refuse_nonsense(described: Mapping[str, Any], whose: str, file: str, repeated: str = "") -> None:
    """Raise an EncoderError (code `encoder-unopened`) where a file says numbers that no encoder has.

    Args:
        described: Its content.
        whose: The encoder's name, for messages.
        file: The file's name, for messages.
        repeated: A field that counts layers, if not by its name.
    """
    for key, value in described.items():
        largest = _DEEPEST if "layers" in key or key == repeated else _LARGEST_OF.get(key, _LARGEST)
        if key == "max_position_embeddings" and described.get("sinusoidal_pos_embds"):
            largest = _MOST_WAVES
        entries = value if isinstance(value, list) else [value]
        longest = _DEEPEST if key.startswith("conv_") else _LONGEST  # a convolution each
        if len(entries) > longest or any(_nonsense(entry, largest, key) for entry in entries):
            raise EncoderError(
                f"encoder {whose} could not be opened",
                f"its {file} says {key} = {str(value)[:40]}, which no encoder has",
                f"copy {file} again from where the model came from",
                code="encoder-unopened",
            )


def _nonsense(value: Any, largest: int, key: str) -> bool:
    return isinstance(value, int) and abs(value) > largest and not key.endswith("_token_id")


def for_frozen(config: PretrainedConfig) -> PretrainedConfig:
    """The same for a frozen encoder, which drops and masks nothing, and has no decoder and no adapter behind it."""
    if config.model_type in SPEECH:
        # An adapter would shorten the model's output.
        config.update({"layerdrop": 0.0, "apply_spec_augment": False, "add_adapter": False})
    if config.model_type in ("wav2vec2-conformer", "wav2vec2-bert"):
        config.update({"max_source_positions": min(config.max_source_positions, _FARTHEST)})
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
