"""Speech recognition by Whisper: waveforms in, transcripts out, with everything that settles them pinned.

Decoding is greedy, in a stated language, without timestamps, without the fallback to higher temperatures and without
looking at what was said before: the same audio gives the same words, whatever it is batched with.

Shape legend: S samples at 16 kHz.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from transformers import AutoConfig, GenerationConfig, WhisperForConditionalGeneration, WhisperProcessor
from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

from probing.audio.decode import SAMPLE_RATE
from probing.encoders.numerics import ExactFloat32, weights_digest
from probing.errors import EncoderError

MODEL_TYPE = "whisper"
DECODING = "greedy, without timestamps, temperature fallback or previous text"
_QUIET = 0.1  # s over which loudness is taken, to cut long audio where it is quietest
_SEARCHED = 5.0  # s before the end of a chunk in which it may be cut


class Recogniser:
    """A Whisper model.

    Args:
        name: Hub id or folder.
        language: Two letters, `en`.
        device: PyTorch's name of a device.
        revision: Branch, tag or commit of a hub repository.

    Attributes:
        name: The checkpoint's last name, for tables.
        parameters: Their number.
        language: Two letters.
        window: Seconds of audio that the model takes at once.
        identity: Everything that settles its answers, JSON-ready.

    Raises:
        EncoderError: It cannot be opened (code `asr-unopened`), is not a Whisper (`asr-kind`), or does not know the
            language (`asr-language`).
    """

    def __init__(self, name: str, language: str = "en", device: str = "cpu", revision: str | None = None) -> None:
        quiet = transformers.utils.logging
        quiet.disable_progress_bar()
        logging.getLogger("transformers.generation").setLevel(logging.ERROR)  # it warns of what Whisper itself sets
        self.name, self.language = Path(name).name, language
        config = _opened(AutoConfig, name, revision)
        if config.model_type != MODEL_TYPE:
            why, remedy = f"it is a {config.model_type} model", "name a Whisper, for example openai/whisper-base"
            raise EncoderError(f"--asr {name}", why, remedy, code="asr-kind")
        self._model = _opened(WhisperForConditionalGeneration, name, revision, dtype=torch.float32).eval().to(device)
        self._processor = _opened(WhisperProcessor, name, revision)
        self.parameters = sum(p.numel() for p in self._model.parameters())
        self.window: int = self._processor.feature_extractor.chunk_length
        self._asked = self._language_and_task(name)
        self.identity: dict[str, Any] = {
            "weights": weights_digest(self._model),
            "language": language,
            "decoding": DECODING,
            "window": self.window,
        }

    @property
    def spelling(self) -> Mapping[str, str]:
        """British → American spelling, which Whisper's tokenizers bring along."""
        return self._processor.tokenizer.english_spelling_normalizer or {}

    def _language_and_task(self, name: str) -> dict[str, str]:
        """What a multilingual model is told; an English-only model takes neither."""
        settings: GenerationConfig = self._model.generation_config
        if not getattr(settings, "is_multilingual", True):
            if self.language != "en":
                why, remedy = f"{name} is an English-only model", "name a multilingual Whisper"
                raise EncoderError(f"--language {self.language}", why, remedy, code="asr-language")
            return {}
        known = sorted(token.strip("<|>") for token in getattr(settings, "lang_to_id", {}))
        if self.language not in known:
            spelt = TO_LANGUAGE_CODE.get(self.language.lower())
            hint = f"type {spelt}" if spelt in known else f"choose one of {', '.join(known) or 'none'}"
            raise EncoderError(f"--language {self.language}", f"{name} does not know it", hint, code="asr-language")
        return {"language": self.language, "task": "transcribe"}

    def transcribe(self, waveforms: Sequence[NDArray[np.float32]], batch: int = 16) -> list[str]:
        """Transcribe waveforms of any length.

        Args:
            waveforms: Arrays [S], mono, 16 kHz; those longer than `window` are cut where they are quietest.
            batch: Chunks in a batch; transcripts do not depend on it.

        Returns:
            A transcript for each, possibly empty.
        """
        pieces = [chunks(waveform, self.window) for waveform in waveforms]
        flat = [piece for own in pieces for piece in own]
        texts: list[str] = []
        for start in range(0, len(flat), batch):
            texts += self._recognise(flat[start : start + batch])
        found = iter(texts)
        return [" ".join(text for text in (next(found) for _ in own) if text) for own in pieces]

    @torch.inference_mode()
    def _recognise(self, waveforms: Sequence[NDArray[np.float32]]) -> list[str]:
        heard = self._processor.feature_extractor(
            list(waveforms), sampling_rate=SAMPLE_RATE, return_tensors="pt", return_attention_mask=True
        ).to(self._model.device)
        with ExactFloat32():
            tokens = self._model.generate(
                heard["input_features"],
                attention_mask=heard["attention_mask"],
                num_beams=1,
                do_sample=False,
                temperature=0.0,
                return_timestamps=False,
                **self._asked,
            )
        return [text.strip() for text in self._processor.tokenizer.batch_decode(tokens, skip_special_tokens=True)]


def chunks(waveform: NDArray[np.float32], window: float) -> list[NDArray[np.float32]]:
    """Cut a waveform [S] into pieces of at most `window` seconds, each time where its last seconds are quietest.

    >>> [len(piece) for piece in chunks(np.ones(16_000 * 4, np.float32), window=6)]
    [64000]
    """
    # The cut lies in the middle of the block of `quiet` samples with the least energy Σ x², among the blocks of the
    # last `span` samples before the window's end, so that it is unlikely to fall into a word.
    longest, span, quiet = round(window * SAMPLE_RATE), round(_SEARCHED * SAMPLE_RATE), round(_QUIET * SAMPLE_RATE)
    span = min(span, longest // 2)
    pieces = []
    while len(waveform) > longest:
        blocks = waveform[longest - span : longest][: span // quiet * quiet].reshape(-1, quiet)
        cut = longest - span + int(np.square(blocks).sum(1).argmin()) * quiet + quiet // 2
        pieces.append(waveform[:cut])
        waveform = waveform[cut:]
    return [*pieces, waveform]


def _opened(kind: Any, name: str, revision: str | None, **options: Any) -> Any:
    try:
        return kind.from_pretrained(name, revision=revision or "main", trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise EncoderError(
            f"recogniser {name} could not be opened",
            " ".join(str(error).split())[:300],
            "name a Whisper of the model hub (openai/whisper-base) or its folder; on a machine without a network, "
            f"run `hf download {name}` elsewhere, copy the folder here and give its path",
            code="asr-unopened",
        ) from error
