"""Claims about layers: what permuted labels reach, where a dimension is, and when nothing may be said."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from probing.statistics.curves import Curve
from probing.statistics.layers import (
    CLAIMS_LEVEL,
    carried_findings,
    carried_verdict,
    layer_findings,
    layer_summaries,
)
from probing.statistics.verdicts import FAILS, HOLDS, OPEN, UNTESTED, Finding, holm

STATES = np.arange(13)


def bump(peak: float, height: float = 0.4, noise: float = 0.02, states: int = 13, seed: int = 0) -> Curve:
    """A curve with a peak, means over thirty speakers of noisy curves."""
    rng = np.random.default_rng(seed)
    own_CL = height * np.exp(-(((np.arange(states) - peak) / 3) ** 2)) + noise * rng.standard_normal((30, states))
    left_CL = (own_CL.sum(0) - own_CL) / 29
    names = tuple(f"s{i:02d}" for i in range(30))
    return Curve(tuple(range(states)), own_CL.mean(0), left_CL, np.ones(30), names)


def tables(best: float, permutations: int = 100) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Observed CCC of two dimensions on two partitions, and nulls up to .2 (.4 within speakers)."""
    rng = np.random.default_rng(0)
    partitions = ("development", "test1", "test2")
    cells = [(name, layer, on) for name in ("arousal", "valence") for layer in (0, 1, 2) for on in partitions]
    observed = pd.DataFrame([(*c, best if c[:2] == ("arousal", 1) else 0.1) for c in cells])
    nulls = [
        (name, kind, labels, number, layer, on, rng.uniform(-0.2, 0.2) + (0.2 if labels == "by-speaker" else 0.0))
        for name, layer, on in cells
        for kind in ("ridge", "weighted")
        for labels in ("permuted", "by-speaker")
        for number in range(permutations)
    ]
    columns = ["dimension", "kind", "labels", "permutation", "layer", "partition", "ccc"]
    observed.columns = ["dimension", "layer", "partition", "ccc"]
    return observed, pd.DataFrame(nulls, columns=columns)


def carried(*dimensions: str) -> list[Finding]:
    """That some dimensions are carried, as `carried_findings` finds it."""
    observed, nulls = tables(0.9)
    every = pd.concat([observed.assign(dimension=d, ccc=0.9) for d in dimensions]) if dimensions else observed[:0]
    return carried_findings(every, nulls)


def verdicts(findings: list[Finding]) -> list[str]:
    return [finding.verdict for finding in findings]


def test_carried_is_more_than_the_best_of_all_permutations() -> None:
    """Of all layers and dimensions; on test2 of permuted labels, on test1 of those permuted within speakers."""
    observed, nulls = tables(0.3)
    found = {(f.claim, f.on): f for f in carried_findings(observed, nulls)}
    assert {on for _, on in found} == {"test1", "test2"}  # development was selected on
    seen, unseen = (found["some layer carries arousal", on] for on in ("test1", "test2"))
    own = nulls[(nulls.kind == "ridge") & (nulls.partition == "test2") & (nulls.labels == "permuted")]
    assert unseen.verdict == HOLDS and unseen.p == pytest.approx(1 / 101) and unseen.bound == own.ccc.max()
    within = nulls[(nulls.kind == "ridge") & (nulls.partition == "test1") & (nulls.labels == "by-speaker")]
    largest = [within[within.permutation == number].ccc.max() for number in range(100)]
    assert seen.verdict == OPEN and seen.p == pytest.approx((1 + sum(x >= 0.3 for x in largest)) / 101)
    assert found["some layer carries valence", "test2"].verdict == OPEN


