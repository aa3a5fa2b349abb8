"""What the tests are made of: small configurations and sounds."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

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
    "hubert-large": (
        "hubert",
        {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True},
        True,
    ),
    "hubert-batch-norm": ("hubert", {"conv_pos_batch_norm": True}, True),
    "wavlm-base": ("wavlm", {"num_buckets": 32, "max_bucket_distance": 40}, False),
    "wavlm-large": (
        "wavlm",
        {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "num_buckets": 32, "max_bucket_distance": 40},
        True,
    ),
    # Here `num_conv_pos_embeddings` is how many positional convolutions follow one another.
    "data2vec-audio": ("data2vec-audio", {"num_conv_pos_embeddings": 5, "conv_pos_kernel_size": 19}, True),
    "conformer-relative": ("wav2vec2-conformer", {"conv_depthwise_kernel_size": 15}, True),
    "conformer-rotary": (
        "wav2vec2-conformer",
        {
            "position_embeddings_type": "rotary",
            "conv_depthwise_kernel_size": 15,
            "feat_extract_norm": "layer",
            "conv_bias": True,
        },
        True,
    ),
}


LENGTHS = st.lists(st.integers(400, 12_000), min_size=1, max_size=5)  # samples of the utterances in a batch
FRONT_ENDS = [  # kernels and strides
    ((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)),
    ((8, 4, 3, 2), (5, 4, 4, 4)),
    ((9, 4, 1, 3), (3, 2, 1, 2)),
]


@st.composite
def configurations(draw: st.DrawFn, narrow: bool = False) -> tuple[str, dict[str, Any]]:
    """A model type and a small configuration; every switch that changes what crosses time is drawn.

    A layer norm over a few numbers (`narrow`) multiplies rounding errors by hundreds; then only float64 shows whether
    padding leaks.
    """
    model_type = draw(st.sampled_from(sorted({model_type for model_type, _, _ in CHECKPOINTS.values()})))
    (kernels, strides), heads = draw(st.sampled_from(FRONT_ENDS)), draw(st.sampled_from([1, 2, 4]))
    config: dict[str, Any] = {
        "hidden_size": heads * draw(st.sampled_from([4, 6, 10])) if narrow else draw(st.sampled_from([24, 32, 40])),
        "num_hidden_layers": draw(st.integers(1, 3)),
        "num_attention_heads": heads,
        "intermediate_size": draw(st.integers(4, 64)),
        "conv_dim": tuple(draw(st.integers(2, 12) if narrow else st.integers(16, 24)) for _ in kernels),
        "conv_kernel": kernels,
        "conv_stride": strides,
        "conv_bias": draw(st.booleans()),
        "num_conv_pos_embedding_groups": draw(st.sampled_from([1, 2, heads])),
    }
    if model_type == "data2vec-audio":
        config |= {
            "num_conv_pos_embeddings": draw(st.integers(1, 6)),
            "conv_pos_kernel_size": draw(st.integers(1, 20)),
        }
        return model_type, config
    config["num_conv_pos_embeddings"] = draw(st.integers(1, 24))
    config["feat_extract_norm"] = draw(st.sampled_from(["group", "layer"]))
    if model_type == "wav2vec2-conformer":
        config |= {
            "position_embeddings_type": draw(st.sampled_from(["relative", "rotary", None])),
            "conv_depthwise_kernel_size": draw(st.sampled_from([1, 3, 7, 31])),
            "max_source_positions": draw(st.sampled_from([2, 5000])),
        }
        return model_type, config
    config["do_stable_layer_norm"] = draw(st.booleans())
    if model_type == "hubert":
        config |= {"feat_proj_layer_norm": draw(st.booleans()), "conv_pos_batch_norm": draw(st.booleans())}
    if model_type == "wavlm":
        config |= {"num_buckets": draw(st.sampled_from([4, 32, 320])), "max_bucket_distance": 800}
    return model_type, config


def small_model(model_type: str, config: dict[str, Any], seed: int = 1) -> Any:
    """A transformers model with random weights, biases and norms that do something, unlike fresh ones."""
    import torch
    from transformers import AutoConfig, AutoModel

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = AutoModel.from_config(AutoConfig.for_model(model_type, **config)).eval()
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():  # of a batch norm
            if name.endswith(("running_mean", "running_var")):
                buffer.copy_(torch.rand_like(buffer) + 0.5)
    return model


def waveform(seconds: float, seed: int, pitch: float = 150.0) -> np.ndarray:
    """A noisy harmonic tone, [S] float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 6))
    return (0.1 * tone + 0.02 * rng.standard_normal(len(time))).astype(np.float32)
