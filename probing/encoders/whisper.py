"""Whisper's encoder, frozen: log-mel windows in, every hidden state of the utterance's own frames out.

Whisper was trained on windows of 30 s, shorter ones being filled with silence, and knows no mask: its states depend on
that silence. So an utterance is given as it was trained, and afterwards only the frames that begin within it are kept:
⌈samples / 320⌉ of them (50 a second), which is how transformers counts them too. What is longer than a window is cut
into consecutive ones, all full but the last, and their frames follow one another. All windows are of one length, so
that no batch needs padding. A shorter window (`--window`) saves most of the work and changes the answer: its length is
part of the fingerprint, and `probe verify` shows by how much states differ from those with the trained one.

State 0 is the transformer's input, the convolutions' output plus the positions: what transformers gives at index 0.
State l is the output of layer l, the last one after the encoder's final layer norm, as the model's own output is. State
C, on request, is the convolutions' output without the positions.

Shape legend: B utterances · W windows of all of them · S samples at 16 kHz · M mel bands · T frames (50 Hz)
· L states (layers + 1) · D hidden size.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import gelu
from transformers import WhisperFeatureExtractor

from probing.audio.decode import SAMPLE_RATE
from probing.encoders.audio import AudioEncoder, put_together, stacked, tone
from probing.encoders.numerics import ExactFloat32, weights_digest
from probing.encoders.spec import EncoderSpec
from probing.errors import EncoderError

SEMANTICS = 1  # raise when the meaning or the numerics of a state change: old caches are then not read any more
FRAME = 320  # samples: the hop of the spectrogram times the convolutions' stride
_MOST_FRAMES = 90_000  # of a window, half an hour; those of all published ones have 1,500
_BYTES = 2e9  # of states that are computed at once

_DEFINING = """
    model_type hidden_size num_hidden_layers num_attention_heads encoder_ffn_dim activation_function num_mel_bins
    max_source_positions scale_embedding
""".split()
_EXTRACTING = "feature_size n_fft hop_length padding_value".split()  # of a feature extractor


class WhisperEncoder(AudioEncoder):
    """Whisper's frozen encoder.

    Args:
        model: transformers' `WhisperEncoder`.
        extractor: What makes its log-mel spectrograms.
        name: For titles and file names.
        device: PyTorch's name of a device.
        spec: What names it; its `window` is in seconds.

    Raises:
        EncoderError: The window is longer than the trained one, or of less than two frames (code `window`).
    """

    def __init__(
        self,
        model: Any,
        extractor: WhisperFeatureExtractor,
        name: str,
        device: str = "cpu",
        spec: EncoderSpec | None = None,
    ) -> None:
        super().__init__(model, name, device, spec, len(model.layers))
        self._extractor = extractor
        self.window_samples = window_samples(self.spec.window, window_of(model.config), self.name)
        self.identity = {
            "architecture": {key: getattr(model.config, key, None) for key in _DEFINING},
            "weights": weights_digest(model),
            "preprocessing": {
                "sample_rate": SAMPLE_RATE,
                "window": self.window_samples / SAMPLE_RATE,
                **{key: getattr(extractor, key) for key in _EXTRACTING},
            },
            "semantics": SEMANTICS,
        } | ({"convolution": True} if self.spec.convolution else {})
        shorten(model, self.window_samples)
        self._convolved: deque[Tensor] = deque(maxlen=1)  # what the convolutions gave, [W, D, T], for state C
        if self.spec.convolution:
            model.conv2.register_forward_hook(lambda _1, _2, output_WDT: self._convolved.append(gelu(output_WDT)))
        self._model.to(self.device)

    def frames(self, samples: int) -> int:
        """Number of frames T that an utterance of `samples` samples has."""
        return own_frames(samples)

    @property
    def windows_at_once(self) -> int:
        """Windows that are computed together: as many as keep their states below two gigabytes."""
        if self.device.type == "cpu":
            return 1
        each = self.window_samples // FRAME * self.n_states * self.width * 4
        return max(1, min(64, int(_BYTES / each)))

    @torch.inference_mode()
    def hidden_states(self, waveforms: Sequence[NDArray[np.float32]]) -> tuple[Tensor, list[int]]:
        """As `AudioEncoder.hidden_states`."""
        self._refuse_too_short(waveforms)
        pieces = [piece for waveform in waveforms for piece in cut(waveform, self.window_samples)]
        found: list[Tensor] = []  # [T, L, D] of each window, its own frames alone
        for start in range(0, len(pieces), self.windows_at_once):
            some = pieces[start : start + self.windows_at_once]
            states_WTLD = self._states_of(some)
            own = zip(states_WTLD, some, strict=True)
            found += [states_TLD[: own_frames(len(piece))].clone() for states_TLD, piece in own]
        rest = iter(found)
        utterances = [
            torch.cat([next(rest) for _ in range(windows_in(len(waveform), self.window_samples))])
            for waveform in waveforms
        ]
        return put_together(utterances), [len(states_TLD) for states_TLD in utterances]

    def trial(self) -> Tensor:
        """As `AudioEncoder.trial`, of the front end alone: a window takes seconds in the larger models."""
        return try_front_end(self._extractor, self._model.config, self.device)

    def notes(self, samples: Sequence[int]) -> tuple[str, ...]:
        """How many utterances are longer than a window."""
        return window_notes(samples, self.window_samples)

    def _states_of(self, pieces: Sequence[NDArray[np.float32]]) -> Tensor:
        """States [W, T, L, D] of some windows, the frames of the silence behind them included."""
        with ExactFloat32():
            mel_WMT = log_mel(self._extractor, pieces, self.window_samples, self.device)
            output = self._model(mel_WMT, output_hidden_states=True)
        # transformers 5 records the last layer's output before the final layer norm in some versions.
        states = [*output.hidden_states[:-1], output.last_hidden_state]
        if self._convolved:
            states.insert(0, self._convolved.pop().transpose(1, 2))
        return stacked(states, self.n_states, self.name)


def try_front_end(extractor: WhisperFeatureExtractor, config: Any, device: torch.device) -> Tensor:
    """A spectrogram [1, M, 2 T] of a little sound.

    Raises:
        ValueError: It is not of the size that the encoder takes.
    """
    mel_WMT = log_mel(extractor, [tone(FRAME)], window_of(config), device)
    needed = (config.num_mel_bins, 2 * window_of(config) // FRAME)
    if tuple(mel_WMT.shape[1:]) != needed:
        raise ValueError(f"a spectrogram of {tuple(mel_WMT.shape[1:])} numbers where {needed} are needed")
    return mel_WMT


def own_frames(samples: int) -> int:
    """Frames that begin within `samples` samples.

    >>> own_frames(320), own_frames(321)
    (1, 2)
    """
    return -(-samples // FRAME)


def window_of(config: Any) -> int:
    """Samples of a Whisper's window, by its configuration; 0 of other encoders."""
    return config.max_source_positions * FRAME if getattr(config, "model_type", "") == "whisper" else 0


