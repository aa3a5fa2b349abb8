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
        frames: B tensors [T, L, D], float32.
        pooling: `mean`, `max` or `mean+max`.
        normalize: `none`, or `layer` for a layer norm of every state over its D numbers.
        whole: Keep the frames for exact maxima of weighted sums; without them maxima are as from the store `pooled`.
    """
    if normalize == "layer":
        frames = [layer_norm(x_TLD, x_TLD.shape[-1:]) for x_TLD in frames]
    statistics = pooling.split("+")
    mean = torch.stack([x_TLD.mean(0) for x_TLD in frames]) if MEAN in statistics else None
    if MAX not in statistics:
        return Features(mean, None)
    return Features(mean, torch.stack([x_TLD.amax(0) for x_TLD in frames]), frames if whole else None)
