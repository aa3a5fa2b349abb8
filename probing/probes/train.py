"""Fit a bank of probes to a cache: which layers carry a dimension (section 4.2).

Shape legend: P probes · N utterances · B those of a batch · L layers.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.errors import FitError
from probing.probes.bank import POOLINGS, SHUFFLED, Features, Probe, ProbeBank, count_probes, plan_bank
from probing.probes.features import NORMALIZE, Rows
from probing.statistics.concordance import ccc, ccc_loss

_COPIES = 6  # of a bank's parameters: themselves, gradients, two moments, the best so far, and while narrowing
_LR_TIMES_WIDTH = 1e-4 * 768  # of the default learning rate and the hidden size
_WORTH_NARROWING = 0.8  # share of probes still learning below which the others are taken out of the bank
LAYERS = ("weighted", "each", "both")


@dataclass(frozen=True)
class FitOptions:
    """How to fit; all of it goes into the record.

    Args:
        dims: Dimensions to estimate, one probe each.
        layers: `weighted` learns layer weights, `each` fits one probe to every single layer, `both` does both.
        seeds: Initialisations of every probe, 0 … seeds − 1; the order of the data is shared.
        normalize: `none`, or `layer` for a layer norm of each state before the sum (takes the scales of the layers
            out of the weights).
        pooling: Over time: `mean`, `max` or `mean+max`.
        hidden: Units of the head's hidden layer; None: the encoder's hidden size.
        lr: Adam's learning rate of the heads; None: 1e-4 at HuBERT base's 768 units and in inverse proportion to the
            hidden size, since wider heads overshoot sooner.
        layer_lr: Adam's learning rate of the layer logits.
        batch: Utterances in a step; the loss is the CCC over them.
        epochs: Most passes over the training partition.
        patience: Passes without a better development CCC after which a probe stops.
        shuffled: Whether to add the shuffled-label control.
        data_seed: Seed of the order of the data.
        workers: Processes that read frames ahead.
    """

    dims: tuple[str, ...] = ("arousal", "valence", "dominance")
    layers: str = "weighted"
    seeds: int = 1
    normalize: str = "none"
    pooling: str = "mean"
    hidden: int | None = None
    lr: float | None = None
    layer_lr: float = 1e-2
    batch: int = 32
    epochs: int = 100
    patience: int = 15
    shuffled: bool = True
    data_seed: int = 0
    workers: int = 0

    def __post_init__(self) -> None:
        for option, choices in (("layers", LAYERS), ("normalize", NORMALIZE), ("pooling", POOLINGS)):
            if getattr(self, option) not in choices:
                raise FitError(f"--{option} {getattr(self, option)}", "no such choice", f"use {', '.join(choices)}")
        for option, least in (("seeds", 1), ("batch", 2), ("epochs", 1), ("patience", 1), ("workers", 0)):
            if getattr(self, option) < least:
                raise FitError(f"--{option} {getattr(self, option)}", f"it must be at least {least}", "raise it")
        if self.hidden is not None and self.hidden < 1:
            raise FitError(f"--hidden {self.hidden}", "it must be at least 1", "raise it")
        for option in ("lr", "layer_lr"):
            if getattr(self, option) is not None and not 0 < getattr(self, option) < float("inf"):
                raise FitError(
                    f"--{option.replace('_', '-')} {getattr(self, option)}", "it must be above 0", "raise it"
                )


class FeatureSource(Protocol):
    """Where features come from: `PooledFeatures` or `FrameFeatures`."""

    def batches(self, batches: Sequence[Rows]) -> Iterator[Features]:
        """Features of each batch of utterances."""


@dataclass
class Fit:
    """A fitted bank.

    Args:
        bank: Each probe as it was at its best development CCC.
        predictions: Of all utterances, [P, N], on the unit scale.
        best_epoch: Pass after which each probe was best, [P], from 1.
        best_ccc: Each probe's best development CCC, [P]; of shuffled-label controls with the shuffled labels.
        curve: Development CCC after each pass, one [P] a pass; NaN for probes that had stopped.
    """

    bank: ProbeBank
    predictions: NDArray[np.float64]
    best_epoch: NDArray[np.int64]
    best_ccc: NDArray[np.float64]
    curve: list[NDArray[np.float64]] = field(default_factory=list)


def fit(
    corpus: Corpus, source: FeatureSource, n_layers: int, width: int, options: FitOptions, device: str = "cpu"
) -> Fit:
    """Fit all probes at once, in one pass over the training partition an epoch.

    Args:
        corpus: Labelled utterances; `source` numbers them in this order.
        source: Their features.
        n_layers: L.
        width: D.
        options: What to fit and how.
        device: PyTorch's name of a device.

    Raises:
        FitError: No or too few utterances in train or development, constant labels, or a loss that is not finite.
    """
    refuse_unfit(corpus, options.dims)
    hidden = options.hidden or width
    _refuse_too_large(
        count_probes(len(options.dims), options.seeds, options.layers, n_layers, options.shuffled),
        width,
        hidden,
        device,
    )
    probes = plan_bank(options.dims, options.seeds, options.layers, n_layers, options.shuffled)
    members = {partition: places(corpus, partition) for partition in (TRAIN, DEVELOPMENT)}
    truth_PN = targets(corpus, probes)
    taught_PN = shuffle_controls(truth_PN, probes, members.values())
    labels_PN = torch.from_numpy(taught_PN).float().to(device)
    best = ProbeBank(probes, n_layers, width, hidden, options.pooling).to(device)
    result = Fit(best, truth_PN, np.zeros(len(probes), np.int64), np.full(len(probes), -np.inf))
    bank, rows = copy.deepcopy(best), np.arange(len(probes))  # the probes still learning, and which they are
    optimizer = _adam(bank, options)
    with tqdm(total=options.epochs, unit="epoch", desc="fit", disable=None) as bar:
        for epoch in range(1, options.epochs + 1):
            _train(bank, optimizer, source, labels_PN[rows], shuffled_batches(members[TRAIN], options, epoch))
            estimates_PN = predict(bank, source, members[DEVELOPMENT], options.batch)
            score_P = ccc(taught_PN[np.ix_(rows, members[DEVELOPMENT])], estimates_PN)
            running_P = epoch - result.best_epoch[rows] <= options.patience
            better_P = running_P & (score_P > result.best_ccc[rows])
            best.take(bank, np.flatnonzero(better_P), rows[better_P])
            result.best_ccc[rows[better_P]], result.best_epoch[rows[better_P]] = score_P[better_P], epoch
            result.curve.append(np.full(len(probes), np.nan))
            result.curve[-1][rows] = score_P
            bar.set_postfix({"still learning": int(running_P.sum()), "best": f"{result.best_ccc.max():.3f}"})
            bar.update()
            go_on_P = epoch + 1 - result.best_epoch[rows] <= options.patience
            if not go_on_P.any():
                break
            if go_on_P.mean() < _WORTH_NARROWING:
                bank, optimizer = _narrow(bank, optimizer, np.flatnonzero(go_on_P), options)
                rows = rows[go_on_P]
    result.predictions = predict(best, source, np.arange(len(corpus)), options.batch)
    return result


def learning_rate(options: FitOptions, width: int) -> float:
    """The heads' learning rate, where none is asked for."""
    return options.lr or _LR_TIMES_WIDTH / width


