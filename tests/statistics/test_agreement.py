"""Whether encoders of different depth rank their layers alike, against hand-made curves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from probing.statistics.agreement import at_depths, rank_agreement
from probing.statistics.curves import Curve


def curve(values: list[float], speakers: tuple[str, ...] = ("a", "b", "c"), shift: float = 0.0) -> Curve:
    """A curve that leaves its shape alone, whoever is left out, but for a shift of the last state without the first."""
    left_out = np.tile(values, (len(speakers), 1)).astype(float)
    left_out[0, -1] += shift
    sizes = np.full(len(speakers), 5.0)
    return Curve(tuple(range(len(values))), np.asarray(values, float), left_out, sizes, speakers)


def test_the_same_shape_agrees_whatever_the_number_of_layers() -> None:
    """A line sampled at 3 and at 13 states is one line; its reverse is the opposite."""
    rising = curve([0.1, 0.5, 0.9])
    deep = curve(np.linspace(0.2, 0.4, 13).tolist())
    found = rank_agreement(rising, deep)
    assert (found.rho, found.low, found.high) == (1, 1, 1)
    assert rank_agreement(rising, curve([0.9, 0.5, 0.1])).rho == -1
    assert rank_agreement(rising, rising) == found


def test_it_is_spearmans_rho_at_eleven_depths() -> None:
    """Second way: NumPy's interpolation typed out, SciPy's ρ."""
    one, other = [0.0, 0.7, 0.2, 0.9, 0.4], [0.3, 0.1, 0.8, 0.6]
    depths = np.arange(11) / 10
    sampled = [np.interp(depths * (len(values) - 1), range(len(values)), values) for values in (one, other)]
    sampled = [np.round(values, 9) for values in sampled]  # some points of both curves are equal
    assert rank_agreement(curve(one), curve(other)).rho == pytest.approx(spearmanr(*sampled).statistic)
    assert at_depths(one, 5).tolist() == one


def test_the_range_is_over_the_speakers_that_both_have() -> None:
    """One whose absence turns a curve round gives an end of the range; of strangers there is none."""
    rising, turned = curve([0.1, 0.5, 0.9]), curve([0.1, 0.5, 0.9], shift=-2.0)
    found = rank_agreement(rising, turned)
    assert found.rho == found.high == 1 and found.low < 0
    assert rank_agreement(rising, curve([0.1, 0.5, 0.9], ("a", "b", "x"), shift=-2.0)).low < 0
    assert rank_agreement(rising, curve([0.1, 0.5, 0.9], ("A", "b", "c"), shift=-2.0)).low == 1
    assert np.isnan(rank_agreement(rising, curve([0.1, 0.5, 0.9], ("x", "y", "z"))).low)


def test_speakers_are_paired_by_name_in_whatever_order() -> None:
    """A fit's file lists them as the corpus does."""
    one, other = curve([0.1, 0.5, 0.9], ("b", "c", "a"), -2.0), curve([0.1, 0.5, 0.9], ("c", "a", "b"))
    turned = Curve(other.layers, other.value_L, one.left_out_CL[[1, 2, 0]], other.sizes_C, other.speakers)
    assert rank_agreement(one, turned) == rank_agreement(one, one)
    assert rank_agreement(one, one).low == 1 > rank_agreement(one, other).low


@pytest.mark.parametrize("flat", [[0.4, 0.4, 0.4], [0.4]])
def test_a_flat_curve_ranks_nothing(flat: list[float]) -> None:
    """Neither ρ nor a warning."""
    assert np.isnan(rank_agreement(curve(flat), curve([0.1, 0.5, 0.9])).rho)
