"""Published emotion models: the forward passes of two public layouts, with exact batches.

    audEERING   the encoder's last state → average over time → Linear, tanh, Linear
    Odyssey     waveform standardised by two constants → the encoder's last state → attentive statistics over time
                → (Linear, layer norm, ReLU) × N → Linear

The modules are called what they are called in the checkpoints, so that weights are read by their own names. Their
dropouts are left out: these models only estimate.

Sources: Wagner et al., "Dawn of the transformer era in speech emotion recognition" (2023), for audEERING's model;
Goncalves et al., "Odyssey 2024 - Speech Emotion Recognition Challenge" (2024), for the other; Okabe et al., "Attentive
statistics pooling for deep speaker embedding" (2018), equations 2 to 6.

Shape legend: B utterances · S samples at 16 kHz · T frames · D hidden size · K dimensions of emotion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from probing.encoders.padding import keep_padding_out
from probing.systems.audio_states import waveform_states

_LEAST_VARIANCE = 1e-5  # of the attentive statistics, and what is added to the waveform's standard deviation
_LEAST_DEVIATION = 1e-6


class PublishedConfig(PretrainedConfig):
    """What settles a published model.

    Args:
        audio_config: Configuration of its encoder, or its dictionary.
        dimensions: Names of the K outputs, in their order.
        scale: The ratings that 0 and 1 stand for.
        hidden_layers: N, in Odyssey's layout.
        mean: Mean that is taken off every waveform, in Odyssey's layout.
        deviation: Standard deviation that it is divided by.
    """

    model_type = "published-emotion-model"

    def __init__(
        self,
        audio_config: Any = None,
        dimensions: Sequence[str] = (),
        scale: Sequence[float] = (0.0, 1.0),
        hidden_layers: int = 1,
        mean: float = 0.0,
        deviation: float = 1.0,
        **kwargs: Any,
    ) -> None:
        self.audio_config: Any = (
            AutoConfig.for_model(**audio_config) if isinstance(audio_config, dict) else audio_config
        )
        self.dimensions, self.scale = list(dimensions), list(scale)
        self.hidden_layers, self.mean, self.deviation = hidden_layers, mean, deviation
        super().__init__(**kwargs)


class PublishedSystem(PreTrainedModel):
    """What both layouts have in common: exact batches of waveforms in, estimates out.

    Args:
        config: With the configuration of an encoder of waveforms.
        encoder: The name that the checkpoints give their encoder.
    """

    config_class = PublishedConfig
    base_model_prefix = ""
    main_input_name = "input_values"
    _supports_sdpa = True

    def __init__(self, config: PublishedConfig, encoder: str) -> None:
        super().__init__(config)
        # Without a weight that only training uses, and that a checkpoint may lack: it would be drawn anew each time.
        config.audio_config.update({"mask_time_prob": 0.0, "mask_feature_prob": 0.0})
        # from_pretrained's dtype= sets torch's default.
        audio = AutoModel.from_config(config.audio_config, dtype=torch.get_default_dtype(), trust_remote_code=False)
        setattr(self, encoder, audio)
        self._encoder = encoder
        self._padding = keep_padding_out(audio)

    @property
    def audio(self) -> Any:
        """The encoder, by one name in both layouts."""
        return getattr(self, self._encoder)

    def forward(self, input_values: Tensor, lengths: Tensor | None = None) -> SequenceClassifierOutput:
        """Estimate the K dimensions of B utterances, whatever they were padded with.

        Args:
            input_values: Waveforms [B, S], padded at the end.
            lengths: Samples [B] of each without padding; None: nothing is padded.

        Returns:
            `logits`: estimates [B, K], where 0 and 1 are the ends of the scale, unbounded.
        """
        samples = [input_values.shape[1]] * len(input_values) if lengths is None else lengths.tolist()
        standard_BS = self.standardised(input_values)
        latents_BTC = self._padding.convolved(self.audio.feature_extractor, standard_BS, samples)
        return SequenceClassifierOutput(
            logits=self.regress(*waveform_states(self.audio, self._padding, latents_BTC, samples))
        )

    def standardised(self, values_BS: Tensor) -> Tensor:
        """Waveforms as the encoder takes them."""
        return values_BS

    def regress(self, states_BTD: Tensor, valid_BT: Tensor) -> Tensor:
        """Estimates [B, K] from the encoder's last state, of which some frames are an utterance's own."""
        raise NotImplementedError

    def ratings(self, logits: Tensor) -> Tensor:
        """Estimates on the scale that the model was trained on, of any shape."""
        low, high = self.config.scale
        return low + (high - low) * logits


class MeanRegressor(PublishedSystem):
    """audEERING's layout.

    Args:
        config: With the configuration of a wav2vec2 encoder.
    """

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__(config, "wav2vec2")
        width = config.audio_config.hidden_size
        layers = {"dense": nn.Linear(width, width), "out_proj": nn.Linear(width, len(config.dimensions))}
        self.classifier = nn.ModuleDict(layers)
        self.post_init()

    def regress(self, states_BTD: Tensor, valid_BT: Tensor) -> Tensor:
        """As `PublishedSystem.regress`."""
        own_BTD = states_BTD.masked_fill(~valid_BT[..., None], 0.0)
        average_BD = own_BTD.sum(1) / valid_BT.sum(1, keepdim=True)
        return self.classifier["out_proj"](self.classifier["dense"](average_BD).tanh())


class AttentiveStatistics(nn.Module):
    """Mean and standard deviation over time, of frames weighted by attention: [B, T, D] → [B, 2 D].

    Args:
        width: D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.sap_linear = nn.Linear(width, width)
        self.attention = nn.Parameter(torch.zeros(width, 1))

    def forward(self, states_BTD: Tensor, valid_BT: Tensor) -> Tensor:
        """Pool an utterance's own frames."""
        own_BTD = states_BTD.masked_fill(~valid_BT[..., None], 0.0)
        score_BT1 = self.sap_linear(own_BTD).tanh() @ self.attention
        weight_BT1 = score_BT1.masked_fill(~valid_BT[..., None], -torch.inf).softmax(1)
        mean_B1D = (weight_BT1 * own_BTD).sum(1, keepdim=True)
        # The published code takes E[x²] − E[x]², which is the same number with more rounding.
        variance_BD = (weight_BT1 * (own_BTD - mean_B1D).square()).sum(1)
        return torch.cat([mean_B1D[:, 0], variance_BD.clamp(min=_LEAST_VARIANCE).sqrt()], dim=-1)


class AttentiveRegressor(PublishedSystem):
    """The layout of the Odyssey 2024 challenge's baseline.

    Args:
        config: With the configuration of a WavLM encoder.
    """

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__(config, "ssl_model")
        width = config.audio_config.hidden_size
        self.pool_model = AttentiveStatistics(width)
        inputs = [2 * width] + [width] * (config.hidden_layers - 1)
        hidden = [nn.Sequential(nn.Linear(wide, width), nn.LayerNorm(width), nn.ReLU()) for wide in inputs]
        out = nn.Sequential(nn.Linear(width, len(config.dimensions)))
        self.ser_model = nn.ModuleDict({"fc": nn.Sequential(*hidden), "out": out})
        self.post_init()

    def standardised(self, values_BS: Tensor) -> Tensor:
        """As `PublishedSystem.standardised`; what becomes of the padding is no matter."""
        return (values_BS - self.config.mean) / (self.config.deviation + _LEAST_DEVIATION)

    def regress(self, states_BTD: Tensor, valid_BT: Tensor) -> Tensor:
        """As `PublishedSystem.regress`."""
        return self.ser_model["out"](self.ser_model["fc"](self.pool_model(states_BTD, valid_BT)))
