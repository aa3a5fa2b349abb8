"""What a bank of probes sees of a batch of utterances.

Shape legend: B utterances · T frames · L layers · D hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

MEAN, MAX = "mean", "max"


@dataclass(frozen=True)
class Features:
    """What a bank sees of a batch of utterances.

    Args:
        mean_BLD: Mean over time of each layer, where the pooling needs it.
        max_BLD: Maximum over time of each layer, where the pooling needs it.
        frames: B tensors [T, L, D]; with them the maximum of a weighted sum is exact, without them it is the weighted
            sum of the layers' maxima.
    """

    mean_BLD: Tensor | None
    max_BLD: Tensor | None
    frames: Sequence[Tensor] | None = None

    def to(self, device: torch.device) -> Features:
        """The same on a device."""
        mean, maximum = (None if x is None else x.to(device) for x in (self.mean_BLD, self.max_BLD))
        return Features(mean, maximum, self.frames and [x_TLD.to(device) for x_TLD in self.frames])


def features_of(frames: Sequence[Tensor], pooling: str, normalize: str, whole: bool = True) -> Features:
    """Features of a batch of utterances of which all frames are known.

    Args:
        frames: B tensors [T, L, D], float32 or float16; all is computed in float32.
        pooling: `mean`, `max` or `mean+max`.
        normalize: `none`, or `layer` for a layer norm of every state over its D numbers.
        whole: Keep the frames for exact maxima of weighted sums; without them maxima are as from the store `pooled`.
    """
    statistics, kept = pooling.split("+"), MAX in pooling and whole
    if kept:
        frames = [_prepared(x_TLD, normalize) for x_TLD in frames]
    found = [_statistics(x_TLD, statistics, "none" if kept else normalize) for x_TLD in frames]
    mean, maximum = (
        torch.stack([own[statistic] for own in found]) if statistic in statistics else None for statistic in (MEAN, MAX)
    )
    return Features(mean, maximum, frames if kept else None)


def _statistics(x_TLD: Tensor, statistics: Sequence[str], normalize: str) -> dict[str, Tensor]:
    """Mean or maximum over time of one utterance, [L, D] each.

    A processor computes one layer at a time: its numbers stay in the cache, which those of all layers would not.
    """
    at_once = 1 if x_TLD.device.type == "cpu" else x_TLD.shape[1]
    found: dict[str, list[Tensor]] = {statistic: [] for statistic in statistics}
    for layers_TLD in x_TLD.split(at_once, dim=1):
        own_TLD = _prepared(layers_TLD, normalize)
        for statistic, parts in found.items():
            parts.append(own_TLD.mean(0) if statistic == MEAN else own_TLD.amax(0))
    return {statistic: torch.cat(parts) for statistic, parts in found.items()}


def _prepared(x_TLD: Tensor, normalize: str) -> Tensor:
    """States in float32, one frame after another in memory, normed where that is asked for."""
    x_TLD = x_TLD.to(torch.float32, memory_format=torch.contiguous_format)
    return layer_norm(x_TLD, x_TLD.shape[-1:]) if normalize == "layer" else x_TLD
