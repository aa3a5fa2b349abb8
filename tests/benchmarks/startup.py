"""How long a command takes before it does any work: processor seconds of whole processes, imports included."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.measure import Spent, in_turn
from benchmarks.recordings import corpus_of
from benchmarks.results import Result, single

SECONDS, UTTERANCES = 1.0, 64
UNIT = "processor s"
AT_ONCE = "≤ 0.5"
# Names that are not there, one command each; `LABELS` stands for a corpus that is.
UNKNOWN = (
    ("check", "no.csv"),
    ("check", "LABELS", "--transcripts", "no.csv"),
    ("extract", "no.csv"),
    ("extract", "LABELS", "--encoder", "./no"),
    ("verify", "no.csv"),
    ("fit", "no.csv"),
    ("fit", "LABELS", "--cache", "cache/no.h5"),
    ("layers", "no.csv"),
    ("finetune", "no.csv"),
    ("finetune", "LABELS", "--system", "demo-hubert+no"),
    ("evaluate", "runs/no"),
    ("transcribe", "no.csv", "--asr", "openai/whisper-base"),
    ("predict", "runs/no", "a.wav"),
    ("compare", "runs/no"),
    ("figure", "2", "runs/no"),
    ("report", "runs/no"),
)
# What `probe fit` does until it fits: its first step is the first ridge probe.
FIRST_STEP = """
import os, sys
from unittest import mock
from probing.cli.main import main
from probing.encoders.importing import without_collector
with without_collector():  # as the command imports it
    import probing.probes.fit
with mock.patch("probing.probes.fit.ridge_look", lambda *words: os._exit(0)):
    main(sys.argv[1:])
"""
FLOOR = "import torch, transformers.models.hubert.modeling_hubert"


def measured(folder: Path, rounds: int) -> Iterator[Result]:
    """Rows of this kind."""
    labels = corpus_of(folder, [SECONDS] * UTTERANCES)
    command = partial(run, folder, (sys.executable, "-m", "probing"))
    python = partial(run, folder, (sys.executable, "-c"))
    unknown = [tuple(labels.name if word == "LABELS" else word for word in words) for words in UNKNOWN]
    answered = _medians([partial(command, words, 1) for words in unknown], rounds)
    for words, values in zip(unknown, answered, strict=True):
        yield single(f"probe {' '.join(words)} (not there)", values, UNIT, AT_ONCE)
    (values,) = _medians([partial(command, ("--help",), 0)], rounds)
    yield single("probe --help", values, UNIT, AT_ONCE)
    yield from _working(labels, command, python, rounds)


def _working(
    labels: Path, command: Callable[..., object], python: Callable[..., object], rounds: int
) -> Iterator[Result]:
    """What commands take on a corpus that is there, beside importing what they all need."""
    corpus = (labels.name, "--scale", "0", "1")
    extract = ("extract", *corpus, "--store", "pooled")
    command(extract, 0)
    works = [
        partial(command, ("check", *corpus), 0),
        partial(command, extract, 0),
        partial(python, (FIRST_STEP, "fit", *corpus, "--dim", "arousal"), 0),
        partial(python, (FLOOR,), 0),
    ]
    check, nothing, first, floor = _medians(works, rounds)
    least = statistics.median(floor)
    note = f"beside it, a plain import of PyTorch and transformers' model of HuBERT takes {least:.2f}"
    yield single(f"probe check, {UTTERANCES} recordings at 16 kHz", check, UNIT)
    yield single("probe extract with nothing to do", nothing, UNIT, "≤ 3", note)
    yield single("probe fit until its first step", first, UNIT, "≤ 4", note)
    yield single("importing PyTorch and transformers' model of HuBERT", floor, UNIT)


def _medians(works: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Processor seconds of each work in every round, all in turn; a round before them does not count."""
    for work in works:
        work()
    found: list[list[Spent]] = list(in_turn(works, rounds))
    return [[spent.processor for spent in own] for own in zip(*found, strict=True)]


def run(folder: Path, program: Sequence[str], words: Sequence[str], status: int) -> None:
    """Run a process to its end; another exit status than is expected is an error."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([*program, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != status:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
