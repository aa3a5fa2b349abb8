"""How fast and how large: ratios measured in one run, since machines differ and are noisy. Run with `make bench`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile
import torch
from builders import RATE, waveform

from probing.audio.decode import load
from probing.corpus.checked import Needs, check_corpus
from probing.corpus.spec import CorpusSpec
from probing.encoders.opening import open_encoder
from probing.extraction.extract import prepared
from probing.extraction.options import ExtractOptions
from probing.extraction.pooling import summarise

pytestmark = pytest.mark.slow
SECONDS = 3.0

PEAK = """
import json, resource, sys
from click.testing import CliRunner
from probing.cli.main import main
result = CliRunner().invoke(main, json.loads(sys.argv[1]))
assert result.exit_code == 0, result.output
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def corpus_of(folder: Path, count: int) -> Path:
    """A table of `count` utterances of three seconds."""
    folder.mkdir()
    lines = ["id,path,partition,speaker,arousal"]
    for number in range(count):
        soundfile.write(folder / f"{number}.wav", waveform(SECONDS, number), RATE)
        partition = ("train", "train", "development", "test1")[number % 4]
        lines.append(f"u{number},{number}.wav,{partition},{partition}{number % 5},{number % 7 / 7:.3f}")
    (folder / "bench.csv").write_text("\n".join(lines) + "\n")
    return folder / "bench.csv"


def peak(*words: object) -> float:
    """Peak memory of a command in MB, in a process of its own."""
    process = subprocess.run(
        [sys.executable, "-c", PEAK, json.dumps([str(word) for word in words])],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(process.stdout.split()[-1]) / 1024


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    """Peak memory of `extract` and of `fit` from frames at 20 × the corpus is within 5 % of that at 1 ×."""
    peaks: dict[str, list[float]] = {"extract": [], "fit": []}
    for size in (40, 800):
        table, out = corpus_of(tmp_path / f"{size}", size), tmp_path / f"cache{size}"
        peaks["extract"].append(peak("extract", table, "--cache", out, "--part-seconds", 60))
        fit = ("fit", table, "--cache", out, "--store", "frames", "--epochs", 2, "--batch", 8, "--runs", tmp_path)
        peaks["fit"].append(peak(*fit))
    for command, (small, large) in peaks.items():
        print(f"\n{command}: {small:.0f} MB at 1 ×, {large:.0f} MB at 20 ×: ratio {large / small:.3f}")
    assert all(large <= 1.05 * small for small, large in peaks.values())


@pytest.mark.parametrize("store", ["frames", "pooled"])
def test_extraction_stays_near_the_bare_forward_pass(tmp_path: Path, store: str) -> None:
    """Seconds of `extract` beside those of the bare forward pass over the same audio, and where the rest goes."""
    spec = CorpusSpec.resolve(str(corpus_of(tmp_path / "corpus", 16)))
    encoder = open_encoder("distilhubert@random")
    spent: dict[str, float] = {}

    def timed(name: str, began: float) -> None:
        spent[name] = spent.get(name, 0) + time.perf_counter() - began

    began = time.perf_counter()
    checked = check_corpus(spec, Needs(audio=True), cache=tmp_path, remember=False)
    timed("scan", began)
    corpus = checked.corpus
    encoder.hidden_states([load(corpus.utterances[0].path or "")])  # what the first pass sets up
    began = time.perf_counter()
    prepared(checked, encoder, ExtractOptions(store), tmp_path / "cache").run()
    timed("extract", began)
    for utterance in corpus.utterances:
        began = time.perf_counter()
        waveform_ = load(utterance.path or "")
        timed("decode", began)
        began = time.perf_counter()
        states, frames = encoder.hidden_states([waveform_])
        timed("forward", began)
        began = time.perf_counter()
        summarise(states[0, : frames[0]], store, "float16", "u")
        timed("summarise", began)
    rest = spent["extract"] - spent["forward"] - spent["summarise"]
    ratio = spent["extract"] / spent["forward"]
    print(f"\n{store}: extract / forward = {ratio:.2f} on {torch.get_num_threads()} threads; of which")
    for name in ("scan", "decode", "summarise"):
        print(f"  {name} / forward = {spent[name] / spent['forward']:.3f}")
    print(f"  (writing, checking, waiting) / forward = {rest / spent['forward']:.3f}")
    assert spent["extract"] < 2 * spent["forward"]


def test_chunks_serve_both_ways_of_reading(tmp_path: Path) -> None:
    """Whole utterances with all layers, and one layer of all utterances, by the shape of the chunks."""
    rng = np.random.default_rng(0)
    frames, layers, width, length = 20_000, 13, 768, 250
    block = rng.standard_normal((frames, layers, width)).astype(np.float16)
    shapes = {
        "contiguous": None,
        "85 × 1 × 768 (chosen)": (85, 1, width),
        "16 × 1 × 768": (16, 1, width),
        "512 × 1 × 768": (512, 1, width),
        "8 × 13 × 768": (8, layers, width),
    }
    seconds: dict[str, tuple[float, float]] = {}
    for name, chunks in shapes.items():
        with h5py.File(tmp_path / "chunks.h5", "w") as file:
            file.create_dataset("states", data=block, chunks=chunks)
        with h5py.File(tmp_path / "chunks.h5", "r") as file:
            began = time.perf_counter()
            for start in rng.permutation(range(0, frames, length)):
                file["states"][start : start + length]
            whole = time.perf_counter() - began
            began = time.perf_counter()
            for start in range(0, frames, 5000):
                file["states"][start : start + 5000, 6]
            seconds[name] = whole, time.perf_counter() - began
    base = seconds["contiguous"]
    print()
    for name, (whole, layer) in seconds.items():
        print(f"  {name:24s} utterances {whole / base[0]:5.2f} ×   one layer {layer / base[1]:5.2f} × (of contiguous)")
    chosen = seconds["85 × 1 × 768 (chosen)"]
    assert chosen[1] < seconds["8 × 13 × 768"][1]
