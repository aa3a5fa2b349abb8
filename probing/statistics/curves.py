"""What a score's curve over the layers says: where it is, with intervals over speakers.

A curve holds one number for each layer, R² of cross-validated ridge probes for example, and the same without each
speaker in turn. Any function of it has an interval by the jackknife, so that neighbouring layers, which are alike,
are compared on the same speakers.

Shape legend: L layers · C clusters (speakers) · K controls (random encoders).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probing.errors import ScoreError
from probing.statistics.concordance import checked_pair
from probing.statistics.jackknife import Spread, combined, over_seeds, over_speakers, p_value, t_interval

_DRAWS = 20_000  # of the largest of correlated differences
_SAME = 1e-12  # a difference of scores that is only rounding
Summary = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # from curves [..., L] to numbers [...]


@dataclass(frozen=True, eq=False)
class Curve:
    """One number for each layer, with what it would be without each speaker.

    Args:
        layers: Indices of the L layers.
        value_L: The numbers.
        left_out_CL: The numbers without each of the C speakers.
        sizes_C: Utterances of each speaker.
        speakers: Their names, sorted.
        over_KL: Where controls were subtracted: the numbers above each of the K controls, whose mean is `value_L`.
        together_C: Where there are too many speakers to leave out one by one: how many were left out together.
    """

    layers: tuple[int, ...]
    value_L: NDArray[np.float64]
    left_out_CL: NDArray[np.float64]
    sizes_C: NDArray[np.float64]
    speakers: tuple[str, ...]
    over_KL: NDArray[np.float64] | None = None
    together_C: NDArray[np.int64] | None = None

    @property
    def number(self) -> int:
        """Number of speakers behind the numbers."""
        return len(self.speakers) if self.together_C is None else int(self.together_C.sum())

    def above(self, controls: Sequence[Curve]) -> Curve:
        """The gain over the mean of several controls, paired by layer and speaker.

        Raises:
            ScoreError: A control has other layers or other speakers (code `unequal-lengths`).
        """
        for control in controls:
            if control.layers != self.layers or control.speakers != self.speakers:
                raise ScoreError("a control's curve", "it has other layers or speakers", code="unequal-lengths")
        over_KL = np.stack([self.value_L - control.value_L for control in controls])
        left_out_CL = np.mean([self.left_out_CL - control.left_out_CL for control in controls], axis=0)
        return Curve(self.layers, over_KL.mean(0), left_out_CL, self.sizes_C, self.speakers, over_KL, self.together_C)

    def intervals(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """95 % interval of each layer's number, [L] each; NaN for one speaker."""
        return t_interval(self.value_L, self._spread(lambda curve: curve))

    def summarize(self, summary: Summary) -> Measured:
        """A number that the whole curve gives, with its interval."""
        value = float(summary(self.value_L))
        spread = self._spread(summary)
        low, high = t_interval(value, spread)
        return Measured(value, float(low), float(high), spread)

    def covariance(self) -> NDArray[np.float64]:
        """Of the layers' numbers, [L, L], over speakers and controls; NaN for one speaker."""
        count = len(self.speakers)
        deviations_CL = self.left_out_CL - self.left_out_CL.mean(0)
        over_speakers_LL = (count - 1) / count * deviations_CL.T @ deviations_CL
        if self.over_KL is None or len(self.over_KL) < 2:
            return np.asarray(over_speakers_LL)
        return np.asarray(over_speakers_LL + np.cov(self.over_KL, rowvar=False) / len(self.over_KL))

    def differences(self) -> Spread:
        """Of every layer's number from every other one's, [L, L]."""
        return self._spread(lambda curve: curve[..., None, :] - curve[..., :, None])

    def _spread(self, summary: Summary) -> Spread:
        """The variance of a summary: the speakers' and, where there are controls, theirs."""
        spreads = [over_speakers(np.moveaxis(summary(self.left_out_CL), 0, -1), self.sizes_C)]
        if self.over_KL is not None:
            spreads.append(over_seeds(np.moveaxis(summary(self.over_KL), 0, -1)))
        return combined(spreads)


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % interval (NaN for one speaker) and the variance behind it."""

    value: float
    low: float
    high: float
    spread: Spread

    def p_value(self, bound: float = 0.0) -> float:
        """Two-sided p-value of the test that the true value is the bound."""
        return p_value(self.value, self.spread, bound)


def r2(truth: ArrayLike, predictions: ArrayLike, baseline: ArrayLike) -> NDArray[np.float64]:
    """R² of predictions that were made without the label: 1 − Σ (y − ŷ)² / Σ (y − baseline)².

    Args:
        truth: Labels y, [N].
        predictions: Predictions ŷ, [..., N].
        baseline: What would be predicted without any features, [N]: the mean label of the fold's training part.

    Raises:
        ScoreError: As `ccc`; or the labels are what the baseline says (code `constant`).
    """
    y, p = checked_pair(truth, predictions)
    around = float(np.square(np.asarray(truth, np.float64) - np.asarray(baseline, np.float64)).sum())
    if around <= 0:
        raise ScoreError("R² of constant labels", "it is not defined", code="constant")
    return np.asarray(1 - np.square(y - p).sum(-1) / around)


def r2_curve(
    layers: Sequence[int], truth: ArrayLike, predictions: ArrayLike, baseline: ArrayLike, clusters: Sequence[str]
) -> Curve:
    """R² of each layer's predictions, with what it is where each speaker is not predicted.

    Leaving speakers out of the evaluation alone shows what depends on who is predicted; it is all there is for probes
    that were fitted to others. Cross-validated probes depend on the same speakers by learning from them too: intervals
    of their R² need `probing.probes.ridge.Look.left_out`.

    Args:
        layers: Indices of the L layers.
        truth: Labels y, [N].
        predictions: Predictions ŷ of each layer by probes that have not seen the utterance's speaker, [L, N].
        baseline: What would be predicted without any features, [N].
        clusters: Each utterance's speaker, N names.

    Raises:
        ScoreError: As `r2`.
    """
    value_L = r2(truth, predictions, baseline)
    y, p_LN = checked_pair(truth, predictions)
    around_N = np.square(np.asarray(truth, np.float64) - np.asarray(baseline, np.float64))
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    sums_LC = np.stack([np.bincount(member, own, len(names)) for own in np.square(y - p_LN)])
    around_C = np.bincount(member, around_N, len(names))
    left_LC, left_C = sums_LC.sum(1, keepdims=True) - sums_LC, around_C.sum() - around_C
    left_out = 1 - np.divide(left_LC, left_C, out=np.full_like(left_LC, np.nan), where=left_C > 0)
    sizes_C = np.bincount(member).astype(float)
    return Curve(tuple(layers), value_L, left_out.T, sizes_C, tuple(names.tolist()))


def difference(one: Curve, other: Curve, summary: Summary) -> Measured:
    """How much a summary of one curve exceeds that of another, paired by speaker and by control.

    A curve that lacks a speaker of the other one, whose ratings are missing, stays as it is when that one is left out.

    Raises:
        ScoreError: The curves are of other layers or numbers of controls (code `unequal-lengths`).
    """
    controls = [0 if curve.over_KL is None else len(curve.over_KL) for curve in (one, other)]
    if one.layers != other.layers or controls[0] != controls[1]:
        raise ScoreError("two curves", "they are of other layers or controls", code="unequal-lengths")
    speakers = tuple(sorted({*one.speakers, *other.speakers}))
    left_out_C, sizes_C = np.zeros(len(speakers)), np.zeros(len(speakers))
    for sign, curve in ((1, one), (-1, other)):
        own_C = np.full(len(speakers), float(summary(curve.value_L)))
        places = np.searchsorted(speakers, curve.speakers)
        own_C[places] = summary(curve.left_out_CL)
        left_out_C += sign * own_C
        sizes_C[places] = np.maximum(sizes_C[places], curve.sizes_C)
    spreads = [over_speakers(left_out_C, sizes_C)]
    if one.over_KL is not None and other.over_KL is not None:
        spreads.append(over_seeds(summary(one.over_KL) - summary(other.over_KL)))
    value, spread = float(summary(one.value_L) - summary(other.value_L)), combined(spreads)
    low, high = t_interval(value, spread)
    return Measured(value, float(low), float(high), spread)


def centre(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre of gravity of what lies above 0, as relative depth: 0 is the first state, 1 the last.

    Args:
        curve: [..., L].

    Returns:
        [...], NaN where nothing lies above 0.

    >>> centre(np.array([0.0, 1.0, 1.0])).item()
    0.75
    """
    gain = np.maximum(curve, 0)
    depth_L = np.linspace(0, 1, curve.shape[-1]) if curve.shape[-1] > 1 else np.zeros(1)
    total = gain.sum(-1)
    return np.divide(gain @ depth_L, total, out=np.full_like(total, np.nan), where=total > 0)


