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
    """

    layers: tuple[int, ...]
    value_L: NDArray[np.float64]
    left_out_CL: NDArray[np.float64]
    sizes_C: NDArray[np.float64]
    speakers: tuple[str, ...]
    over_KL: NDArray[np.float64] | None = None

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
        return Curve(self.layers, over_KL.mean(0), left_out_CL, self.sizes_C, self.speakers, over_KL)

    def intervals(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """95 % interval of each layer's number, [L] each; NaN for one speaker."""
        return t_interval(self.value_L, self._spread(lambda curve: curve, per_layer=True))

    def summarize(self, summary: Summary) -> Measured:
        """A number that the whole curve gives, with its interval."""
        value = float(summary(self.value_L))
        spread = self._spread(summary)
        low, high = t_interval(value, spread)
        return Measured(value, float(low), float(high), spread)

    def _spread(self, summary: Summary, per_layer: bool = False) -> Spread:
        left_out, over = summary(self.left_out_CL), None if self.over_KL is None else summary(self.over_KL)
        if per_layer:
            left_out, over = left_out.T, None if over is None else over.T
        spreads = [over_speakers(left_out, self.sizes_C)] + ([] if over is None else [over_seeds(over)])
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


def r2_curve(
    layers: Sequence[int], truth: ArrayLike, predictions: ArrayLike, baseline: ArrayLike, clusters: Sequence[str]
) -> Curve:
    """R² of each layer's out-of-fold predictions: 1 − Σ (y − ŷ)² / Σ (y − baseline)².

    Args:
        layers: Indices of the L layers.
        truth: Labels y, [N].
        predictions: Predictions ŷ of each layer by probes that have not seen the utterance's speaker, [L, N].
        baseline: What would be predicted without any features, [N]: the mean label of the fold's training part.
        clusters: Each utterance's speaker, N names.

    Raises:
        ScoreError: As `ccc`; or the labels are constant (code `constant`).
    """
    y, p_LN = checked_pair(truth, predictions)
    errors_LN = np.square(y - p_LN)
    around_N = np.square(np.asarray(truth, np.float64) - np.asarray(baseline, np.float64))
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    sums_LC = np.stack([np.bincount(member, own, len(names)) for own in errors_LN])
    around_C = np.bincount(member, around_N, len(names))
    if around_C.sum() <= 0:
        raise ScoreError("R² of constant labels", "it is not defined", code="constant")
    left_LC, left_C = sums_LC.sum(1, keepdims=True) - sums_LC, around_C.sum() - around_C
    left_out = 1 - np.divide(left_LC, left_C, out=np.full_like(left_LC, np.nan), where=left_C > 0)
    sizes_C = np.bincount(member).astype(float)
    value_L = 1 - sums_LC.sum(1) / around_C.sum()
    return Curve(tuple(layers), value_L, left_out.T, sizes_C, tuple(names.tolist()))


def difference(one: Curve, other: Curve, summary: Summary) -> Measured:
    """How much a summary of one curve exceeds that of another, on the same speakers.

    Raises:
        ScoreError: The curves are of other layers, speakers, or numbers of controls (code `unequal-lengths`).
    """
    controls = [0 if curve.over_KL is None else len(curve.over_KL) for curve in (one, other)]
    if one.layers != other.layers or one.speakers != other.speakers or controls[0] != controls[1]:
        raise ScoreError("two curves", "they are of other layers or speakers", code="unequal-lengths")
    value = float(summary(one.value_L) - summary(other.value_L))
    spreads = [over_speakers(summary(one.left_out_CL) - summary(other.left_out_CL), one.sizes_C)]
    if one.over_KL is not None and other.over_KL is not None:
        spreads.append(over_seeds(summary(one.over_KL) - summary(other.over_KL)))
    spread = combined(spreads)
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


def confidence_set(curve: Curve, level: float = 0.95, seed: int = 0) -> tuple[int, ...]:
    """The layers of which the best could be one, with this confidence.

    Layer l is left out where some layer is better by more than chance: where the largest of the differences to it, each
    divided by its standard error over speakers, exceeds what the largest of as many correlated differences without any
    true one does in `level` of draws (Student's t, with the speakers' effective number − 1 degrees of freedom).

    Args:
        curve: Scores of the layers.
        level: Of confidence.
        seed: Of the draws.

    Returns:
        Indices of layers; the best on this sample is always among them, and all are for one speaker.
    """
    if len(curve.speakers) < 2:
        return curve.layers
    kept = []
    for place, layer in enumerate(curve.layers):
        others = [other for other in range(len(curve.layers)) if other != place]
        better_CL = curve.left_out_CL[:, others] - curve.left_out_CL[:, [place]]
        spread = over_speakers(better_CL.T, curve.sizes_C)
        error_L = np.sqrt(spread.variance)
        some = error_L > 0
        gain_L = (curve.value_L[others] - curve.value_L[place])[some] / error_L[some]
        if not some.any() or gain_L.max() <= _largest_by_chance(better_CL[:, some], spread, level, seed):
            kept.append(layer)
    return tuple(kept)


def _largest_by_chance(better_CL: NDArray[np.float64], spread: Spread, level: float, seed: int) -> float:
    """Quantile of the largest of correlated t variables, by draws."""
    generator = np.random.default_rng(seed)
    deviations = better_CL - better_CL.mean(0)
    scaled = deviations / np.sqrt(np.square(deviations).sum(0))  # [C, L], its columns' products are the correlations
    normal = generator.standard_normal((_DRAWS, len(scaled))) @ scaled
    chi = np.sqrt(generator.chisquare(float(spread.df), _DRAWS) / float(spread.df))
    return float(np.quantile((normal / chi[:, None]).max(1), level))
