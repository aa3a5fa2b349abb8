"""The bank of probes against as many separate fits with PyTorch's own layers and its fused Adam.

Both learn the same from the same pooled states of HuBERT base's size. The separate fits have them in float32, each
layer apart, which makes them as fast as such a loop can be written in Python.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from benchmarks.measure import interleaved
from benchmarks.results import Result, compared, not_measured, single
from numpy.typing import NDArray
from torch import Tensor, nn

from probing.bench.memory import peak
from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus, Utterance
from probing.probes.bank import Probe, ProbeBank, plan_bank
from probing.probes.block import Block, learning_rate, shuffled_batches
from probing.probes.features import Features
from probing.probes.heads import new_head, numbers_of
from probing.probes.memory import block_of
from probing.probes.options import FitOptions
from probing.probes.targets import regression
from probing.probes.train import train_bank
from probing.runs.scores import places

LAYERS, WIDTH = 13, 768
DIMS = ("arousal", "valence", "dominance")
# 3 dimensions × 5 seeds × (13 layers, their weighted sum, and a refit of it).
BANK = FitOptions(DIMS, layers="both", seeds=5, permutations=0, refits=5, epochs=2, patience=2)
DEFAULT = FitOptions(DIMS)
SEPARATE = "separate fits, fused Adam"
MSP_PODCAST = 63_076  # utterances of train in release 1.10


def measured(folder: Path, rounds: int) -> Iterator[Result]:
    """Rows of this kind."""
    data = Data.of(192, 64)
    for name, options in (("225 probes", BANK), ("153 probes of the defaults", DEFAULT)):
        ours, peers, batch = Blocks(data, options), Separate(data, options), data.train[:32]
        pair = interleaved(lambda: ours.step(batch), lambda: peers.step(batch), rounds)  # noqa: B023 - called here
        yield compared(f"bank of {name}, a step of 32 utterances", pair, SEPARATE, "≤ 0.70")
    pair = interleaved(
        lambda: train_bank(data.corpus, data, LAYERS, WIDTH, BANK), lambda: Separate(data, BANK).fit(), rounds
    )
    note = "two epochs, from drawing the heads to the estimates of all utterances; each separate fit by itself"
    yield compared("bank of 225 probes, a fit", pair, SEPARATE, "≤ 0.70", note=note)
    work, unit = "bank of 225 probes, memory", "× its parameters"
    if sys.platform == "linux":
        yield single(work, [_peak()], unit, note="most memory while it is fitted, beyond what there was before")
    else:
        yield not_measured(work, "", "only Linux tells the most memory of a process")
    work = f"bank of 225 probes, a pass over {MSP_PODCAST:,} utterances on a GPU"
    if torch.cuda.is_available():
        yield single(work, [_pass_on_gpu() for _ in range(3)], "s", "≤ 10")
    else:
        yield not_measured(work, "", "no GPU here", "≤ 10")


@dataclass(frozen=True)
class Data:
    """Pooled states in float16, as a cache holds them, and ratings.

    Args:
        corpus: The N utterances.
        states_NLD: Their states.
    """

    corpus: Corpus
    states_NLD: Tensor
    held = True

    @classmethod
    def of(cls, train: int, development: int, device: str = "cpu") -> Data:
        """So many utterances of random states."""
        rng, n = np.random.default_rng(0), train + development
        partitions = [TRAIN] * train + [DEVELOPMENT] * development
        utterances = tuple(
            Utterance(f"u{i}", None, name, f"{name}{i % 24}", dict(zip(DIMS, ratings.tolist(), strict=True)))
            for i, (name, ratings) in enumerate(zip(partitions, rng.uniform(0, 1, (n, 3)), strict=True))
        )
        states = torch.randn(n, LAYERS, WIDTH, generator=torch.Generator(device).manual_seed(0), device=device).half()
        return cls(Corpus("bench", (0.0, 1.0), utterances), states)

    @property
    def train(self) -> NDArray[np.int64]:
        """Places of train."""
        return places(self.corpus, TRAIN)

    def batches(self, batches: Sequence[NDArray[np.int64]]) -> Iterator[Features]:
        """As `PooledFeatures`."""
        for batch in batches:
            yield Features(self.states_NLD[torch.from_numpy(batch).to(self.states_NLD.device)].float(), None)


class Blocks:
    """A bank's blocks side by side, to be trained step by step."""

    def __init__(self, data: Data, options: FitOptions, device: str = "cpu") -> None:
        probes = plan_bank(options, LAYERS)
        learned = sum(probe.learns_weights for probe in probes)
        head = new_head("mlp", [probe.seed for probe in probes], WIDTH, WIDTH, 1, learned)
        bank = ProbeBank(probes, LAYERS, head, "mean").to(device)
        target = regression(data.corpus, probes, {TRAIN: data.train}, device)
        size = block_of(numbers_of("mlp", WIDTH, WIDTH, 1), device)
        groups = np.split(np.arange(len(probes)), range(size, len(probes), size))
        self._blocks = [Block(bank.narrow(rows), target.only(rows), rows, options) for rows in groups]
        self._data = data

    def step(self, batch: NDArray[np.int64]) -> None:
        """A step of all probes; of more than a batch, a pass."""
        for block in self._blocks:
            block.train_epoch(self._data, batch, 1)


