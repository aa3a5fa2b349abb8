"""Claims about layers: whether a dimension is carried, where it is, and which of two lies deeper (section 4.2).

That a dimension is carried is tested against permuted labels, at .01 on each of two test partitions; where that is
shown, the claims about places are tested together at .03. So something false is claimed of layers in at most 5 % of
fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.statistics.curves import (
    Curve,
    Measured,
    best_p_values,
    centre,
    confidence_set,
    difference,
    early_minus_late,
)
from probing.statistics.permutation import reached_by_any
from probing.statistics.verdicts import HOLDS, OPEN, UNTESTED, Finding, settled

CARRIED_LEVEL = 0.01  # of a false "carried" on each of two partitions
CLAIMS_LEVEL = 0.03  # of a false verdict among the claims about places: the rest of 5 %
CROSS_VALIDATED = "train+development, cross-validated"
ALL_FOLDS = "all folds, cross-validated"  # the same where all folds of a split are pooled
_AROUSAL, _VALENCE = "arousal", "valence"
_TAUGHT, _SEEN = ("train", "development"), "test1"
_NOWHERE = "nothing to locate"
_PAPERS_LAYERS, _PAPERS_PEAK = 12, (9, 10)  # of HuBERT base and of wav2vec 2.0 large, pruned


@dataclass(frozen=True)
class LayerSummary:
    """Where one dimension is.

    Args:
        dimension: Its name.
        carried: Whether any layer carries it: `holds` (on some test partition), `undecided` or `not tested`.
        best_layer: The layer of the highest R².
        confidence_set: Layers of which the best could be one, with 95 % confidence; none where it is undecided whether
            any layer carries the dimension.
        centre: Centre of the curve as relative depth, 0 (first state) to 1 (last); None where there is nothing to
            locate, or one state.
        low: Lower end of its 95 % interval; None where there is none.
        high: Upper end.
    """

    dimension: str
    carried: str
    best_layer: int
    confidence_set: tuple[int, ...] = ()
    centre: float | None = None
    low: float | None = None
    high: float | None = None


def carried_claim(dimension: str) -> str:
    """How the claim is worded that some layer carries a dimension."""
    return f"some layer carries {dimension}"


def carried_findings(
    observed: pd.DataFrame | None,
    nulls: pd.DataFrame | None,
    classified: pd.DataFrame | None = None,
    class_nulls: pd.DataFrame | None = None,
) -> list[Finding]:
    """Whether some layer carries each dimension and category, on each test partition.

    The largest score over the layers is set against the largest over all layers and targets that probes of permuted
    labels reach, so that the best of many is compared with the best of many. Dimensions have one measure together, and
    each category has its own, whose UAR has a spread of its own by chance: see `permutation.reached_by_any`. On test1,
    whose speakers are known from train, labels are permuted within speakers: what a voice alone tells does not count.

    Args:
        observed: CCC of ridge probes: dimension, layer, partition, ccc; None without dimensions.
        nulls: As nulls.csv; only rows of the kind `ridge` count.
        classified: UAR of ridge probes: category, layer, partition, uar, classes; None without categories.
        class_nulls: As category_nulls.csv; only rows of the kind `ridge` count.

    Returns:
        A finding for each target and test partition, with its verdict: `holds` at a p-value up to .01, else
        `undecided`; `not tested` where there are no permutations. There is none where all of a partition is one class.
    """
    tested = [*_tested(observed, "dimension", "ccc"), *_tested(classified, "category", "uar")]
    nulls_of = {"dimension": nulls, "category": class_nulls}
    found = {
        partition: _carried([one for one in tested if one.partition == partition], nulls_of)
        for partition in {one.partition for one in tested}
    }
    return [found[one.partition][one.target] for one in tested]


@dataclass(frozen=True)
class _Tested:
    """The largest score of a target's layers on a partition.

    Args:
        target: A dimension or a category.
        key: Which of the two, as its column in tables is named.
        partition: Where it is tested.
        score: Name of the score's column.
        value: The largest score.
    """

    target: str
    key: str
    partition: str
    score: str
    value: float

    @property
    def measure(self) -> str:
        """What has one spread by chance: CCC of all dimensions, UAR of each category."""
        return self.score if self.key == "dimension" else f"{self.score} of {self.target}"


def _tested(observed: pd.DataFrame | None, key: str, score: str) -> list[_Tested]:
    found: list[_Tested] = []
    if observed is None:
        return found
    for (target, partition), own in observed.groupby([key, "partition"], sort=False):
        told_apart = key == "dimension" or own.classes.iloc[0] > 1
        if partition not in _TAUGHT and told_apart:
            found.append(_Tested(str(target), key, str(partition), score, float(own[score].max())))
    return found


def _carried(tested: Sequence[_Tested], nulls: Mapping[str, pd.DataFrame | None]) -> dict[str, Finding]:
    """Of each target of a partition what was found."""
    labels, how = ("by-speaker", "within") if tested[0].partition == _SEEN else ("permuted", "between")
    measures = {one.measure: [other for other in tested if other.measure == one.measure] for one in tested}
    reached = {measure: _reached(own, nulls[own[0].key], labels) for measure, own in measures.items()}
    # A permutation is one draw of all measures together.
    largest = pd.DataFrame({measure: own for measure, own in reached.items() if len(own)}).dropna()
    observed = {measure: max(one.value for one in own) for measure, own in measures.items()}
    bars = reached_by_any({measure: largest[measure].to_numpy(float) for measure in largest}, observed)
    of_all = "the largest of all" if len(bars) < 2 else "the largest of all, each measure by its own spread"
    found = {}
    for one in tested:
        measure = f"largest {one.score.upper()} of a ridge probe on one layer, against {of_all} (labels permuted {how} "
        finding = Finding(carried_claim(one.target), one.partition, f"{measure}speakers)", value=one.value)
        found[one.target] = _settled(finding, one.value, bars.get(one.measure, np.empty(0)))
    return found


def _reached(tested: Sequence[_Tested], nulls: pd.DataFrame | None, labels: str) -> pd.Series[float]:
    """The largest score of one measure's probes in each permutation."""
    one = tested[0]
    if nulls is None or nulls.empty:
        return pd.Series(dtype=float)
    own = nulls[(nulls.kind == "ridge") & (nulls.labels == labels) & (nulls.partition == one.partition)]
    of_tested = own[own[one.key].isin([each.target for each in tested])]
    return of_tested.groupby("permutation")[one.score].max()


