"""Audio, text and audio-textual regressors: the systems of the paper's Table 1 (sections 2 and 3, Figure 1).

A system is one or two encoders, pooling, early fusion and a head:

    P_A    = average + maximum over the audio encoder's T valid frames      (d_A; with `concat` both behind one another)
    P_T    = the same over the text encoder's N valid tokens, special ones included
    P      = P_A, P_T or their concatenation P_A+T                          (section 2.3)
    output = Linear(d_A → K)(dropout(tanh(Linear(P → d_A)(dropout(P)))))    (d_T where there is no audio)

The encoder's last state is pooled, after the final layer norm where a model has one. Adding average and maximum, the
head's width d_A and a text encoder without pooler are our reading of the paper: with them the parameter counts of its
Table 1 come out to the million.

Padding never changes an answer, in training neither (dropout aside, whose masks depend on the padded length): see
`probing.encoders.padding`. The convolutional front end is frozen (section 3.3), so its output may be given instead of
waveforms.

Shape legend: B utterances · S samples at 16 kHz · T frames · C front end's channels · N tokens · D hidden size
· K dimensions of emotion.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from probing.encoders.numerics import ExactFloat32
from probing.encoders.padding import count_frames, keep_padding_out, valid
from probing.errors import EncoderError
from probing.statistics.concordance import ccc_loss
from probing.systems.config import SystemConfig

FUSIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {  # average [B, D] and maximum [B, D] → one vector
    "sum": torch.add,
    "concat": lambda average_BD, maximum_BD: torch.cat([average_BD, maximum_BD], dim=-1),
}

# Whatever the architectures call their dropouts.
_DROPOUTS = """
    hidden_dropout attention_dropout activation_dropout feat_proj_dropout final_dropout conformer_conv_dropout
    hidden_dropout_prob attention_probs_dropout_prob dropout