def _adam(bank: ProbeBank, options: FitOptions) -> torch.optim.Adam:
    groups = [
        {"params": [bank.logits_WL], "lr": options.layer_lr},
        {"params": list(bank.head()), "lr": learning_rate(options, bank.inner_PDH.shape[1])},
    ]
    # A bank has millions of parameters: fused, one pass over them takes an eighth of the time of many.
    return torch.optim.Adam(groups, fused=True)


def _narrow(
    bank: ProbeBank, optimizer: torch.optim.Adam, rows: Rows, options: FitOptions
) -> tuple[ProbeBank, torch.optim.Adam]:
    """A bank of only some probes, with their parameters and their part of Adam's moments."""
    smaller = bank.narrow(rows)
    resumed = _adam(smaller, options)
    for (name, old), new in zip(bank.named_parameters(), smaller.parameters(), strict=True):
        state = optimizer.state[old]
        own = bank.rows_of(name, rows)
        resumed.state[new] = {
            "step": state["step"].clone(),
            **{moment: state[moment][own].clone() for moment in ("exp_avg", "exp_avg_sq")},
        }
    return smaller, resumed


def places(corpus: Corpus, partition: str) -> Rows:
    """Places of a partition's utterances in the corpus."""
    return np.array([i for i, u in enumerate(corpus.utterances) if u.partition == partition], dtype=np.int64)


