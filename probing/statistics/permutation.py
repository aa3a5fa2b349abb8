"""Labels permuted for controls: what is learned from nothing, or from voices alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Speakers = Sequence[str | None] | NDArray[np.int64]
_ALIKE = 8  # speakers of about one size, between whom labels are exchanged


def permuted(
    labels: NDArray[np.float64], groups: Iterable[Sequence[int] | NDArray[np.int64]], seed: int
) -> NDArray[np.float64]:
    """Labels whose rows are permuted within each of some groups.

    Args:
        labels: [N] or [N, K].
        groups: Places of the utterances of each group, train and development for example.
        seed: Of the permutation.

    >>> sorted(permuted(np.arange(4.0), [[0, 1], [2, 3]], seed=0)[:2].tolist())
    [0.0, 1.0]
    """
    shuffled = labels.copy()
    for places in groups:
        order = np.random.default_rng([seed, 1]).permutation(len(places))
        index = np.asarray(places, np.int64)  # also of a group of nobody
        shuffled[index] = labels[index[order]]
    return shuffled


def permuted_within_speakers(
    labels: NDArray[np.float64],
    groups: Iterable[Sequence[int] | NDArray[np.int64]],
    speakers: Speakers,
    seed: int,
) -> NDArray[np.float64]:
    """Labels permuted among the utterances of each speaker, which keeps what a voice alone gives away.

    Utterances of unknown speakers, and those of speakers with a single one, which would keep its label, are permuted
    among each other.

    Args:
        labels: [N] or [N, K].
        groups: Places of the utterances of each group, train and development for example; nothing leaves its group.
        speakers: Each utterance's speaker, N names, None where it is not known; or what `numbered` makes of them.
        seed: Of the permutations.

    >>> float(permuted_within_speakers(np.array([1.0, 2.0, 3.0]), [[0, 1], [2]], ["ann"] * 3, seed=0).sum())
    6.0
    """
    shuffled = labels.copy()
    generator = np.random.default_rng([seed, 2])  # one for all: two speakers' permutations are independent
    for places in groups:
        own, rest = _by_speaker(places, speakers)
        for index in [*own, rest]:
            shuffled[index] = labels[generator.permutation(index)]
    return shuffled


def permuted_between_speakers(
    labels: NDArray[np.float64],
    groups: Iterable[Sequence[int] | NDArray[np.int64]],
    speakers: Speakers,
    seed: int,
) -> NDArray[np.float64]:
    """Labels that speakers exchange: each gets those of one speaker, in random order.

    The ratings of one speaker are alike, and so is what their voice sounds like. A probe that learns this of some
    speakers is right about others by chance, and the chance is larger than where single labels are permuted: this is
    the null for speakers that were not learned from.

    Labels are exchanged between speakers who have about as many utterances; where the other one has more, some are left
    out, and where there are fewer, they are repeated. Utterances of unknown speakers, and those of speakers with a
    single one, are permuted among each other.

    Args:
        labels: [N] or [N, K].
        groups: Places of the utterances of each group, train and development for example; nothing leaves its group.
        speakers: Each utterance's speaker, N names, None where it is not known; or what `numbered` makes of them.
        seed: Of the permutations.

    >>> found = permuted_between_speakers(np.array([0.0, 0.0, 1.0, 1.0]), [range(4)], ["ann", "ann", "bob", "bob"], 5)
    >>> float(abs(found[0] - found[2])), float(found[0] - found[1])
    (1.0, 0.0)
    """
    shuffled = labels.copy()
    generator = np.random.default_rng([seed, 3])
    for places in groups:
        own, rest = _by_speaker(places, speakers)
        own.sort(key=len)
        alike = np.array_split(np.arange(len(own)), max(1, len(own) // _ALIKE))
        for block in alike:
            for receiver, giver in zip(block, generator.permutation(block), strict=True):
                index = own[receiver]
                shuffled[index] = labels[np.resize(generator.permutation(own[giver]), len(index))]
        shuffled[rest] = labels[generator.permutation(rest)]
    return shuffled


def numbered(speakers: Iterable[str | None]) -> NDArray[np.int64]:
    """The number of each utterance's speaker, from 0, [N]; −1 where it is not known.

    It stands for the names where labels are permuted many times, so that these are compared once.

    >>> numbered(["bob", None, "ann", "bob"]).tolist()
    [0, -1, 1, 0]
    """
    numbers: dict[str | None, int] = {}
    return np.array([-1 if name is None else numbers.setdefault(name, len(numbers)) for name in speakers], np.int64)


def _by_speaker(
    places: Sequence[int] | NDArray[np.int64], speakers: Speakers
) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """A group's places by speaker, those who speak first first; and those of unknown speakers and single utterances."""
    speakers_N = speakers if isinstance(speakers, np.ndarray) else numbered(speakers)
    group = np.asarray(places, np.int64)
    order = np.argsort(speakers_N[group], kind="stable")
    starts = np.flatnonzero(np.diff(speakers_N[group[order]], prepend=-2))  # of each speaker
    own = np.split(group[order], starts[1:]) if len(group) else []
    own = [own[place] for place in np.argsort(order[starts])]
    alone = [members for members in own if len(members) == 1 or speakers_N[members[0]] < 0]
    kept = [members for members in own if len(members) > 1 and speakers_N[members[0]] >= 0]
    return kept, np.sort(np.concatenate([np.empty(0, np.int64), *alone]))


def reached_by_any(
    nulls: Mapping[str, NDArray[np.float64]], observed: Mapping[str, float]
) -> dict[str, NDArray[np.float64]]:
    """The largest of several measures under permuted labels, on the scale of each.

    Of a raw largest value the measure of the largest spread would set the bar for all. So measures are compared in
    standard deviations from their means over the R permutations and the true labels, which are one more permutation
    where nothing is learned: the probability that any of the true values is the largest is then 1 / (R + 1). (Ranks
    within each measure, as of Westfall and Young's min-P, 1993, cannot be told apart at that level: each measure has a
    largest one. In trials with 100 permutations they find at most 1 % of effects of 4 standard deviations at .01; this
    finds 34 to 88 %, less beside nulls of a few large values, and falsely something in at most 1.0 % of trials.)

    Args:
        nulls: Measure → its value in each permutation, [R]; the same permutations for all.
        observed: Measure → its value with the true labels.

    Returns:
        Measure → what its own value has to exceed in each permutation, [R]; of a single measure its own values.
    """
    moments = {}
    for measure, own_R in nulls.items():
        every = np.append(own_R, observed[measure])
        moments[measure] = float(every.mean()), float(every.std())
    found = {}
    for measure, own_R in nulls.items():
        mean, spread = moments[measure]
        others = [mean + spread * _standard(nulls[other], *moments[other]) for other in nulls if other != measure]
        found[measure] = np.max([own_R, *others], axis=0)
    return found


def _standard(values: NDArray[np.float64], mean: float, spread: float) -> NDArray[np.float64]:
    """Values in standard deviations from their mean; 0 where they are all alike."""
    return (values - mean) / spread if spread > 0 else np.zeros_like(values)
