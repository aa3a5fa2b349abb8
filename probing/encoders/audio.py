"""What all frozen encoders of audio have in common.

Shape legend: B utterances · S samples at 16 kHz · T frames · L states (layers + 1) · D hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from probing.audio.decode import SAMPLE_RATE
from probing.encoders.spec import EncoderSpec
from probing.errors import EncoderError


class AudioEncoder:
    """A frozen speech encoder: waveforms in, all hidden states out, in float32.

    Attributes:
        name: For titles and file names: `-layersK` where it was pruned, `-windowS` where its window is shorter than it
            was trained with, `-C` where it has state C, `@random` where its weights are random.
        spec: What names it.
        state_names: What the L states are: `C` (layer −1) where it was asked for, then `0`, `1`, …
        n_states: L, transformer layers + 1, and one more with state C.
        width: D, hidden size.
        identity: Everything that settles its answers, JSON-ready.
        device: Where it computes.
        frame_rate: Frames per second.
        alone: Whether it runs one utterance at a time, since padding would leak into its states.
    """

    reads = False  # whether it takes transcripts, and not waveforms
    unit, unit_samples = "s of audio", SAMPLE_RATE  # what its inputs are counted in, and how many samples make one
    has_latents = False  # whether what its frozen front end gives can be kept for fine-tuning
    identity: dict[str, Any]
    frame_rate = 50.0
    alone = False

    def __init__(self, model: Any, name: str, device: str, spec: EncoderSpec | None, layers: int) -> None:
        self.name, self.device = name, torch.device(device)
        self.spec = EncoderSpec(name) if spec is None else spec
        self.state_names = ["C"] * self.spec.convolution + [str(index) for index in range(layers + 1)]
        self.n_states, self.width = len(self.state_names), int(model.config.hidden_size)
        self._model = model.eval().requires_grad_(False)

    @property
    def random(self) -> bool:
        """Whether its weights are random."""
        return self.spec.random

    @property
    def parameters(self) -> int:
        """Number of its parameters."""
        return sum(own.numel() for own in self._model.parameters())

    @property
    def title(self) -> str:
        """The name as a figure's title has it; `@random` in it says where the weights are random."""
        return self.name

    @property
    def usual_batch_seconds(self) -> float:
        """Audio in a batch that suits the device, in s."""
        return 1.0 if self.device.type == "cpu" else 240.0

    def frames(self, samples: int) -> int:
        """Number of frames T that a waveform of `samples` samples gives."""
        raise NotImplementedError

    def hidden_states(self, waveforms: Sequence[NDArray[np.float32]]) -> tuple[Tensor, list[int]]:
        """Every hidden state of a batch of utterances.

        A batch never changes an answer: each utterance's states are what it gives alone, to a relative 1e-5.

        Args:
            waveforms: B arrays [S] of different lengths, mono, 16 kHz, not normalised.

        Returns:
            States [B, T, L, D] in float32 on the encoder's device, padded at the end of T with values that mean
            nothing, and each utterance's own number of frames.

        Raises:
            EncoderError: An utterance is too short for one frame (code `audio-too-short`).
        """
        raise NotImplementedError

    def trial(self) -> Tensor:
        """A first batch, of a little sound, to see at opening that the model and its front end go together.

        Returns:
            Its states [R, L, D], R frames of both utterances, which must be finite.

        Raises:
            EncoderError: A second of audio is too short for one frame (code `audio-too-short`).
        """
        samples = SAMPLE_RATE // 10 if self.frames(SAMPLE_RATE // 10) > 0 else SAMPLE_RATE
        return own_rows(*self.hidden_states([tone(samples), tone(2 * samples)]))

    def latents(self, waveforms: Sequence[NDArray[np.float32]]) -> tuple[Tensor, list[int]]:
        """What the frozen front end gives of a batch, [B, T, 1, C], where that is worth keeping.

        Raises:
            EncoderError: It is not (code `no-latents`).
        """
        raise no_latents(self.name)

    def states(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Every hidden state of one utterance.

        Args:
            waveform: Samples [S], mono, 16 kHz, not normalised (what `probing.load` gives).

        Returns:
            States [T, L, D].
        """
        return self.hidden_states([waveform])[0][0].cpu().numpy()

    @property
    def latent_width(self) -> int:
        """C, channels of the front end's output."""
        raise no_latents(self.name)

    @property
    def front_end_identity(self) -> dict[str, Any]:
        """Everything that settles the latents; the transformer behind them does not."""
        raise no_latents(self.name)

    def notes(self, samples: Sequence[int]) -> tuple[str, ...]:
        """What a user should know of how utterances of these lengths are run."""
        if self.alone and samples:
            return (f"{self.name} runs one utterance at a time: padding would leak into its states",)
        return ()

    def _refuse_too_short(self, waveforms: Sequence[NDArray[np.float32]]) -> None:
        for waveform in waveforms:
            if self.frames(len(waveform)) < 1:
                what = f"an utterance of {len(waveform)} samples"
                raise too_short(what, self.name)


def no_latents(name: str) -> EncoderError:
    """The error of an encoder whose front end's output is not worth keeping."""
    why = f"the front end of {name} takes so little of the work that keeping its output would gain nothing"
    return EncoderError("--store latents", why, "leave it out: fine-tuning reads the audio", code="no-latents")


def too_short(what: str, name: str) -> EncoderError:
    """The error of an utterance that gives not one frame."""
    return EncoderError(what, f"{name} makes not one frame of it", "leave it out of the corpus", code="audio-too-short")


def tone(samples: int) -> NDArray[np.float32]:
    """A quiet sound [S] of 440 Hz."""
    return (0.1 * np.sin(2 * np.pi * 440 / SAMPLE_RATE * np.arange(samples))).astype(np.float32)


def stacked(states: Sequence[Tensor], n_states: int, name: str) -> Tensor:
    """States [B, T, D] of L layers as one tensor [B, T, L, D].

    Raises:
        EncoderError: There are more or fewer of them than the encoder has layers (code `encoder-foreign`).
    """
    if len(states) != n_states:
        why = f"it gives {len(states)} states where its configuration has {n_states - 1} layers"
        remedy = "use an encoder whose layers give one state each"
        raise EncoderError(f"encoder {name}", why, remedy, code="encoder-foreign")
    return torch.stack(list(states), dim=2)


def own_rows(states_BTLD: Tensor, counts: Sequence[int]) -> Tensor:
    """The frames [R, L, D] of all utterances of a batch one after another, without padding."""
    return torch.cat([states_TLD[:count] for states_TLD, count in zip(states_BTLD, counts, strict=True)])


def put_together(states: Sequence[Tensor]) -> Tensor:
    """States [T, L, D] of B utterances as one padded batch [B, T, L, D]."""
    return pad_sequence(list(states), batch_first=True)