def test_a_noisier_measure_does_not_set_the_bar_for_a_quieter_one() -> None:
    """UAR of a category varies less by chance than CCC: what it shows alone it shows beside dimensions, too.

    The findings of dimensions are compared in their own measure, and stand against both.
    """
    observed, nulls = tables(0.9)
    rng = np.random.default_rng(1)
    classified = pd.DataFrame({"category": "emotion", "layer": [0, 1], "partition": "test2", "uar": [0.25, 0.33]})
    rows = nulls[nulls.dimension == "arousal"].rename(columns={"dimension": "category", "ccc": "uar"})
    class_nulls = rows.assign(category="emotion", uar=0.25 + rng.uniform(-0.02, 0.02, len(rows)))
    of_classes = classified.assign(classes=4), class_nulls
    (alone,) = carried_findings(None, None, *of_classes)
    together = {(one.claim, one.on): one for one in carried_findings(observed, nulls, *of_classes)}
    beside = together[alone.claim, "test2"]
    assert alone.verdict == beside.verdict == HOLDS and alone.p == beside.p
    assert nulls.ccc.max() > (0.33 - 0.25) / (1 - 0.25)  # as shares of what is above chance it would not
    assert class_nulls.uar.max() >= alone.bound and beside.bound < 0.29
    one = [found for found in together.values() if found.on == "test1"]
    assert one == [found for found in carried_findings(observed, nulls) if found.on == "test1"]


def test_few_or_no_permutations_show_nothing() -> None:
    """Twenty permutations cannot reach .01, and without any nothing was tested."""
    found = carried_findings(*tables(0.9, permutations=20))
    assert set(verdicts(found)) == {OPEN} and "too few" in found[0].note
    assert set(verdicts(carried_findings(*tables(0.9, permutations=0)))) == {UNTESTED}


def test_claims_are_those_of_the_curves() -> None:
    """Arousal at layer 2 and valence at layer 9.5: all of the paper's claims hold, with Holm's p-values."""
    found = layer_findings({"arousal": bump(2), "valence": bump(9.4)}, carried("arousal", "valence"), "0")
    assert verdicts(found) == [HOLDS] * 4 and len(found) == 4
    assert [f.adjusted for f in found] == pytest.approx(holm([f.p for f in found]))
    assert found[0].claim == "valence lies deeper than arousal" and 0 < found[0].low < found[0].value < found[0].high
    assert "layers up to 4 of 12" in found[1].claim and found[2].value < 0


def test_the_opposite_does_not_hold() -> None:
    """With the peaks changed, every claim is refuted."""
    found = layer_findings({"arousal": bump(10), "valence": bump(2)}, carried("arousal", "valence"), "0")
    assert verdicts(found) == [FAILS] * 4


def test_a_dimension_that_is_not_carried_is_nowhere() -> None:
    """Its claims are undecided whatever its curve, and it has no centre; the others are tested without it."""
    shown = carried("arousal") + [replace(f, verdict=OPEN) for f in carried("valence")]
    curves = {"arousal": bump(2), "valence": bump(9.4)}
    found = layer_findings(curves, shown, "0")
    assert verdicts(found) == [OPEN, HOLDS, OPEN, OPEN]
    assert found[0].note == "nothing to locate" and found[1].adjusted == found[1].p
    summaries = layer_summaries(curves, shown)
    assert summaries["valence"].centre is None and summaries["valence"].confidence_set == ()
    assert carried_verdict("valence", shown) == OPEN and carried_verdict("dominance", shown) == UNTESTED


def test_one_partition_is_enough() -> None:
    """A dimension is carried where it is carried on some test partition."""
    first, second = carried("valence")
    assert carried_verdict("valence", [replace(first, verdict=OPEN), second]) == HOLDS


def test_noise_is_undecided() -> None:
    """Flat curves of noise, carried or not, show no place."""
    curves = {d: bump(5, height=0.0, seed=seed) for seed, d in enumerate(("arousal", "valence"))}
    curves = {d: replace(c, value_L=c.value_L + 0.2, left_out_CL=c.left_out_CL + 0.2) for d, c in curves.items()}
    assert set(verdicts(layer_findings(curves, carried("arousal", "valence"), "0"))) == {OPEN}


@pytest.mark.parametrize(("peak", "verdict"), [(9.4, HOLDS), (8.5, OPEN), (5.0, FAILS)])
def test_a_peak_is_where_all_of_its_confidence_set_is(peak: float, verdict: str) -> None:
    """Within layers 9 and 10 it holds, outside it does not, and across the border it is undecided."""
    curves = {"valence": bump(peak)}
    found = layer_findings(curves, carried("valence"), "0")[-1]
    best = layer_summaries(curves, carried("valence"))["valence"].confidence_set
    inside = {layer in (9, 10) for layer in best}
    assert found.verdict == verdict and (len(inside) == 2) == (verdict == OPEN)
    assert (found.value > 0) == bool(np.isin(bump(peak).value_L.argmax(), (9, 10)))


