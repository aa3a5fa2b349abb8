"""A Whisper so small that a test can teach it two words: a low tone is `low`, a high one is `high`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tokenizers import pre_tokenizers
from transformers import (
    AddedToken,
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)

RATE = 16_000
WINDOW = 5  # s that it hears at once
SAID = ["low", "high", "high", "low", "high", "low"]  # in the corpus of the tests
OWN = ["low", "high", "low", "low low", "", "Low!"]  # what its table says was said
PITCH = {"low": 200.0, "high": 2000.0}  # Hz
_TIMES = [f"<|{step * 0.02:.2f}|>" for step in range(WINDOW * 50 + 1)]
_SPECIAL = (
    """<|endoftext|> <|startoftranscript|> <|en|> <|de|> <|translate|> <|transcribe|> <|startoflm|>
    <|startofprev|> <|nospeech|> <|notimestamps|>""".split()
    + _TIMES
)


def tone(word: str, seconds: float, seed: int) -> np.ndarray:
    """A noisy tone [S] float32 that says a word."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = PITCH[word] * rng.uniform(0.9, 1.1)
    return (0.3 * np.sin(2 * np.pi * pitch * time) + 0.01 * rng.standard_normal(len(time))).astype(np.float32)


def teach(folder: Path, steps: int = 60) -> Path:
    """Train it on one tone of each word a step, and save it as a checkpoint of the model hub is laid out."""
    torch.manual_seed(0)
    tokenizer = _tokenizer()
    processor = WhisperProcessor(WhisperFeatureExtractor(feature_size=16, chunk_length=WINDOW), tokenizer)
    model = _model(tokenizer)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    rng = np.random.default_rng(0)
    for step in range(steps):
        words = ["low", "high"]
        sounds = [tone(word, rng.uniform(1, WINDOW), 100 * step + place) for place, word in enumerate(words)]
        heard = processor.feature_extractor(sounds, sampling_rate=RATE, return_tensors="pt").input_features
        read = tokenizer(words, padding=True, return_tensors="pt")
        target = read.input_ids[:, 1:].masked_fill(read.attention_mask[:, 1:] == 0, -100)
        logits = model(input_features=heard, decoder_input_ids=read.input_ids[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-100)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _tokenizer() -> WhisperTokenizer:
    pieces = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *_SPECIAL]
    end = "<|endoftext|>"
    vocabulary = {piece: place for place, piece in enumerate(pieces)}
    tokenizer = WhisperTokenizer(
        vocab=vocabulary, merges=[], language="en", task="transcribe", unk_token=end, pad_token=end
    )
    tokenizer.add_tokens([AddedToken(token, special=True) for token in _SPECIAL])
    return tokenizer


def _model(tokenizer: WhisperTokenizer) -> WhisperForConditionalGeneration:
    token = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in "en de transcribe translate".split()}
    end, start = tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|startoftranscript|>"])
    ends = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": start}
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        num_mel_bins=16,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_source_positions=WINDOW * 50,
        max_target_positions=48,
        suppress_tokens=None,
        begin_suppress_tokens=None,
        **ends,
    )
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        lang_to_id={f"<|{name}|>": token[name] for name in ("en", "de")},
        task_to_id={name: token[name] for name in ("transcribe", "translate")},
        is_multilingual=True,
        no_timestamps_token_id=tokenizer.convert_tokens_to_ids("<|notimestamps|>"),
        prev_sot_token_id=tokenizer.convert_tokens_to_ids("<|startofprev|>"),
        max_length=48,
        return_timestamps=False,
        **ends,
    )
    return model
