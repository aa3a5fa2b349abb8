"""Waveform encoders that run one utterance at a time: SEW, SEW-D and Moonshine.

Padding leaks into their states: through norms over time, convolutions and poolings that no mask reaches. So each
utterance runs alone, which is exact whatever it is batched with, and said so.

State 0 is the transformer's input, what transformers gives at index 0; state l is the output of layer l. SEW and SEW-D
halve the frame rate before their transformer (25 states a second) and double it again behind it: the states are those
of the transformer. Moonshine's convolutions take 384 samples a frame (41.7 a second); its last state is the one after
the final layer norm.

Shape legend: B utterances · S samples at 16 kHz · T frames · L states (layers + 1) · D hidden size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import Wav2Vec2FeatureExtractor

from probing.audio.decode import SAMPLE_RATE
from probing.encoders.audio import AudioEncoder, put_together, stacked
from probing.encoders.identity import all_of
from probing.encoders.numerics import ExactFloat32, weights_digest
from probing.encoders.padding import count_frames
from probing.encoders.spec import EncoderSpec

SEMANTICS = 1  # raise when the meaning or the numerics of a state change: old caches are then not read any more
_MOONSHINE = ((127, 64), (7, 3), (3, 2))  # kernel and stride of its convolutions, which no configuration names
_DEFINING = ("model_type", "hidden_size", "num_attention_heads", "intermediate_size")


class UnbatchedEncoder(AudioEncoder):
    """A frozen encoder that runs one utterance at a time.

    Args:
        model: The transformers model; of Moonshine its encoder.
        preprocessor: How it wants its waveforms.
        name: For titles and file names.
        device: PyTorch's name of a device.
        spec: What names it.
    """

    alone = True

    def __init__(
        self,
        model: Any,
        preprocessor: Wav2Vec2FeatureExtractor,
        name: str,
        device: str = "cpu",
        spec: EncoderSpec | None = None,
    ) -> None:
        config = model.config
        moonshine = config.model_type == "moonshine"
        layers = len(model.layers) if moonshine else config.num_hidden_layers
        super().__init__(model, name, device, spec, layers)
        self._preprocessor, self._moonshine = preprocessor, moonshine
        self._convolutions = (
            _MOONSHINE if moonshine else tuple(zip(config.conv_kernel, config.conv_stride, strict=True))
        )
        self._squeezed = 1 if moonshine else int(config.squeeze_factor)
        self.frame_rate = SAMPLE_RATE / math.prod(stride for _, stride in self._convolutions) / self._squeezed
        self.identity = {
            "architecture": {key: getattr(config, key, None) for key in _DEFINING}
            | {"num_hidden_layers": layers, **all_of(config)},
            "weights": weights_digest(model),
            "preprocessing": {"sample_rate": SAMPLE_RATE, "do_normalize": bool(preprocessor.do_normalize)},
            "semantics": SEMANTICS,
        }
        self._model.to(self.device)

    def frames(self, samples: int) -> int:
        """Number of frames T that a waveform of `samples` samples gives."""
        return max(0, count_frames(samples, self._convolutions)) // self._squeezed

    @torch.inference_mode()
    def hidden_states(self, waveforms: Sequence[NDArray[np.float32]]) -> tuple[Tensor, list[int]]:
        """As `AudioEncoder.hidden_states`, one utterance after another."""
        self._refuse_too_short(waveforms)
        found = [self._states_of(waveform) for waveform in waveforms]
        return put_together(found), [len(states_TLD) for states_TLD in found]

    def _states_of(self, waveform: NDArray[np.float32]) -> Tensor:
        inputs = self._preprocessor(waveform, sampling_rate=SAMPLE_RATE, return_tensors="pt").to(self.device)
        with ExactFloat32():
            output = self._model(inputs["input_values"], output_hidden_states=True)
        states = list(output.hidden_states)
        if self._moonshine:
            states[-1] = output.last_hidden_state  # after the final layer norm
        return stacked(states, self.n_states, self.name)[0]
