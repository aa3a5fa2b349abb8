"""Worlds in which the layer that carries a dimension is known: encoders and corpora drawn at random.

The state of an utterance n in layer l is

    x_nl = scale_l · (offset_l + noise_nl + voice_l(speaker of n) + amplitude_l · signal_n · direction)

where noise and voices are correlated between neighbouring layers, the noise is larger in some directions than in
others, and amplitude_l is that of one planted layer, or of a bump around it. The label is the signal, a linear one or
not, with noise of its own; part of signal and noise is the same for all utterances of a speaker.

Shape legend: N utterances · L layers · D hidden size · C speakers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import layer_norm

from probing.corpus.model import DEVELOPMENT, TEST1, TEST2, TRAIN, Corpus, Utterance
from probing.probes.features import Features
from probing.probes.ridge import Look, ridge_look
from probing.statistics.concordance import ccc

Floats = NDArray[np.float64]
DIMENSION = "valence"
STATES, WIDTH = 13, 64
STANDARD = "standard"  # one layer, or a bump whose neighbours have .36 to .80 of its amplitude
HARDER = ("alike", "wide", "floor", "nonlinear")
NULL = "null"
CARRIED = (0.3, 0.9)  # CCC of the ridge probe of the planted layer, on unseen speakers
_CURVES = ("line", "saturating", "skewed", "bent")
_MOST_TRIES = 50
_SPEAKER = 0.15  # share of signal and label noise that is a speaker's
_HEARD = 0.85  # share of the label's variance that the signal explains


@dataclass(frozen=True, eq=False)
class World:
    """An encoder and how its corpora are drawn.

    Args:
        number: Seeds everything.
        kind: `standard`, one of `HARDER`, or `null` (nothing is planted).
        planted: Place of the layer of the largest amplitude.
        amplitude_L: Of the signal.
        scale_L: Of each layer.
        alike: Correlation between neighbouring layers.
        noise_D: Standard deviation of the noise along each axis.
        direction_D: Of the signal, a unit vector.
        train: Utterances to train on.
        speakers: Those of train and development.
        labels: Name of the curve from signal to label.
    """

    number: int
    kind: str
    planted: int
    amplitude_L: Floats
    scale_L: Floats
    alike: float
    noise_D: Floats
    direction_D: Floats
    train: int
    speakers: int
    labels: str

    def drawn(self, replicate: int = 0) -> Drawn:
        """A corpus of this world with the states of its utterances; another one for each number."""
        generator = np.random.default_rng([self.number, 77, replicate])
        developers = max(4, self.speakers // 4)
        people = {TRAIN: self.speakers - developers, DEVELOPMENT: developers, TEST1: 0, TEST2: 20}
        sizes = {TRAIN: self.train, DEVELOPMENT: self.train // 3, TEST1: 200, TEST2: 300}
        speaker_N = np.concatenate(
            [
                *(_talkers(generator, people[TRAIN if part == TEST1 else part], sizes[part], part) for part in sizes),
            ]
        )
        part_N = [part for part, size in sizes.items() for _ in range(size)]
        names, member_N = np.unique(speaker_N, return_inverse=True)
        signal_N = _mixed(generator, len(names), member_N)
        label_N = np.sqrt(_HEARD) * _bent(signal_N, self.labels)
        label_N += np.sqrt(1 - _HEARD) * _mixed(generator, len(names), member_N)
        unit_N = np.clip(0.5 + 0.12 * label_N, 0, 1)
        utterances = tuple(
            Utterance(f"{place:05d}", None, part, str(speaker), {DIMENSION: float(unit)})
            for place, (part, speaker, unit) in enumerate(zip(part_N, speaker_N, unit_N, strict=True))
        )
        return Drawn(Corpus(f"world{self.number}", (0.0, 1.0), utterances), self._states(signal_N, member_N, generator))

    def _states(
        self, signal_N: Floats, member_N: NDArray[np.int64], generator: np.random.Generator
    ) -> NDArray[np.float32]:
        offsets_LD = np.random.default_rng([self.number, 78]).standard_normal((STATES, WIDTH))
        states_NLD = np.empty((len(signal_N), STATES, WIDTH), np.float32)
        before_ND = np.zeros((len(signal_N), WIDTH))
        for layer in range(STATES):
            voice_CD = np.sqrt(0.3) * generator.standard_normal((member_N.max() + 1, WIDTH))
            fresh_ND = np.sqrt(0.7) * generator.standard_normal(before_ND.shape) + voice_CD[member_N]
            keep = self.alike if layer else 0.0
            before_ND = keep * before_ND + np.sqrt(1 - keep**2) * fresh_ND
            planted_ND = self.amplitude_L[layer] * signal_N[:, None] * self.direction_D
            states_NLD[:, layer] = self.scale_L[layer] * (offsets_LD[layer] + before_ND * self.noise_D + planted_ND)
        return states_NLD


@dataclass(frozen=True, eq=False)
class Drawn:
    """A corpus and the states of its utterances, [N, L, D]; a source of features for a bank.

    Args:
        corpus: The N utterances.
        states: Hidden states, one frame an utterance.
    """

    corpus: Corpus
    states: NDArray[np.float32]

    @property
    def held(self) -> bool:
        """In memory, as they are."""
        return True

    def normalized(self) -> Drawn:
        """With a layer norm of every state, as `--normalize layer` does."""
        normed = layer_norm(torch.from_numpy(self.states), self.states.shape[-1:])
        return replace(self, states=normed.numpy())

    @cached_property
    def _tensor(self) -> torch.Tensor:
        return torch.from_numpy(self.states)

    def batches(self, batches: Sequence[NDArray[np.int64]]) -> Iterator[Features]:
        """Features of each batch of utterances, numbered as in the corpus."""
        for batch in batches:
            yield Features(self._tensor[torch.from_numpy(batch)], None)


@lru_cache(maxsize=2)
def draw(number: int, kind: str = STANDARD) -> tuple[World, Drawn]:
    """A world and a corpus of it.

    It is drawn again until the planted layer is neither silent nor plain on unseen speakers (`CARRIED`), except for
    nulls.
    """
    for attempt in range(_MOST_TRIES):
        world = _world(number, kind, np.random.default_rng([number, _kinds().index(kind), attempt]))
        drawn = world.drawn(attempt)
        planted = drawn.normalized().states[:, [world.planted]]
        look = ridge_look(drawn.corpus, planted, (DIMENSION,), permutations=0)
        if kind == NULL or CARRIED[0] <= ridge_score(drawn.corpus, look, 0) <= CARRIED[1]:
            return world, drawn
    raise RuntimeError(f"no world {number} of kind {kind} carries what it should")


def ridge_score(corpus: Corpus, look: Look, layer: int, partition: str = TEST2) -> float:
    """CCC of the ridge probe of a layer, by its place, on a partition."""
    own = [place for place, utterance in enumerate(corpus.utterances) if utterance.partition == partition]
    truth = [corpus.utterances[place].labels[DIMENSION] for place in own]
    return float(ccc(truth, look.predictions[DIMENSION][layer, own]))


def _kinds() -> tuple[str, ...]:
    return (STANDARD, *HARDER, NULL)


def _world(number: int, kind: str, generator: np.random.Generator) -> World:
    noise_D = (np.arange(WIDTH) + 1.0) ** -generator.uniform(0, 0.5)
    direction_D = generator.standard_normal(WIDTH)
    direction_D /= np.linalg.norm(direction_D)
    planted = int(generator.integers(STATES))
    share = generator.uniform(0.15, 0.9)  # of the signal's variance that the planted layer gives away
    told = np.square(direction_D / noise_D).sum()  # by an amplitude of 1: signal-to-noise ratio of the best direction
    strength = 0.0 if kind == NULL else np.sqrt(share / (1 - share) / told)
    wide = generator.random() < 0.5
    extent = 10.0 ** generator.uniform(-1, 1.5, STATES) if wide else 2.0 ** generator.uniform(-1, 1, STATES)
    return World(
        number,
        kind,
        planted,
        strength * _profile(kind, planted, generator),
        extent,
        0.97 if kind == "alike" else 0.9,
        noise_D.astype(np.float64),
        direction_D,
        round(400 * 2.5 ** generator.uniform()),
        int(generator.integers(20, 61)),
        str(generator.choice(_CURVES[1:])) if kind == "nonlinear" else _CURVES[0],
    )


def _profile(kind: str, planted: int, generator: np.random.Generator) -> Floats:
    """Amplitude of each layer, 1 at the planted one."""
    far_L = np.arange(STATES) - planted
    if kind == "wide":
        width = generator.uniform(2, 4)
    elif generator.random() < 0.5:
        width = generator.uniform(0.7, 1.5)
    else:
        width = 0.1  # one layer alone
    profile_L = np.exp(-(far_L**2) / (2 * width**2))
    return np.maximum(profile_L, generator.uniform(0.5, 0.8)) if kind == "floor" else profile_L


def _talkers(generator: np.random.Generator, people: int, utterances: int, part: str) -> NDArray[np.str_]:
    """Who says each utterance: some speakers talk more than others; those of test1 are those of train."""
    share = np.exp(0.6 * generator.standard_normal(people))
    everyone = np.concatenate([np.arange(people), generator.choice(people, utterances - people, p=share / share.sum())])
    return np.array([f"{TRAIN if part == TEST1 else part}-{who:02d}" for who in np.sort(everyone)])


def _mixed(generator: np.random.Generator, speakers: int, member_N: NDArray[np.int64]) -> Floats:
    own_N = np.sqrt(1 - _SPEAKER) * generator.standard_normal(len(member_N))
    return own_N + np.sqrt(_SPEAKER) * generator.standard_normal(speakers)[member_N]


def _bent(signal_N: Floats, curve: str) -> Floats:
    """The label without its noise, of variance about 1."""
    if curve == "saturating":
        return np.tanh(2 * signal_N) / 0.77
    if curve == "skewed":
        return (np.exp(0.7 * signal_N) - np.exp(0.245)) / 1.02
    if curve == "bent":
        return (signal_N + 0.5 * (signal_N**2 - 1)) / np.sqrt(1.5)
    return signal_N