def _settled(finding: Finding, value: float, bar_R: NDArray[np.float64]) -> Finding:
    """A finding with its verdict: whether the value lies above what permuted labels reach."""
    if not len(bar_R):
        return replace(finding, note="no permutations")
    p = float((1 + (bar_R >= value).sum()) / (1 + len(bar_R)))
    verdict = HOLDS if p <= CARRIED_LEVEL else OPEN
    few = 1 / (1 + len(bar_R)) > CARRIED_LEVEL
    note = f"{len(bar_R)} permutations are too few" if few else ""
    return replace(finding, bound=float(bar_R.max()), p=p, adjusted=p, verdict=verdict, note=note)


def of_all_folds(findings: Sequence[Finding]) -> list[Finding]:
    """Findings of a run that pools all folds: what is cross-validated there is so over all of them together."""
    return [replace(one, on=ALL_FOLDS) if one.on == CROSS_VALIDATED else one for one in findings]


def layer_findings(
    curves: Mapping[str, Curve], carried: Sequence[Finding], above: str, level: float = CLAIMS_LEVEL
) -> list[Finding]:
    """Claims about where arousal and valence are, with their verdicts.

    A claim about a dimension that is not carried is undecided: a place of nothing means nothing. Where it was not
    tested whether a dimension is carried, the claim is not tested either.

    Args:
        curves: Dimension → its curve.
        carried: What `carried_findings` found.
        above: What the curves are above: `0`, or `random encoders`.
        level: Probability of any false verdict among these claims.
    """
    arousal, valence = curves.get(_AROUSAL), curves.get(_VALENCE)
    claims = []
    if arousal is not None and valence is not None:
        claims.append(_gated(_deeper(arousal, valence, above), (_AROUSAL, _VALENCE), carried))
    if arousal is not None:
        claims.append(_gated(_early(arousal, _AROUSAL, above), (_AROUSAL,), carried))
    if valence is not None:
        claims.append(_gated(_early(valence, _VALENCE, above), (_VALENCE,), carried))
    if valence is not None and valence.layers[-1] == _PAPERS_LAYERS:
        claims.append(_gated(_peak(valence, above), (_VALENCE,), carried))
    return settled(claims, level)


