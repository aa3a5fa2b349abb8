"""Fine-tuning and `probe predict` against plain loops around the same transformers models."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.measure import Pair, Spent, in_turn, interleaved, spent
from benchmarks.recordings import corpus_of
from benchmarks.results import Result, compared, not_measured, single
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import AutoModel

from probing.audio.decode import SAMPLE_RATE
from probing.extraction.extract import extract
from probing.files import file_digest
from probing.predict.predictor import open_run
from probing.probes.fit import fit
from probing.statistics.concordance import ccc_loss
from probing.systems.build import build_system
from probing.systems.inference import opened
from probing.training.finetune import finetune

SMALL, LARGE = "distilhubert@random", "hubert-base@random"
PLAIN = "plain padded loop around transformers' model"
BARE = "transformers' model on one window after another"
# A step from latents over one from audio, for 3 s of it: 3 (all − front end) / (3 all − 2 front end).
BY_FLOP = {SMALL: 0.55, LARGE: 0.85}
WINDOW, WINDOWS = 3.0, 8  # seconds of each, and how many


def measured(folder: Path, rounds: int) -> Iterator[Result]:
    """Rows of this kind."""
    for name in (SMALL, LARGE):
        yield from _steps(name, rounds)
    yield from _on_a_gpu(rounds)
    corpus = corpus_of(folder / "corpus", [1.0] * 8)
    yield from _predicted(corpus, folder, rounds)
    yield from _around_an_epoch(folder, rounds)


class Plain(nn.Module):
    """What most scripts do: transformers' model with an attention mask, average + maximum over time, a head, CCC.

    Args:
        config: The encoder's configuration; weights are random.
        head: Pooled vectors → estimates.
    """

    def __init__(self, config: Any, head: nn.Module) -> None:
        super().__init__()
        self.audio: Any = AutoModel.from_config(config)
        self.audio.feature_extractor.requires_grad_(False)
        self.audio.feature_extractor._requires_grad = False  # as transformers' own freezing has it
        self.head = head

    def forward(self, input_values: Tensor, attention_mask: Tensor, labels: Tensor) -> Tensor:
        """Loss of a batch."""
        states_BTD = self.audio(input_values, attention_mask=attention_mask).last_hidden_state
        valid_BT = self.audio._get_feature_vector_attention_mask(states_BTD.shape[1], attention_mask)
        padding_BT1 = ~valid_BT[..., None].bool()
        average_BD = states_BTD.masked_fill(padding_BT1, 0.0).sum(1) / valid_BT.sum(1, keepdim=True)
        maximum_BD = states_BTD.masked_fill(padding_BT1, -torch.inf).amax(1)
        return ccc_loss(self.head(average_BD + maximum_BD).T, labels.T).mean()


def _steps(name: str, rounds: int, device: str = "cpu", batch: int = 4) -> Iterator[Result]:
    """A step from audio against the plain loop's, and one from latents against one from audio."""
    seconds = np.linspace(0.9, 1.0, batch) * (3.0 if device == "cpu" else 12.0)
    sounds = [_noise(own, seed) for seed, own in enumerate(seconds)]
    labels = torch.rand(batch, 3, generator=torch.Generator().manual_seed(0)).to(device)
    system, processor = build_system(name, dropout=0.1)
    plain = Plain(system.config.audio_config, copy.deepcopy(system.head)).train()
    module: Any = system
    module.to(device)
    ours, theirs = _optimiser(module), _optimiser(plain.to(device))

    def heard() -> dict[str, Tensor]:
        return {key: value.to(device) for key, value in processor(sounds).items()}

    def from_audio() -> None:
        _step(lambda: module(**heard(), labels=labels).loss, ours, device)

    def by_plain() -> None:
        extractor: Any = processor.audio
        inputs = extractor(
            sounds, sampling_rate=SAMPLE_RATE, padding=True, return_attention_mask=True, return_tensors="pt"
        )
        _step(lambda: plain(**inputs.to(device), labels=labels), theirs, device)

    known = heard()
    latents = module.front_end(known["input_values"], known["lengths"])

    def from_latents() -> None:
        _step(lambda: module(latents=latents, lengths=known["lengths"], labels=labels).loss, ours, device)

    works = (from_audio, by_plain, from_latents)
    for work in works:
        work()  # the first does not count
    taken = list(in_turn(works, rounds))
    audio, peer, short = ([own[place] for own in taken] for place in range(len(works)))
    what = f"of {name}, {batch} utterances" + (" on a GPU, bf16" if device != "cpu" else "")
    yield _clocked(compared(f"step from audio {what}", _pair(audio, peer, device), PLAIN, "≤ 1.02"), device)
    note = f"{BY_FLOP[name]} by torch's count of FLOP: a step passes three times through what is behind the front end"
    if name == LARGE:
        note += ", which is most of the model: the bar cannot be reached"
    rows = ((peer, f"{PLAIN}, from audio", "≤ 0.5"), (audio, "our step from audio", ""))
    for other, against, bar in rows:
        pair = _pair(short, other, device)
        yield _clocked(compared(f"step from latents {what}", pair, against, bar, note=note), device)


