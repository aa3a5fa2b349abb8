"""What the probes of a bank learn: their labels, the loss of each and the score by which each stops.

A bank knows nothing of it: dimensions are learned by 1 − CCC with one output, a category by cross-entropy with an
output for each class.

Shape legend: P probes · N utterances · B those of a batch · O outputs of a head · C speakers · K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probing.corpus.model import TRAIN, Corpus
from probing.errors import ScoreError
from probing.probes.bank import BY_SPEAKER, PERMUTED, REFIT, Probe
from probing.probes.classes import Classes
from probing.runs.categories import coded
from probing.runs.scores import clusters_of, ratings
from probing.statistics.class_weights import balanced as balanced_weights
from probing.statistics.classification import tally
from probing.statistics.concordance import ccc, ccc_losses
from probing.statistics.permutation import permuted_between_speakers, permuted_within_speakers

Rows = NDArray[np.int64]


class Target(Protocol):
    """What each of P probes learns."""

    outputs: int

    def loss(self, estimates_PBO: Tensor, places: Tensor) -> Tensor:
        """Each probe's loss on some utterances, [P], finite or not: to look would be to wait for the device."""

    def score(self, estimates_PBO: NDArray[np.float64], places: Rows) -> NDArray[np.float64]:
        """Each probe's score on some utterances, [P]; more is better."""

    def ties(self, estimates_PBO: NDArray[np.float64], places: Rows) -> NDArray[np.float64]:
        """What decides between equal scores, [P]; more is better."""

    def decided(self, estimates_PBO: Tensor) -> Tensor:
        """What the outputs stand for, [P, B]: numbers on the unit scale, or numbers of classes."""

    def only(self, rows: Rows) -> Target:
        """What some of the probes learn."""


class Regression:
    """One number for each utterance, learned by 1 − CCC and scored by CCC.

    Args:
        labels_PN: What to learn, on the unit scale; NaN where an utterance has no rating.
        counts: Row → how often each of the N utterances counts, for the probes that learn from a resample.
        device: PyTorch's name of the device of the estimates.
    """

    outputs = 1

    def __init__(
        self, labels_PN: NDArray[np.float64], counts: Mapping[int, NDArray[np.int64]], device: str = "cpu"
    ) -> None:
        self._labels_PN, self._counts, self._device = labels_PN, dict(counts), device
        self._resampled = sorted(counts)
        resampled = [counts[row] for row in self._resampled]
        self._counts_RN = np.stack(resampled) if resampled else np.empty((0, labels_PN.shape[1]), np.int64)

    @cached_property
    def _learned_PN(self) -> Tensor:
        return torch.from_numpy(self._labels_PN).float().to(self._device)

    @cached_property
    def _weighed(self) -> tuple[Tensor, Tensor, Tensor]:
        """The rows that count utterances once, those that learn from a resample, and how often these count each."""
        own = torch.tensor(self._resampled)
        plain = torch.tensor([row for row in range(len(self._labels_PN)) if row not in self._counts], dtype=torch.int64)
        weights_RN = torch.from_numpy(self._counts_RN).float()
        return plain.to(self._device), own.to(self._device), weights_RN.to(self._device)

    def loss(self, estimates_PBO: Tensor, places: Tensor) -> Tensor:
        """As `Target`."""
        estimates_PB, labels_PB = estimates_PBO[..., 0], self._learned_PN[:, places]
        if not self._resampled:
            return ccc_losses(estimates_PB, labels_PB)
        # The plain loss for the others: the weighted one is the same but for its last digits.
        plain, own, weights_RN = self._weighed
        loss_P = estimates_PB.new_empty(len(estimates_PB))
        loss_P[plain] = ccc_losses(estimates_PB[plain], labels_PB[plain])
        loss_P[own] = ccc_losses(estimates_PB[own], labels_PB[own], weights_RN[:, places])
        return loss_P

    def score(self, estimates_PBO: NDArray[np.float64], places: Rows) -> NDArray[np.float64]:
        """As `Target`.

        Raises:
            ScoreError: An estimate is NaN or infinite (code `not-finite`).
        """
        estimates_PB, labels_PB = estimates_PBO[..., 0], self._labels_PN[:, places]
        score_P = ccc(labels_PB, estimates_PB)
        if self._resampled:
            own = self._resampled
            score_P[own] = ccc(labels_PB[own], estimates_PB[own], self._counts_RN[:, places])
        return score_P

    def ties(self, estimates_PBO: NDArray[np.float64], places: Rows) -> NDArray[np.float64]:
        """As `Target`: nothing does, and the earlier epoch is kept."""
        return np.zeros(len(estimates_PBO))

    def decided(self, estimates_PBO: Tensor) -> Tensor:
        """As `Target`: the estimate itself."""
        return estimates_PBO[..., 0]

    def only(self, rows: Rows) -> Regression:
        """As `Target`."""
        return Regression(self._labels_PN[rows], _of_rows(self._counts, rows), self._device)


