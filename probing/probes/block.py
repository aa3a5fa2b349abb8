"""Probes that are trained side by side: their parameters, what they learn, and the steps.

A bank is trained block by block. On a processor a block is as large as pays, so that gradients and Adam's moments of
the other probes take no memory; on a GPU it is all that fits.

Shape legend: P probes of the block · N utterances · B those of a batch · O outputs of a head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probing.errors import FitError, ScoreError
from probing.probes.bank import ProbeBank
from probing.probes.features import Features
from probing.probes.heads import SharedDropout
from probing.probes.options import FitOptions
from probing.probes.targets import Target

_LR_TIMES_WIDTH = 1e-4 * 768  # of the default learning rate and the hidden size
Rows = NDArray[np.int64]
Scored = tuple[NDArray[np.float64], NDArray[np.float64]]  # scores, and what decides between equal ones


class FeatureSource(Protocol):
    """Where features come from: `PooledFeatures` or `FrameFeatures`."""

    @property
    def held(self) -> bool:
        """Whether they are in memory, so that every block may ask for them; others are read once an epoch."""

    def batches(self, batches: Sequence[Rows]) -> Iterator[Features]:
        """Features of each batch of utterances."""


class Block:
    """Some probes of a bank while they are trained.

    Args:
        bank: The probes; no other bank has their parameters.
        target: What they learn.
        rows: Which of all probes they are.
        options: How they are trained.
    """

    def __init__(self, bank: ProbeBank, target: Target, rows: Rows, options: FitOptions) -> None:
        self.bank, self.rows = bank, rows
        self._target, self._options = target, options
        self._optimizer = _adam(bank, options)

    def train_epoch(self, source: FeatureSource, train: Rows, epoch: int) -> None:
        """One pass over the training partition.

        Raises:
            FitError: A loss is not finite (code `loss-not-finite`).
        """
        options, device = self._options, self.bank.device
        batches = shuffled_batches(train, options, epoch)
        order = torch.from_numpy(np.concatenate(batches)).to(device).split([len(batch) for batch in batches])
        # Summed where it is, and looked at once: a GPU would have to be waited for at every step.
        whole_P = torch.zeros(len(self.rows), device=device)
        for number, (places, features) in enumerate(zip(order, source.batches(batches), strict=True)):
            drop = SharedDropout(options.dropout, (options.data_seed, epoch, number)) if options.dropout else None
            loss_P = self._target.loss(self.bank(features.to(device), drop), places)
            # The probes share no parameter, so ∂(Σ_q loss_q)/∂θ_p = ∂loss_p/∂θ_p: one backward pass trains each alone.
            loss_P.sum().backward()
            self._optimizer.step()
            self.bank.head.reuse_gradient()
            self._optimizer.zero_grad()
            whole_P += loss_P.detach()
        if not bool(whole_P.isfinite().all()):
            raise _diverged()

    def scored(self, source: FeatureSource, members: Rows) -> Scored:
        """Scores on some utterances.

        Raises:
            FitError: An estimate is not finite (code `loss-not-finite`).
        """
        estimates_PNO = estimate_all(self.bank, source, members, self._options.batch)
        try:
            return self._target.score(estimates_PNO, members), self._target.ties(estimates_PNO, members)
        except ScoreError as error:
            raise _diverged() from error

    def narrow(self, own: Rows) -> None:
        """Go on with only some of the probes, with their parameters and their part of Adam's moments.

        Adam works number by number, so a probe goes on exactly as it would have among the others.
        """
        smaller = self.bank.narrow(own)
        resumed = _adam(smaller, self._options)
        for (name, old), new in zip(self.bank.named_parameters(), smaller.parameters(), strict=True):
            if not len(new):
                continue  # logits of probes none of which learns weights
            state = self._optimizer.state[old]
            rows = torch.from_numpy(self.bank.own_rows(name, own)).to(self.bank.device)
            moments = {moment: state[moment][rows] for moment in ("exp_avg", "exp_avg_sq")}
            resumed.state[new] = {"step": state["step"].clone(), **moments}
        self.bank, self._optimizer, self._target, self.rows = smaller, resumed, self._target.only(own), self.rows[own]


def learning_rate(options: FitOptions, width: int) -> float:
    """The heads' learning rate: the one that is asked for, or 1e-4 · 768 / D."""
    return options.lr or _LR_TIMES_WIDTH / width


def _adam(bank: ProbeBank, options: FitOptions) -> torch.optim.Adam:
    width = bank.head.sizes["width"]
    groups = [
        {"params": [bank.logits_WL], "lr": options.layer_lr},
        {"params": list(bank.head.parameters()), "lr": learning_rate(options, width)},
    ]
    # A bank has millions of parameters: fused, one pass over them takes an eighth of the time of many.
    return torch.optim.Adam(groups, fused=True)


def shuffled_batches(train: Rows, options: FitOptions, epoch: int) -> list[Rows]:
    """The epoch's batches, nearly equal in size, so that no CCC is taken over a small remainder."""
    order = np.random.default_rng([options.data_seed, epoch]).permutation(train)
    return np.array_split(order, max(1, round(len(train) / options.batch)))


@torch.inference_mode()
def estimate_all(
    bank: ProbeBank,
    source: FeatureSource,
    members: Rows,
    batch: int,
    taken: Callable[[Tensor], Tensor] = torch.Tensor.detach,
) -> NDArray[np.float64]:
    """Estimates of some utterances, [P, N, O], or what is taken of those of each batch."""
    groups = [members[start : start + batch] for start in range(0, len(members), batch)]
    found = [taken(bank(features.to(bank.device))) for features in source.batches(groups)]
    return torch.cat(found, dim=1).cpu().double().numpy()


def _diverged() -> FitError:
    why = "the learning rate may be too high"
    return FitError("the loss is not finite", why, "lower --lr or --layer-lr", code="loss-not-finite")
