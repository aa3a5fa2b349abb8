"""Extraction beside the bare forward pass, and beside what other people run.

The bare pass is transformers' own model, one utterance at a time, on waveforms that are decoded already; it keeps
nothing. All others begin with sound files. The padded loop is how most scripts extract: 16 utterances in the corpus's
order, transformers' feature extractor with padding and, as its configuration says, an attention mask or none, all
hidden states, the mean of each utterance's own frames; its states are not exact, and a row says how far they are off.

s3prl and lfeats are measured where they can be imported (`pip install s3prl lfeats 'torchaudio<2.9'`, in an environment
of their own; torchaudio of PyPI is built for CUDA: beside a PyTorch without CUDA remove its shared libraries).
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from benchmarks.measure import Pair, Work, in_turn, interleaved
from benchmarks.recordings import corpus_of
from benchmarks.results import Result, compared, not_measured, single
from builders import RATE
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence
from transformers import HubertModel, pipeline
from transformers.utils import logging

from probing.corpus.checked import Checked, Needs, check_corpus
from probing.corpus.spec import CorpusSpec
from probing.encoders.checkpoints import load_checkpoint
from probing.encoders.opening import open_encoder
from probing.encoders.spec import EncoderSpec
from probing.extraction.extract import prepared
from probing.extraction.options import ExtractOptions

_BATCH = 16  # of the padded loop
_BARS = {"hubert-base@random": "≥ 1.1", "distilhubert@random": "≥ 1.5"}  # against the padded loop
_STORES = ("pooled", "frames")
States = Callable[[Sequence[NDArray[np.float32]]], Sequence[torch.Tensor]]


def measured(folder: Path, rounds: int) -> Iterator[Result]:
    """Rows of this kind."""
    logging.set_verbosity_error()
    material = Material(folder, lengths(16))
    for name, bar in _BARS.items():
        yield from _one_encoder(name, bar, material, rounds)
    yield from _peers("distilhubert@random", material, max(3, rounds // 3))
    yield from _windows("whisper-base@random", max(3, rounds // 3))
    yield from _on_a_gpu("hubert-base@random", folder)


def lengths(number: int) -> NDArray[np.float64]:
    """Seconds of some utterances: as different as those of MSP-Podcast, and short, 2 s on average."""
    return np.random.default_rng(0).lognormal(np.log(2.0), 0.45, number).clip(0.8, 5.0)


@dataclass(frozen=True)
class Material:
    """A corpus of synthetic utterances.

    Args:
        folder: Where its files and caches are.
        seconds: Length of each utterance.
    """

    folder: Path
    seconds: NDArray[np.float64]

    @cached_property
    def checked(self) -> Checked:
        """The corpus, its files written and looked through."""
        table = corpus_of(self.folder, self.seconds.tolist())
        return check_corpus(CorpusSpec.resolve(str(table)), Needs(audio=True), cache=self.folder, remember=False)

    def read(self, place: int) -> NDArray[np.float32]:
        """A waveform [S], from its file."""
        return soundfile.read(self.checked.corpus.utterances[place].path, dtype="float32")[0]

    @cached_property
    def waveforms(self) -> list[NDArray[np.float32]]:
        """All of them, decoded once."""
        return [self.read(place) for place in range(len(self.seconds))]

    def batches(self, size: int) -> Iterator[list[NDArray[np.float32]]]:
        """All waveforms, in the corpus's order."""
        for start in range(0, len(self.seconds), size):
            yield [self.read(place) for place in range(start, min(start + size, len(self.seconds)))]


def _one_encoder(name: str, bar: str, material: Material, rounds: int) -> Iterator[Result]:
    """Both stores, the bare pass and the padded loop, in turn."""
    stock = load_checkpoint(EncoderSpec.resolve(name))
    works = [*(extracting(name, store, material) for store in _STORES)]
    works += [partial(bare, stock.model, material), partial(padded, stock.model, stock.preprocessor, material)]
    for work in works:
        work()
    pooled, frames, alone, loop = zip(*in_turn(works, rounds), strict=True)
    for store, own in zip(_STORES, (pooled, frames), strict=True):
        yield compared(f"extract --store {store}, {name}", Pair(own, alone), "the bare forward pass", "≤ 1.03")
    against = "padded batches of 16"
    yield compared(f"extract --store pooled, {name}", Pair(pooled, loop), against, bar, faster=True)
    note = "of means of states, against each utterance alone; batches of this package: ≤ 1e-5"
    work = f"largest relative error of padded batches of 16, {name}"
    yield single(work, [off(stock.model, stock.preprocessor, material)], "‖batch − alone‖/‖alone‖", note=note)


def extracting(name: str, store: str, material: Material, device: str = "cpu") -> Work:
    """What extracts all utterances anew at each call."""
    encoder, places = open_encoder(name, device), count()

    def extract() -> None:
        place = material.folder / f"cache-{next(places)}"
        prepared(material.checked, encoder, ExtractOptions(store), place).run()
        shutil.rmtree(place)

    return extract


@torch.inference_mode()
def bare(model: Any, material: Material, dtype: torch.dtype = torch.float32) -> None:
    """Run transformers' own model on one utterance at a time."""
    device = next(model.parameters()).device
    for wave in material.waveforms:
        model.eval()(torch.from_numpy(wave)[None].to(device, dtype), output_hidden_states=True)


@torch.inference_mode()
def padded(model: Any, extractor: Any, material: Material) -> list[NDArray[np.float32]]:
    """Means over time of all states, [L, D] each, by padded batches."""
    found = []
    for waves in material.batches(_BATCH):
        batch = extractor(waves, sampling_rate=RATE, padding=True, return_tensors="pt")
        states_BTLD = torch.stack(model.eval()(**batch, output_hidden_states=True).hidden_states, dim=2)
        frames = model._get_feat_extract_output_lengths(torch.tensor([len(wave) for wave in waves]))
        found += [own[:kept].mean(0).numpy() for own, kept in zip(states_BTLD, frames.tolist(), strict=True)]
    return found