class Classification:
    """One class of several for each utterance, learned by cross-entropy and scored by unweighted average recall.

    Small sets have few recalls, so of epochs with equal ones that of the lower loss is the better.

    Args:
        codes_PN: What to learn, numbers of classes; only those of train and development matter.
        counts: As of `Regression`.
        weights_PK: How much each class counts in the loss.
        device: PyTorch's name of the device of the estimates.
    """

    def __init__(
        self,
        codes_PN: NDArray[np.int64],
        counts: Mapping[int, NDArray[np.int64]],
        weights_PK: NDArray[np.float64],
        device: str = "cpu",
    ) -> None:
        self.outputs = weights_PK.shape[1]
        self._codes_PN, self._counts, self._weights_PK, self._device = codes_PN, dict(counts), weights_PK, device
        once_N = np.ones(codes_PN.shape[1], np.int64)
        self._counts_PN = np.stack([self._counts.get(row, once_N) for row in range(len(codes_PN))])

    @cached_property
    def _learned(self) -> tuple[Tensor, Tensor]:
        """Numbers of classes, and how much each utterance counts, [P, N] each."""
        weight_PN = self._counts_PN * np.take_along_axis(self._weights_PK, self._codes_PN, 1)
        return torch.from_numpy(self._codes_PN).to(self._device), torch.from_numpy(weight_PN).float().to(self._device)

    def loss(self, estimates_PBO: Tensor, places: Tensor) -> Tensor:
        """As `Target`: the mean cross-entropy (natural logarithm), in which utterances count by their class."""
        codes_PB, weight_PB = (numbers_PN[:, places] for numbers_PN in self._learned)
        told_PBO = estimates_PBO.float().log_softmax(-1)
        own_PB = told_PBO.gather(-1, codes_PB[..., None])[..., 0]
        return -(weight_PB * own_PB).sum(-1) / weight_PB.sum(-1).clamp_min(1e-12)  # of a batch that counts nothing: 0

    def score(self, estimates_PBO: NDArray[np.float64], places: Rows) -> NDArray[np.float64]:
        """As `Target`.

        Raises:
            ScoreError: An estimate is NaN or infinite (code `not-finite`).
        """
        if not np.isfinite(estimates_PBO).all():
            raise ScoreError("an estimate is NaN or infinite", "such numbers have no score", code="not-finite")
        codes_PB, counts_PB = self._codes_PN[:, places], self._counts_PN[:, places]
        return tally(codes_PB, estimates_PBO.argmax(-1), self.outputs, counts_PB).uar

    def ties(self, estimates_PBO: NDArray[np.float64], places: Rows) -> NDArray[np.float64]:
        """As `Target`: minus the loss."""
        estimates = torch.from_numpy(estimates_PBO).to(self._device, torch.float32)
        return -self.loss(estimates, torch.from_numpy(places).to(self._device)).double().cpu().numpy()

    def decided(self, estimates_PBO: Tensor) -> Tensor:
        """As `Target`: the class of the largest output."""
        return estimates_PBO.argmax(-1)

    def only(self, rows: Rows) -> Classification:
        """As `Target`."""
        counts = _of_rows(self._counts, rows)
        return Classification(self._codes_PN[rows], counts, self._weights_PK[rows], self._device)


def regression(corpus: Corpus, probes: Sequence[Probe], members: Mapping[str, Rows], device: str = "cpu") -> Regression:
    """What the probes of a bank learn of a corpus's ratings.

    Args:
        corpus: The N utterances.
        probes: The P probes.
        members: Partition → places of its utterances, for train and development.
        device: PyTorch's name of the device of the estimates.
    """
    return Regression(taught_labels(corpus, probes, members), _resamples(corpus, probes, members), device)


