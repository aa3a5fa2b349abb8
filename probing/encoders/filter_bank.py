"""Encoders that hear log-mel filter banks as long as the utterance: w2v-BERT 2.0 and Parakeet.

They mask the padding of a batch themselves, and exactly, so that nothing needs mending; features are normalised per
utterance, before padding, by the checkpoint's own feature extractor.

State 0 is the transformer's input, what transformers gives at index 0; state l is the output of layer l. w2v-BERT 2.0
stacks two frames of 10 ms and so gives 50 states a second; Parakeet halves the rate of its frames several times, eight
of which make one in the published models: 12.5 states a second. Its cache says so (`frame_rate`).

Shape legend: B utterances · S samples at 16 kHz · T frames · L states (layers + 1) · D hidden size.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import ParakeetFeatureExtractor, SeamlessM4TFeatureExtractor

from probing.audio.decode import SAMPLE_RATE
from probing.encoders.audio import AudioEncoder, stacked
from probing.encoders.identity import all_of, settings_of
from probing.encoders.numerics import ExactFloat32, weights_digest
from probing.encoders.spec import EncoderSpec
from probing.errors import EncoderError

SEMANTICS = 1  # raise when the meaning or the numerics of a state change: old caches are then not read any more
EXTRACTORS: dict[str, Any] = {
    "wav2vec2-bert": SeamlessM4TFeatureExtractor,
    "parakeet_encoder": ParakeetFeatureExtractor,
}
_FBANK_WINDOW, _FBANK_HOP = 400, 160  # samples of a frame of the Kaldi filter banks that w2v-BERT 2.0 hears
_DEFINING = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")


class FilterBankEncoder(AudioEncoder):
    """A frozen encoder of filter banks.

    Args:
        model: The transformers model.
        extractor: What makes its filter banks.
        name: For titles and file names.
        device: PyTorch's name of a device.
        spec: What names it.
    """

    def __init__(
        self, model: Any, extractor: Any, name: str, device: str = "cpu", spec: EncoderSpec | None = None
    ) -> None:
        config = model.config
        super().__init__(model, name, device, spec, config.num_hidden_layers)
        self._extractor, self._kind = extractor, config.model_type
        hop = extractor.stride * _FBANK_HOP if self._kind == "wav2vec2-bert" else _parakeet_hop(extractor, config)
        self.frame_rate = SAMPLE_RATE / hop
        self.identity = {
            "architecture": {key: getattr(config, key, None) for key in _DEFINING} | all_of(config),
            "weights": weights_digest(model),
            "preprocessing": {"sample_rate": SAMPLE_RATE, **settings_of(extractor)},
            "semantics": SEMANTICS,
        }
        self._model.to(self.device)

    def frames(self, samples: int) -> int:
        """Number of frames T that a waveform of `samples` samples gives."""
        if self._kind == "wav2vec2-bert":  # a frame that finds no partner is left out, as its mask does
            return max(0, 1 + (samples - _FBANK_WINDOW) // _FBANK_HOP) // int(self._extractor.stride)
        banks = samples // self._extractor.hop_length
        if banks < 2:  # their variance could not be taken
            return 0
        return int(self._model._get_subsampling_output_length(torch.tensor(banks)))

    @torch.inference_mode()
    def hidden_states(self, waveforms: Sequence[NDArray[np.float32]]) -> tuple[Tensor, list[int]]:
        """As `AudioEncoder.hidden_states`."""
        self._refuse_too_short(waveforms)
        with ExactFloat32(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")
            # A checkpoint may say that it wants no mask, of one utterance; in a batch padding would count then.
            how = {"sampling_rate": SAMPLE_RATE, "return_attention_mask": True, "return_tensors": "pt"}
            inputs = self._extractor(list(waveforms), **how).to(self.device)
            output = self._model(**inputs, output_hidden_states=True)
        states = [*output.hidden_states[:-1], output.last_hidden_state]
        counts = [self.frames(len(waveform)) for waveform in waveforms]
        return stacked(states, self.n_states, self.name)[:, : max(counts)], counts


def check_extractor(extractor: Any, config: Any, source: str) -> None:
    """Raise an EncoderError (code `encoder-foreign`) where a feature extractor does not go with a model."""
    kind = EXTRACTORS[config.model_type]
    if not isinstance(extractor, kind) or extractor.sampling_rate != SAMPLE_RATE:
        raise EncoderError(
            f"encoder {source}",
            f"its preprocessor_config.json is not that of a 16 kHz {config.model_type} ({kind.__name__})",
            "copy the preprocessor_config.json that belongs to the model into its folder",
            code="encoder-foreign",
        )


def _parakeet_hop(extractor: Any, config: Any) -> int:
    return int(extractor.hop_length * config.subsampling_factor)