class Plain(nn.Module):
    """A probe with PyTorch's own layers; `layer` None learns the weights of a sum."""

    def __init__(self, layer: int | None) -> None:
        super().__init__()
        self.layer = layer
        self.logits = nn.Parameter(torch.zeros(LAYERS)) if layer is None else None
        self.head = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Estimates [B] from [B, L, D], or from [B, D] of the layer."""
        if self.logits is not None:
            x = torch.einsum("l,bld->bd", self.logits.softmax(0), x)
        found: Tensor = self.head(x)[:, 0]
        return found


def concordance(estimates: Tensor, labels: Tensor) -> Tensor:
    """CCC, as one writes it."""
    e_mean, l_mean = estimates.mean(), labels.mean()
    covariance = ((estimates - e_mean) * (labels - l_mean)).mean()
    spread = estimates.var(unbiased=False) + labels.var(unbiased=False) + (e_mean - l_mean) ** 2
    return 2 * covariance / spread


class Separate:
    """As many fits as a bank has probes, each with a model and an optimiser of its own."""

    def __init__(self, data: Data, options: FitOptions) -> None:
        self._data, self._options = data, options
        self._probes = plan_bank(options, LAYERS)
        self._states = data.states_NLD.float()
        self._layers = [self._states[:, layer].contiguous() for layer in range(LAYERS)]
        labels = {name: [u.labels[name] for u in data.corpus.utterances] for name in DIMS}
        self._labels = {name: torch.tensor(own) for name, own in labels.items()}
        self._models = [Plain(probe.layer) for probe in self._probes]
        self._optimizers = [self._adam(model) for model in self._models]

    def _adam(self, model: Plain) -> torch.optim.Adam:
        groups = [{"params": list(model.head.parameters()), "lr": learning_rate(self._options, WIDTH)}]
        if model.logits is not None:
            groups.append({"params": [model.logits], "lr": self._options.layer_lr})
        return torch.optim.Adam(groups, fused=True)

    def step(self, batch: NDArray[np.int64]) -> None:
        """A step of all of them."""
        places = torch.from_numpy(batch)
        for number in range(len(self._models)):
            self._step(number, places)

    def _step(self, number: int, places: Tensor) -> None:
        probe, model, optimizer = self._probes[number], self._models[number], self._optimizers[number]
        optimizer.zero_grad()
        estimates = model(self._seen(probe)[places])
        (1 - concordance(estimates, self._labels[probe.dimension][places])).backward()
        optimizer.step()

    def _seen(self, probe: Probe) -> Tensor:
        return self._states if probe.layer is None else self._layers[probe.layer]

    def fit(self) -> None:
        """All of them, one after another: each is best where its CCC on development is, and estimates all."""
        options, data = self._options, self._data
        development = torch.from_numpy(places(data.corpus, DEVELOPMENT))
        for number, (probe, model) in enumerate(zip(self._probes, self._models, strict=True)):
            best, kept, labels = -1.0, {}, self._labels[probe.dimension][development]
            for epoch in range(1, options.epochs + 1):
                for batch in shuffled_batches(data.train, options, epoch):
                    self._step(number, torch.from_numpy(batch))
                with torch.inference_mode():
                    score = float(concordance(model(self._seen(probe)[development]), labels))
                if score > best:
                    best, kept = score, {name: own.clone() for name, own in model.state_dict().items()}
            model.load_state_dict(kept)
            with torch.inference_mode():
                model(self._seen(probe))


def _peak() -> float:
    """Most memory that a fit of the bank takes, beyond what there is before, in sizes of its parameters."""
    words = [sys.executable, "-m", "benchmarks.bank"]
    before, after, numbers = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    return float((after - before) / (numbers * torch.float32.itemsize))


def _pass_on_gpu() -> float:
    """Seconds of an epoch of train."""
    data = Data.of(MSP_PODCAST, 2, "cuda")
    blocks = Blocks(data, BANK, "cuda")
    blocks.step(data.train[:320])
    torch.cuda.synchronize()
    began = time.perf_counter()
    blocks.step(data.train)
    torch.cuda.synchronize()
    return time.perf_counter() - began


def main() -> None:
    """Fit once, and print the most memory before and after in KiB, and the bank's number of parameters."""
    data = Data.of(192, 64)
    train_bank(data.corpus, data, LAYERS, WIDTH, replace(BANK, layers="each", seeds=1, hidden=8))
    before = peak("cpu")
    found = train_bank(data.corpus, data, LAYERS, WIDTH, BANK)
    print(json.dumps([before, peak("cpu"), sum(parameter.numel() for parameter in found.bank.parameters())]))


if __name__ == "__main__":
    main()