def early_minus_late(last_early: int) -> Summary:
    """Mean over the first states, up to a place among them, minus the mean over the others."""

    def measure(curve: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(curve[..., : last_early + 1].mean(-1) - curve[..., last_early + 1 :].mean(-1))

    return measure


def best_p_values(curve: Curve, seed: int = 0) -> NDArray[np.float64]:
    """p-value of each layer's being the best, [L].

    The largest of the differences of the others to it, each divided by its standard error, is set against the largest
    of as many correlated differences without any true one, by draws from Student's multivariate t. Its degrees of
    freedom are the fewest that a difference has. Every p-value is 1 where there is no variance: for one speaker, or
    where the number is not defined without some speaker.

    Args:
        curve: Scores of the layers.
        seed: Of the draws.
    """
    spreads_LL, covariance_LL = curve.differences(), curve.covariance()
    if len(curve.layers) < 2 or not np.isfinite(covariance_LL).all():
        return np.ones(len(curve.layers))
    error_LL = np.sqrt(spreads_LL.variance)
    certain_LL = error_LL <= _SAME  # the layers are the same, or one is better in every speaker alike
    df = float(np.min(spreads_LL.df[~certain_LL], initial=np.inf))
    generator = np.random.default_rng(seed)
    values_L, vectors_LL = np.linalg.eigh(covariance_LL)
    root_LL = np.sqrt(np.maximum(values_L, 0)) * vectors_LL
    drawn = generator.standard_normal((_DRAWS, len(curve.layers))) @ root_LL.T
    if np.isfinite(df):
        drawn /= np.sqrt(generator.chisquare(df, (_DRAWS, 1)) / df)
    p_L = np.ones(len(curve.layers))
    for place in range(len(curve.layers)):
        gain_L, certain_L = curve.value_L - curve.value_L[place], certain_LL[place]
        if (gain_L[certain_L] > _SAME).any():
            p_L[place] = 0.0
        elif not certain_L.all():
            error_L = error_LL[place, ~certain_L]
            largest = ((drawn - drawn[:, [place]])[:, ~certain_L] / error_L).max(1)
            p_L[place] = (1 + (largest >= (gain_L[~certain_L] / error_L).max()).sum()) / (1 + _DRAWS)
    return p_L


def confidence_set(curve: Curve, level: float = 0.95, seed: int = 0) -> tuple[int, ...]:
    """The layers of which the best could be one, with this confidence.

    Args:
        curve: Scores of the layers.
        level: Of confidence.
        seed: Of the draws.

    Returns:
        Indices of layers; the best on this sample is always among them, and all are where there is no variance.
    """
    p_L = best_p_values(curve, seed)
    best = int(curve.value_L.argmax())
    return tuple(layer for place, layer in enumerate(curve.layers) if place == best or p_L[place] > 1 - level)
