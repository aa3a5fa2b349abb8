"""What a recording may be, asked before anything is allocated for it, and how much of it is decoded at a time."""

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
    """Samples of each channel to be decoded at a time: neither they nor what is resampled from them are too many."""
    return max(1, min(_BLOCK // channels, _BLOCK * rate // SAMPLE_RATE))


def demand_bounds(path: Path, rate: int, channels: int) -> None:
    """Refuse what no recording has, before anything is allocated for it."""
    if not RATES[0] <= rate <= RATES[1]:
        low, high = RATES
        raise out_of_bounds(path, f"its header states a rate of {rate:,} Hz; recordings have {low:,} to {high:,}")
    if max(ratio(rate, SAMPLE_RATE)) > _LARGEST_RATIO:
        raise out_of_bounds(path, f"its header states a rate of {rate:,} Hz, which no recorder has")
    if not 1 <= channels <= MOST_CHANNELS:
        raise out_of_bounds(path, f"its header states {channels:,} channels; at most {MOST_CHANNELS} are averaged")
