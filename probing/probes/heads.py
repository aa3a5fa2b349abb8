"""Heads: what estimates from pooled states, for many probes at once, with one output or several.

Shape legend: P probes · W those of them whose states need a gradient (they come first) · B utterances · D width of the
pooled states · H hidden units · O outputs.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_Shape = tuple[int, ...]
Drop = Callable[[Tensor], Tensor]  # from [P, B, …] to the same, some of it zeroed


class SharedDropout:
    """Dropout with one mask for all probes, so that a bank gives each of them what it would get alone.

    Args:
        rate: Probability of each number to be zeroed.
        seed: Of the masks, whole numbers; equal seeds give equal masks, on every device.
    """

    def __init__(self, rate: float, seed: Sequence[int]) -> None:
        self._rate = rate
        # PyTorch's generators take one number; mixed like this, neighbouring seeds do not overlap.
        mixed = 0
        for number in seed:
            mixed = (mixed * 1_000_003 + number + 1) % 2**63
        self._generator = torch.Generator().manual_seed(mixed)

    def __call__(self, x: Tensor) -> Tensor:
        """Zero the same places of every probe, and scale the rest up; x is [P, B, …]."""
        kept = (torch.rand(x.shape[1:], generator=self._generator) >= self._rate) / (1 - self._rate)
        if x.is_cuda:
            kept = kept.pin_memory()  # or the copy would wait for all that the device has still to do
        return x * kept.to(x.device, x.dtype, non_blocking=True)


class Head(nn.Module, ABC):
    """The heads of P probes, which share no parameter.

    Each is drawn as nn.Linear draws, weights and bias alike from U(−1/√n, 1/√n) where n is the number of inputs, from
    its probe's seed alone: with equal seeds only what the probes see and learn differs.

    Args:
        seeds: Of the P probes.
        parts: Name of each parameter, its shape for one probe, and n; in the order in which they are drawn.
        learned: W.
    """

    kind: str

    def __init__(self, seeds: Sequence[int], parts: Sequence[tuple[str, _Shape, int]], learned: int) -> None:
        super().__init__()
        self.learned = learned
        self.spare: Tensor | None = None  # what the gradient of the largest parameter is written into next
        drawn = {seed: _drawn(seed, parts) for seed in dict.fromkeys(seeds)}
        for number, (name, shape, _) in enumerate(parts):
            parameter = nn.Parameter(torch.empty(len(seeds), *shape))
            with torch.no_grad():
                for row, seed in enumerate(seeds):
                    parameter[row] = drawn[seed][number]
            self.register_parameter(name, parameter)

    @property
    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Arguments of the class that say how large one probe's head is: `width`, `outputs` and the like."""

    def like(self, seeds: Sequence[int], learned: int) -> Head:
        """A head of the same kind and sizes for other probes."""
        return type(self)(seeds, learned=learned, **self.sizes)  # type: ignore[arg-type]

    def narrow(self, rows: Tensor, learned: int) -> Head:
        """The heads of only some of the probes, with their parameters."""
        smaller = self.like([], learned)
        for name, parameter in self.named_parameters():
            setattr(smaller, name, nn.Parameter(parameter.detach()[rows]))
        return smaller

    def reuse_gradient(self) -> None:
        """Keep the memory of the largest gradient for the next one, once an optimiser has used it.

        Gradients of many probes are larger than what the C library keeps for itself: the system would give out new
        pages, zeroed one by one, in every step, which takes three times as long as computing the gradient.
        """
        self.spare = next(self.parameters()).grad

    @abstractmethod
    def forward(self, pooled_PBD: Tensor, drop: Drop | None = None) -> Tensor:
        """Estimates [P, B, O], each probe's by parameters of its own; `drop` is applied to what each layer sees."""


