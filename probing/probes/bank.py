"""The bank: many probes as one batched module, each what it would be alone (section 4.2).

A probe is a softmax over layer logits, the weighted sum of the layers in every frame, pooling over time, and a
two-layer head with tanh for one dimension. With logits a [L], hidden states x [T, L, D] and the head's U, b, v, c:

    w = softmax(a)        z_t = Σ_l w_l x_tl        h = pool_t z_t        estimate = v · tanh(Uᵀ h + b) + c

A single-layer probe is the same with w fixed to a one-hot vector. So every probe has layer weights, and P probes are
three batched products instead of P small modules.

Shape legend: P probes · W those of them that learn their weights (they come first) · F = P − W with fixed weights ·
B utterances · T frames · L layers (0 = transformer input) · D hidden size · H hidden units of the head.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from probing.probes.features import Features

WEIGHTED, SINGLE, SHUFFLED = "weighted", "single", "shuffled"


@dataclass(frozen=True)
class Probe:
    """What one probe of a bank is.

    Args:
        dimension: What it estimates.
        kind: `weighted` (learns its layer weights), `single` (sees one layer) or `shuffled` (a weighted probe trained
            on permuted labels: what can be found by chance).
        seed: Of its initialisation.
        layer: Place of the layer that a `single` probe sees among the L states.
    """

    dimension: str
    kind: str
    seed: int
    layer: int | None = None


def plan_bank(dimensions: Sequence[str], seeds: int, layers: str, n_layers: int, shuffled: bool) -> list[Probe]:
    """The probes of a bank, those that learn their weights first.

    Args:
        dimensions: What to estimate.
        seeds: Number of initialisations of each probe.
        layers: `weighted`, `each` (single layers) or `both`.
        n_layers: L.
        shuffled: Whether to add the control on permuted labels.
    """
    kinds = [WEIGHTED] * (layers != "each") + [SHUFFLED] * shuffled
    single = range(n_layers) if layers != "weighted" else range(0)
    return [Probe(d, kind, seed) for kind in kinds for d in dimensions for seed in range(seeds)] + [
        Probe(d, SINGLE, seed, layer) for d in dimensions for layer in single for seed in range(seeds)
    ]


def count_probes(dimensions: int, seeds: int, layers: str, n_layers: int, shuffled: bool) -> int:
    """How many probes `plan_bank` plans, known without planning them."""
    return dimensions * seeds * ((layers != "each") + shuffled + n_layers * (layers != "weighted"))


class ProbeBank(nn.Module):
    """P probes side by side; no parameter is shared, so each is trained as if alone.

    Args:
        probes: What they are, those that learn their weights first.
        n_layers: L.
        width: D.
        hidden: H.
        pooling: `mean`, `max`, or `mean+max` (both added element by element, as the paper's systems pool).
    """

    def __init__(self, probes: Sequence[Probe], n_layers: int, width: int, hidden: int, pooling: str) -> None:
        super().__init__()
        self.probes, self.pooling = list(probes), pooling
        learned = [probe.kind != SINGLE for probe in probes]
        if learned != sorted(learned, reverse=True):
            raise ValueError("probes that learn their weights must come first")
        fixed = [probe.layer for probe in probes if probe.layer is not None]
        self.logits_WL = nn.Parameter(torch.zeros(sum(learned), n_layers))
        self.one_hot_FL: Tensor
        self.register_buffer("one_hot_FL", torch.eye(n_layers)[fixed], persistent=False)
        self.inner_PDH = nn.Parameter(torch.empty(len(probes), width, hidden))
        self.inner_bias_PH = nn.Parameter(torch.empty(len(probes), hidden))
        self.outer_PH = nn.Parameter(torch.empty(len(probes), hidden))
        self.outer_bias_P = nn.Parameter(torch.empty(len(probes)))
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """Draw each head as nn.Linear does, from its probe's seed alone: with equal seeds only the layer differs.

        nn.Linear draws weights and bias alike from U(−1/√n, 1/√n), where n is the number of its inputs.
        """
        _, width, hidden = self.inner_PDH.shape
        heads: dict[int, list[Tensor]] = {}
        for row, probe in enumerate(self.probes):
            if probe.seed not in heads:
                generator = torch.Generator().manual_seed(probe.seed)
                shapes = ((width, hidden), (hidden,), (hidden,), ())
                bounds = (width, width, hidden, hidden)
                heads[probe.seed] = [
                    (torch.rand(shape, generator=generator) * 2 - 1) / math.sqrt(fan_in)
                    for shape, fan_in in zip(shapes, bounds, strict=True)
                ]
            for parameter, value in zip(self.head(), heads[probe.seed], strict=True):
                parameter[row] = value

    def head(self) -> tuple[nn.Parameter, ...]:
        """The heads' parameters, each with P in front."""
        return self.inner_PDH, self.inner_bias_PH, self.outer_PH, self.outer_bias_P

    def weights(self) -> Tensor:
        """Layer weights [P, L], each row summing to 1."""
        return torch.cat([self.logits_WL.softmax(-1), self.one_hot_FL])

    def parameter_rows(self, parameter: str, rows: NDArray[np.int64]) -> Tensor:
        """The rows of a parameter that belong to some probes; the logits have rows for the first W probes only."""
        count = len(self.get_parameter(parameter))
        return torch.from_numpy(rows[rows < count]).to(self.outer_bias_P.device)

    @torch.no_grad()
    def take(self, other: ProbeBank, theirs: NDArray[np.int64], own: NDArray[np.int64]) -> None:
        """Copy the parameters of some probes of another bank into probes of this one, row by row."""
        for name, parameter in self.named_parameters():
            parameter[self.parameter_rows(name, own)] = other.get_parameter(name)[other.parameter_rows(name, theirs)]

    def narrow(self, rows: NDArray[np.int64]) -> ProbeBank:
        """A bank of only some of the probes, with their parameters."""
        width, hidden = self.inner_PDH.shape[1:]
        chosen = [self.probes[row] for row in rows]
        smaller = ProbeBank(chosen, self.logits_WL.shape[1], width, hidden, self.pooling).to(self.outer_bias_P.device)
        smaller.take(self, rows, np.arange(len(rows)))
        return smaller

    def forward(self, features: Features) -> Tensor:
        """Estimates [P, B] on the unit scale: v · tanh(Uᵀ h + b) + c, each probe with parameters of its own."""
        pooled_PBD = self._pool(features)
        hidden_PBH = torch.baddbmm(self.inner_bias_PH[:, None], pooled_PBD, self.inner_PDH).tanh()
        return (hidden_PBH @ self.outer_PH[..., None])[..., 0] + self.outer_bias_P[:, None]

    def _pool(self, features: Features) -> Tensor:
        """Weighted layer sum and pooling over time, [P, B, D].

        The mean over time commutes with the layer sum, mean_t Σ_l w_l x_tl = Σ_l w_l mean_t x_tl, so the layers' means
        are enough. The maximum does not: max_t Σ_l w_l x_tl ≤ Σ_l w_l max_t x_tl. It needs every frame, save for
        one-hot weights, where both sides are the same. Without frames the right-hand side stands in for it.
        """
        pooled: list[Tensor] = []
        if features.mean_BLD is not None:
            pooled.append(_mix(self.weights(), features.mean_BLD))
        if features.max_BLD is not None and features.frames is None:
            pooled.append(_mix(self.weights(), features.max_BLD))
        elif features.max_BLD is not None and features.frames is not None:
            weights_WL = self.logits_WL.softmax(-1)
            learned_WBD = torch.stack(
                [torch.einsum("wl,tld->wtd", weights_WL, frames_TLD).amax(1) for frames_TLD in features.frames], dim=1
            )
            pooled.append(torch.cat([learned_WBD, _mix(self.one_hot_FL, features.max_BLD)]))
        return pooled[0] if len(pooled) == 1 else pooled[0] + pooled[1]


def _mix(weights_PL: Tensor, x_BLD: Tensor) -> Tensor:
    """Weighted sums over the layers, [P, B, D]."""
    return torch.einsum("pl,bld->pbd", weights_PL, x_BLD)