""".split()


class EmotionSystem(PreTrainedModel):
    """A regressor over speech, text or both, in transformers' ways.

    Args:
        config: With an audio or a text encoder's configuration, or both.

    Attributes:
        audio: The audio encoder, or None.
        text: The text encoder, or None.
        head: Pooled vectors [B, P] → estimates [B, K].

    Raises:
        EncoderError: No encoder (code `no-encoder`), an unknown fusion (`fusion`), an encoder to freeze that is not
            there (`freeze-absent`), or SpecAugment where the encoder's configuration masks nothing (`no-effect`).
    """

    config_class = SystemConfig
    base_model_prefix = ""
    main_input_name = "input_values"
    supports_gradient_checkpointing = True
    _supports_sdpa = True

    def __init__(self, config: SystemConfig) -> None:
        super().__init__(config)
        _refuse_impossible(config)
        self.audio = _encoder(config.audio_config, config)
        self.text = _encoder(config.text_config, config)
        widths = [part.config.hidden_size for part in (self.audio, self.text) if part is not None]
        pooled = sum(widths) * (2 if config.fusion == "concat" else 1)
        self.head = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(pooled, widths[0]),
            nn.Tanh(),
            nn.Dropout(config.dropout),
            nn.Linear(widths[0], len(config.dimensions)),
        )
        self.post_init()
        if self.audio is not None:
            self._padding = keep_padding_out(self.audio)
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Set training mode; what is frozen stays frozen, also after `from_pretrained`, which ends in `eval()`."""
        super().train(mode)
        frozen = [getattr(self, part) for part in self.config.freeze]
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm1d):  # the statistics of a batch would count its padding
                layer.eval()
        if self.audio is not None:
            frozen.append(self.audio.feature_extractor)
            if hasattr(self.audio, "masked_spec_embed") and not self.config.spec_augment:
                self.audio.masked_spec_embed.requires_grad_(False)  # else DDP waits for its gradient
            if self.audio.config.model_type == "wav2vec2-conformer":
                frozen.append(self.audio.encoder.pos_conv_embed)  # it has weights, but never runs
        for part in frozen:
            part.eval().requires_grad_(False)
        return self

    def forward(
        self,
        input_values: Tensor | None = None,
        lengths: Tensor | None = None,
        latents: Tensor | None = None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        vectors: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """Estimate the K dimensions of B utterances, whatever they were padded with.

        Args:
            input_values: Waveforms [B, S] as `Processor` gives them, padded at the end.
            lengths: Samples [B] of each waveform without padding; needed with latents. None: nothing is padded.
            latents: What `front_end` gives, [B, T, C], padded at the end; instead of waveforms.
            input_ids: Tokens [B, N], padded at the end.
            attention_mask: 1 where a token is one, 0 where it is padding, [B, N]. None: nothing is padded.
            vectors: What `pool` gives, [B, P], instead of all that: frozen encoders need to compute it only once.
            labels: Truth [B, K], the corpus's scale mapped to [0, 1].

        Returns:
            `logits`: estimates [B, K], where 0 and 1 are the ends of the corpus's scale, unbounded; `loss`: 1 − CCC
            over the batch, averaged over dimensions, in float32 (equation 3), where labels are given.

        Raises:
            EncoderError: The input of one of its encoders is not given (code `no-audio` or `no-text`).
        """
        if vectors is None:
            vectors = self.pool(input_values, lengths, latents, input_ids, attention_mask)
        logits_BK = self.head(vectors)
        loss = None if labels is None else ccc_loss(logits_BK.T, labels.T).mean()
        return SequenceClassifierOutput(loss=loss, logits=logits_BK)

    def pool(
        self,
        input_values: Tensor | None = None,
        lengths: Tensor | None = None,
        latents: Tensor | None = None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """The pooled and fused vectors [B, P] that the head sees (sections 2.1 and 2.3); arguments as in `forward`."""
        vectors = []
        if self.audio is not None:
            vectors.append(self._pooled(*self._audio_states(input_values, lengths, latents)))
        if self.text is not None:
            vectors.append(self._pooled(*self._text_states(input_ids, attention_mask)))
        return torch.cat(vectors, dim=-1)

    def front_end(self, input_values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Latents [B, T, C] of waveforms [B, S]: the output of the frozen convolutions, which can be computed once."""
        samples = _samples(input_values, lengths)
        self._padding.set(samples, input_values.device)
        with torch.no_grad(), ExactFloat32():
            return self.audio.feature_extractor(input_values[:, : max(samples)]).transpose(1, 2)

    def ratings(self, logits: Tensor) -> Tensor:
        """Estimates on the corpus's own scale, of any shape."""
        low, high = self.config.scale
        return low + (high - low) * logits

    def _audio_states(
        self, input_values: Tensor | None, lengths: Tensor | None, latents_BTC: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The audio encoder's last state [B, T, D], and which frames are valid [B, T]."""
        given = latents_BTC if latents_BTC is not None else input_values
        if given is None or (latents_BTC is not None and lengths is None):
            raise EncoderError(
                f"system {self.config.encoders} takes audio",
                "neither waveforms nor latents with their lengths were given",
                "pass input_values=, or latents= and lengths=",
                code="no-audio",
            )
        samples = _samples(given, lengths)
        if latents_BTC is None:
            latents_BTC = self.front_end(given, lengths)
        else:
            self._padding.set(samples, given.device)
        convolutions = list(zip(self.audio.config.conv_kernel, self.audio.config.conv_stride, strict=True))
        frames = [count_frames(count, convolutions) for count in samples]
        valid_BT = valid(torch.tensor(frames, device=given.device), max(frames))[:, 0]
        projected = self.audio.feature_projection(latents_BTC[:, : max(frames)].to(self.dtype))
        hidden_BTD = projected[0] if isinstance(projected, tuple) else projected  # HuBERT gives no more than this
        hidden_BTD = self.audio._mask_hidden_states(hidden_BTD, attention_mask=valid_BT)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")  # of WavLM, for PyTorch
            return self.audio.encoder(hidden_BTD, attention_mask=valid_BT).last_hidden_state, valid_BT

    def _text_states(self, input_ids: Tensor | None, attention_mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """The text encoder's last state [B, N, D], and which tokens are valid [B, N]."""
        if input_ids is None:
            raise EncoderError(
                f"system {self.config.encoders} takes text",
                "no tokens were given",
                "pass input_ids= and attention_mask=, or use a system without a text encoder",
                code="no-text",
            )
        valid_BN = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        return self.text(input_ids=input_ids, attention_mask=valid_BN).last_hidden_state, valid_BN.bool()

    def _pooled(self, states_BTD: Tensor, valid_BT: Tensor) -> Tensor:
        """Average and maximum over what is valid, as one vector [B, D], or [B, 2 D] with `concat`."""
        padding_BT1 = ~valid_BT[..., None]
        average_BD = states_BTD.masked_fill(padding_BT1, 0.0).sum(1) / valid_BT.sum(1, keepdim=True)
        maximum_BD = states_BTD.masked_fill(padding_BT1, -torch.inf).amax(1)
        return FUSIONS[self.config.fusion](average_BD, maximum_BD)


def _samples(given: Tensor, lengths: Tensor | None) -> list[int]:
    """Samples of each utterance; without lengths all that is given."""
    return [given.shape[1]] * len(given) if lengths is None else lengths.tolist()


def _refuse_impossible(config: SystemConfig) -> None:
    name = f"system {config.encoders}".strip()
    if config.audio_config is None and config.text_config is None:
        why = "it has neither an audio nor a text encoder"
        raise EncoderError(name, why, "give audio_config=, text_config= or both", code="no-encoder")
    if config.fusion not in FUSIONS:
        why = f"there is no fusion {config.fusion!r}"
        raise EncoderError(name, why, f"choose one of {', '.join(FUSIONS)}", code="fusion")
    absent = [part for part in config.freeze if getattr(config, f"{part}_config", None) is None]
    if absent:
        why = f"it has no {absent[0]} encoder to freeze"
        raise EncoderError(name, why, "freeze only the encoders that it has", code="freeze-absent")
    audio = config.audio_config
    if config.spec_augment and not (audio and (audio.mask_time_prob or audio.mask_feature_prob)):
        why = "its configuration masks nothing, so SpecAugment would change nothing"
        raise EncoderError(name, why, "leave SpecAugment off", code="no-effect")


def _encoder(part: PretrainedConfig | None, config: SystemConfig) -> Any:
    """An encoder to be trained, without weights yet worth having; a text encoder has no pooler."""
    if part is None:
        return None
    part.update({key: config.dropout for key in _DROPOUTS if hasattr(part, key)})
    if part is config.audio_config:
        part.update({"layerdrop": 0.0, "apply_spec_augment": config.spec_augment})
    else:
        part.update({"use_cache": False})  # what decoders do, and BERT warns of
    # from_pretrained's dtype= sets torch's default. A received configuration may name code, which is never run.
    model = AutoModel.from_config(part, dtype=torch.get_default_dtype(), trust_remote_code=False)
    model.config = part
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model


AutoModel.register(SystemConfig, EmotionSystem)
