"""Small random checkpoints of the encoders that are not HuBERT's kin, saved as hub repositories are laid out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from builders import small_model

SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
WINDOW = 2  # s that the small Whisper hears at once
MELS = 16
SEW = {**SHAPE, "conv_dim": (16,) * 13, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
# Name → transformers' model type and configuration.
FRONT_ENDS: dict[str, tuple[str, dict[str, Any]]] = {
    "whisper": (
        "whisper",
        {
            "d_model": 32,
            "encoder_layers": 3,
            "decoder_layers": 1,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 48,
            "decoder_ffn_dim": 48,
            "vocab_size": 40,
            "num_mel_bins": MELS,
            "max_source_positions": 50 * WINDOW,
            "max_target_positions": 16,
            "encoder_layerdrop": 0.5,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "decoder_start_token_id": 1,
        },
    ),
    "w2v-bert": ("wav2vec2-bert", {**SHAPE, "conv_depthwise_kernel_size": 7, "layerdrop": 0.5}),
    "w2v-bert-rotary": ("wav2vec2-bert", {**SHAPE, "position_embeddings_type": "rotary"}),
    "parakeet": ("parakeet_encoder", {**SHAPE, "subsampling_conv_channels": 8}),
    "sew": ("sew", {**SEW, "squeeze_factor": 2}),
    "sew-d": ("sew-d", {**SEW, "squeeze_factor": 2}),
    "moonshine": (
        "moonshine",
        {
            "hidden_size": 32,
            "intermediate_size": 48,
            "encoder_num_hidden_layers": 2,
            "decoder_num_hidden_layers": 1,
            "encoder_num_attention_heads": 4,
            "decoder_num_attention_heads": 4,
            "vocab_size": 40,
        },
    ),
}


def extractor_of(name: str) -> Any:
    """The feature extractor that goes with one of them."""
    from transformers import (
        ParakeetFeatureExtractor,
        SeamlessM4TFeatureExtractor,
        Wav2Vec2FeatureExtractor,
        WhisperFeatureExtractor,
    )

    if name == "whisper":
        return WhisperFeatureExtractor(feature_size=MELS, chunk_length=WINDOW)
    if name.startswith("w2v-bert"):
        return SeamlessM4TFeatureExtractor()
    if name == "parakeet":
        return ParakeetFeatureExtractor()
    return Wav2Vec2FeatureExtractor(do_normalize=name != "moonshine")


def save_front_end(folder: Path, name: str, layout: str = "safetensors", **changes: object) -> Path:
    """Save one of them, its weights as safetensors or, as `bin`, as PyTorch's own file."""
    model_type, config = FRONT_ENDS[name]
    model = small_model(model_type, {**config, **changes})
    model.save_pretrained(folder)
    if layout == "bin":
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    extractor_of(name).save_pretrained(folder)
    return folder