def test_other_depths_have_other_thirds_and_no_layer_9() -> None:
    """With 24 layers the first third ends at 8; with two states nothing is tested; one speaker is no sample."""
    twenty_four = layer_findings({"arousal": bump(3, states=25)}, carried("arousal"), "0")
    assert len(twenty_four) == 1 and "layers up to 8 of 24" in twenty_four[0].claim
    assert verdicts(twenty_four) == [HOLDS]
    two = layer_findings({"arousal": bump(0, states=2)}, carried("arousal"), "0")
    assert verdicts(two) == [UNTESTED] and "layers of the first third" in two[0].claim
    curve = bump(9.4)
    alone = replace(curve, left_out_CL=np.full((1, 13), np.nan), sizes_C=np.ones(1), speakers=("ann",))
    found = layer_findings({"valence": alone}, carried("valence"), "0")
    assert verdicts(found) == [OPEN, OPEN] and found[0].low is None
    assert layer_summaries({"valence": alone}, carried("valence"))["valence"].low is None


def test_of_one_state_nothing_is_said_of_places() -> None:
    """There is no depth, and no layer 0 of 0."""
    curves = {"arousal": bump(0, states=1), "valence": bump(0, states=1, seed=1)}
    shown = carried("arousal", "valence")
    found = layer_findings(curves, shown, "0")
    assert verdicts(found) == [UNTESTED] * 3 and not any("0 of 0" in finding.claim for finding in found)
    summary = layer_summaries(curves, shown)["valence"]
    assert (summary.best_layer, summary.confidence_set, summary.centre) == (0, (0,), None)


def test_without_permutations_claims_are_not_tested() -> None:
    """Nobody knows whether there is something to locate, which is another thing than that there is nothing."""
    curves = {"arousal": bump(2), "valence": bump(9.4)}
    for unknown in ([], carried_findings(*tables(0.9, permutations=0))):
        found = layer_findings(curves, unknown, "0")
        assert verdicts(found) == [UNTESTED] * 4 and all(finding.adjusted is None for finding in found)
        assert "carries arousal and valence" in found[0].note and found[0].value is not None


def test_a_centre_that_some_speaker_alone_makes_has_no_interval() -> None:
    """The note says why, and does not speak of one speaker where there are thirty."""
    curve = bump(2)
    left = np.where(np.arange(30)[:, None] == 3, -1.0, curve.left_out_CL)
    found = layer_findings(
        {"arousal": replace(curve, left_out_CL=left), "valence": bump(9)}, carried("arousal", "valence"), "0"
    )
    assert found[0].verdict == OPEN and found[0].low is None and "one speaker" not in found[0].note
    assert "no interval" in found[0].note


def test_a_summary_says_where_a_dimension_is() -> None:
    """Best layer, set and centre, with an interval within the encoder; all of it JSON."""
    summary = layer_summaries({"valence": bump(6)}, carried("valence"))["valence"]
    assert summary.best_layer == 6 and 6 in summary.confidence_set and summary.carried == HOLDS
    assert 0 <= summary.low < summary.centre < summary.high <= 1 and summary.centre == pytest.approx(0.5, abs=0.02)
    assert set(asdict(summary)) == {"dimension", "carried", "best_layer", "confidence_set", "centre", "low", "high"}
    nothing = bump(6, height=0.0)
    below = replace(nothing, value_L=nothing.value_L - 1, left_out_CL=nothing.left_out_CL - 1)
    assert layer_summaries({"valence": below}, [])["valence"].centre is None
    found = layer_findings({"arousal": below, "valence": below}, carried("arousal", "valence"), "0")
    assert found[0].verdict == OPEN and found[0].value is None


def test_a_claim_is_made_at_the_level_that_is_left() -> None:
    """A p-value above .03 after Holm's correction is undecided, even below .05."""
    curve = bump(4.1, noise=0.5, seed=4)
    (found,) = layer_findings({"arousal": curve}, carried("arousal"), "0", level=1.0)
    assert found.verdict in (HOLDS, FAILS) and found.adjusted is not None and found.adjusted > CLAIMS_LEVEL
    assert verdicts(layer_findings({"arousal": curve}, carried("arousal"), "0")) == [OPEN]
