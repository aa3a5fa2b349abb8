"""Train a bank of probes: which layers carry a dimension or a category (section 4.2).

Shape legend: P probes · N utterances · B those of a batch · L layers · D hidden size · O outputs of a head.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from probing.corpus.audit import fewer_folds, other_targets
from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.errors import FitError, ScoreError, number_of
from probing.probes.bank import ProbeBank, plan_bank
from probing.probes.classes import Classes, categories_of
from probing.probes.features import Features
from probing.probes.heads import SharedDropout, new_head
from probing.probes.memory import banked, refuse_large_bank
from probing.probes.options import FitOptions
from probing.probes.targets import Target, classification, regression
from probing.runs.scores import places

_LR_TIMES_WIDTH = 1e-4 * 768  # of the default learning rate and the hidden size
_WORTH_NARROWING = 0.8  # share of probes still learning below which the others are taken out of the bank
Rows = NDArray[np.int64]
_Scored = tuple[NDArray[np.float64], NDArray[np.float64]]  # scores, and what decides between equal ones


class FeatureSource(Protocol):
    """Where features come from: `PooledFeatures` or `FrameFeatures`."""

    def batches(self, batches: Sequence[Rows]) -> Iterator[Features]:
        """Features of each batch of utterances."""


@dataclass
class Fit:
    """A fitted bank.

    Args:
        bank: Each probe as it was at its best development score: CCC of a dimension, UAR of a category.
        predictions: Of all utterances, [P, N], on the unit scale; or numbers of classes.
        best_epoch: Epoch after which each probe was best, [P], from 1.
        best_score: Each probe's best development score, [P]; of probes of permuted labels or resampled speakers with
            those.
        last_weights: Layer weights with which each probe that learns them stopped, [W, L]: as many epochs after its
            best as its patience is, or at the last epoch.
        curve: Development score after each epoch, one [P] an epoch; NaN for probes that had stopped.
        classes: Of the category; none of dimensions.
        best_tie: What decides between equal scores, at each probe's best, [P].
    """

    bank: ProbeBank
    predictions: NDArray[np.float64]
    best_epoch: NDArray[np.int64]
    best_score: NDArray[np.float64]
    last_weights: NDArray[np.float64]
    curve: list[NDArray[np.float64]] = field(default_factory=list)
    classes: Classes = ()
    best_tie: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def improve(self, bank: ProbeBank, rows: Rows, scored: _Scored, epoch: int, patience: int) -> int:
        """Keep the probes that are better than ever, and the scores of all.

        Args:
            bank: The probes that are still in the training bank.
            rows: Which of all probes they are.
            scored: Their development scores, and what decides between equal ones, [P] each.
            epoch: The epoch that has ended, from 1.
            patience: A probe that stopped earlier, but is still in the bank, does not count any more.

        Returns:
            How many of them had not stopped before this epoch.
        """
        (score_P, tie_P), best_P = scored, self.best_score[rows]
        running_P = epoch - self.best_epoch[rows] <= patience
        better_P = running_P & ((score_P > best_P) | ((score_P == best_P) & (tie_P > self.best_tie[rows])))
        self.bank.take(bank, np.flatnonzero(better_P), rows[better_P])
        self.best_score[rows[better_P]], self.best_epoch[rows[better_P]] = score_P[better_P], epoch
        self.best_tie[rows[better_P]] = tie_P[better_P]
        learning = rows < len(self.last_weights)  # they come first, also in a narrowed bank
        weights_WL = bank.logits_WL.detach().softmax(-1).double().cpu().numpy()
        self.last_weights[rows[learning & running_P]] = weights_WL[running_P[learning]]
        self.curve.append(np.full(len(self.best_epoch), np.nan))
        self.curve[-1][rows] = score_P
        return int(running_P.sum())


def train_banks(
    corpus: Corpus, source: FeatureSource, n_layers: int, width: int, options: FitOptions, device: str = "cpu"
) -> list[Fit]:
    """Train a bank of all dimensions, and one of each category, whose heads have other numbers of outputs.

    Arguments and errors are those of `train_bank`.
    """
    banks = [replace(options, dims=names) for names in banked(corpus, options.dims)]
    return [train_bank(corpus, source, n_layers, width, own, device) for own in banks]


def train_bank(
    corpus: Corpus, source: FeatureSource, n_layers: int, width: int, options: FitOptions, device: str = "cpu"
) -> Fit:
    """Train all probes of dimensions, or of one category, at once, in one pass over the training partition an epoch.

    Args:
        corpus: Labelled utterances; `source` numbers them in this order.
        source: Their features.
        n_layers: L.
        width: D.
        options: What to fit and how; its dimensions are settled.
        device: PyTorch's name of a device.

    Raises:
        FitError: Too few utterances in train or development (code `too-few`), constant labels (`constant-labels`), too
            large a bank (`bank-too-large`), or a loss that is not finite (`loss-not-finite`).
    """
    refuse_unfit(corpus, options.dims)
    hidden = options.hidden or width
    refuse_large_bank(corpus, options, n_layers, width, device)
    probes = plan_bank(options, n_layers)
    members = {partition: places(corpus, partition) for partition in (TRAIN, DEVELOPMENT)}
    classes = categories_of(corpus, options.dims).get(options.dims[0], ())
    target: Target
    if classes:
        target = classification(corpus, probes, members, classes, options.balanced, device)
    else:
        target = regression(corpus, probes, members, device)
    learned = sum(probe.learns_weights for probe in probes)
    head = new_head(options.head, [probe.seed for probe in probes], width, hidden, target.outputs, learned)
    best = ProbeBank(probes, n_layers, head, options.pooling).to(device)
    none_yet = np.zeros(len(probes), np.int64), np.full(len(probes), -np.inf), np.full((learned, n_layers), np.nan)
    found = Fit(best, np.empty((len(probes), len(corpus))), *none_yet, [], classes, np.full(len(probes), -np.inf))
    bank, rows = copy.deepcopy(best), np.arange(len(probes))  # the probes still learning, and which they are
    optimizer = _adam(bank, options)
    with tqdm(total=options.epochs, unit="epoch", desc="fit", disable=None) as bar:
        for epoch in range(1, options.epochs + 1):
            _train_epoch(bank, optimizer, source, target, members[TRAIN], options, epoch)
            estimates_PNO = estimate_all(bank, source, members[DEVELOPMENT], options.batch)
            scored = _scored(target, estimates_PNO, members[DEVELOPMENT])
            running = found.improve(bank, rows, scored, epoch, options.patience)
            bar.set_postfix({"still learning": running, "best": f"{found.best_score.max():.3f}"})
            bar.update()
            go_on_P = epoch + 1 - found.best_epoch[rows] <= options.patience
            if not go_on_P.any():
                break
            if go_on_P.mean() < _WORTH_NARROWING:
                own = np.flatnonzero(go_on_P)
                bank, optimizer = _narrow(bank, optimizer, own, options)
                target, rows = target.only(own), rows[own]
    found.predictions = estimate_all(best, source, np.arange(len(corpus)), options.batch, target.decided)
    return found


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


def _narrow(
    bank: ProbeBank, optimizer: torch.optim.Adam, rows: Rows, options: FitOptions
) -> tuple[ProbeBank, torch.optim.Adam]:
    """A bank of only some probes, with their parameters and their part of Adam's moments.

    Adam works number by number, so a probe goes on exactly as it would have in the whole bank.
    """
    smaller = bank.narrow(rows)
    resumed = _adam(smaller, options)
    for (name, old), new in zip(bank.named_parameters(), smaller.parameters(), strict=True):
        state = optimizer.state[old]
        own = bank.parameter_rows(name, rows)
        resumed.state[new] = {
            "step": state["step"].clone(),
            **{moment: state[moment][own].clone() for moment in ("exp_avg", "exp_avg_sq")},
        }
    return smaller, resumed


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
    taken: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.asarray,
) -> NDArray[np.float64]:
    """Estimates of some utterances, [P, N, O], or what is taken of those of each batch."""
    groups = [members[start : start + batch] for start in range(0, len(members), batch)]
    found = (bank(x.to(bank.device)).double().cpu().numpy() for x in source.batches(groups))
    return np.concatenate([taken(estimates_PBO) for estimates_PBO in found], axis=1)


def _train_epoch(
    bank: ProbeBank,
    optimizer: torch.optim.Optimizer,
    source: FeatureSource,
    target: Target,
    train: Rows,
    options: FitOptions,
    epoch: int,
) -> None:
    """One pass over the training partition."""
    batches = shuffled_batches(train, options, epoch)
    for number, (batch, features) in enumerate(zip(batches, source.batches(batches), strict=True)):
        drop = SharedDropout(options.dropout, (options.data_seed, epoch, number)) if options.dropout else None
        try:
            # The probes share no parameter, so ∂(Σ_q loss_q)/∂θ_p = ∂loss_p/∂θ_p: one backward pass trains each alone.
            loss = target.loss(bank(features.to(bank.device), drop), batch).sum()
        except ScoreError as error:
            raise _diverged() from error
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _scored(target: Target, estimates_PNO: NDArray[np.float64], members: Rows) -> _Scored:
    try:
        return target.score(estimates_PNO, members), target.ties(estimates_PNO, members)
    except ScoreError as error:
        raise _diverged() from error


def _diverged() -> FitError:
    why = "the learning rate may be too high"
    return FitError("the loss is not finite", why, "lower --lr or --layer-lr", code="loss-not-finite")


def refuse_unfit(corpus: Corpus, dims: Sequence[str]) -> None:
    """Stop before the work where there is nothing to learn from or to choose by.

    Raises:
        FitError: train or development has fewer than two utterances (code `too-few`), or a single rating or class
            (`constant-labels`).
    """
    for partition in (TRAIN, DEVELOPMENT):
        members = corpus.partitions.get(partition, ())
        if len(members) < 2:
            raise FitError(
                f"partition {partition} of corpus {corpus.title} has {number_of(len(members), 'utterance')}",
                "a score needs at least two",
                f"its partitions are {', '.join(corpus.partitions)}; probes learn from train and stop on development"
                f"{fewer_folds(corpus)}",
                code="too-few",
            )
        for dimension in dims:
            if len({u.labels.get(dimension, u.categories.get(dimension)) for u in members}) < 2:
                raise FitError(
                    f"{dimension} is the same for every utterance of {partition} of corpus {corpus.title}",
                    "a constant cannot be learned",
                    f"name another: {other_targets(corpus, dims) or '--dim NAME'}, or check the labels with "
                    f"`probe check`{fewer_folds(corpus)}",
                    code="constant-labels",
                )
