"""Claims that are tested: Holm's correction over all claims of one report, and the verdict on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

HOLDS, FAILS, OPEN, UNTESTED = "holds", "does not hold", "undecided", "not tested"
LEVEL = 0.05  # of false verdicts in one report


@dataclass(frozen=True)
class Finding:
    """A claim, what was measured for it, and the verdict.

    Args:
        claim: What is claimed.
        on: What it was measured on: a partition, or `train+development, cross-validated`.
        measure: What was measured, for the reader.
        of: The systems or the encoder that it is about.
        value: What was measured; None where nothing could be.
        low: Lower end of its 95 % interval (not adjusted for the number of claims); None where there is none.
        high: Upper end.
        bound: What the value is held against.
        above: Whether the claim is that the value lies above the bound, or below it.
        p: Two-sided p-value; None where nothing was tested.
        adjusted: The p-value adjusted for all claims of the report (Holm).
        seeds: Training seeds behind the value; None where nothing was trained from a seed.
        verdict: `holds`, `does not hold`, `undecided` or `not tested`.
        note: Why it is undecided or not tested, where more can be said than that.
    """

    claim: str
    on: str
    measure: str = ""
    of: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float = 0.0
    above: bool = True
    p: float | None = None
    adjusted: float | None = None
    seeds: int | None = None
    verdict: str = UNTESTED
    note: str = ""


def settled(findings: Sequence[Finding], level: float = LEVEL) -> list[Finding]:
    """The findings of one report with their adjusted p-values and verdicts.

    Those that have a verdict other than `not tested`, or no p-value, stay as they are and do not count in the
    correction. With one training seed a finding is undecided, but it counts: the verdicts on others must not depend on
    how many seeds this one has.

    Args:
        findings: All of one report.
        level: Probability of any false verdict among them.
    """
    open_ = [i for i, one in enumerate(findings) if one.verdict == UNTESTED and one.p is not None]
    adjusted = dict(zip(open_, holm([float(findings[i].p or 0.0) for i in open_]), strict=True))
    return [_settled(one, adjusted[i], level) if i in adjusted else one for i, one in enumerate(findings)]


def _settled(finding: Finding, adjusted: float, level: float) -> Finding:
    if finding.value is None or np.isnan(adjusted):
        tested = None if np.isnan(adjusted) else finding.p  # a record holds no NaN
        return replace(finding, p=tested, verdict=OPEN, note=finding.note or "no interval: one speaker")
    if finding.seeds == 1:
        return replace(finding, adjusted=adjusted, verdict=OPEN, note="one seed")
    if adjusted > level:
        return replace(finding, adjusted=adjusted, verdict=OPEN)
    right = (finding.value > finding.bound) == finding.above
    return replace(finding, adjusted=adjusted, verdict=HOLDS if right else FAILS)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values (1979), in the order given.

    A NaN (nothing could be tested) stays NaN and does not count.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, np.float64)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    factors = len(known) - np.arange(len(known))
    adjusted = np.full(len(values), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return [float(value) for value in adjusted]


def jointly(values: Sequence[float], bound: float, above: bool, p_values: Sequence[float]) -> tuple[float, float]:
    """Test a claim that all of several numbers lie beyond a bound (intersection–union).

    Returns:
        The number that decides, and the p-value: where all lie on the claim's side, the largest p-value; else the
        smallest of those on the other side, times their number.
    """
    wrong = [i for i, value in enumerate(values) if (value > bound) != above]
    if not wrong:
        decisive = int(np.argmax(p_values))
        return values[decisive], p_values[decisive]
    decisive = min(wrong, key=lambda i: p_values[i])
    return values[decisive], float(np.minimum(1.0, p_values[decisive] * len(values)))  # NaN stays NaN
