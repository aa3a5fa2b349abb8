"""Train a bank of probes: which layers carry a dimension or a category (section 4.2).

Shape legend: P probes · N utterances · B those of a batch · L layers · D hidden size · O outputs of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from probing.corpus.audit import fewer_folds, other_targets
from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.errors import FitError, number_of
from probing.probes.bank import ProbeBank, plan_bank
from probing.probes.block import Block, FeatureSource, Rows, Scored, estimate_all, learning_rate, shuffled_batches
from probing.probes.classes import Classes, categories_of
from probing.probes.heads import new_head, numbers_of
from probing.probes.memory import banked, block_of, refuse_large_bank
from probing.probes.options import FitOptions
from probing.probes.targets import Target, classification, regression
from probing.runs.scores import places

__all__ = [
    "FeatureSource",
    "Fit",
    "Rows",
    "learning_rate",
    "refuse_unfit",
    "shuffled_batches",
    "train_bank",
    "train_banks",
]
_WORTH_NARROWING = 0.95  # share of a block's probes still learning below which the others are taken out of it


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

    def improve(self, bank: ProbeBank, rows: Rows, scored: Scored, epoch: int, patience: int) -> int:
        """Keep the probes that are better than ever, and the scores of all.

        Args:
            bank: The probes that are still in a block.
            rows: Which of all probes they are.
            scored: Their development scores, and what decides between equal ones, [P] each.
            epoch: The epoch that has ended, from 1.
            patience: A probe that stopped earlier, but is still in the block, does not count any more.

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
        self.curve += [np.full(len(self.best_epoch), np.nan)] * (len(self.curve) < epoch)
        self.curve[epoch - 1][rows] = score_P
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
    """Train all probes of dimensions, or of one category: blocks of them, or all at once where features are streamed.

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
    refuse_large_bank(corpus, options, n_layers, width, device, source.held)
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
    bank = ProbeBank(probes, n_layers, head, options.pooling).to(device)
    none_yet = np.zeros(len(probes), np.int64), np.full(len(probes), -np.inf), np.full((learned, n_layers), np.nan)
    found = Fit(bank, np.empty((len(probes), len(corpus))), *none_yet, [], classes, np.full(len(probes), -np.inf))
    size = block_of(numbers_of(options.head, width, hidden, target.outputs), device) if source.held else len(probes)
    with tqdm(total=len(probes) * options.epochs, unit="probe epoch", desc="fit", disable=None) as bar:
        for rows in np.split(np.arange(len(probes)), range(size, len(probes), size)):
            _train(Block(bank.narrow(rows), target.only(rows), rows, options), found, source, members, options, bar)
    found.predictions = estimate_all(bank, source, np.arange(len(corpus)), options.batch, target.decided)
    return found


def _train(
    block: Block, found: Fit, source: FeatureSource, members: dict[str, Rows], options: FitOptions, bar: tqdm[None]
) -> None:
    """Train the probes of a block until the last one stops."""
    for epoch in range(1, options.epochs + 1):
        block.train_epoch(source, members[TRAIN], epoch)
        scored = block.scored(source, members[DEVELOPMENT])
        running = found.improve(block.bank, block.rows, scored, epoch, options.patience)
        go_on_P = epoch + 1 - found.best_epoch[block.rows] <= options.patience
        # A probe that stops needs none of the epochs that are left.
        bar.update(running + (running - int(go_on_P.sum())) * (options.epochs - epoch))
        bar.set_postfix({"best": f"{found.best_score.max():.3f}"}, refresh=False)
        if not go_on_P.any():
            break
        if go_on_P.mean() < _WORTH_NARROWING:
            block.narrow(np.flatnonzero(go_on_P))


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
