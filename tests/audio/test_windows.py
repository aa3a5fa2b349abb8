"""Windows of a long recording: none is too short, none is left out, and what cannot be cut is refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from builders import RATE
from hypothesis import given
from hypothesis import strategies as st

from probing.audio.windows import windows
from probing.errors import OptionError


@given(st.integers(400, 100_000), st.integers(400, 50_000), st.integers(1, 50_000))
def test_windows_leave_nothing_out_and_none_is_too_short(samples: int, size: int, step: int) -> None:
    """Whatever the lengths, as long as the hop is no longer than a window."""
    step = max(min(step, size), samples // 200 + 1)
    spans = windows(samples, size / RATE, step / RATE)
    assert all(end - start >= 400 and end - start <= max(size, 400) and end <= samples for start, end in spans)
    assert spans[0][0] == 0
    if step <= size:
        assert spans[-1][1] == samples and all(after[0] <= before[1] for before, after in pairwise(spans))


def test_without_a_window_the_recording_stays_whole() -> None:
    """One span, from the first sample to the last."""
    assert windows(123_456) == [(0, 123_456)]


@pytest.mark.parametrize(
    ("window", "hop", "code"),
    [
        (None, 1.0, "no-effect"),
        (0.02, None, "option-bounds"),
        (float("nan"), None, "option-bounds"),
        (float("inf"), None, "option-bounds"),
        (-1.0, None, "option-bounds"),
        (1.0, 0.0, "option-bounds"),
        (1.0, -1.0, "option-bounds"),
        (1.0, float("inf"), "option-bounds"),
        (1.0, float("nan"), "option-bounds"),
    ],
)
def test_what_cannot_be_cut_is_refused(window: float | None, hop: float | None, code: str) -> None:
    """Too short, endless or standing still."""
    with pytest.raises(OptionError) as caught:
        windows(RATE, window, hop)
    assert caught.value.code == code
