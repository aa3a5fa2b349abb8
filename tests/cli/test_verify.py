"""`probe verify` passes a sound cache, and its status says when a number has changed."""

from __future__ import annotations

import shlex
from pathlib import Path

import h5py
import pytest
from commands import done, probe, refused
from front_ends import save_front_end
from torch import nn

from probing.encoders.padding import MaskedGroupNorm
from probing.extraction import padding


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


def test_padding_needs_no_corpus_and_no_cache(checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """It prints every layer and a verdict, writes nothing, and its status is 1 if our batches are off."""
    monkeypatch.setattr(padding, "SECONDS", (1.0, 0.4))
    words = ["verify", "--padding", checkpoints["distilhubert"], "--encoder-layers", 1]
    result = done(*words)
    assert [line.split()[0] for line in result.stdout.splitlines()[2:5]] == ["layer", "0", "1"]
    assert "batches of this package: exact" in result.stdout and not list(Path.cwd().iterdir())
    monkeypatch.setattr(MaskedGroupNorm, "forward", nn.GroupNorm.forward)
    leaking = probe(*words)
    assert (leaking.status, leaking.code) == (1, None) and "FAILED" in leaking.stdout


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (["demo", "--padding", "demo-hubert"], "no-effect", 2),
        (["--padding", "demo-hubert", "--encoder", "demo-hubert"], "no-effect", 2),
        (["--padding", "demo-hubert", "--sample", "3", "--store", "pooled"], "no-effect", 2),
        (["--padding", "demo-hubert", "--window", "3"], "window", 1),
        (["--padding", "no-encoder"], "encoder-unknown", 1),
        (["--padding", "demo-hubert@random:x"], "random-seed", 1),
    ],
)
def test_what_means_nothing_beside_padding_is_refused(words: list[str], code: str, status: int) -> None:
    """Corpus, caches and a second encoder have no part in it."""
    refused(probe("verify", *words), code, status)


def test_a_cache_of_a_shorter_window_names_the_command_that_compares_windows(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the window changes is no error of the cache, and is one command away."""
    folder = save_front_end(tmp_path / "whisper", "whisper")
    words = [table, "--encoder", folder, "--window", 1, "--store", "pooled"]
    done("extract", *words)
    last = done("verify", *words, "--sample", 1).stdout.splitlines()[-1]
    typed = shlex.split(last.partition(": ")[2])
    monkeypatch.setattr(padding, "SECONDS", (0.9, 0.4))
    assert typed[:3] == ["probe", "verify", "--padding"] and "trained window" in done(*typed[1:]).stdout
