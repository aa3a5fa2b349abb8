"""Verdicts follow from Holm's procedure over all claims; one seed or one speaker never decides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probing.statistics.verdicts import FAILS, HOLDS, OPEN, UNTESTED, Finding, holm, jointly, settled

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def claim(p: float | None, value: float | None = 0.2, **changes: object) -> Finding:
    return replace(Finding("claim", "test2", value=value, p=p, seeds=3), **changes)


def rejected(p_values: list[float], level: float) -> list[bool]:
    """Holm's procedure as he wrote it: from the smallest on, until one exceeds level / (number of those left)."""
    found, left = [False] * len(p_values), len(p_values)
    for place in sorted(range(len(p_values)), key=lambda i: p_values[i]):
        if p_values[place] > level / left:
            break
        found[place], left = True, left - 1
    return found


@given(P_VALUES, st.sampled_from([0.01, 0.03, 0.05, 0.2]))
def test_adjusted_p_values_reject_what_holm_s_procedure_rejects(p_values: list[float], level: float) -> None:
    """At any level, up to rounding at its edge; they never fall below the unadjusted ones."""
    adjusted = holm(p_values)
    clear = [abs(value - level) > 1e-12 for value in adjusted]
    same = [(a <= level) == r for a, r in zip(adjusted, rejected(p_values, level), strict=True)]
    assert all(one or not decided for one, decided in zip(same, clear, strict=True))
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))


def test_holm_by_hand() -> None:
    """Four p-values: times 4, 3, 2, 1 in order, never falling; what could not be tested does not count."""
    assert holm([0.04, 0.001, 0.03, 0.5]) == pytest.approx([0.09, 0.004, 0.09, 0.5])
    with_nan = holm([0.04, float("nan"), 0.001, 0.03, 0.5])
    assert np.isnan(with_nan[1]) and with_nan[:1] + with_nan[2:] == pytest.approx([0.09, 0.004, 0.09, 0.5])
    assert holm([]) == [] and holm([0.9, 0.8]) == [1.0, 1.0]


def test_holm_keeps_false_verdicts_to_their_level() -> None:
    """Of 5 independent claims without anything to find, some are decided in 5 % of 4,000 reports, not in 23 %."""
    p_values = np.random.default_rng(0).uniform(size=(4000, 5))
    decided = np.mean([min(holm(row)) <= 0.05 for row in p_values.tolist()])
    assert decided == pytest.approx(1 - (1 - 0.01) ** 5, abs=0.01) and (p_values.min(1) <= 0.05).mean() > 0.2


@pytest.mark.parametrize(
    ("value", "above", "verdict"), [(0.2, True, HOLDS), (0.2, False, FAILS), (-0.2, True, FAILS), (-0.2, False, HOLDS)]
)
def test_a_verdict_is_the_side_on_which_the_value_lies(value: float, above: bool, verdict: str) -> None:
    """Where the adjusted p-value is small enough; else it is undecided."""
    assert settled([claim(0.01, value, above=above)])[0].verdict == verdict
    assert settled([claim(0.06, value, above=above)])[0].verdict == OPEN
    assert settled([claim(0.02, value, above=above), claim(0.9)], level=0.03)[0].verdict == OPEN


def test_a_claim_of_one_seed_is_undecided_and_counts() -> None:
    """Other verdicts do not depend on how many seeds it has."""
    one, other = settled([claim(0.0001, seeds=1), claim(0.03)])
    assert (one.verdict, one.note) == (OPEN, "one seed") and one.adjusted == pytest.approx(0.0002)
    assert other.adjusted == pytest.approx(0.03) and other.verdict == HOLDS
    assert settled([claim(0.0001), claim(0.03)])[1].adjusted == other.adjusted


def test_what_has_a_verdict_or_no_p_value_stays_as_it_is_and_does_not_count() -> None:
    """Untested, ambiguous and settled claims; a claim without an interval is undecided and does not count either."""
    others = [
        Finding("untested", "test2"),
        Finding("which run?", "test2", verdict=OPEN, note="two"),
        claim(0.5, verdict=HOLDS),
    ]
    found = settled([*others, claim(float("nan")), claim(0.04)])
    assert found[:3] == others and found[0].verdict == UNTESTED
    assert found[3].verdict == OPEN and found[3].note and found[3].adjusted is None
    assert found[4].adjusted == 0.04 and found[4].verdict == HOLDS
    assert settled([]) == []


def test_claims_about_several_numbers_hold_only_together() -> None:
    """All on the claim's side: the least certain decides; one beyond it: that one, times their number."""
    assert jointly([0.1, 0.2, 0.3], 0.0, True, [0.001, 0.04, 0.02]) == (0.2, 0.04)
    assert jointly([0.1, -0.2, -0.3], 0.0, True, [0.001, 0.04, 0.02]) == (-0.3, pytest.approx(0.06))
    assert jointly([-0.1, -0.2], 0.0, False, [0.3, 0.4]) == (-0.2, 0.4)
    assert jointly([0.2, -0.2], 0.0, True, [0.01, 0.9]) == (-0.2, 1.0)


@pytest.mark.parametrize("value", [0.2, -0.2])
def test_numbers_without_an_interval_decide_nothing_together(value: float) -> None:
    """NaN stays NaN on either side."""
    nan = float("nan")
    assert np.isnan(jointly([value], 0.0, True, [nan])[1])
    assert np.isnan(jointly([value, value], 0.0, True, [nan, nan])[1])


def test_a_joint_claim_is_decided_falsely_no_more_often_than_its_level() -> None:
    """Three numbers of which one lies on the bound and two far above; and three that all lie on it."""
    from scipy.stats import norm

    rng = np.random.default_rng(1)
    for means in ((0, 4, 4), (0, 0, 0)):
        z = rng.standard_normal((4000, 3)) + means
        p_values = 2 * norm.sf(np.abs(z))
        decided = [jointly(row, 0.0, True, p)[1] <= 0.05 for row, p in zip(z.tolist(), p_values.tolist(), strict=True)]
        assert np.mean(decided) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)
