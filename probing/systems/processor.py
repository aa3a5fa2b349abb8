"""What a system is fed: waveforms and transcripts in, the arguments of `EmotionSystem.forward` out.

Shape legend: B utterances · S samples at 16 kHz · N tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import (
    AutoFeatureExtractor,
    AutoTokenizer,
    BatchFeature,
    PreTrainedTokenizerBase,
    Wav2Vec2FeatureExtractor,
)

from probing.audio.decode import SAMPLE_RATE
from probing.errors import EncoderError
from probing.systems.model import SystemConfig


class Processor:
    """What a system is fed: waveforms and transcripts in, the arguments of `EmotionSystem.forward` out.

    Args:
        audio: The audio encoder's feature extractor, or None.
        text: The text encoder's tokenizer, whose `model_max_length` is what the encoder can read, or None.
        truncate: Whether the end of a transcript that is longer is cut off; else it is an error.
    """

    def __init__(
        self, audio: Wav2Vec2FeatureExtractor | None, text: PreTrainedTokenizerBase | None, truncate: bool = False
    ) -> None:
        self.audio, self.text, self.truncate = audio, text, truncate

    @property
    def limit(self) -> int:
        """Most tokens that the text encoder reads; 0 where there is none."""
        return self.text.model_max_length if self.text is not None else 0

    def tokens(self, text: str) -> int:
        """Number of tokens N of a transcript, special ones counted, before anything is cut off."""
        assert self.text is not None  # only a system that reads has transcripts to count
        return len(self.text(text, truncation=False, verbose=False)["input_ids"])

    def __call__(
        self, waveforms: Sequence[NDArray[np.float32]] | None = None, texts: Sequence[str] | None = None
    ) -> BatchFeature:
        """Normalise waveforms each by itself where the encoder wants it, make tokens of texts, pad both.

        What the system does not take is left out, what it takes and is not given too.

        Args:
            waveforms: B arrays [S] of different lengths, mono, 16 kHz, not normalised (what `probing.load` gives).
            texts: B transcripts.

        Returns:
            `input_values` [B, S], `lengths` [B]; `input_ids` [B, N], `attention_mask` [B, N].

        Raises:
            EncoderError: A transcript is longer than the encoder can read.
        """
        batch: dict[str, Tensor] = {}
        if self.audio is not None and waveforms is not None:
            heard = self.audio(
                list(waveforms),
                sampling_rate=SAMPLE_RATE,
                padding=True,
                return_attention_mask=True,
                return_tensors="pt",
            )
            batch["input_values"] = heard["input_values"]
            batch["lengths"] = torch.tensor([len(waveform) for waveform in waveforms])
        if self.text is not None and texts is not None:
            read = self.text(
                list(texts),
                padding=True,
                truncation=self.truncate,
                verbose=False,
                return_tensors="pt",
                padding_side="right",
            )
            longest, limit = read["input_ids"].shape[1], self.text.model_max_length
            if longest > limit:
                raise EncoderError(
                    f"a transcript has {longest} tokens", f"the text encoder reads {limit}", "shorten the transcript"
                )
            batch |= {"input_ids": read["input_ids"], "attention_mask": read["attention_mask"]}
        return BatchFeature(batch)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write its files beside the system's."""
        for part in (self.audio, self.text):
            if part is not None:
                part.save_pretrained(folder)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Read what `save_pretrained` wrote beside a system."""
        config = SystemConfig.from_pretrained(folder)
        return cls(
            AutoFeatureExtractor.from_pretrained(folder) if config.audio_config else None,
            AutoTokenizer.from_pretrained(folder) if config.text_config else None,
        )
