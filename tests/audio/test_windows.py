"""Windows cover a recording, none is too short for an encoder, and what makes no windows is refused."""

from __future__ import annotations

import pytest
from corpora import names_all, refusal
from hypothesis import given
from hypothesis import strategies as st

from probing.audio.decode import MIN_SAMPLES, SAMPLE_RATE
from probing.audio.windows import windows
from probing.errors import OptionError

SAMPLES = st.integers(MIN_SAMPLES, 20 * SAMPLE_RATE)
SECONDS = st.floats(0.025, 30)


@given(SAMPLES, SECONDS, st.floats(0.01, 1))
def test_every_sample_is_in_a_window(samples, window, part):
    """In order, each within the recording, none shorter than a frame, none longer than asked for."""
    found = windows(samples, window, part * window)
    covered = 0
    for start, end in found:
        assert 0 <= start <= covered < end <= samples
        assert end - start >= MIN_SAMPLES
        covered = end
    assert covered == samples
    assert max(end - start for start, end in found) <= max(round(window * SAMPLE_RATE), MIN_SAMPLES)


@given(SAMPLES)
def test_without_a_window_there_is_one(samples):
    """The whole recording."""
    assert windows(samples) == [(0, samples)]


@given(SAMPLES, st.floats(0.1, 5))
def test_without_a_hop_windows_follow_one_another(samples, window):
    """Each begins where the one before ends, but for a last one that would be too short."""
    found = windows(samples, window)
    size = round(window * SAMPLE_RATE)
    assert [start for start, _ in found[:-1]] == [size * n for n in range(len(found) - 1)]
    assert found[-1][0] in (size * (len(found) - 1), samples - MIN_SAMPLES)


def test_windows_with_gaps_are_allowed():
    """A hop longer than a window leaves samples out."""
    assert windows(5 * SAMPLE_RATE, 1, 2) == [(0, 16_000), (32_000, 48_000), (64_000, 80_000)]


@pytest.mark.parametrize("window", [0, -1, 0.0249, float("nan"), float("inf")])
def test_a_window_that_is_too_short_or_no_number_is_refused(window):
    """By the option and its value."""
    assert names_all(refusal(OptionError, "option-bounds", windows, 16_000, window), f"--window {window:g}")


@pytest.mark.parametrize("hop", [0, -1, 1e-6, float("nan"), float("inf")])
def test_a_hop_that_leads_nowhere_is_refused(hop):
    """By the option and its value."""
    assert names_all(refusal(OptionError, "option-bounds", windows, 16_000, 1, hop), f"--hop {hop:g}")


def test_a_hop_without_a_window_is_refused():
    """It would have no effect."""
    assert names_all(refusal(OptionError, "no-effect", windows, 16_000, None, 1), "--hop 1", "--window")
