"""What the probes of a bank learn: their labels, the loss of each and the score by which each stops.

A bank knows nothing of it, so another target (categories by cross-entropy, say) is another class here, and as many
outputs of the heads as it asks for.

Shape legend: P probes · N utterances · B those of a batch · O outputs of a head · C speakers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probing.corpus.model import Corpus
from probing.probes.bank import BY_SPEAKER, PERMUTED, REFIT, Probe
from probing.runs.scores import clusters_of, ratings
from probing.statistics.concordance import ccc, ccc_loss
from probing.statistics.permutation import permuted_between_speakers, permuted_within_speakers

Rows = NDArray[np.int64]


class Target(Protocol):
    """What each of P probes learns."""

    outputs: int

    def loss(self, estimates_PBO: Tensor, places: Rows) -> Tensor:
        """Each probe's loss on some utterances, [P]."""

    def score(self, estimates_PBO: NDArray[np.float64], places: Rows) -> NDArray[np.float64]:
        """Each probe's score on some utterances, [P]; more is better."""

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
        self._learned_PN = torch.from_numpy(labels_PN).float().to(device)
        self._resampled = sorted(counts)
        self._plain = [row for row in range(len(labels_PN)) if row not in self._counts]
        resampled = [counts[row] for row in self._resampled]
        self._counts_RN = np.stack(resampled) if resampled else np.empty((0, labels_PN.shape[1]), np.int64)
        self._weights_RN = torch.from_numpy(self._counts_RN).float().to(device)

    def loss(self, estimates_PBO: Tensor, places: Rows) -> Tensor:
        """As `Target`.

        Raises:
            ScoreError: A loss is not finite (code `not-finite`).
        """
        batch = torch.from_numpy(places).to(self._device)
        estimates_PB, labels_PB = estimates_PBO[..., 0], self._learned_PN[:, batch]
        if not self._resampled:
            return ccc_loss(estimates_PB, labels_PB)
        # The plain loss for the others: the weighted one is the same but for its last digits.
        loss_P = estimates_PB.new_empty(len(estimates_PB))
        loss_P[self._plain] = ccc_loss(estimates_PB[self._plain], labels_PB[self._plain])
        own = self._resampled
        loss_P[own] = ccc_loss(estimates_PB[own], labels_PB[own], self._weights_RN[:, batch])
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

    def only(self, rows: Rows) -> Regression:
        """As `Target`."""
        counts = {new: self._counts[old] for new, old in enumerate(rows.tolist()) if old in self._counts}
        return Regression(self._labels_PN[rows], counts, self._device)


def regression(corpus: Corpus, probes: Sequence[Probe], members: Mapping[str, Rows], device: str = "cpu") -> Regression:
    """What the probes of a bank learn of a corpus's ratings.

    Args:
        corpus: The N utterances.
        probes: The P probes.
        members: Partition → places of its utterances, for train and development.
        device: PyTorch's name of the device of the estimates.
    """
    draws = sorted({probe.draw for probe in probes if probe.kind == REFIT and probe.draw is not None})
    drawn = {draw: resampled_counts(clusters_of(corpus), members, draw) for draw in draws}
    counts = {row: drawn[p.draw] for row, p in enumerate(probes) if p.kind == REFIT and p.draw is not None}
    return Regression(taught_labels(corpus, probes, members), counts, device)


def taught_labels(corpus: Corpus, probes: Sequence[Probe], members: Mapping[str, Rows]) -> NDArray[np.float64]:
    """The labels [P, N] to learn from and to stop by, on the unit scale; NaN where an utterance has no rating.

    They are the true ones, but for the controls, whose labels are permuted within train and within development, between
    speakers or within them: a control that stopped by true labels would be a selected one, not a null.

    Args:
        corpus: The N utterances.
        probes: The P probes.
        members: Partition → places of its utterances; labels are permuted within each.
    """
    dimensions = tuple(dict.fromkeys(probe.dimension for probe in probes))
    truth = dict(zip(dimensions, ratings(corpus, dimensions).T, strict=True))
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
