"""The last state of a system's audio encoder, of each utterance's own frames, whatever kind of encoder it is.

Shape legend: B utterances · W windows of all of them · S samples at 16 kHz · M mel bands · T frames · C front end's
channels · D hidden size.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from probing.encoders.families import WAVEFORM, WINDOWED
from probing.encoders.padding import Padding, count_frames, valid
from probing.encoders.whisper import own_frames, window_of, windows_in
from probing.errors import EncoderError

IN_SYSTEMS = (*WAVEFORM, *WINDOWED)  # transformers' model_type of audio encoders that a system can have


def front_end_of(audio: Any) -> list[nn.Module]:
    """The layers of an audio encoder that stay frozen: its convolutions, and Whisper's sinusoidal positions."""
    if audio.config.model_type in WINDOWED:
        return [audio.conv1, audio.conv2, audio.embed_positions]
    return [audio.feature_extractor]


def waveform_states(audio: Any, padding: Padding, latents_BTC: Tensor, samples: list[int]) -> tuple[Tensor, Tensor]:
    """Of an encoder of waveforms.

    Args:
        audio: The encoder.
        padding: What keeps padding out of it; it knows the lengths of this batch.
        latents_BTC: What its front end gives, padded at the end.
        samples: Length of each utterance.

    Returns:
        The last state [B, T, D], and which frames are valid [B, T].
    """
    frames = _frames(audio, samples)
    valid_BT = valid(torch.tensor(frames, device=latents_BTC.device), max(frames))[:, 0]
    projected = audio.feature_projection(latents_BTC[:, : max(frames)].to(audio.dtype))
    hidden_BTD = projected[0] if isinstance(projected, tuple) else projected  # HuBERT gives no more than this
    hidden_BTD = audio._mask_hidden_states(hidden_BTD, attention_mask=valid_BT)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")  # of WavLM, for PyTorch
        return audio.encoder(hidden_BTD, attention_mask=valid_BT).last_hidden_state, valid_BT


def window_states(audio: Any, mel_WMT: Tensor, samples: list[int]) -> tuple[Tensor, Tensor]:
    """Of Whisper's encoder.

    Args:
        audio: The encoder.
        mel_WMT: Windows of all utterances, one utterance after another, as `Processor` gives them.
        samples: Length of each utterance.

    Returns:
        The last state [B, T, D] of each utterance's own frames, and which frames are valid [B, T].

    Raises:
        EncoderError: There are more or fewer windows than the utterances fill (code `no-audio`).
    """
    counts = _windows(audio, samples)
    if sum(counts) != len(mel_WMT):
        what = f"{len(samples)} utterances fill {sum(counts)} windows, {len(mel_WMT)} were given"
        raise EncoderError(what, "", "pass what the system's processor gives, with lengths", code="no-audio")
    return by_utterance(audio, audio(mel_WMT.to(audio.dtype)).last_hidden_state, samples)


def by_utterance(audio: Any, states_RTD: Tensor, samples: list[int]) -> tuple[Tensor, Tensor]:
    """Any layer's state of each utterance's own frames.

    Args:
        audio: The encoder.
        states_RTD: As the layer gives it, of R utterances or, in Whisper's encoder, windows.
        samples: Length of each utterance.

    Returns:
        The state [B, T, D], and which frames are valid [B, T].
    """
    if audio.config.model_type not in WINDOWED:
        frames = torch.tensor(_frames(audio, samples), device=states_RTD.device)
        return states_RTD, valid(frames, states_RTD.shape[1])[:, 0]
    frames = torch.tensor([own_frames(count) for count in samples], device=states_RTD.device)
    windows = states_RTD.split(_windows(audio, samples))
    utterances = [own.flatten(0, 1)[:count] for own, count in zip(windows, frames.tolist(), strict=True)]
    return pad_sequence(utterances, batch_first=True), valid(frames, int(frames.max()))[:, 0]


def _frames(audio: Any, samples: list[int]) -> list[int]:
    """Frames of each utterance."""
    convolutions = list(zip(audio.config.conv_kernel, audio.config.conv_stride, strict=True))
    return [count_frames(count, convolutions) for count in samples]


def _windows(audio: Any, samples: list[int]) -> list[int]:
    """Whisper's windows of each utterance."""
    window = window_of(audio.config)
    return [windows_in(count, window) for count in samples]