def classification(
    corpus: Corpus,
    probes: Sequence[Probe],
    members: Mapping[str, Rows],
    classes: Classes,
    balanced: bool,
    device: str = "cpu",
) -> Classification:
    """What the probes of a bank learn of a category.

    Args:
        corpus: The N utterances.
        probes: The P probes, all of one category.
        members: Partition → places of its utterances, for train and development.
        classes: Of the category.
        balanced: Whether all classes of train count alike in the loss, rather than all utterances.
        device: PyTorch's name of the device of the estimates.
    """
    codes_PN = taught_labels(corpus, probes, members).astype(np.int64)
    counts = _resamples(corpus, probes, members)
    weights_PK = np.ones((len(probes), len(classes)))
    if balanced:
        taught_PB = codes_PN[:, members[TRAIN]]
        once_N = np.ones(len(corpus), np.int64)
        counts_PB = np.stack([counts.get(row, once_N)[members[TRAIN]] for row in range(len(probes))])
        truths_PK = tally(taught_PB, taught_PB, len(classes), counts_PB).truths
        weights_PK = balanced_weights(truths_PK)
    return Classification(codes_PN, counts, weights_PK, device)


def _resamples(corpus: Corpus, probes: Sequence[Probe], members: Mapping[str, Rows]) -> dict[int, NDArray[np.int64]]:
    """Row → how often each utterance counts, of the probes that learn from a resample."""
    draws = sorted({probe.draw for probe in probes if probe.kind == REFIT and probe.draw is not None})
    drawn = {draw: resampled_counts(clusters_of(corpus), members, draw) for draw in draws}
    return {row: drawn[p.draw] for row, p in enumerate(probes) if p.kind == REFIT and p.draw is not None}


def _of_rows(counts: Mapping[int, NDArray[np.int64]], rows: Rows) -> dict[int, NDArray[np.int64]]:
    return {new: counts[old] for new, old in enumerate(rows.tolist()) if old in counts}


def taught_labels(corpus: Corpus, probes: Sequence[Probe], members: Mapping[str, Rows]) -> NDArray[np.float64]:
    """The labels [P, N] to learn from and to stop by.

    Ratings are on the unit scale, and NaN where an utterance has none; classes are numbers, and −1 there. They are
    the true ones, but for the controls, whose labels are permuted within train and within development, between speakers
    or within them: a control that stopped by true labels would be a selected one, not a null.

    Args:
        corpus: The N utterances.
        probes: The P probes.
        members: Partition → places of its utterances; labels are permuted within each.
    """
    known = corpus.categories
    truth = {
        name: coded(corpus, name).astype(np.float64) if name in known else ratings(corpus, [name])[:, 0]
        for name in dict.fromkeys(probe.dimension for probe in probes)
    }
    speakers, groups = [utterance.speaker for utterance in corpus.utterances], list(members.values())

    def labels(probe: Probe) -> NDArray[np.float64]:
        own_N = truth[probe.dimension]
        if probe.kind == PERMUTED:
            return permuted_between_speakers(own_N, groups, speakers, probe.draw or 0)
        if probe.kind == BY_SPEAKER:
            return permuted_within_speakers(own_N, groups, speakers, probe.draw or 0)
        return own_N

    return np.stack([labels(probe) for probe in probes])


def resampled_counts(clusters: Sequence[str], members: Mapping[str, Rows], draw: int) -> NDArray[np.int64]:
    """How often each utterance counts when as many speakers as there are, are drawn anew with replacement, [N].

    Args:
        clusters: Each utterance's speaker, N names.
        members: Partition → places of its utterances. Speakers are drawn within each partition; elsewhere each
            utterance counts once.
        draw: Number of the resample.
    """
    counts_N = np.ones(len(clusters), np.int64)
    generator = np.random.default_rng([draw, 3])
    for places in members.values():
        _, member = np.unique([clusters[place] for place in places], return_inverse=True)
        speakers = int(member.max()) + 1
        counts_N[places] = generator.multinomial(speakers, np.full(speakers, 1 / speakers))[member]
    return counts_N
