"""Small random checkpoints of every family that opens, saved as repositories of the model hub are laid out.

Whether padding leaks into a layer is a matter of its architecture and not of what it has learned, so a few units show
it. Every switch that changes what crosses time has a checkpoint of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModel,
    BertTokenizer,
    ParakeetFeatureExtractor,
    PreTrainedTokenizerFast,
    SeamlessM4TFeatureExtractor,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
)

from probing.encoders.families import FROM_PADDING, TEXT

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
}
_LARGE = {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}
_BUCKETS = {"num_buckets": 32, "max_bucket_distance": 40}
_ROTARY = {"position_embeddings_type": "rotary", "feat_extract_norm": "layer", "conv_bias": True}
# Waveforms in. Name → transformers' model type, configuration, do_normalize: the front ends and norms that differ.
WAVEFORMS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "hubert": ("hubert", {}, True),
    "distilhubert": ("hubert", {"num_hidden_layers": 2, "feat_proj_layer_norm": False}, False),
    "wav2vec2-group": ("wav2vec2", {}, True),
    "wav2vec2-layer": ("wav2vec2", _LARGE, True),
    "hubert-large": ("hubert", _LARGE, True),
    "hubert-batch-norm": ("hubert", {"conv_pos_batch_norm": True}, True),
    "wavlm-base": ("wavlm", _BUCKETS, False),
    "wavlm-large": ("wavlm", {"feat_extract_norm": "layer", "do_stable_layer_norm": True, **_BUCKETS}, True),
    "unispeech": ("unispeech", {}, True),
    "unispeech-sat": ("unispeech-sat", {"feat_extract_norm": "layer", "do_stable_layer_norm": True}, True),
    # Here `num_conv_pos_embeddings` is how many positional convolutions follow one another.
    "data2vec-audio": ("data2vec-audio", {"num_conv_pos_embeddings": 5, "conv_pos_kernel_size": 19}, True),
    "conformer-relative": ("wav2vec2-conformer", {"conv_depthwise_kernel_size": 15}, True),
    "conformer-rotary": ("wav2vec2-conformer", {**_ROTARY, "conv_depthwise_kernel_size": 15}, True),
}

_SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
_SEW = {**_SHAPE, "conv_dim": (16,) * 13, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
_HEADS = {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
_TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
MELS = 16
# Spectrograms in, or waveforms that run alone. Name → transformers' model type and configuration.
FRONT_ENDS: dict[str, tuple[str, dict[str, Any]]] = {
    "whisper": (
        "whisper",
        {
            "d_model": 32,
            "encoder_layers": 3,
            "decoder_layers": 1,
            "vocab_size": 40,
            "num_mel_bins": MELS,
            "max_target_positions": 16,
            "encoder_layerdrop": 0.5,
            **_HEADS,
            **_TOKENS,
        },
    ),
    "w2v-bert": ("wav2vec2-bert", {**_SHAPE, "conv_depthwise_kernel_size": 7, "layerdrop": 0.5}),
    "w2v-bert-rotary": ("wav2vec2-bert", {**_SHAPE, "position_embeddings_type": "rotary"}),
    "parakeet": ("parakeet_encoder", {**_SHAPE, "subsampling_conv_channels": 8}),
    "sew": ("sew", {**_SEW, "squeeze_factor": 2}),
    "sew-d": ("sew-d", {**_SEW, "squeeze_factor": 2}),
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

POSITIONS = 64
_RELATIVE = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}
# Transcripts in: what families need beside width, depth and vocabulary.
TEXTS: dict[str, dict[str, Any]] = {
    "distilbert": {"dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 64},
    "electra": {"embedding_size": 16},
    "longformer": {"attention_window": [4, 4, 4]},
    "deberta": _RELATIVE,
    "deberta-v2": {**_RELATIVE, "position_buckets": 4, "conv_kernel_size": 3},
    "modernbert": {"local_attention": 4, "pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "eos_token_id": 3},
    "albert": {"embedding_size": 16},
    "eurobert": {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "mask_token_id": 4},
    "squeezebert": {"embedding_size": 32},
}
WORDS = ("good", "bad", "day", "night", "a", "the", "very")
_WORD_PIECES = ("bert", "electra", "distilbert")  # whose tokenizer is BERT's
ALL = (*WAVEFORMS, *FRONT_ENDS, *TEXT)


def small_model(model_type: str, config: dict[str, Any], seed: int = 1) -> Any:
    """A transformers model with random weights, biases and norms that do something, unlike fresh ones."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        described = AutoConfig.for_model(model_type, **config)
        model = AutoModel.from_config(described, trust_remote_code=False).eval()
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():  # of a batch norm
            if name.endswith(("running_mean", "running_var")):
                buffer.copy_(torch.rand_like(buffer) + 0.5)
    return model


def save_small(folder: Path, name: str) -> Path:
    """Save one of `ALL` with its feature extractor or tokenizer, and give its folder."""
    if name in WAVEFORMS:
        model_type, config, do_normalize = WAVEFORMS[name]
        small_model(model_type, {**SMALL, **config}).save_pretrained(folder)
        Wav2Vec2FeatureExtractor(do_normalize=do_normalize, return_attention_mask=False).save_pretrained(folder)
    elif name in FRONT_ENDS:
        small_model(*FRONT_ENDS[name]).save_pretrained(folder)
        extractor_of(name).save_pretrained(folder)
    else:
        save_text(folder, name)
    return folder


def extractor_of(name: str, window: int = 30) -> Any:
    """The feature extractor that goes with one of `FRONT_ENDS`; `window` is in seconds, and Whisper's alone."""
    if name == "whisper":
        return WhisperFeatureExtractor(feature_size=MELS, chunk_length=window)
    if name.startswith("w2v-bert"):
        return SeamlessM4TFeatureExtractor()
    if name == "parakeet":
        return ParakeetFeatureExtractor()
    return Wav2Vec2FeatureExtractor(do_normalize=name != "moonshine")


def save_text(folder: Path, kind: str, seed: int = 0) -> Path:
    """Save a small random text encoder that knows a few whole words, and give its folder."""
    small_model(kind, text_config(kind, WORDS), seed).save_pretrained(folder)
    return save_tokenizer(folder, kind, WORDS)


def text_config(kind: str, words: Sequence[str]) -> dict[str, Any]:
    """The configuration of a small text encoder of a `model_type` that knows some words."""
    shifted = kind in FROM_PADDING
    shape = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
    return {
        "vocab_size": len(_vocabulary(kind, words)) + 2,
        "max_position_embeddings": POSITIONS + 2 * shifted,
        **({"pad_token_id": 1} if shifted else {}),
        **({} if kind == "distilbert" else shape),
        **TEXTS.get(kind, {}),
    }


def save_tokenizer(folder: Path, kind: str, words: Sequence[str]) -> Path:
    """Save the tokenizer that goes with it, and give the folder."""
    vocabulary = _vocabulary(kind, words)
    if kind in _WORD_PIECES:
        BertTokenizer(vocab=vocabulary, model_max_length=POSITIONS).save_pretrained(folder)
        return folder
    rules = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    rules.pre_tokenizer = pre_tokenizers.Whitespace()
    rules.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=rules, **names, model_max_length=POSITIONS).save_pretrained(folder)
    return folder


def _vocabulary(kind: str, words: Sequence[str]) -> dict[str, int]:
    """Numbers of the special tokens and the words; where positions begin behind the padding's number, that is 1."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    if kind in FROM_PADDING:
        special[:2] = ["[UNK]", "[PAD]"]
    return {word: place for place, word in enumerate((*special, *words))}
