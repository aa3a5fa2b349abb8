"""`probe verify` passes a sound cache, and its status says when a number has changed."""

from __future__ import annotations

from pathlib import Path

import h5py
from commands import done, probe, refused


def test_sound_and_damaged_are_told_apart(table: Path, pooled: list[object]) -> None:
    """A single number that has changed on disk is enough."""
    options = [*pooled, "--store", "pooled"]
    assert "32 right, 0 wrong" in done("verify", *options, "--sample", 3).stdout
    (part,) = Path("cache").glob("*/*/part-00000.h5")
    with h5py.File(part, "r+") as file:
        file["max"][0, 0, 0] += 1
    damaged = probe("verify", *options)
    assert (damaged.status, damaged.code) == (1, None) and "31 right, 1 wrong" in damaged.stdout


def test_without_a_cache_there_is_nothing_to_verify(table: Path, checkpoints: dict[str, Path]) -> None:
    """The error is that of every command that reads a cache."""
    refused(probe("verify", table, "--encoder", checkpoints["hubert"]), "cache-missing")


def test_old_spellings_still_work(table: Path, checkpoints: dict[str, Path]) -> None:
    """`--layers K` and `--out DIR` of version 0.1.0."""
    options = [table, "--encoder", checkpoints["hubert"], "--store", "pooled"]
    done("extract", *options, "--encoder-layers", 1, "--cache", "there")
    result = done("verify", *options, "--layers", 1, "--out", "there", "--sample", 1)
    assert len(result.stderr.splitlines()) >= 2
