"""Options of extraction: what is refused, and how shards divide the work."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from probing.errors import OptionError
from probing.extraction.options import CacheOptions, ExtractOptions, ExtractPlace, Shard, VerifyOptions, parse_shard


@pytest.mark.parametrize("count", [1, 2, 5])
def test_shards_divide_the_parts(count: int) -> None:
    """Every part belongs to exactly one of N shards."""
    shards = [Shard(index + 1, count) for index in range(count)]
    for number in range(23):
        assert sum(number in shard for shard in shards) == 1


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_impossible_shards_are_refused(text: str) -> None:
    """I must be from 1 to N."""
    with pytest.raises(OptionError) as caught:
        parse_shard(text)
    assert caught.value.code == "shard"
    with pytest.raises(OptionError):
        ExtractOptions(shard=text)


@pytest.mark.parametrize(
    ("kind", "options", "flag", "code"),
    [
        (ExtractOptions, {"store": "all"}, "--store all", "option-choice"),
        (ExtractOptions, {"dtype": "int8"}, "--dtype int8", "option-choice"),
        (ExtractOptions, {"batch_seconds": 0}, "--batch-seconds 0", "option-bounds"),
        (ExtractOptions, {"part_seconds": -1}, "--part-seconds -1", "option-bounds"),
        (ExtractOptions, {"batch_seconds": float("nan")}, "--batch-seconds nan", "option-bounds"),
        (ExtractOptions, {"batch_seconds": float("inf")}, "--batch-seconds inf", "option-bounds"),
        (ExtractPlace, {"allow_missing": -1}, "--allow-missing -1", "option-bounds"),
        (CacheOptions, {"store": "all"}, "--store all", "option-choice"),
        (CacheOptions, {"dtype": "int8"}, "--dtype int8", "option-choice"),
        (VerifyOptions, {"sample": 0}, "--sample 0", "option-bounds"),
    ],
)
def test_options_that_make_no_sense_are_refused(kind: Any, options: dict[str, Any], flag: str, code: str) -> None:
    """Each is an error that names the option as it is typed, and says what to give."""
    with pytest.raises(OptionError) as caught:
        kind(**options)
    assert caught.value.code == code and caught.value.what == flag and caught.value.remedy


def test_options_load_nothing_heavy() -> None:
    """A wrong choice is refused before NumPy, h5py or torch is imported."""
    code = (
        "import sys, probing.extraction.options\n"
        "assert not {'numpy', 'pandas', 'h5py', 'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
