"""Labels and estimates drawn at random, of which the true scores are known exactly.

A label is a speaker's level plus an utterance's own; its variance is 1. The estimate of a system whose true CCC is ρ is
ρ · label + √(1 − ρ²) · noise with noise of variance 1, so that its variance is 1 and its covariance with the label ρ,
whatever the distributions: CCC = 2ρ / (1 + 1) = ρ. The noise has parts that all systems and seeds share (hard
utterances), parts of a speaker, of a system and of a training seed. Speakers differ in how well they are understood:
each has a ρ of its own around the common one. Training seeds differ in ρ too.

Shape legend: R corpora · S training seeds · N utterances · C speakers · K systems · L layers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
SEED_SPREAD = 0.01  # standard deviation of a system's CCC over training seeds, if not said otherwise
_UTTERANCES = 8  # of a speaker, on average
_LABEL_SPEAKER = 0.2  # share of the labels' variance that is a speaker's level
# Shares of the noise's variance; they add up to 1. The errors of two seeds correlate by .85, those of two systems by
# .65: in the built-in world's six systems it is .76 to .93 and, on average, .57 (valence) to .85.
_SHARED, _SHARED_SPEAKER, _SPEAKER, _SYSTEM, _SEED = 0.55, 0.1, 0.05, 0.15, 0.15
_UNEVEN = 0.25  # how far a speaker's ρ lies from the common one, as a share of it


@dataclass(frozen=True, eq=False)
class Speakers:
    """Who speaks how often in each of the corpora of a cell.

    Args:
        sizes_C: Utterances of each speaker.
    """

    sizes_C: NDArray[np.int64]

    @property
    def number(self) -> int:
        """C."""
        return len(self.sizes_C)

    @property
    def member_N(self) -> NDArray[np.int64]:
        """Each utterance's speaker."""
        return np.repeat(np.arange(self.number), self.sizes_C)

    def names(self, of: str = "") -> tuple[str, ...]:
        """The speaker's name of each utterance."""
        return tuple(f"{of}speaker{place:03d}" for place in self.member_N)


def speakers(number: int, unequal: bool) -> Speakers:
    """Some speakers with 8 utterances each, or with 8 on average.

    Of unequal ones the most talkative have some twenty times as many as the least: quantiles of a log-normal
    distribution.
    """
    if not unequal:
        return Speakers(np.full(number, _UTTERANCES))
    middles = (np.arange(number) + 0.5) / number
    spread = np.exp(0.8 * ndtri(middles))
    return Speakers(np.maximum(1, np.round(_UTTERANCES * spread / spread.mean())).astype(np.int64))


class Drawn:
    """Labels of R corpora, and estimates of them.

    Args:
        who: The speakers of each corpus.
        corpora: R.
        generator: Of everything that is drawn.
        seed_spread: Standard deviation of a system's CCC over training seeds.
    """

    def __init__(
        self, who: Speakers, corpora: int, generator: np.random.Generator, seed_spread: float = SEED_SPREAD
    ) -> None:
        self.who, self.corpora, self.generator, self._seed_spread = who, corpora, generator, seed_spread
        self._member = who.member_N
        level, own = self._by_speaker(), self._by_utterance()
        self.truth_RN = np.sqrt(_LABEL_SPEAKER) * level + np.sqrt(1 - _LABEL_SPEAKER) * own
        self._shared_RN = np.sqrt(_SHARED) * self._by_utterance() + np.sqrt(_SHARED_SPEAKER) * self._by_speaker()
        self._uneven_RN = generator.uniform(-1, 1, (corpora, who.number))[:, self._member]

    def system(self, ccc: float, seeds: int, seed_RS: Floats | None = None) -> tuple[Floats, Floats]:
        """Estimates of a system, one training a seed.

        Args:
            ccc: Its true CCC, the mean over training seeds.
            seeds: S.
            seed_RS: How much better or worse each training is, in units of the spread; drawn if not given.

        Returns:
            Estimates [R, S, N], and the true CCC of each training [R, S].
        """
        if seed_RS is None:
            seed_RS = self.generator.standard_normal((self.corpora, seeds))
        true_RS = np.clip(ccc + self._seed_spread * seed_RS, -1, 1)
        reach = min(_UNEVEN * abs(ccc), 0.5 * (1 - abs(ccc)))
        rho_RSN = np.clip(true_RS[..., None] + reach * self._uneven_RN[:, None], -1, 1)
        of_system_RN = np.sqrt(_SYSTEM) * self._by_utterance() + np.sqrt(_SPEAKER) * self._by_speaker()
        of_seed_RSN = np.sqrt(_SEED) * self.generator.standard_normal((self.corpora, seeds, len(self._member)))
        noise_RSN = (self._shared_RN + of_system_RN)[:, None] + of_seed_RSN
        return rho_RSN * self.truth_RN[:, None] + np.sqrt(1 - rho_RSN**2) * noise_RSN, true_RS

    def layers(self, r2: Floats, alike: float = 0.9) -> Floats:
        """Out-of-fold predictions of a probe on each layer, whose true R² is known: [R, L, N].

        A prediction is r² · label + √(r² (1 − r²)) · noise; its error has the variance 1 − r². The noise of
        neighbouring layers is alike.

        Args:
            r2: True R² of each layer, [L] or [R, L], at least 0.
            alike: Correlation between the noises of two neighbours.
        """
        r2_RL = np.broadcast_to(r2, (self.corpora, r2.shape[-1]))
        noise_LRN = np.empty((*r2_RL.T.shape, len(self._member)))
        for place in range(len(noise_LRN)):
            fresh_RN = np.sqrt(0.8) * self._by_utterance() + np.sqrt(0.2) * self._by_speaker()
            noise_LRN[place] = fresh_RN
            if place:
                noise_LRN[place] = alike * noise_LRN[place - 1] + np.sqrt(1 - alike**2) * fresh_RN
        own_LRN = r2_RL.T[:, :, None] * (1 + _UNEVEN * self._uneven_RN)
        predicted_LRN = own_LRN * self.truth_RN + np.sqrt(own_LRN * (1 - own_LRN)) * noise_LRN
        return predicted_LRN.swapaxes(0, 1)

    def _by_utterance(self) -> Floats:
        return self.generator.standard_normal((self.corpora, len(self._member)))

    def _by_speaker(self) -> Floats:
        return self.generator.standard_normal((self.corpora, self.who.number))[:, self._member]
