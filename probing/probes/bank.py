"""The bank: many probes as one batched module, each what it would be alone (section 4.2).

A probe is a softmax over layer logits, the weighted sum of the layers in every frame, pooling over time, and a head.
With logits a [L], hidden states x [T, L, D] and the two-layer head's U, b, v, c:

    w = softmax(a)        z_t = Σ_l w_l x_tl        h = pool_t z_t        estimate = v · tanh(Uᵀ h + b) + c

A single-layer probe is the same with w fixed to a one-hot vector. So every probe has layer weights, and P probes are
three batched products instead of P small modules.

Shape legend: P probes · W those of them that learn their weights (they come first) · F = P − W with fixed weights ·
B utterances · T frames · L layers (0 = transformer input) · D hidden size · O outputs of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import one_hot

from probing.probes.features import Features
from probing.probes.heads import Drop, Head
from probing.probes.options import FitOptions

WEIGHTED, SINGLE = "weighted", "single"
PERMUTED, BY_SPEAKER = "permuted", "by-speaker"  # whose labels are: within train and within development, or a speaker
REFIT = "refit"


@dataclass(frozen=True)
class Probe:
    """What one probe of a bank is.

    Args:
        dimension: What it estimates.
        kind: `weighted` (learns its layer weights), `single` (sees one layer), `ridge` (the same in closed form); or a
            weighted probe that is no result of its own: `permuted` and `by-speaker` (of permuted labels), `refit` (of
            resampled speakers). Version 0.1.0 kept one `shuffled`, of permuted labels.
        seed: Of its initialisation.
        layer: Place of the only layer that it sees among the L states.
        draw: Number of the permutation, from 0, or of the resample, from 1.
    """

    dimension: str
    kind: str
    seed: int
    layer: int | None = None
    draw: int | None = None

    @property
    def learns_weights(self) -> bool:
        """Whether it learns its layer weights."""
        return self.layer is None


def plan_bank(options: FitOptions, n_layers: int) -> list[Probe]:
    """The probes of a bank, those that learn their weights first.

    Permutations and resamples are fitted once each; a resample starts from one of the fit's own initialisations.

    Args:
        options: What to fit; its dimensions are settled.
        n_layers: L.
    """
    dims, seeds = options.dims, range(options.seeds)
    found: list[Probe] = []
    if options.learns_weights:
        draws = range(options.permutations)
        found += [Probe(name, WEIGHTED, seed) for name in dims for seed in seeds]
        found += [Probe(d, kind, draw, draw=draw) for kind in (PERMUTED, BY_SPEAKER) for d in dims for draw in draws]
        refits = range(1, options.refits + 1)
        found += [Probe(name, REFIT, (refit - 1) % options.seeds, draw=refit) for name in dims for refit in refits]
    if options.trains_single_layers:
        found += [Probe(name, SINGLE, seed, layer) for name in dims for layer in range(n_layers) for seed in seeds]
    return found


def count_probes(options: FitOptions, n_layers: int) -> int:
    """How many probes `plan_bank` plans, known without planning them."""
    learned = options.seeds + 2 * options.permutations + options.refits if options.learns_weights else 0
    single = options.seeds * n_layers if options.trains_single_layers else 0
    return len(options.dims) * (learned + single)


class ProbeBank(nn.Module):
    """P probes side by side; no parameter is shared, so each is trained as if alone.

    Args:
        probes: What they are, those that learn their weights first.
        n_layers: L.
        head: Their heads.
        pooling: `mean`, `max`, or `mean+max` (both added element by element, as the paper's systems pool).
    """

    def __init__(self, probes: Sequence[Probe], n_layers: int, head: Head, pooling: str) -> None:
        super().__init__()
        self.probes, self.pooling = list(probes), pooling
        learned = [probe.learns_weights for probe in probes]
        if learned != sorted(learned, reverse=True):
            raise ValueError("probes that learn their weights must come first")
        fixed = [probe.layer for probe in probes if probe.layer is not None]
        self.logits_WL = nn.Parameter(torch.zeros(sum(learned), n_layers))
        self.layer_F: Tensor
        self.register_buffer("layer_F", torch.tensor(fixed, dtype=torch.int64), persistent=False)
        self.head = head

    @property
    def device(self) -> torch.device:
        """Where it is computed."""
        return self.logits_WL.device

    def weights(self) -> Tensor:
        """Layer weights [P, L], each row summing to 1."""
        weights_WL = self.logits_WL.softmax(-1)
        return torch.cat([weights_WL, one_hot(self.layer_F, weights_WL.shape[1]).to(weights_WL)])

    def own_rows(self, parameter: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of a parameter that belong to some probes; the logits have rows for the first W probes only."""
        return rows[rows < len(self.get_parameter(parameter))]

    @torch.no_grad()
    def take(self, other: ProbeBank, theirs: NDArray[np.int64], own: NDArray[np.int64]) -> None:
        """Copy the parameters of some probes of another bank into probes of this one, row by row."""
        for name, parameter in self.named_parameters():
            source = other.get_parameter(name)
            for row, place in zip(other.own_rows(name, theirs), self.own_rows(name, own), strict=True):
                parameter[place].copy_(source[row])

    def narrow(self, rows: NDArray[np.int64]) -> ProbeBank:
        """A bank of only some of the probes, with their parameters."""
        chosen = [self.probes[row] for row in rows]
        learned = sum(probe.learns_weights for probe in chosen)
        head = self.head.narrow(torch.from_numpy(rows).to(self.device), learned)
        smaller = ProbeBank(chosen, self.logits_WL.shape[1], head, self.pooling).to(self.device)
        own = torch.from_numpy(self.own_rows("logits_WL", rows)).to(self.device)
        smaller.logits_WL = nn.Parameter(self.logits_WL.detach()[own])
        return smaller

    def forward(self, features: Features, drop: Drop | None = None) -> Tensor:
        """Estimates [P, B, O], each probe with parameters of its own.

        Args:
            features: Of B utterances.
            drop: While training with dropout: what zeroes some of what each layer of a head sees.
        """
        estimates: Tensor = self.head(self._pool(features), drop)
        return estimates

    def _pool(self, features: Features) -> Tensor:
        """Weighted layer sum and pooling over time, [P, B, D].

        The mean over time commutes with the layer sum, mean_t Σ_l w_l x_tl = Σ_l w_l mean_t x_tl, so the layers' means
        are enough. The maximum does not: max_t Σ_l w_l x_tl ≤ Σ_l w_l max_t x_tl. It needs every frame, save for
        one-hot weights, where both sides are the same. Without frames the right-hand side stands in for it.
        """
        pooled: list[Tensor] = []
        if features.mean_BLD is not None:
            pooled.append(self._mixed(features.mean_BLD))
        if features.max_BLD is not None and features.frames is None:
            pooled.append(self._mixed(features.max_BLD))
        elif features.max_BLD is not None and features.frames is not None:
            weights_WL = self.logits_WL.softmax(-1)
            learned_WBD = torch.stack(
                [torch.einsum("wl,tld->wtd", weights_WL, frames_TLD).amax(1) for frames_TLD in features.frames], dim=1
            )
            pooled.append(torch.cat([learned_WBD, self._seen(features.max_BLD)]))
        return pooled[0] if len(pooled) == 1 else pooled[0] + pooled[1]

    def _mixed(self, x_BLD: Tensor) -> Tensor:
        """Weighted sums over the layers, [P, B, D]."""
        if not len(self.logits_WL):
            return self._seen(x_BLD)
        learned_WBD = torch.einsum("wl,bld->wbd", self.logits_WL.softmax(-1), x_BLD)
        return torch.cat([learned_WBD, self._seen(x_BLD)]) if len(self.layer_F) else learned_WBD

    def _seen(self, x_BLD: Tensor) -> Tensor:
        """The layers that probes with fixed weights see, [F, B, D]."""
        return x_BLD.transpose(0, 1)[self.layer_F]
