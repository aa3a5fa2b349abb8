"""Speech recognition by Whisper: waveforms in, transcripts out, with everything that settles them pinned.

Decoding is greedy, in a stated language, without timestamps, without the fallback to higher temperatures and without
looking at what was said before: the same audio gives the same words, whatever it is batched with.

Shape legend: S samples at 16 kHz · W windows · T frames · D hidden size.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

from probing.asr.checkpoint import Checkpoint, load_checkpoint
from probing.audio.decode import SAMPLE_RATE
from probing.encoders.numerics import ExactFloat32, weights_digest
from probing.errors import EncoderError

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
        EncoderError: It does not know the language (code `asr-language`), or cannot be opened, for one of the reasons
            that `load_checkpoint` names.
    """

    def __init__(self, name: str, language: str = "en", device: str = "cpu", revision: str | None = None) -> None:
        logging.getLogger("transformers.generation").setLevel(logging.ERROR)  # it warns of what Whisper itself sets
        self.name, self.language = Path(name).name, language
        opened = load_checkpoint(name, revision)
        self._asked = _language_and_task(opened, language, name)
        self._extractor, self._tokenizer = opened.extractor, opened.tokenizer
        self._model = opened.model.to(device)
        self.parameters = sum(p.numel() for p in self._model.parameters())
        self.window = opened.window
        self.identity: dict[str, Any] = {
            "weights": weights_digest(self._model),
            "language": language,
            "decoding": DECODING,
            "window": self.window,
        }

    @property
    def spelling(self) -> Mapping[str, str]:
        """British → American spelling, which Whisper's tokenizers bring along."""
        return self._tokenizer.english_spelling_normalizer or {}

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
        with ExactFloat32():
            for start in range(0, len(flat), batch):
                texts += self._recognise(flat[start : start + batch])
        found = iter(texts)
        return [" ".join(text for text in (next(found) for _ in own) if text) for own in pieces]

    def _recognise(self, windows: Sequence[NDArray[np.float32]]) -> list[str]:
        """Transcripts of windows: on a GPU of all together, on the CPU in threads.

        A processor's core gains nothing from a batch in the encoder: the states of one window just fit into its cache.
        The decoder does gain, since a step reads all of its weights, and gains little where cores share a step.
        """
        if self._model.device.type != "cpu":
            return self._decode(self._encode(windows))
        with _workers(len(windows)) as (workers, each):
            states_WTD = torch.cat(list(each(self._encode, [[window] for window in windows])))
            shares = states_WTD.split(math.ceil(len(windows) / workers))
            return [text for texts in each(self._decode, shares) for text in texts]

    @torch.inference_mode()
    def _encode(self, windows: Sequence[NDArray[np.float32]]) -> Tensor:
        """What the encoder says of W windows, [W, T, D]."""
        spectrograms = self._extractor(list(windows), sampling_rate=SAMPLE_RATE, return_tensors="pt")
        encoder = self._model.get_encoder()
        states: Tensor = encoder(spectrograms["input_features"].to(self._model.device)).last_hidden_state
        return states

    @torch.inference_mode()
    def _decode(self, states_WTD: Tensor) -> list[str]:
        """The words of W windows, token by token, each the likeliest."""
        tokens = self._model.generate(encoder_outputs=BaseModelOutput(states_WTD), **self._asked)
        return [text.strip() for text in self._tokenizer.batch_decode(tokens, skip_special_tokens=True)]


def _language_and_task(opened: Checkpoint, language: str, name: str) -> dict[str, str]:
    """What a multilingual model is told; an English-only model takes neither."""
    if not opened.languages:
        if language != "en":
            why, remedy = f"{name} is an English-only model", "name a multilingual Whisper"
            raise EncoderError(f"--language {language}", why, remedy, code="asr-language")
        return {}
    if language not in opened.languages:
        spelt = TO_LANGUAGE_CODE.get(language.lower())
        hint = f"type {spelt}" if spelt in opened.languages else f"choose one of {', '.join(opened.languages)}"
        raise EncoderError(f"--language {language}", f"{name} does not know it", hint, code="asr-language")
    return {"language": language, "task": "transcribe"}


@contextmanager
def _workers(tasks: int) -> Iterator[tuple[int, Any]]:
    """How many threads work on so many tasks at a time, and a `map` that lets them; PyTorch's own are shared out.

    Threads that share one matrix product wait for one another many times in each window, and on a busy machine that
    costs more than the product itself.
    """
    threads = torch.get_num_threads()
    workers = max(1, min(threads, tasks))
    torch.set_num_threads(threads // workers)
    try:
        with ThreadPoolExecutor(workers) as pool:
            yield workers, pool.map
    finally:
        torch.set_num_threads(threads)


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
