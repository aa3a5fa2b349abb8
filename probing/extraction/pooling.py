"""What a cache keeps of one utterance's hidden states.

Shape legend: T frames · L states · D hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from probing.cache.format import Entry
from probing.cache.stores import STORES
from probing.errors import CacheError


def summarise(
    states_TLD: Tensor, store: str, dtype: str, whose: str, state_names: Sequence[str] | None = None
) -> Entry:
    """What a cache keeps of one utterance's hidden states.

    Args:
        states_TLD: Hidden states [T, L, D], float32, or latents [T, 1, C].
        store: `frames` and `latents` keep them; `pooled` keeps mean and max over T of the states and of the states
            after a layer norm without parameters (mean 0, variance 1 over D in every frame), [L, D] each.
        dtype: Number format, `float16` or `float32`.
        whose: The utterance, for messages.
        state_names: What the L states are, for messages; by default `0`, `1`, …

    Raises:
        CacheError: A value is not finite (code `not-finite`) or does not fit the number format (`dtype-range`).
    """
    rms_L = states_TLD.square().mean((0, 2)).sqrt()
    if store != "pooled":
        arrays = {STORES[store][0]: states_TLD}
    else:
        normed_TLD = layer_norm(states_TLD, states_TLD.shape[-1:])
        arrays = {
            "mean": states_TLD.mean(0),
            "max": states_TLD.amax(0),
            "normed_mean": normed_TLD.mean(0),
            "normed_max": normed_TLD.amax(0),
        }
    kept = {name: numbers.to(getattr(torch, dtype)) for name, numbers in arrays.items()}
    for name, numbers in kept.items():
        if not bool(torch.isfinite(numbers).all()):
            raise _unfit(arrays[name], whose, dtype, state_names or [str(layer) for layer in range(len(rms_L))])
    return Entry({name: numbers.cpu().numpy() for name, numbers in kept.items()}, rms_L.cpu().numpy())


def _unfit(numbers: Tensor, whose: str, dtype: str, state_names: Sequence[str]) -> CacheError:
    """The error that names the first layer with a value that does not fit, and the value."""
    peak_L = numbers.abs().movedim(-2, 0).flatten(1).amax(1)
    unfit_L = ~(peak_L <= torch.finfo(getattr(torch, dtype)).max)  # a NaN compares as False: it does not fit either
    index = int(unfit_L.nonzero()[0])
    what = f"{whose}: layer {state_names[index]}"
    if not bool(torch.isfinite(peak_L[index])):
        return CacheError(f"{what} is not finite", "", "check the encoder's weights", code="not-finite")
    return CacheError(
        f"{what} reaches {float(peak_L[index]):.0f}",
        f"{dtype} cannot hold it",
        "add `--dtype float32`; finished parts stay as they are",
        code="dtype-range",
    )
