"""Limits on rates and channels, checked before anything is allocated, and how much is decoded at a time."""

from __future__ import annotations

from pathlib import Path

from probing.audio.refusals import out_of_bounds
from probing.audio.resample import ratio

SAMPLE_RATE = 16_000  # Hz; every speech encoder here was trained at this rate
RATES = (1000, 768_000)  # Hz, of recordings
MOST_CHANNELS = 256
_BLOCK = 1 << 20  # numbers decoded at a time
_LARGEST_RATIO = 100_000  # of rates; the resampler's filter is 20 times as long


def at_a_time(rate: int, channels: int) -> int:
    """Samples of each channel to decode at a time, so that a block is small before and after resampling."""
    return max(1, min(_BLOCK // channels, _BLOCK * rate // SAMPLE_RATE))


def demand_bounds(path: Path, rate: int, channels: int) -> None:
    """Refuse a rate or a number of channels that no recording has.

    Raises:
        AudioError: One of them is out of bounds (code `audio-bounds`).
    """
    if not RATES[0] <= rate <= RATES[1]:
        low, high = RATES
        raise out_of_bounds(path, f"its header states a rate of {rate:,} Hz; recordings have {low:,} to {high:,}")
    if max(ratio(rate, SAMPLE_RATE)) > _LARGEST_RATIO:
        raise out_of_bounds(path, f"its header states a rate of {rate:,} Hz, which no recorder has")
    if not 1 <= channels <= MOST_CHANNELS:
        raise out_of_bounds(path, f"its header states {channels:,} channels; at most {MOST_CHANNELS} are averaged")