def _gated(finding: Finding, dimensions: Sequence[str], carried: Sequence[Finding]) -> Finding:
    """Leave a claim undecided unless all of its dimensions are carried, and untested where that was not tested."""
    if finding.verdict == UNTESTED and finding.p is None:
        return finding
    verdicts = {carried_verdict(dimension, carried) for dimension in dimensions}
    if OPEN in verdicts:
        return replace(finding, p=None, verdict=OPEN, note=_NOWHERE)
    if UNTESTED in verdicts:
        note = f"not tested whether any layer carries {' and '.join(dimensions)}"
        return replace(finding, p=None, verdict=UNTESTED, note=note)
    return finding


def carried_verdict(dimension: str, carried: Sequence[Finding]) -> str:
    """Whether some layer carries a dimension, on any test partition."""
    verdicts = {finding.verdict for finding in carried if finding.claim == carried_claim(dimension)}
    return next((verdict for verdict in (HOLDS, OPEN) if verdict in verdicts), UNTESTED)


def _deeper(arousal: Curve, valence: Curve, above: str) -> Finding:
    measure = f"centre of R² above {above} (0: first state, 1: last), valence − arousal"
    finding = Finding("valence lies deeper than arousal", CROSS_VALIDATED, measure)
    if len(valence.layers) < 2:
        return replace(finding, note="one state")
    return _measured(finding, difference(valence, arousal, centre), max(len(arousal.speakers), len(valence.speakers)))


def _early(curve: Curve, dimension: str, above: str) -> Finding:
    """Whether the first third of the layers matters more than deeper ones (arousal), or less (valence)."""
    last = curve.layers[-1]
    third = round(last / 3)
    enough = len(curve.layers) >= 3
    early = f"layers up to {third} of {last}" if enough else "layers of the first third"
    if dimension == _AROUSAL:
        claim = f"{early} matter more than deeper ones for {dimension}"
    else:
        claim = f"the first blocks matter least for {dimension}: {early} less than deeper ones"
    measure = f"mean R² above {above}, layers up to {third} − deeper ones"
    finding = Finding(claim, CROSS_VALIDATED, measure, above=dimension == _AROUSAL)
    if not enough:
        return replace(finding, note="fewer than three states")
    return _measured(finding, curve.summarize(early_minus_late(curve.layers.index(third))), len(curve.speakers))


def _peak(curve: Curve, above: str) -> Finding:
    """Whether the best layer is one of those where the paper sees valence's peak.

    Either that it is one of them or that it is another one is true; the p-value is that of what the data speak against.
    """
    inside_L = np.isin(curve.layers, _PAPERS_PEAK)
    gain = float(curve.value_L[inside_L].max() - curve.value_L[~inside_L].max())
    against_L = ~inside_L if gain > 0 else inside_L
    first, second = _PAPERS_PEAK
    best = ", ".join(map(str, confidence_set(curve)))
    measure = f"R² above {above}, better of layers {first} and {second} − best other (95 % confidence set: {best})"
    finding = Finding(f"{_VALENCE} peaks at layers {first} and {second}", CROSS_VALIDATED, measure, value=gain)
    if len(curve.speakers) < 2:
        return replace(finding, p=float("nan"))
    return replace(finding, p=float(best_p_values(curve)[against_L].max()))


def _measured(finding: Finding, measured: Measured, speakers: int) -> Finding:
    """A claim with what was measured for it, of so many speakers (or groups of them)."""
    value = _number(measured.value)
    if value is None:
        return replace(finding, verdict=OPEN, note=_NOWHERE)
    low, high = _number(measured.low), _number(measured.high)
    # A centre may be there, but not without some speaker, or not above one of the random encoders.
    note = "no interval: in part of the sample there is nothing to locate" if low is None and speakers > 1 else ""
    return replace(finding, value=value, low=low, high=high, p=measured.p_value(), note=note)


def layer_summaries(curves: Mapping[str, Curve], carried: Sequence[Finding]) -> dict[str, LayerSummary]:
    """Dimension → where it is."""
    found = {}
    for dimension, curve in curves.items():
        verdict = carried_verdict(dimension, carried)
        best = curve.layers[int(curve.value_L.argmax())]
        found[dimension] = LayerSummary(dimension, verdict, best)
        if verdict != OPEN:
            at = curve.summarize(centre)
            ends = np.clip([at.value, at.low, at.high], 0, 1) if len(curve.layers) > 1 else [np.nan] * 3
            middle, low, high = map(_number, ends)
            found[dimension] = LayerSummary(dimension, verdict, best, confidence_set(curve), middle, low, high)
    return found


def _number(value: float) -> float | None:
    """None instead of NaN."""
    return None if np.isnan(value) else float(value)
