"""Which layers are alike: centred kernel alignment (CKA) of their states, within an encoder and between two.

CKA is the cosine between two layers' Gram matrices, so it does not change where a layer's states are rotated, scaled
or moved, and 1 means that every ridge probe learns the same from both (Kornblith et al., 2019). The plain estimate
comes near 1 for any two layers that are wider than there are utterances, unrelated ones too. `cka` is therefore taken
from the unbiased estimate of HSIC, without the diagonals (Song et al., 2012): 0 on average for unrelated layers. It
is a cosine too, hence never beyond ±1; `cka-plain` stands beside it.

Intervals are over speakers. Everything is a function of sums over the Gram matrices, and without a group of speakers
these are what is left when the group's rows and columns are subtracted: no matrix is made twice, and none is kept.

Shape legend: N utterances of the corpus · M those compared · P layers of both encoders · L, K layers of one and of the
other · D hidden size of a layer · C groups of speakers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.analysis.grams import gram_sums
from probing.analysis.material import Material, table
from probing.corpus.model import Corpus
from probing.errors import FitError, ScoreError, number_of
from probing.probes.folds import folding_of
from probing.statistics.curves import Curve, best_p_values
from probing.statistics.jackknife import score_interval

MOST = 2_000  # utterances: the work grows with their square, and the estimate is unbiased for any number
ALIKE = 0.95  # of two layers whose Gram matrices differ by less than a third of their norm, √(1 − .95²)
_FEWEST = 4  # utterances for which the unbiased estimate is defined
_LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class States:
    """The pooled states of one encoder.

    Args:
        encoder: Its name.
        layers: Indices of the L layers.
        states_NLD: States in float32.
        ids: Ids of the N utterances.
    """

    encoder: str
    layers: tuple[int, ...]
    states_NLD: NDArray[np.float32]
    ids: tuple[str, ...]

    @classmethod
    def of(cls, material: Material) -> States:
        """Those of an analysis."""
        ids = tuple(utterance.id for utterance in material.corpus.utterances)
        return cls(material.encoder, material.layers, material.states_NLD, ids)


@dataclass(frozen=True, eq=False)
class MostAlike:
    """Which layer of another encoder a layer is most like.

    Args:
        layer: The layer.
        best: The other encoder's layer that is most like it.
        value: Their CKA.
        low: Lower end of its 95 % interval; NaN for one speaker.
        high: Upper end.
        could_be: The layers of which the most alike could be one, with 95 % confidence.
    """

    layer: int
    best: int
    value: float
    low: float
    high: float
    could_be: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Similarity:
    """CKA of the layers of one encoder with those of another, or of the same.

    Args:
        encoder: Name of the one.
        other: Name of the other.
        curves: For each of the L layers of the one, its CKA with the K layers of the other.
        layers: Indices of the L layers.
        plain_LK: Plain CKA.
        partitions: What it was measured on.
        itself: Whether one and the other are the same.
        notes: What a reader should know.
    """

    encoder: str
    other: str
    curves: tuple[Curve, ...]
    layers: tuple[int, ...]
    plain_LK: NDArray[np.float64]
    partitions: str
    itself: bool = False
    notes: tuple[str, ...] = ()

    @property
    def value_LK(self) -> NDArray[np.float64]:
        """Debiased CKA."""
        return np.stack([curve.value_L for curve in self.curves])

    def intervals(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """95 % intervals of the debiased CKA, [L, K] each; NaN for one speaker."""
        left_out_LKC = np.stack([curve.left_out_CL.T for curve in self.curves])
        return score_interval(self.value_LK[..., None], left_out_LKC[:, :, None], self.curves[0].sizes_C)

    def turned(self) -> Similarity:
        """The same seen from the other encoder."""
        left_out_CLK = np.stack([curve.left_out_CL for curve in self.curves], axis=1)
        some = self.curves[0]
        curves = [
            replace(some, layers=self.layers, value_L=self.value_LK[:, place], left_out_CL=left_out_CLK[:, :, place])
            for place in range(len(some.layers))
        ]
        return replace(
            self,
            encoder=self.other,
            other=self.encoder,
            curves=tuple(curves),
            layers=some.layers,
            plain_LK=self.plain_LK.T,
        )

    def most_alike(self) -> list[MostAlike]:
        """Of each layer, the most alike layer of the other encoder."""
        low_LK, high_LK = self.intervals()
        found = []
        for place, (layer, curve) in enumerate(zip(self.layers, self.curves, strict=True)):
            best, p_K = int(curve.value_L.argmax()), best_p_values(curve)
            could_be = tuple(own for k, own in enumerate(curve.layers) if k == best or p_K[k] > _LEVEL)
            ends = float(low_LK[place, best]), float(high_LK[place, best])
            found.append(MostAlike(layer, curve.layers[best], float(curve.value_L[best]), *ends, could_be))
        return found

    def runs_alike(self) -> list[tuple[int, ...]]:
        """Longest runs of layers of one encoder that learned weights cannot tell apart.

        The rule: of every two of them, the lower end of the interval of CKA lies above `ALIKE`. They are then nearly
        rotated copies of one another; a linear map behind a weighted sum makes up for a rotation, so the sum does as
        well whichever of them has the weight. What hardly varies counts little in CKA: a probe of one layer may
        still find what a probe of another does not. Runs may overlap.
        """
        low_LL, _ = self.intervals()
        found: list[tuple[int, ...]] = []
        end = 0
        for start in range(len(self.layers)):
            reach = start + 1
            while reach < len(self.layers) and (low_LL[start:reach, reach] > ALIKE).all():
                reach += 1
            if reach - start > 1 and reach > end:
                found.append(self.layers[start:reach])
                end = reach
        return found

    def sentences(self) -> list[str]:
        """Which layers of an encoder are alike; or what each layer of the shallower of two encoders is most like."""
        if self.itself:
            return [
                f"learned weights cannot distinguish layers {shown(run)} of {self.encoder} (CKA above {_two(ALIKE)})"
                for run in self.runs_alike()
            ]
        one = self if len(self.layers) <= len(self.curves[0].layers) else self.turned()
        return [
            f"layer {found.layer} of {one.encoder} is most like layer {found.best} of {one.other} "
            f"[{shown(found.could_be)}]: CKA {_two(found.value)}{_between(found.low, found.high)}"
            for found in one.most_alike()
        ]

    def rows(self) -> pd.DataFrame:
        """As rows of contents.csv.

        `cka` and `cka-plain` of every pair of layers; of two encoders also `p-most-alike`, the p-value of the other
        encoder's layer being the one that this layer is most like: it could be any of those above .05.
        """
        low_LK, high_LK = self.intervals()
        rows: list[dict[str, object]] = []
        for place, (layer, curve) in enumerate(zip(self.layers, self.curves, strict=True)):
            p_K = None if self.itself else best_p_values(curve)
            for k, own in enumerate(curve.layers):
                row = {"layer": layer, "target": f"layer {own}", "part": self.other, "partition": self.partitions}
                ends = {"low": low_LK[place, k], "high": high_LK[place, k]}
                rows.append({**row, "measure": "cka", "value": curve.value_L[k], **ends})
                rows.append({**row, "measure": "cka-plain", "value": self.plain_LK[place, k]})
                if p_K is not None:
                    rows.append({**row, "measure": "p-most-alike", "value": p_K[k]})
        return table("similarity", rows)


def similarity(corpus: Corpus, one: States, other: States | None = None, seed: int = 0) -> Similarity:
    """CKA of every layer of one encoder with every layer of another, or of itself.

    Args:
        corpus: The utterances, whose speakers intervals are over; labels are not needed.
        one: An encoder's states of them.
        other: Another's, of any width and number of layers; None: the same encoder's.
        seed: Of the utterances that are drawn from a corpus of more than `MOST`.

    Raises:
        ScoreError: States are of other utterances than the corpus, or in another order (code `unequal-lengths`), or
            not finite (`not-finite`).
        FitError: There are fewer than four utterances (code `too-few`).
    """
    if len(corpus) < _FEWEST:
        what, why = number_of(len(corpus), "utterance"), f"similarity is defined for {_FEWEST} or more"
        raise FitError(what, why, "take a larger corpus, or leave similarity out", code="too-few")
    places, notes = _drawn(len(corpus), seed)
    folding = folding_of(corpus, places)
    places = places[np.argsort(folding.groups_N[places], kind="stable")]
    sizes_C = np.bincount(folding.groups_N[places], minlength=len(folding.names))
    beside = one if other is None else other
    encoders = [one] if beside is one else [one, beside]
    sums = gram_sums([layer_MD for states in encoders for layer_MD in _layers(corpus, states, places)], sizes_C)
    rows = slice(0, len(one.layers))
    columns = rows if beside is one else slice(len(one.layers), None)
    value_LK, plain_LK = _cosine(sums.unbiased())[rows, columns], _cosine(sums.plain_PP)[rows, columns]
    left_out_CLK = _cosine(sums.without_groups())[:, rows, columns]
    curves = tuple(
        Curve(
            beside.layers,
            value_LK[place],
            left_out_CLK[:, place],
            sizes_C.astype(float),
            folding.names,
            together_C=folding.speakers_C,
        )
        for place in range(len(one.layers))
    )
    return Similarity(
        one.encoder, beside.encoder, curves, one.layers, plain_LK, "+".join(corpus.partitions), beside is one, notes
    )


def shown(layers: Sequence[int]) -> str:
    """Layers in words.

    >>> shown((3, 4, 5)), shown((8,)), shown((2, 3, 7))
    ('3–5', '8', '2–3, 7')
    """
    runs: list[list[int]] = []
    for layer in layers:
        if runs and layer == runs[-1][-1] + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def _cosine(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """Products [..., P, P] over the norms; 0 with a layer whose states are constant, which is like nothing."""
    norm = np.sqrt(np.maximum(np.diagonal(products, axis1=-2, axis2=-1), 0))
    scale = norm[..., :, None] * norm[..., None, :]
    cosine = np.divide(products, scale, out=np.zeros_like(products), where=~(scale <= 0))
    return np.clip(cosine, -1, 1)


def _drawn(count: int, seed: int) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Places of the utterances that are compared, and a note where they are not all.

    Utterances are drawn, not speakers: so any two are as often of one speaker as in the corpus.
    """
    if count <= MOST:
        return np.arange(count), ()
    places = np.sort(np.random.default_rng(seed).choice(count, MOST, replace=False))
    return places, (f"similarity: of {MOST:,} utterances, drawn at random from {number_of(count, 'utterance')}",)


def _layers(corpus: Corpus, states: States, places: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    """Each layer's states of some utterances, [M, D]; states that cannot be compared are refused."""
    ids = tuple(utterance.id for utterance in corpus.utterances)
    if states.ids != ids or len(states.states_NLD) != len(ids):
        raise ScoreError(
            f"states of {states.encoder}",
            f"they are not of the utterances of {corpus.name} in its order",
            "extract both encoders' states of the same corpus",
            code="unequal-lengths",
        )
    layers = [states.states_NLD[places, place] for place in range(len(states.layers))]
    if not all(np.isfinite(layer_MD).all() for layer_MD in layers):
        raise ScoreError(f"states of {states.encoder}", "some are not finite", "extract them again", code="not-finite")
    return layers


def _two(value: float) -> str:
    """Two decimals, without the zero before them."""
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def _between(low: float, high: float) -> str:
    return "" if np.isnan(low) else f" [{_two(low)}, {_two(high)}]"
