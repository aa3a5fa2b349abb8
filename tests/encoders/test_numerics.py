"""A digest of weights, and float32 without shortcuts."""

from __future__ import annotations

import torch
from torch import nn

from probing.encoders.numerics import ExactFloat32, weights_digest


def layer(seed: int) -> nn.Linear:
    """A small layer with drawn weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Linear(3, 2)


def test_the_digest_is_of_names_shapes_and_values() -> None:
    """Equal weights give an equal one; another value, name or shape another."""
    first = weights_digest(layer(0))
    assert first == weights_digest(layer(0))
    assert first != weights_digest(layer(1))
    assert first != weights_digest(nn.Sequential(layer(0)))
    turned = layer(0)
    turned.weight = nn.Parameter(turned.weight.reshape(3, 2))
    assert first != weights_digest(turned)


def test_what_only_masks_does_not_count() -> None:
    """A frozen encoder never uses the embedding that masks frames."""
    masking = layer(0)
    masking.masked_spec_embed = nn.Parameter(torch.ones(2))
    assert weights_digest(masking) == weights_digest(layer(0))


def test_shortcuts_are_off_inside_and_as_before_outside() -> None:
    """TF32 is switched back to what it was, also after an error."""
    torch.backends.cudnn.allow_tf32, before = True, torch.backends.cudnn.allow_tf32
    try:
        with ExactFloat32():
            assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.cudnn.allow_tf32
    finally:
        torch.backends.cudnn.allow_tf32 = before