def _optimiser(module: nn.Module) -> torch.optim.Optimizer:
    learned = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return torch.optim.Adam(learned, lr=1e-5, fused=True)


def _step(loss: Callable[[], Tensor], optimiser: torch.optim.Optimizer, device: str) -> None:
    """One step; on a GPU as both fine-tunings do it, in bf16, and waited for."""
    with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=device != "cpu"):
        found = loss()
    found.backward()
    optimiser.step()
    optimiser.zero_grad()
    if device != "cpu":
        torch.cuda.synchronize()


def _pair(ours: Sequence[Spent], peer: Sequence[Spent], device: str) -> Pair:
    """Processor seconds or, on a GPU, seconds on the clock."""
    if device == "cpu":
        return Pair(ours, peer)
    return Pair(*([Spent(one.wall, one.wall) for one in own] for own in (ours, peer)))


def _clocked(result: Result, device: str) -> Result:
    return result if device == "cpu" else replace(result, unit="s")


def _on_a_gpu(rounds: int) -> Iterator[Result]:
    if torch.cuda.is_available():
        yield from _steps(LARGE, rounds, "cuda", 16)
    else:
        yield not_measured(f"step from audio of {LARGE}, 16 utterances on a GPU, bf16", PLAIN, "no GPU", "≤ 1.02")


def _predicted(corpus: Path, folder: Path, rounds: int) -> Iterator[Result]:
    """Windows of a recording: a fine-tuned run, and fitted probes, against the bare forward passes of their encoder."""
    recording = _noise(WINDOW * WINDOWS, 9)
    pieces = [torch.from_numpy(piece)[None] for piece in np.split(recording, WINDOWS)]
    what = f"predict {WINDOWS} windows of {WINDOW:g} s"
    places: dict[str, Any] = {"runs": folder / "runs", "cache": folder / "cache"}
    tuned = finetune(str(corpus), SMALL, batch=2, max_steps=1, **places)
    assert tuned is not None  # it is in all but the first of several processes
    system, _ = opened(tuned.folder / "seed0")

    @torch.inference_mode()
    def bare(hidden: bool = False) -> None:
        for piece in pieces:
            model(piece, output_hidden_states=hidden)

    model: Any = AutoModel.from_config(system.config.audio_config).eval()
    run = open_run(tuned.folder)
    yield compared(
        f"{what}, {SMALL} fine-tuned",
        interleaved(lambda: run.predict(recording, None, WINDOW), bare, rounds),
        BARE,
        "≤ 1.02",
    )
    extract(str(corpus), SMALL, store="pooled", cache=folder / "cache")
    probes = open_run(fit(str(corpus), SMALL, seeds=1, epochs=2, permutations=0, **places).folder)
    pair = interleaved(lambda: probes.predict(recording, None, WINDOW), lambda: bare(hidden=True), rounds)
    yield compared(f"{what}, probes on {SMALL}", pair, f"{BARE}, with all hidden states", "≤ 1.02")


def _around_an_epoch(folder: Path, rounds: int) -> Iterator[Result]:
    """What a training does once an epoch besides its steps: sealing a checkpoint, starting processes that read."""
    checkpoint, n_bytes = folder / "checkpoint", 250_000_000
    checkpoint.write_bytes(np.random.default_rng(0).bytes(n_bytes))
    taken = [spent(lambda: file_digest(checkpoint)).processor * 1e9 / n_bytes for _ in range(rounds)]
    yield single(
        "sealing a checkpoint", taken, "processor s per GB", note="12 bytes a parameter that learns, once an epoch"
    )
    loader: DataLoader[int] = DataLoader(range(8), num_workers=4)  # type: ignore[arg-type]
    taken = [spent(lambda: list(loader)).processor for _ in range(rounds)]
    yield single("starting 4 processes that read ahead", taken, "processor s", note="twice an epoch, on a GPU")


def _noise(seconds: float, seed: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)