def targets(corpus: Corpus, probes: Sequence[Probe]) -> NDArray[np.float64]:
    """Each probe's true labels on the unit scale, [P, N]; NaN where an utterance has no rating."""
    by_dimension = {
        dimension: corpus.to_unit(np.array([u.labels.get(dimension, np.nan) for u in corpus.utterances]))
        for dimension in {probe.dimension for probe in probes}
    }
    return np.stack([by_dimension[probe.dimension] for probe in probes])


def shuffle_controls(
    truth_PN: NDArray[np.float64], probes: Sequence[Probe], partitions: Iterable[Rows]
) -> NDArray[np.float64]:
    """The labels to learn from and to stop by.

    They are the true ones, but for the shuffled-label controls, whose labels are permuted within train and within
    development: a control that stopped by true labels would be a selected one, not a null.
    """
    labels_PN = truth_PN.copy()
    for members in partitions:
        for row, probe in enumerate(probes):
            if probe.kind == SHUFFLED:
                order = np.random.default_rng([probe.seed, 1]).permutation(len(members))
                labels_PN[row, members] = truth_PN[row, members[order]]
    return labels_PN


def shuffled_batches(train: Rows, options: FitOptions, epoch: int) -> list[Rows]:
    """The epoch's batches, nearly equal in size, so that no CCC is taken over a small remainder."""
    order = np.random.default_rng([options.data_seed, epoch]).permutation(train)
    return np.array_split(order, max(1, round(len(train) / options.batch)))


@torch.inference_mode()
def predict(bank: ProbeBank, source: FeatureSource, members: Rows, batch: int) -> NDArray[np.float64]:
    """Estimates of some utterances on the unit scale, [P, N]."""
    groups = [members[start : start + batch] for start in range(0, len(members), batch)]
    device = bank.outer_bias_P.device
    return np.concatenate([bank(_to(x, device)).double().cpu().numpy() for x in source.batches(groups)], axis=1)


def _train(
    bank: ProbeBank,
    optimizer: torch.optim.Optimizer,
    source: FeatureSource,
    labels_PN: Tensor,
    batches: Sequence[Rows],
) -> None:
    """One pass over the training partition."""
    for batch, features in zip(batches, source.batches(batches), strict=True):
        loss_P = ccc_loss(bank(_to(features, labels_PN.device)), labels_PN[:, torch.from_numpy(batch)])
        loss = loss_P.sum()  # the probes share no parameter: the gradient of the sum is each one's own
        if not bool(torch.isfinite(loss)):
            raise FitError("the loss is not finite", "the learning rate may be too high", "lower --lr or --layer-lr")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _to(features: Features, device: torch.device) -> Features:
    mean, maximum = (None if x is None else x.to(device) for x in (features.mean_BLD, features.max_BLD))
    return Features(mean, maximum, features.frames and [x.to(device) for x in features.frames])


def refuse_unfit(corpus: Corpus, dims: Sequence[str]) -> None:
    """Stop before the work where there is nothing to learn from or to choose by.

    Raises:
        FitError: train or development has fewer than two utterances, or all of one rating.
    """
    for partition in (TRAIN, DEVELOPMENT):
        members = corpus.partitions.get(partition, ())
        if len(members) < 2:
            raise FitError(
                f"partition {partition} of corpus {corpus.name} has {len(members)} utterances",
                "a CCC needs at least two",
                f"its partitions are {', '.join(corpus.partitions)}; probes learn from train and stop on development",
            )
        for dimension in dims:
            if len({utterance.labels.get(dimension) for utterance in members}) < 2:
                raise FitError(
                    f"{dimension} is the same for every utterance of {partition}",
                    "a constant cannot be learned",
                    "check the labels with `probe check`, or name another --dim",
                )


def _refuse_too_large(probes: int, width: int, hidden: int, device: str) -> None:
    """A bank with its gradients, Adam's moments and the best so far must fit into the machine's memory."""
    if torch.device(device).type == "cpu":
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    else:
        memory = torch.cuda.get_device_properties(device).total_memory
    needed = 4 * _COPIES * probes * (width + 2) * hidden
    if needed > memory:
        raise FitError(
            f"a bank of {probes:,} probes with {hidden:,} hidden units needs {needed / 1e9:,.0f} GB of memory",
            f"{device} has {memory / 1e9:.0f} GB",
            "lower --seeds or --hidden, or fit fewer dimensions at a time",
        )
