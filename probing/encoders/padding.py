"""Keep padding out of every layer of a speech encoder that looks across time.

In a padded batch an utterance should get the states that it gets alone. Convolutions without padding of their own (the
front end) and layers that see one frame at a time give them anyway, and attention has transformers' mask. Two kinds of
layers need help, whatever the model is called:

- the GroupNorm behind the first convolution of a `group` front end takes its statistics over padding too: here they
  are taken over the utterance's own frames;
- a convolution that pads its ends with zeros (positional convolutions, data2vec's stack of them, the conformer's
  depthwise one) sees zeros behind an utterance that is alone, but in a batch whatever earlier layers (a bias, a batch
  norm) left there: here the padding is set to zero before each of them.

Shape legend: B utterances · T frames · C channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import group_norm
from torch.nn.utils.rnn import pad_sequence


def count_frames(samples: int, convolutions: Iterable[tuple[int, int]]) -> int:
    """Frames that unpadded convolutions, each (kernel, stride), leave of a number of samples.

    >>> count_frames(16_000, [(10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2)])
    49
    """
    for kernel, stride in convolutions:
        samples = (samples - kernel) // stride + 1
    return samples


class Padding:
    """Where the padding of the present batch begins; its layers ask it during the forward pass.

    Args:
        convolutions: Kernel and stride of each convolution of the front end.
    """

    def __init__(self, convolutions: Sequence[tuple[int, int]]) -> None:
        self._convolutions = convolutions
        self._frames_B: Tensor | None = None
        self.first: list[int] | None = None  # of each utterance, frames that the first convolution gives

    def set(self, samples: Sequence[int], device: torch.device) -> None:
        """Announce a batch; to be called before its forward pass.

        Args:
            samples: Length of each of the B utterances at 16 kHz, without padding. Where all are the same nothing is
                padded, and every layer computes what PyTorch's own does.
            device: Where the batch is.
        """
        self.first = self._frames_B = None
        if len(set(samples)) > 1:
            self.first = [count_frames(count, self._convolutions[:1]) for count in samples]
            self._frames_B = torch.tensor([count_frames(count, self._convolutions) for count in samples], device=device)

    def convolved(self, front_end: nn.Module, values_BS: Tensor, samples: Sequence[int]) -> Tensor:
        """What the convolutional front end gives of a batch, [B, T, C]; the batch is announced to the other layers.

        On a CPU one utterance goes through it after another: what it gives of one fits the processor's caches, and no
        padding is convolved, which takes .6 of the time of HuBERT base's front end on a padded batch of eight.

        Args:
            front_end: Waveforms [B, S] → [B, C, T].
            values_BS: Waveforms, padded at the end.
            samples: As in `set`.
        """
        if values_BS.device.type != "cpu":
            self.set(samples, values_BS.device)
            return front_end(values_BS[:, : max(samples)]).transpose(1, 2)
        self.set((), values_BS.device)
        rows = zip(values_BS.split(1), samples, strict=True)
        convolved_BTC = pad_sequence([front_end(row_1S[:, :count])[0].T for row_1S, count in rows], batch_first=True)
        self.set(samples, values_BS.device)
        return convolved_BTC

    def silence(self, _layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        """Forward pre-hook of a convolution over [B, C, T]: zeros behind each utterance's last frame."""
        if self._frames_B is None:
            return None
        return (inputs[0].masked_fill(~valid(self._frames_B, inputs[0].shape[-1]), 0.0), *inputs[1:])


class MaskedGroupNorm(nn.GroupNorm):
    """GroupNorm with one channel a group whose statistics leave the padding out; it shares the stock one's weights."""

    def __init__(self, stock: nn.GroupNorm, padding: Padding) -> None:
        if stock.num_groups != stock.num_channels:
            raise ValueError(f"{stock.num_channels} channels in {stock.num_groups} groups; only one a group is known")
        super().__init__(stock.num_groups, stock.num_channels, stock.eps)
        self.weight, self.bias, self._padding = stock.weight, stock.bias, padding

    def forward(self, x_BCT: Tensor) -> Tensor:
        """Normalise each channel of each utterance over its own frames; the padding becomes zero."""
        frames = self._padding.first
        if frames is None:
            return super().forward(x_BCT)
        # PyTorch's own kernel on each utterance's frames: sums under a mask pass over memory four times as often.
        rows = zip(x_BCT.split(1), frames, strict=True)
        own = [group_norm(x_1CT[..., :n], self.num_groups, self.weight, self.bias, self.eps) for x_1CT, n in rows]
        normed_BCT = own[0].new_zeros(x_BCT.shape)
        for row, own_1CT in enumerate(own):  # by number: gradients do not pass what is written into an iterator's rows
            normed_BCT[row, :, : own_1CT.shape[-1]] = own_1CT[0]
        return normed_BCT


def valid(frames_B: Tensor, longest: int) -> Tensor:
    """Which of `longest` frames are an utterance's own, [B, 1, T].

    >>> valid(torch.tensor([1, 3]), 3).int().tolist()
    [[[1, 0, 0]], [[1, 1, 1]]]
    """
    return torch.arange(longest, device=frames_B.device) < frames_B.view(-1, 1, 1)


def keep_padding_out(model: Any) -> Padding:
    """Change a HuBERT-like model so that padding never reaches an utterance's own frames.

    The weights stay the same objects under the same names.

    Args:
        model: A transformers model with `feature_extractor`, `encoder` and `config.conv_kernel`, `config.conv_stride`.

    Returns:
        What must be told the lengths of every batch before its forward pass.
    """
    padding = Padding(list(zip(model.config.conv_kernel, model.config.conv_stride, strict=True)))
    first = model.feature_extractor.conv_layers[0]
    norm = getattr(first, "layer_norm", None)
    if isinstance(norm, nn.GroupNorm):
        first.layer_norm = MaskedGroupNorm(norm, padding)
    for layer in model.encoder.modules():
        if isinstance(layer, nn.Conv1d) and layer.kernel_size[0] > 1:
            layer.register_forward_pre_hook(padding.silence)
    return padding
