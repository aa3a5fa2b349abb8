"""Frozen speech encoders: every hidden state of a batch, exactly as if each utterance were alone.

Ordinary padded batches are wrong by per cents in most of these models; `probing.encoders.padding` makes them exact.

State 0 is the transformer's input (feature projection, positional convolution and, in post-norm models, layer norm):
what transformers gives at index 0 and what we take the paper's Figure 2 to mean by "the output of the convolutional
encoder". State l is the output of transformer layer l. In pre-norm models (wav2vec2-large, HuBERT-large, WavLM-large)
and conformers the last state is taken after the encoder's final layer norm, as the model's own output is.

On request one more state stands in front, C, as layer −1: what the convolutional front end itself gives, before feature
projection, positional convolution and their norms. It is narrower than D (512 in all published models), and its other
units are 0: its own numbers stay as they are, a weighted sum adds nothing there, and pooling over time gives 0 there. A
layer norm over D counts the zeros as units: as every other state it then has mean 0 and variance 1 in each frame, but
it is not the layer norm of the 512 numbers; and the root mean square over D is √(512 / D) times theirs.

In DistilHuBERT state 0 is the transformer's input as everywhere; states 1 and 2 are its only two layers, which started
from HuBERT's first two and then learned to predict HuBERT's layers 4, 8 and 12 through heads that the checkpoint no
longer has. So they are no counterparts of HuBERT's states 1 and 2.

Shape legend: B utterances · S samples at 16 kHz · T frames (50 Hz) · L states (layers + 1) · D hidden size.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad
from transformers import Wav2Vec2FeatureExtractor

from probing.audio.decode import SAMPLE_RATE
from probing.encoders.audio import AudioEncoder, stacked
from probing.encoders.numerics import ExactFloat32, weights_digest
from probing.encoders.padding import count_frames, keep_padding_out
from probing.encoders.spec import EncoderSpec

SEMANTICS = 1  # raise when the meaning or the numerics of a state change: old caches are then not read any more

# What of a configuration changes a frozen encoder's answer; part of the fingerprint.
_DEFINING = """
    model_type hidden_size num_hidden_layers num_attention_heads intermediate_size hidden_act layer_norm_eps
    conv_dim conv_kernel conv_stride conv_bias feat_extract_norm feat_extract_activation feat_proj_layer_norm
    num_conv_pos_embeddings num_conv_pos_embedding_groups conv_pos_batch_norm do_stable_layer_norm adapter_attn_dim
""".split()
# What only one family has; apart, so that the others' fingerprints stay what they are.
_DEFINING_TOO = {
    "wavlm": ("num_buckets", "max_bucket_distance"),
    "data2vec-audio": ("conv_pos_kernel_size",),
    "wav2vec2-conformer": ("position_embeddings_type", "rotary_embedding_base", "conv_depthwise_kernel_size"),
}


class SpeechEncoder(AudioEncoder):
    """A frozen encoder of waveforms whose batches are exact.

    Args:
        model: The transformers model.
        preprocessor: How it wants its waveforms.
        name: For titles and file names.
        device: PyTorch's name of a device.
        spec: What names it.
    """

    has_latents = True

    def __init__(
        self,
        model: Any,
        preprocessor: Wav2Vec2FeatureExtractor,
        name: str,
        device: str = "cpu",
        spec: EncoderSpec | None = None,
    ) -> None:
        config = model.config
        super().__init__(model, name, device, spec, config.num_hidden_layers)
        convolution = self.spec.convolution
        self._preprocessor = preprocessor
        strides = math.prod(config.conv_stride)
        self.frame_rate = SAMPLE_RATE / strides
        self._padding = keep_padding_out(model)
        self._convolved: deque[Tensor] = deque(maxlen=1)  # what the front end gave, [B, C, T], for state C
        if convolution:
            model.feature_extractor.register_forward_hook(lambda _1, _2, output_BCT: self._convolved.append(output_BCT))
        defining = (*_DEFINING, *_DEFINING_TOO.get(config.model_type, ()))
        self.identity: dict[str, Any] = {
            "architecture": {key: getattr(config, key, None) for key in defining},
            "weights": weights_digest(model),
            "preprocessing": {"sample_rate": SAMPLE_RATE, "do_normalize": bool(preprocessor.do_normalize)},
            "semantics": SEMANTICS,
        } | ({"convolution": True} if convolution else {})
        self._front_end_digest = weights_digest(model.feature_extractor)
        self._model.to(self.device)

    def frames(self, samples: int) -> int:
        """Number of frames T that a waveform of `samples` samples gives."""
        return count_frames(samples, zip(self._model.config.conv_kernel, self._model.config.conv_stride, strict=True))

    @torch.inference_mode()
    def hidden_states(self, waveforms: Sequence[NDArray[np.float32]]) -> tuple[Tensor, list[int]]:
        """As `AudioEncoder.hidden_states`."""
        batch = self._batch(waveforms)
        self._convolved.clear()
        with ExactFloat32(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")  # of WavLM, for PyTorch
            output = self._model(
                batch["input_values"], attention_mask=batch["attention_mask"], output_hidden_states=True
            )
        # transformers 5 records the last layer's output before a pre-norm model's final layer norm, 4 after it.
        states = [*output.hidden_states[:-1], output.last_hidden_state]
        if self._convolved:
            front_BTC = self._convolved.pop().transpose(1, 2)
            states.insert(0, pad(front_BTC, (0, self.width - front_BTC.shape[-1])))
        return stacked(states, self.n_states, self.name), [self.frames(len(waveform)) for waveform in waveforms]

    @torch.inference_mode()
    def latents(self, waveforms: Sequence[NDArray[np.float32]]) -> tuple[Tensor, list[int]]:
        """What the convolutional front end gives of a batch; frozen in fine-tuning, it can be computed once.

        Args:
            waveforms: B arrays [S], as in `hidden_states`.

        Returns:
            Latents [B, T, 1, C], as one layer, and each utterance's own number of frames.
        """
        values_BS = self._batch(waveforms)["input_values"]
        with ExactFloat32():
            samples = [len(waveform) for waveform in waveforms]
            latents_BTC = self._padding.convolved(self._model.feature_extractor, values_BS, samples)
        return latents_BTC[:, :, None], [self.frames(count) for count in samples]

    @property
    def latent_width(self) -> int:
        """C, channels of the front end's output."""
        return int(self._model.config.conv_dim[-1])

    @property
    def front_end_identity(self) -> dict[str, Any]:
        """Everything that settles the latents; the transformer behind them does not."""
        architecture: dict[str, Any] = self.identity["architecture"]
        kept = {key: value for key, value in architecture.items() if key.startswith(("conv_", "feat_extract"))}
        kept.pop("conv_pos_batch_norm", None)
        return {
            "front_end": kept,
            "weights": self._front_end_digest,
            "preprocessing": self.identity["preprocessing"],
            "semantics": SEMANTICS,
        }

    def _batch(self, waveforms: Sequence[NDArray[np.float32]]) -> Any:
        """Normalised as the checkpoint asks, padded, on the device; the layers know the lengths."""
        self._refuse_too_short(waveforms)
        self._padding.set([len(waveform) for waveform in waveforms], self.device)
        return self._preprocessor(
            list(waveforms),
            sampling_rate=SAMPLE_RATE,
            padding=True,
            return_attention_mask=True,
            return_tensors="pt",
        ).to(self.device)