@torch.inference_mode()
def off(model: Any, extractor: Any, material: Material) -> float:
    """How far the padded loop's means are off, at most, over utterances and layers."""
    worst = 0.0
    for place, batched_LD in enumerate(padded(model, extractor, material)):
        inputs = extractor(material.read(place), sampling_rate=RATE, return_tensors="pt")
        states = model(inputs["input_values"], output_hidden_states=True).hidden_states
        alone_LD = torch.stack([own[0].mean(0) for own in states]).numpy()
        apart_L = np.linalg.norm(batched_LD - alone_LD, axis=1) / np.linalg.norm(alone_LD, axis=1)
        worst = max(worst, float(apart_L.max()))
    return worst


def _peers(name: str, material: Material, rounds: int) -> Iterator[Result]:
    """Pipeline of transformers, s3prl and lfeats, each with the same weights as ours."""
    found = load_checkpoint(EncoderSpec.resolve(name))
    weights = material.folder / "weights"
    found.model.save_pretrained(weights)
    found.preprocessor.save_pretrained(weights)
    ours = extracting(name, "pooled", material)
    extractor = pipeline("feature-extraction", model=found.model, tokenizer=found.preprocessor)

    def piped() -> None:
        for (wave,) in material.batches(1):
            extractor(wave, return_tensors=True)

    work = f"extract --store pooled, {name}"
    note = "the pipeline gives the last state alone"
    against = "transformers' pipeline"
    yield compared(work, interleaved(ours, piped, rounds), against, faster=True, note=note)
    for peer, opened, how in (
        ("s3prl", _s3prl, "batches of 16, padded"),
        ("lfeats", _lfeats, "one utterance at a time"),
    ):
        if find_spec(peer) is None:
            yield not_measured(work, peer, f"{peer} is not installed (see tests/benchmarks/extraction.py)")
        else:
            pair = interleaved(
                ours, partial(_all_states, opened(weights, len(found.model.encoder.layers)), material), rounds
            )
            yield compared(work, pair, f"{peer}, {how}", faster=True)


def _all_states(states: tuple[int, States], material: Material) -> None:
    """The mean over time of everything that a peer gives."""
    size, give = states
    for waves in material.batches(size):
        for own in give(waves):
            own.mean(1).numpy()


def _s3prl(weights: Path, layers: int) -> tuple[int, States]:
    """The upstream of s3prl, which takes padded batches."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from s3prl.nn import S3PRLUpstream

        upstream = S3PRLUpstream("hf_hubert_custom", path_or_url=str(weights)).eval()

    @torch.inference_mode()
    def states(waves: Sequence[NDArray[np.float32]]) -> Sequence[torch.Tensor]:
        batch = pad_sequence([torch.from_numpy(wave) for wave in waves], batch_first=True)
        return upstream(batch, torch.tensor([len(wave) for wave in waves]))[0]

    return _BATCH, states


def _lfeats(weights: Path, layers: int) -> tuple[int, States]:
    """The extractor of lfeats, given the weights that it would otherwise fetch."""
    import lfeats

    extractor = lfeats.Extractor("hubert")
    extractor.model_manager.get_model().model = HubertModel.from_pretrained(weights).eval()

    def states(waves: Sequence[NDArray[np.float32]]) -> Sequence[torch.Tensor]:
        return [extractor(wave, RATE, layers=list(range(layers + 1))).tensor for wave in waves]

    return 1, states


def _windows(name: str, rounds: int) -> Iterator[Result]:
    """Whisper's windows one by one, as on a CPU, and in batches, as on a GPU."""
    stock = load_checkpoint(EncoderSpec.resolve(name))
    config = stock.model.config
    mel_WMT = torch.randn(4, config.num_mel_bins, 2 * config.max_source_positions)

    @torch.inference_mode()
    def encode(size: int) -> None:
        for some_WMT in mel_WMT.split(size):
            stock.model.eval()(some_WMT, output_hidden_states=True)

    note = "so windows are encoded one by one on a CPU"
    pair = interleaved(lambda: encode(1), lambda: encode(4), rounds)
    yield compared(f"4 windows one by one, {name}", pair, "a batch of them", note=note)


def _on_a_gpu(name: str, folder: Path) -> Iterator[Result]:
    """The rate of a whole extraction on a GPU, and beside the bare pass in bfloat16."""
    work, rate = f"extract --store pooled on a GPU, {name}", "× real time"
    against = "the bare forward pass in bfloat16"
    if not torch.cuda.is_available():
        yield not_measured(f"{work}, wall", against, "no GPU", "≤ 1.67")
        yield not_measured(f"{work}, {rate}", "", "no GPU", "≥ 2000")
        return
    (folder / "gpu").mkdir()
    material = Material(folder / "gpu", lengths(2000))
    model = load_checkpoint(EncoderSpec.resolve(name)).model.to("cuda", torch.bfloat16)

    def theirs() -> None:
        bare(model, material, torch.bfloat16)
        torch.cuda.synchronize()

    pair = interleaved(extracting(name, "pooled", material, "cuda"), theirs, 3)
    # On a GPU what counts is the clock: processors only wait for it.
    ours, other = ([replace(one, processor=one.wall) for one in own] for own in (pair.ours, pair.peer))
    yield compared(f"{work}, wall", Pair(ours, other), against, "≤ 1.67")
    rates = [float(material.seconds.sum()) / one.wall for one in pair.ours]
    yield single(f"{work}, {rate}", rates, rate, "≥ 2000")