class MlpHead(Head):
    """Two layers with tanh, the paper's head: V · tanh(Uᵀ h + b) + c.

    Args:
        seeds: Of the P probes.
        width: D.
        hidden: H.
        outputs: O.
        learned: W; all probes if None.
    """

    kind = "mlp"

    def __init__(
        self, seeds: Sequence[int], width: int, hidden: int, outputs: int = 1, learned: int | None = None
    ) -> None:
        parts = [
            ("inner_PDH", (width, hidden), width),
            ("inner_bias_PH", (hidden,), width),
            ("outer_PHO", (hidden, outputs), hidden),
            ("outer_bias_PO", (outputs,), hidden),
        ]
        super().__init__(seeds, parts, len(seeds) if learned is None else learned)

    inner_PDH: nn.Parameter
    inner_bias_PH: nn.Parameter
    outer_PHO: nn.Parameter
    outer_bias_PO: nn.Parameter

    @property
    def sizes(self) -> dict[str, int]:
        """As `Head`."""
        return {
            "width": self.inner_PDH.shape[1],
            "hidden": self.inner_PDH.shape[2],
            "outputs": self.outer_PHO.shape[2],
        }

    def forward(self, pooled_PBD: Tensor, drop: Drop | None = None) -> Tensor:
        """As `Head`."""
        seen_PBD = drop(pooled_PBD) if drop else pooled_PBD
        hidden_PBH = _affine(seen_PBD, self.inner_PDH, self.inner_bias_PH, self).tanh()
        seen_PBH = drop(hidden_PBH) if drop else hidden_PBH
        return seen_PBH @ self.outer_PHO + self.outer_bias_PO[:, None]


class LinearHead(Head):
    """One linear map: Vᵀ h + c.

    Args:
        seeds: Of the P probes.
        width: D.
        outputs: O.
        learned: W; all probes if None.
    """

    kind = "linear"

    def __init__(self, seeds: Sequence[int], width: int, outputs: int = 1, learned: int | None = None) -> None:
        parts = [("map_PDO", (width, outputs), width), ("bias_PO", (outputs,), width)]
        super().__init__(seeds, parts, len(seeds) if learned is None else learned)

    map_PDO: nn.Parameter
    bias_PO: nn.Parameter

    @property
    def sizes(self) -> dict[str, int]:
        """As `Head`."""
        return {"width": self.map_PDO.shape[1], "outputs": self.map_PDO.shape[2]}

    def forward(self, pooled_PBD: Tensor, drop: Drop | None = None) -> Tensor:
        """As `Head`."""
        return _affine(drop(pooled_PBD) if drop else pooled_PBD, self.map_PDO, self.bias_PO, self)


HEADS: Mapping[str, type[MlpHead | LinearHead]] = {MlpHead.kind: MlpHead, LinearHead.kind: LinearHead}


def new_head(kind: str, seeds: Sequence[int], width: int, hidden: int, outputs: int, learned: int) -> Head:
    """A head of a kind, `mlp` or `linear`; the latter has no hidden units."""
    if kind == MlpHead.kind:
        return MlpHead(seeds, width, hidden, outputs, learned)
    return LinearHead(seeds, width, outputs, learned)


def numbers_of(kind: str, width: int, hidden: int, outputs: int) -> int:
    """How many parameters one probe's head has."""
    return (width + 1) * hidden + (hidden + 1) * outputs if kind == MlpHead.kind else (width + 1) * outputs


def _drawn(seed: int, parts: Sequence[tuple[str, _Shape, int]]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [(torch.rand(shape, generator=generator) * 2 - 1) / math.sqrt(inputs) for _, shape, inputs in parts]


def _affine(x_PBD: Tensor, map_PDH: Tensor, bias_PH: Tensor, head: Head) -> Tensor:
    found: Tensor = _Affine.apply(x_PBD, map_PDH, bias_PH, head)
    return found


class _Affine(torch.autograd.Function):
    """x · map + bias, whose gradient to x is computed for the first W probes only.

    The others see states that nothing learns; a third of the work of a backward pass would be for them.
    """

    @staticmethod
    def forward(ctx: Any, x_PBD: Tensor, map_PDH: Tensor, bias_PH: Tensor, head: Head) -> Tensor:
        ctx.save_for_backward(x_PBD, map_PDH)
        ctx.head = head
        return torch.baddbmm(bias_PH[:, None], x_PBD, map_PDH)

    @staticmethod
    def backward(ctx: Any, gradient_PBH: Tensor) -> tuple[Tensor | None, ...]:
        x_PBD, map_PDH = ctx.saved_tensors
        x_gradient = None
        if ctx.needs_input_grad[0]:
            learned = ctx.head.learned
            x_gradient = x_PBD.new_empty(x_PBD.shape)
            torch.bmm(gradient_PBH[:learned], map_PDH[:learned].mT, out=x_gradient[:learned])
            x_gradient[learned:] = 0
        # Nothing else may hold the spare, or autograd would copy it instead of making it the parameter's gradient.
        spare, ctx.head.spare = ctx.head.spare, None
        return x_gradient, torch.bmm(x_PBD.mT, gradient_PBH, out=spare), gradient_PBH.sum(1), None
