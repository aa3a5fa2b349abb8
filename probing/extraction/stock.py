"""What transformers' own model gives, without any of our mending: one utterance at a time, and in ordinary batches.

The model is as it was loaded (frozen, in eval mode, with the layers that the user asked for), fed by the checkpoint's
own feature extractor or tokenizer, padded on the right. One utterance at a time is the truth that batches are compared
with. An ordinary batch is what the same preprocessor makes of several utterances, with its attention mask or without
one: many published checkpoints ask for none.

Shape legend: U utterances · S samples at 16 kHz · T frames, or tokens · L states (layers + 1) · D hidden size.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from probing.audio.decode import SAMPLE_RATE
from probing.encoders.checkpoints import Checkpoint
from probing.encoders.families import WINDOWED
from probing.encoders.numerics import ExactFloat32
from probing.encoders.whisper import cut, own_frames, shorten, window_of, windows_in

_MASK = "attention_mask"


class StockModel:
    """transformers' own model of a checkpoint.

    Args:
        found: The checkpoint, of which no encoder has been made.
        device: PyTorch's name of a device.
        window: Samples that a Whisper is given at a time, if fewer than it was trained with; 0: as trained.
    """

    def __init__(self, found: Checkpoint, device: str, window: int = 0) -> None:
        self._model, self._preprocessor, self._reads = found.model.eval(), found.preprocessor, found.reads
        self._window = window or window_of(found.model.config)
        if self._window:
            shorten(self._model, self._window)
        self._taken = inspect.signature(self._model.forward).parameters
        self._model.to(device)
        self._device = device

    @property
    def takes_mask(self) -> bool:
        """Whether it can be told where the padding is; Whisper ignores a mask."""
        return _MASK in self._taken and self._model.config.model_type not in WINDOWED

    def alone(self, utterance: Any) -> Tensor:
        """Every state of one utterance, without padding.

        Args:
            utterance: Samples [S], mono, 16 kHz, or a transcript.

        Returns:
            States [T, L, D] on the CPU; of a window's frames those that begin within the utterance, of filter banks
            those that their extractor does not mask as odd ones.
        """
        if self._window:
            pieces = self._pieces(utterance)
            return torch.cat([self._states(self._inputs(piece))[0, : own_frames(len(piece))] for piece in pieces])
        inputs = self._inputs(utterance)
        output = self._output(inputs)
        states_TLD = self._stacked(output)[0]
        mask = output.get(_MASK, inputs.get(_MASK))  # Parakeet's own is at the rate of its states
        masked = mask is not None and mask.shape[-1] == len(states_TLD)
        return states_TLD[: int(mask.sum())] if masked else states_TLD

    def batched(self, utterances: Sequence[Any], masked: bool) -> list[Tensor]:
        """Every state of some utterances in one ordinary batch.

        Args:
            utterances: As `alone` takes them.
            masked: Whether the preprocessor's attention mask goes with them.

        Returns:
            States [T, L, D] of each on the CPU, with those of its padding behind them.
        """
        pieces = [piece for utterance in utterances for piece in self._pieces(utterance)]
        inputs = self._inputs(pieces, padding="max_length" if self._window else True, return_attention_mask=masked)
        if not masked:
            inputs.pop(_MASK, None)  # Parakeet's extractor gives one all the same
        found = self._states(inputs)
        if not self._window:
            return list(found)
        own = iter([states_TLD[: own_frames(len(piece))] for states_TLD, piece in zip(found, pieces, strict=True)])
        counts = [windows_in(len(utterance), self._window) for utterance in utterances]
        return [torch.cat([next(own) for _ in range(count)]) for count in counts]

    def _pieces(self, utterance: Any) -> list[Any]:
        """An utterance, or the windows that a Whisper hears of it."""
        return cut(utterance, self._window) if self._window else [utterance]

    def _inputs(self, given: Any, **settings: Any) -> dict[str, Any]:
        """What the checkpoint's own preprocessor makes of utterances, as far as the model takes it."""
        if self._reads:
            made = self._preprocessor(given, return_tensors="pt", padding_side="right", **settings)
        else:
            whole = {"padding": "max_length", "max_length": self._window} if self._window else {}
            made = self._preprocessor(given, sampling_rate=SAMPLE_RATE, return_tensors="pt", **(whole | settings))
        return {name: tensor.to(self._device) for name, tensor in made.items() if name in self._taken}

    def _states(self, inputs: dict[str, Any]) -> Tensor:
        """States [U, T, L, D] on the CPU."""
        return self._stacked(self._output(inputs))

    @torch.inference_mode()
    def _output(self, inputs: dict[str, Any]) -> Any:
        """What the model gives."""
        with ExactFloat32(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")  # of WavLM, for PyTorch
            return self._model(**inputs, output_hidden_states=True)

    def _stacked(self, output: Any) -> Tensor:
        """Its states [U, T, L, D] on the CPU; the last one as our encoders take it, after a final layer norm."""
        states = list(output.hidden_states)
        if getattr(self._model.config, "squeeze_factor", 1) == 1:  # SEW doubles its frame rate behind the last state
            states[-1] = output.last_hidden_state
        return torch.stack(states, dim=2).cpu()
