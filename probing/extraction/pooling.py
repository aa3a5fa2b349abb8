"""What a cache keeps of one utterance's hidden states.

Shape legend: T frames · L states · D hidden size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import vector_norm
from torch.nn.functional import layer_norm

from probing.cache.format import Entry
from probing.cache.stores import STORES
from probing.errors import CacheError

_SURELY_FITS = 60_000.0  # into every number format, whatever the rounding of what was compared with it


@dataclass(frozen=True)
class Summary:
    """What a cache keeps of one utterance, still on the device: nothing has waited for it there.

    Args:
        arrays: Dataset → numbers: `states` [T, L, D] in the cache's number format, or each pooled statistic [L, D] in
            float32.
        rms_L: Root mean square of each state.
        peaks_L: Largest absolute number of each state, or a bound of it that surely fits; None of pooled statistics.
        dtype: The cache's number format.
    """

    arrays: Mapping[str, Tensor]
    rms_L: Tensor
    peaks_L: Tensor | None
    dtype: torch.dtype

    def entry(self, whose: str, state_names: Sequence[str] | None = None) -> Entry:
        """The same in memory, once the device has computed it.

        Args:
            whose: The utterance, for messages.
            state_names: What the L states are, for messages; by default `0`, `1`, …

        Raises:
            CacheError: A value is not finite (code `not-finite`) or does not fit the number format (`dtype-range`).
        """
        found = {}
        for name, numbers in self.arrays.items():
            here = numbers.cpu()
            peaks_L = here.abs().amax(-1) if self.peaks_L is None else self.peaks_L.cpu()
            if not bool(peaks_L.to(self.dtype).isfinite().all()):
                raise _unfit(peaks_L, whose, self.dtype, state_names or [str(layer) for layer in range(len(peaks_L))])
            found[name] = here.to(self.dtype).numpy()
        return Entry(found, self.rms_L.cpu().numpy())


def summary_of(states_TLD: Tensor, store: str, dtype: str) -> Summary:
    """What a store keeps of one utterance's hidden states.

    Args:
        states_TLD: Hidden states [T, L, D], float32, or latents [T, 1, C].
        store: `frames` and `latents` keep them; `pooled` keeps mean and max over T of the states and of the states
            after a layer norm without parameters (mean 0, variance 1 over D in every frame), [L, D] each.
        dtype: Number format, `float16` or `float32`.
    """
    kept: torch.dtype = getattr(torch, dtype)
    rms_L = states_TLD.square().mean((0, 2)).sqrt()
    if store != "pooled":
        return Summary({STORES[store][0]: states_TLD.to(kept)}, rms_L, _peaks(states_TLD, rms_L), kept)
    normed_TLD = layer_norm(states_TLD, states_TLD.shape[-1:])
    arrays = {
        "mean": states_TLD.mean(0),
        "max": states_TLD.amax(0),
        "normed_mean": normed_TLD.mean(0),
        "normed_max": normed_TLD.amax(0),
    }
    return Summary(arrays, rms_L, None, kept)


def summarise(
    states_TLD: Tensor, store: str, dtype: str, whose: str, state_names: Sequence[str] | None = None
) -> Entry:
    """What a cache keeps of one utterance's hidden states, in memory.

    Arguments and errors are those of `summary_of` and `Summary.entry`.
    """
    return summary_of(states_TLD, store, dtype).entry(whose, state_names)


def _peaks(states_TLD: Tensor, rms_L: Tensor) -> Tensor:
    """Largest absolute number of each state; on a processor a bound of it, where that is enough and much cheaper."""
    n_frames, _, width = states_TLD.shape
    bound_L = rms_L * (n_frames * width) ** 0.5  # the root of the sum of squares
    if states_TLD.device.type == "cpu" and bool((bound_L < _SURELY_FITS).all()):
        return bound_L
    return vector_norm(states_TLD, float("inf"), dim=(0, 2))


def _unfit(peaks_L: Tensor, whose: str, dtype: torch.dtype, state_names: Sequence[str]) -> CacheError:
    """The error that names the first layer with a value that does not fit, and the value."""
    index = int((~peaks_L.to(dtype).isfinite()).nonzero()[0])
    what = f"{whose}: layer {state_names[index]}"
    if not bool(peaks_L[index].isfinite()):
        return CacheError(f"{what} is not finite", "", "check the encoder's weights", code="not-finite")
    return CacheError(
        f"{what} reaches {float(peaks_L[index]):.0f}",
        f"{str(dtype).removeprefix('torch.')} cannot hold it",
        "add `--dtype float32`; finished parts stay as they are",
        code="dtype-range",
    )
