"""Options of `probe extract` and `probe verify`, and which cache a command reads. Loads without NumPy and torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from probing.cache.stores import DTYPES, STORES
from probing.errors import OptionError
from probing.options import allow_missing_option, cache_option, device_option, option, validate


@dataclass(frozen=True)
class Shard:
    """The I-th of N processes that divide the parts between them beforehand, without locks.

    Args:
        index: I, from 1.
        count: N.
    """

    index: int
    count: int

    def __contains__(self, number: int) -> bool:
        """Whether the part of this number is this process's own."""
        return number % self.count == self.index - 1


def parse_shard(text: str) -> Shard:
    """Read `I/N`.

    Raises:
        OptionError: It is not I/N with 1 ≤ I ≤ N (code `shard`).

    >>> parse_shard("2/8")
    Shard(index=2, count=8)
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        why = "it must be I/N with I from 1 to N"
        raise OptionError(f"--shard {text}", why, "for example --shard 1/8", code="shard")
    return Shard(int(match[1]), int(match[2]))


@dataclass(frozen=True)
class ExtractOptions:
    """What to extract and how the work is divided. The encoder always computes in float32, whatever the dtype."""

    store: str = option(
        "frames",
        "What to keep: every frame (frames), statistics over time, some 70 times smaller (pooled), or the output of "
        "the convolutional front end (latents).",
        choices=tuple(STORES),
    )
    dtype: str = option("float16", "Number format on disk.", choices=DTYPES)
    partitions: tuple[str, ...] = option(
        (), "Extract only this partition; may be repeated.", flag="--partition", metavar="NAME", shown_default="all"
    )
    batch_seconds: float | None = option(
        None,
        "Audio in a batch, padding included; a token of text counts as 0.02 s.",
        above=0,
        metavar="SECONDS",
        shown_default="CPU 1, GPU 240; of text 20, 1200",
    )
    part_seconds: float | None = option(
        None,
        "Audio in a part file: the most that a kill can lose.",
        above=0,
        metavar="SECONDS",
        shown_default="600, more for over 83 hours",
    )
    shard: str | None = option(
        None, "Extract only every N-th part, from the I-th on: for file systems without locks.", metavar="I/N"
    )

    def __post_init__(self) -> None:
        validate(self)
        if self.shard is not None:
            parse_shard(self.shard)


@dataclass(frozen=True)
class ExtractPlace:
    """Where the work is done and its result kept, and how many utterances may be left out."""

    cache: Path = cache_option()
    device: str | None = device_option()
    allow_missing: int = allow_missing_option()

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class CacheOptions:
    """Which cache to read."""

    store: str | None = option(
        None,
        "Store to read.",
        choices=tuple(STORES),
        shown_default="the one that is there",
    )
    dtype: str = option("float16", "Number format of the cache.", choices=DTYPES)
    cache: Path = option(
        Path("cache"),
        "Folder of all caches, or one cache file.",
        envvar="PROBING_CACHE",
        metavar="DIR",
    )

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class VerifyOptions:
    """What `probe verify` tries."""

    sample: int = option(10, "Number of utterances to extract again, one by one.", at_least=1)
    seed: int = option(0, "Random seed of the sample, or of the utterances of --padding.")

    def __post_init__(self) -> None:
        validate(self)
