"""`probe extract` writes a cache and prints its path; typed again it changes nothing; --dry-run only forecasts."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import done, probe, refused

from probing import load, open_cache, open_corpus


def test_what_it_prints_can_be_opened(table: Path, checkpoints: dict[str, Path]) -> None:
    """The path on stdout alone, the forecast on stderr; the second time nothing is written."""
    first = done("extract", table, "--encoder", checkpoints["hubert"], "--store", "pooled")
    (path,) = first.stdout.splitlines()
    assert len(open_cache(path).ids) == 32 and "32 utterances" in first.stderr
    before = {file: file.stat().st_mtime_ns for file in Path("cache").rglob("*.h5")}
    again = done("extract", table, "--encoder", checkpoints["hubert"], "--store", "pooled")
    assert again.stdout == first.stdout and "complete already" in again.stderr and "complete" not in first.stderr
    assert {file: file.stat().st_mtime_ns for file in Path("cache").rglob("*.h5")} == before


def test_dry_run_only_prints(table: Path, checkpoints: dict[str, Path]) -> None:
    """The forecast is the result then, on stdout, and nothing is written."""
    result = done("extract", table, "--encoder", checkpoints["hubert"], "--dry-run")
    utterances, last = result.stdout.splitlines()
    assert utterances.startswith("32 utterances") and re.match(r"about \d+:\d+ on one cpu", last)
    assert not Path("cache").exists()


def test_old_spellings_lead_to_the_same_cache(table: Path, checkpoints: dict[str, Path]) -> None:
    """`--layers K` and `--out DIR` of version 0.1.0, each with a word on stderr."""
    options = [table, "--encoder", checkpoints["hubert"], "--store", "pooled"]
    old = done("extract", *options, "--layers", 1, "--out", "there")
    assert "--encoder-layers" in old.stderr and "--cache" in old.stderr
    new = done("extract", *options, "--encoder-layers", 1, "--cache", "there")
    assert new.stdout == old.stdout and new.stdout.startswith("there/")
    assert open_cache(new.stdout.strip()).layout.n_states == 2


def test_the_place_can_come_from_the_environment(table: Path, checkpoints: dict[str, Path]) -> None:
    """PROBING_CACHE, where --cache is not typed."""
    words = ["extract", table, "--encoder", checkpoints["hubert"], "--store", "pooled"]
    assert probe(*words, environment={"PROBING_CACHE": "elsewhere"}).stdout.startswith("elsewhere/")


def test_latents_are_kept_once_for_all_transformers(table: Path, save_checkpoint: Callable[..., Path]) -> None:
    """`--store latents` holds what the front end gives each utterance alone, whatever transformer stands behind it."""
    from transformers import AutoFeatureExtractor, AutoModel

    folder = save_checkpoint("hubert", seed=11)
    options = [table, "--encoder", folder, "--store", "latents", "--dtype", "float32"]
    cache = open_cache(done("extract", *options, "--batch-seconds", 9).stdout.strip())
    model = AutoModel.from_pretrained(folder).eval()
    preprocess = AutoFeatureExtractor.from_pretrained(folder)
    for utterance in open_corpus(str(table)).utterances[:6]:
        inputs = preprocess(load(utterance.path), sampling_rate=16_000, return_tensors="pt")["input_values"]
        alone = model.feature_extractor(inputs).detach().numpy()[0].T[:, None]
        error = np.linalg.norm(cache[utterance.id] - alone) / np.linalg.norm(alone)
        assert cache[utterance.id].shape == alone.shape and error < 1e-5
    pruned = Path(done("extract", *options, "--encoder-layers", 1).stdout.strip())
    assert pruned.stem[-8:] == cache.path.stem[-8:]  # the same fingerprint


def test_damaged_audio_stops_before_any_work(table: Path, checkpoints: dict[str, Path], here: Path) -> None:
    """Two recordings that cannot be used: refused with both, done without them where that is allowed."""
    copy = Path(shutil.copytree(table.parent, here / "copy")) / "small.csv"
    (copy.parent / "04.wav").write_bytes((copy.parent / "04.wav").read_bytes()[:5000])
    (copy.parent / "05.wav").unlink()
    options = [copy, "--encoder", checkpoints["hubert"], "--store", "pooled"]
    stopped = probe("extract", *options)
    assert stopped.status == 1 and stopped.code is not None and not list(Path("cache").rglob("*.h5"))
    extracted = done("extract", *options, "--allow-missing", 2)
    assert "u04, u05" in extracted.stderr and len(open_cache(extracted.stdout.strip()).ids) == 30


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--encoder", "hubert-bass"], "encoder-unknown"),
        (["--encoder", "hubert-base"], "encoder-unopened"),
        (["--encoder-layers", "99"], "encoder-layers"),
        (["--device", "cuda:77"], "device"),
        (["--device", "tpu"], "device"),
    ],
)
def test_what_cannot_be_opened_is_refused(table: Path, words: list[str], code: str) -> None:
    """Before any work, with the code of what is wrong."""
    refused(probe("extract", table, *words), code)
    assert not list(Path("cache").rglob("*.h5"))
