"""Audio, text and audio-textual regressors: the systems of the paper's Table 1 (sections 2 and 3, Figure 1).

A system is one or two encoders, pooling, early fusion and a head:

    P_A    = average + maximum over the audio encoder's T valid frames      (d_A; with `concat` both behind one another)
    P_T    = the same over the text encoder's N valid tokens, special ones included
    P      = P_A, P_T or their concatenation P_A+T                          (section 2.3)
    output = Linear(d_A → O)(dropout(tanh(Linear(P → d_A)(dropout(P)))))    (d_T where there is no audio)

The encoder's last state is pooled, after the final layer norm where a model has one. Adding average and maximum, the
head's width d_A and a text encoder without pooler are our reading of the paper: with them the parameter counts of its
Table 1 come out to the million.

Padding never changes an answer, in training neither (dropout aside, whose masks depend on the padded length): see
`probing.encoders.padding`. The convolutional front end is frozen (section 3.3), so its output may be given instead of
waveforms.

Shape legend: B utterances · W windows · M mel bands · S samples at 16 kHz · T frames · C front end's channels
· N tokens · D hidden size · K dimensions of emotion · T targets: K and categories · O outputs: K, and classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from probing.encoders.audio import no_latents
from probing.encoders.checkpoints import encoder_alone
from probing.encoders.families import EXACT_TEXT, WINDOWED
from probing.encoders.numerics import ExactFloat32
from probing.encoders.padding import keep_padding_out
from probing.errors import EncoderError
from probing.systems.audio_states import IN_SYSTEMS, front_end_of, waveform_states, window_states
from probing.systems.config import SystemConfig
from probing.systems.long_convolution import train_through_spectra
from probing.systems.targets import by_category, loss_of

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
        head: Pooled vectors [B, P] → outputs [B, O].

    Raises:
        EncoderError: No encoder (code `no-encoder`), one that opens for its layers alone (`system-encoder`), an unknown
            fusion (`fusion`), an encoder to freeze that is not there (`freeze-absent`), or SpecAugment where the
            encoder's configuration masks nothing (`no-effect`).
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
            nn.Linear(widths[0], len(config.dimensions) + sum(map(len, config.categories.values()))),
        )
        self.post_init()
        self._windowed = self.audio is not None and self.audio.config.model_type in WINDOWED
        if self.audio is not None and not self._windowed:
            self._padding = keep_padding_out(self.audio)
            train_through_spectra(self.audio.encoder)
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Set training mode; what is frozen stays frozen, also after `from_pretrained`, which ends in `eval()`."""
        super().train(mode)
        frozen = [getattr(self, part) for part in self.config.freeze]
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm1d):  # the statistics of a batch would count its padding
                layer.eval()
        if self.audio is not None:
            frozen += front_end_of(self.audio)
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
        """Estimate B utterances, whatever they were padded with.

        Args:
            input_values: Waveforms [B, S] as `Processor` gives them, padded at the end; of Whisper log-mel windows
                [W, M, 2 T], which are all of one length: an utterance that is longer has several.
            lengths: Samples [B] of each waveform without padding; needed with latents, and by Whisper. None: nothing is
                padded.
            latents: What `front_end` gives, [B, T, C], padded at the end; instead of waveforms.
            input_ids: Tokens [B, N], padded at the end.
            attention_mask: 1 where a token is one, 0 where it is padding, [B, N]. None: nothing is padded.
            vectors: What `pool` gives, [B, P], instead of all that: frozen encoders need to compute it only once.
            labels: Truth [B, T]: the corpus's scale mapped to [0, 1], then the place of each category's class.

        Returns:
            `logits`: outputs [B, O]: of K dimensions, where 0 and 1 are the ends of the corpus's scale, unbounded, then
            the logits of each category's classes; `loss`, where labels are given: 1 − CCC over the batch of each
            dimension (equation 3), and cross-entropy of each category, averaged over all of them, in float32.

        Raises:
            EncoderError: The input of one of its encoders is not given (code `no-audio` or `no-text`).
        """
        if vectors is None:
            vectors = self.pool(input_values, lengths, latents, input_ids, attention_mask)
        logits_BO, own = self.head(vectors), self.config
        loss = None
        if labels is not None:
            loss = loss_of(logits_BO, labels, len(own.dimensions), own.categories, own.class_weights)
        return SequenceClassifierOutput(loss=loss, logits=logits_BO)

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
        """Latents [B, T, C] of waveforms [B, S]: the output of the frozen convolutions, which can be computed once.

        Raises:
            EncoderError: The audio encoder has none worth keeping (code `no-latents`).
        """
        if self._windowed:
            raise no_latents(self.config.encoders)
        with torch.no_grad(), ExactFloat32():
            return self._padding.convolved(self.audio.feature_extractor, input_values, _samples(input_values, lengths))

    def ratings(self, logits: Tensor) -> Tensor:
        """Estimates [..., K] on the corpus's own scale, of outputs [..., O]."""
        low, high = self.config.scale
        return low + (high - low) * logits[..., : len(self.config.dimensions)]

    def probabilities(self, logits: Tensor) -> dict[str, Tensor]:
        """Category → probability [..., C] of each of its classes, of outputs [..., O]."""
        own = by_category(logits, len(self.config.dimensions), self.config.categories)
        return {name: logits_C.float().softmax(-1) for name, logits_C in own.items()}

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
        if self._windowed and (latents_BTC is not None or lengths is None):
            raise EncoderError(
                f"system {self.config.encoders} takes windows of audio",
                "latents were given, or no lengths",
                "pass input_values= and lengths=, as the system's processor gives them",
                code="no-audio",
            )
        samples = _samples(given, lengths)
        if self._windowed:
            return window_states(self.audio, given, samples)
        if latents_BTC is None:
            latents_BTC = self.front_end(given, lengths)
        else:
            self._padding.set(samples, given.device)
        return waveform_states(self.audio, self._padding, latents_BTC, samples)

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
    if audio is not None and audio.model_type not in IN_SYSTEMS:
        why = f"a {audio.model_type} model opens as a frozen encoder alone, for its layers"
        remedy = f"use an audio encoder of {', '.join(IN_SYSTEMS)}"
        raise EncoderError(name, why, remedy, code="system-encoder")
    text = config.text_config
    if text is not None and text.model_type not in EXACT_TEXT:
        why = f"padded batches of {text.model_type} models are not known to be exact"
        raise EncoderError(name, why, f"use a text encoder of {', '.join(EXACT_TEXT)}", code="system-encoder")
    if config.spec_augment and audio is not None and audio.model_type in WINDOWED:
        why = "Whisper's encoder masks nothing"
        raise EncoderError(name, why, "leave SpecAugment off", code="no-effect")
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
        if part.model_type in WINDOWED:
            part.update({"encoder_layerdrop": 0.0, "decoder_layers": 0})
    else:
        part.update({"use_cache": False})  # what decoders do, and BERT warns of
    # from_pretrained's dtype= sets torch's default. A received configuration may name code, which is never run.
    model = AutoModel.from_config(part, dtype=torch.get_default_dtype(), trust_remote_code=False)
    model = encoder_alone(model)
    model.config = part
    return model


AutoModel.register(SystemConfig, EmotionSystem)