def windows_in(samples: int, window: int) -> int:
    """Windows of `window` samples that an utterance fills, the last one perhaps in part."""
    return max(1, -(-samples // window))


def window_notes(samples: Iterable[int], window: int) -> tuple[str, ...]:
    """What a reader should know of utterances that are longer than a window of `window` samples."""
    longer = sum(count > window for count in samples)
    if not longer:
        return ()
    who = "1 utterance is" if longer == 1 else f"{longer:,} utterances are"
    return (f"{who} longer than the window of {window / SAMPLE_RATE:g} s: read in consecutive windows",)


def cut(waveform: NDArray[np.float32], window: int) -> list[NDArray[np.float32]]:
    """Consecutive pieces [S] of at most `window` samples."""
    return [waveform[start : start + window] for start in range(0, max(1, len(waveform)), window)]


def log_mel(
    extractor: WhisperFeatureExtractor, pieces: Sequence[NDArray[np.float32]], window: int, device: torch.device
) -> Tensor:
    """Log-mel spectrograms [W, M, 2 T] of W pieces, each filled up with silence to `window` samples."""
    extracted = extractor(
        list(pieces),
        sampling_rate=SAMPLE_RATE,
        padding="max_length",
        max_length=window,
        return_tensors="pt",
        device=str(device),
    )
    features: Tensor = extracted["input_features"].to(device)
    return features


def shorten(model: Any, window: int) -> None:
    """Limit an encoder to windows of `window` samples, by keeping only that many of its position embeddings."""
    positions = window // FRAME
    if positions == model.config.max_source_positions:
        return
    model.config.max_source_positions = model.max_source_positions = positions
    kept = model.embed_positions.weight[:positions].clone()
    model.embed_positions = nn.Embedding(positions, kept.shape[1], _weight=kept).requires_grad_(False)


def windowed(name: str, seconds: float | None, trained: int) -> str:
    """The name of a Whisper that is given so many seconds at a time, where it was trained with more samples.

    >>> windowed("whisper-base", 10.0, 480_000), windowed("whisper-base", 30.0, 480_000)
    ('whisper-base-window10', 'whisper-base')
    """
    shorter = seconds is not None and seconds * SAMPLE_RATE != trained
    return f"{name}-window{seconds:g}" if shorter else name


def no_windows(name: str, seconds: float) -> EncoderError:
    """The error of a window for something that has none."""
    remedy = "leave --window out: only Whisper has windows"
    return EncoderError(f"--window {seconds:g}", f"{name} hears an utterance as a whole", remedy, code="window")


def check_extractor(extractor: Any, config: Any, source: str) -> None:
    """Raise an EncoderError (code `encoder-foreign`) where a feature extractor does not go with a Whisper."""
    fits = (
        isinstance(extractor, WhisperFeatureExtractor)
        and extractor.sampling_rate == SAMPLE_RATE
        and extractor.feature_size == config.num_mel_bins
        and extractor.hop_length * 2 == FRAME
        and config.max_source_positions <= _MOST_FRAMES
    )
    if not fits:
        raise EncoderError(
            f"encoder {source}",
            f"its preprocessor_config.json is not that of a 16 kHz Whisper of {config.num_mel_bins} mel bands",
            "copy the preprocessor_config.json that belongs to the model into its folder",
            code="encoder-foreign",
        )
    extractor.dither = 0.0  # noise, which would make every answer another


def window_samples(seconds: float | None, trained: int, name: str) -> int:
    """Samples of a window: whole frames, no more than it was trained with.

    Args:
        seconds: As asked for; None: as trained.
        trained: Samples of the window that it was trained with.
        name: Whose, for messages.

    Raises:
        EncoderError: It is longer, of less than two frames, or no whole number of frames (code `window`).
    """
    if seconds is None:
        return trained
    found = round(seconds * SAMPLE_RATE / FRAME) * FRAME if 0 < seconds < 1e6 else 0
    if not 2 * FRAME <= found <= trained or abs(found - seconds * SAMPLE_RATE) > 1:
        why = f"{name} was trained with windows of {trained / SAMPLE_RATE:g} s, and a frame takes 0.02 s"
        remedy = f"give seconds, a multiple of 0.02 from 0.04 to {trained / SAMPLE_RATE:g}"
        raise EncoderError(f"--window {seconds:g}", why, remedy, code="window")
    return found
