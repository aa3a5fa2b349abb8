"""Long convolutions through spectra: values and gradients of PyTorch's own in float64, and where they are used."""

from __future__ import annotations

import copy

import pytest
import torch
from builders import SMALL
from small_systems import LABELS
from torch import Tensor, nn
from torch.nn.functional import conv1d
from transformers import AutoConfig

from probing.systems import long_convolution
from probing.systems.config import SystemConfig
from probing.systems.long_convolution import by_spectra
from probing.systems.model import EmotionSystem


def system_of(kernel: int) -> EmotionSystem:
    """A small HuBERT, untrained, whose positional convolution is as long as that, in training without dropout."""
    torch.manual_seed(0)
    audio = AutoConfig.for_model("hubert", **SMALL | {"num_conv_pos_embeddings": kernel})
    return EmotionSystem(SystemConfig(audio_config=audio, dropout=0.0))


def far(found: Tensor, expected: Tensor) -> float:
    return float((found.detach().double() - expected.detach()).norm() / expected.detach().norm())


@pytest.mark.parametrize("frames", [1, 63, 149])
@pytest.mark.parametrize(("taps", "padding", "groups"), [(128, 64, 4), (65, 32, 1), (64, 32, 8), (64, 40, 2)])
def test_values_and_gradients_are_those_of_float64(frames: int, taps: int, padding: int, groups: int) -> None:
    """Of input and weights, whatever the lengths, to a few of float32's rounding errors."""
    generator = torch.Generator().manual_seed(frames + taps)
    x, weight = (
        torch.randn(3, 16, frames, generator=generator),
        torch.randn(24, 16 // groups, taps, generator=generator),
    )
    own = [tensor.clone().requires_grad_() for tensor in (x, weight)]
    exact = [tensor.double().requires_grad_() for tensor in (x, weight)]
    found = by_spectra(*own, groups, padding)
    expected = conv1d(*exact, padding=padding, groups=groups)
    assert found.shape == expected.shape
    assert far(found, expected) < 1e-6
    upstream = torch.randn(found.shape, generator=generator)
    found.backward(upstream)
    expected.backward(upstream.double())
    for one, other in zip(own, exact, strict=True):
        assert one.grad is not None and other.grad is not None and far(one.grad, other.grad) < 1e-6


def test_a_training_step_is_that_of_pytorch_s_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss and every gradient of a padded batch, with the same weights under the same names."""
    long = system_of(128)
    monkeypatch.setattr(long_convolution, "LONG", 10**6)
    stock = system_of(128)
    assert stock.state_dict().keys() == long.state_dict().keys()
    stock.load_state_dict(long.state_dict())
    waveforms = torch.randn(4, 6000, generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([6000, 2500, 4321, 400])
    losses = [one(input_values=waveforms, lengths=lengths, labels=LABELS).loss for one in (long, stock)]
    assert losses[0].item() == pytest.approx(losses[1].item(), abs=1e-6)
    for loss in losses:
        loss.backward()
    for (name, found), expected in zip(long.named_parameters(), stock.parameters(), strict=True):
        if expected.grad is not None:
            assert (
                found.grad is not None and (found.grad - expected.grad).norm() < 1e-4 * expected.grad.norm() + 1e-6
            ), name


def test_only_training_steps_of_several_utterances_go_through_spectra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Estimates, and a batch of one, stay PyTorch's; a copy of a system uses its own weights."""
    passed: list[Tensor] = []

    def watched(x_BCT: Tensor, weight_CJK: Tensor, groups: int, padding: int) -> Tensor:
        passed.append(weight_CJK)
        return by_spectra(x_BCT, weight_CJK, groups, padding)

    monkeypatch.setattr(long_convolution, "by_spectra", watched)
    system, waveforms = system_of(128), torch.randn(2, 4000)
    with torch.no_grad():
        system(input_values=waveforms)
    system(input_values=waveforms[:1])
    system.eval()(input_values=waveforms)
    with torch.autocast("cpu", torch.bfloat16):
        system.train()(input_values=waveforms)
    system_of(63)(input_values=waveforms)
    assert not passed
    copied = copy.deepcopy(system)
    with torch.no_grad():
        nn.init.zeros_(copied.audio.encoder.pos_conv_embed.conv.parametrizations.weight.original0)
    copied(input_values=waveforms)
    system(input_values=waveforms)
    assert [bool(weight.any()) for weight in passed] == [False, True]
