"""What feeds a system: waveforms and transcripts in, the arguments of `EmotionSystem.forward` out.

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
    BatchFeature,
    PreTrainedTokenizerBase,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
)

from probing.audio.decode import SAMPLE_RATE
from probing.encoders import received
from probing.encoders.preprocessors import preprocessor_of
from probing.encoders.whisper import cut, log_mel, window_of
from probing.errors import EncoderError
from probing.systems.config import SystemConfig
from probing.systems.leaving import strip_places

Extractor = Wav2Vec2FeatureExtractor | WhisperFeatureExtractor


# It is no transformers `ProcessorMixin`: that demands every part, where a system may have only one, and it keeps the
# feature extractor inside processor_config.json, where the runs of version 0.1.0 have preprocessor_config.json.
class Processor:
    """What feeds a system: waveforms and transcripts in, the arguments of `EmotionSystem.forward` out.

    Args:
        audio: The audio encoder's feature extractor, or None.
        text: The text encoder's tokenizer, whose `model_max_length` is the encoder's maximum, or None.
        truncate: Whether a longer transcript is truncated; otherwise it is an error.
        window: Samples that a Whisper is given at a time; without meaning to other encoders.
    """

    def __init__(
        self, audio: Extractor | None, text: PreTrainedTokenizerBase | None, truncate: bool = False, window: int = 0
    ) -> None:
        self.audio, self.text, self.truncate, self.window = audio, text, truncate, window

    @property
    def limit(self) -> int:
        """Maximum number of tokens of the text encoder; 0 where there is none."""
        return self.text.model_max_length if self.text is not None else 0

    def tokens(self, text: str) -> int:
        """Number of tokens N of a transcript, special ones included, before anything is truncated."""
        assert self.text is not None  # only a system with a text encoder has transcripts to count
        return len(self.text(text, truncation=False, verbose=False)["input_ids"])

    def __call__(
        self, waveforms: Sequence[NDArray[np.float32]] | None = None, texts: Sequence[str] | None = None
    ) -> BatchFeature:
        """Normalise each waveform by itself where the encoder wants it, tokenise texts, pad both.

        What the system has no encoder for is left out, and so is what is not given.

        Args:
            waveforms: B arrays [S] of different lengths, mono, 16 kHz, not normalised (what `probing.load` gives).
            texts: B transcripts.

        Returns:
            `input_values` [B, S] (of Whisper log-mel windows [W, M, 2 T], one utterance's after another's), `lengths`
            [B]; `input_ids` [B, N], `attention_mask` [B, N].

        Raises:
            EncoderError: A transcript is longer than the encoder's maximum (code `transcript-too-long`).
        """
        batch: dict[str, Tensor] = {}
        if self.audio is not None and waveforms is not None:
            batch["input_values"] = self._heard(waveforms)
            batch["lengths"] = torch.tensor([len(waveform) for waveform in waveforms])
        if self.text is not None and texts is not None:
            tokenised = self.text(
                list(texts),
                padding=True,
                truncation=self.truncate,
                verbose=False,
                return_tensors="pt",
                padding_side="right",
            )
            longest, limit = tokenised["input_ids"].shape[1], self.text.model_max_length
            if longest > limit:
                what, why = f"a transcript has {longest} tokens", f"the text encoder accepts at most {limit}"
                raise EncoderError(what, why, "shorten the transcript", code="transcript-too-long")
            batch |= {"input_ids": tokenised["input_ids"], "attention_mask": tokenised["attention_mask"]}
        return BatchFeature(batch)

    def _heard(self, waveforms: Sequence[NDArray[np.float32]]) -> Tensor:
        """Waveforms as the audio encoder takes them."""
        if isinstance(self.audio, WhisperFeatureExtractor):
            pieces = [piece for waveform in waveforms for piece in cut(waveform, self.window)]
            return log_mel(self.audio, pieces, self.window, torch.device("cpu"))
        assert self.audio is not None  # only a system with an audio encoder is given waveforms
        extracted = self.audio(
            list(waveforms),
            sampling_rate=SAMPLE_RATE,
            padding=True,
            return_attention_mask=True,
            return_tensors="pt",
        )
        values: Tensor = extracted["input_values"]
        return values

    def save_pretrained(self, folder: str | Path) -> None:
        """Write its files beside the system's."""
        for part in (self.audio, self.text):
            if part is not None:
                part.save_pretrained(folder)
        strip_places(Path(folder))

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Read what `save_pretrained` wrote beside a system; code that a folder brings along is never run.

        Raises:
            EncoderError: It cannot be read, or does not go with the system (as `preprocessor_of`).
        """
        config = SystemConfig.from_dict(received.configuration(str(folder), None))
        parts = [config.audio_config, config.text_config]
        audio, text = (None if part is None else preprocessor_of(str(folder), None, part) for part in parts)
        return cls(audio, text, window=window_of(config.audio_config))
