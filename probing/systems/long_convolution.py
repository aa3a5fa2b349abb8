"""Long convolutions of a speech encoder (positional ones, over 128 frames), trained on a CPU through Fourier spectra.

They are a few per cent of an encoder's arithmetic, but PyTorch's kernels for grouped convolutions take a third of the
time of a step of DistilHuBERT from latents, most of it for gradients. A product of spectra is the same sum with a 20th
of the multiplications, as exact (2e-7 of float64's norm, states and gradients alike), and takes .2 to .5 of the time.

    output = irfft(Σ_j rfft(x_j) · conj(rfft(w_ij))) + bias_i, over T frames and as many zeros as a kernel reaches back

Shape legend: B utterances · C channels in G groups of J inputs and I outputs · T frames · N points · F frequencies
· K taps.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor, nn

LONG = 64  # taps from which on spectra pay


def train_through_spectra(encoder: nn.Module) -> None:
    """Let an encoder's long convolutions go through spectra in training steps on a CPU, and be PyTorch's elsewhere.

    The weights stay the same objects under the same names; hooks run as before.
    """
    for layer in encoder.modules():
        if isinstance(layer, nn.Conv1d) and layer.kernel_size[0] >= LONG:
            layer.forward = partial(_forward, layer)  # type: ignore[method-assign]


def by_spectra(x_BCT: Tensor, weight_CJK: Tensor, groups: int, padding: int) -> Tensor:
    """What `conv1d` gives of float32 numbers, with stride 1 and zeros of `padding` frames at both ends, [B, C, T']."""
    (batch, _, frames), (channels, inputs, taps) = x_BCT.shape, weight_CJK.shape
    points = -(-(frames + padding) // 8) * 8  # what reaches over one end comes out of the zeros at the other
    n_frequencies = points // 2 + 1
    # Transforms of kernels as one matrix product: frequencies stand first, as the products of spectra need them.
    shape = (2, n_frequencies * groups, channels // groups, inputs)
    real_FIJ, imaginary_FIJ = torch.mm(_waves(points, taps), weight_CJK.reshape(-1, taps).T).view(shape)
    spectra = torch.view_as_real(torch.fft.rfft(x_BCT, n=points)).view(batch, groups, inputs, n_frequencies, 2)
    x_FJB = spectra.permute(3, 1, 2, 4, 0).reshape(n_frequencies * groups, inputs, 2 * batch)
    (a_FIB, b_FIB), (c_FIB, d_FIB) = (torch.bmm(own, x_FJB).split(batch, -1) for own in (real_FIJ, imaginary_FIJ))
    products = torch.complex(a_FIB - d_FIB, b_FIB + c_FIB).view(n_frequencies, channels, batch)
    full_BCN = torch.fft.irfft(products.permute(2, 1, 0), n=points).roll(padding, -1)
    return full_BCN[..., : frames + 2 * padding - taps + 1]


def _forward(layer: nn.Conv1d, x_BCT: Tensor) -> Tensor:
    """The layer's forward pass. A single utterance gains nothing: transforms of kernels cost as much as it does."""
    learns = layer.training and torch.is_grad_enabled() and not torch.is_autocast_enabled(x_BCT.device.type)
    if not learns or x_BCT.device.type != "cpu" or x_BCT.dtype != torch.float32 or len(x_BCT) == 1:
        return nn.Conv1d.forward(layer, x_BCT)
    assert isinstance(layer.padding[0], int)
    convolved_BCT = by_spectra(x_BCT, layer.weight, layer.groups, layer.padding[0])
    return convolved_BCT if layer.bias is None else convolved_BCT + layer.bias[:, None]


def _waves(points: int, taps: int) -> Tensor:
    """Cosines, then sines, of each frequency at each tap, [2 F, K]."""
    turns = torch.outer(torch.arange(points // 2 + 1), torch.arange(taps)) % points
    phases = turns.double() * (2 * math.pi / points)
    return torch.cat([phases.cos(), phases.sin()]).float()
