"""What the tests are made of: small configurations and sounds."""

from __future__ import annotations

import numpy as np

RATE = 16_000
SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
}
# Name → transformers' model type, configuration, do_normalize: the front ends and norms that differ.
CHECKPOINTS = {
    "hubert": ("hubert", {}, True),
    "distilhubert": ("hubert", {"num_hidden_layers": 2, "feat_proj_layer_norm": False}, False),
    "wav2vec2-group": ("wav2vec2", {}, True),
    "wav2vec2-layer": (
        "wav2vec2",
        {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True},
        True,
    ),
}


def waveform(seconds: float, seed: int, pitch: float = 150.0) -> np.ndarray:
    """A noisy harmonic tone, [S] float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 6))
    return (0.1 * tone + 0.02 * rng.standard_normal(len(time))).astype(np.float32)
