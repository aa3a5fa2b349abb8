"""Corpus × encoder → cache: run a frozen encoder over every utterance and keep all hidden states.

Decoding runs ahead of the device and writing behind it. A kill loses the part in flight; the same command goes on.

Shape legend: B utterances · S samples · T frames · L states · D hidden size.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import layer_norm
from tqdm import tqdm

from probing.audio import SAMPLE_RATE, load
from probing.cache import DTYPES, PARTIAL, STORES, Entry, Layout, PartWriter, part_lengths, parts_folder, write_virtual
from probing.corpus.model import Corpus
from probing.encoders import SpeechEncoder
from probing.errors import CacheError, first_names
from probing.plan import PLAN, Part, settle_plan

_AHEAD = 3  # batches decoded ahead of the device
_OVERHEAD = 1.02  # of HDF5 over the numbers themselves
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class ExtractOptions:
    """How to extract.

    Args:
        store: `frames` (every frame of every layer) or `pooled` (statistics over time, some 70 times smaller).
        dtype: Number format on disk, `float16` or `float32`; the encoder itself always computes in float32.
        batch_seconds: Seconds of audio, padding included, in a batch; None: 1 on a CPU, 240 on a GPU.
        part_seconds: Seconds of audio in a part file; None: 600, more for a corpus of over 83 hours.
        decoders: Threads that decode audio.
        root: Folder of all caches.
    """

    store: str = "frames"
    dtype: str = "float16"
    batch_seconds: float | None = None
    part_seconds: float | None = None
    decoders: int = 2
    root: Path = Path("cache")

    def __post_init__(self) -> None:
        if self.store not in STORES:
            raise CacheError(f"--store {self.store}", "there is no such store", f"use {' or '.join(STORES)}")
        if self.dtype not in DTYPES:
            raise CacheError(f"--dtype {self.dtype}", "there is no such number format", f"use {' or '.join(DTYPES)}")
        for option in ("batch_seconds", "part_seconds"):
            value = getattr(self, option)
            if value is not None and not value > 0:
                raise CacheError(f"--{option.replace('_', '-')} {value}", "it must be above 0", "give seconds of audio")


@dataclass(frozen=True)
class Estimate:
    """What an extraction will take, known before it starts.

    Args:
        path: The cache's virtual file.
        utterances: Number of utterances.
        seconds: Seconds of audio.
        frames: Frames of all utterances.
        n_bytes: Bytes that the whole cache takes on disk.
        n_bytes_left: Bytes of it that are still to be written.
        free: Free bytes on the disk.
        pooled_bytes: Bytes that `--store pooled` would take.
    """

    path: Path
    utterances: int
    seconds: float
    frames: int
    n_bytes: int
    n_bytes_left: int
    free: int
    pooled_bytes: int

    def __str__(self) -> str:
        return (
            f"{self.utterances:,} utterances, {self.seconds / 3600:.2f} h, {self.frames:,} frames "
            f"→ {size(self.n_bytes)} in {self.path} ({size(self.free)} free)"
        )


def layout_of(corpus: Corpus, encoder: SpeechEncoder, store: str, dtype: str = "float16") -> Layout:
    """What the cache of a corpus, an encoder and a store says of itself; its `path` is where the cache belongs."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("probing", "torch", "transformers", "h5py"))
    return Layout(
        store=store,
        dtype=dtype,
        n_states=encoder.n_states,
        width=encoder.width,
        corpus=corpus.name,
        encoder=encoder.name,
        title=encoder.title,
        identity=encoder.identity,
        written_by=libraries,
    )


def estimate(corpus: Corpus, samples: dict[str, int], encoder: SpeechEncoder, options: ExtractOptions) -> Estimate:
    """Hours, frames, bytes and free disk of an extraction.

    Args:
        corpus: What is to be extracted.
        samples: Utterance id → length in samples at 16 kHz.
        encoder: The encoder.
        options: Store and number format.
    """
    layout = layout_of(corpus, encoder, options.store, options.dtype)
    pooled = layout_of(corpus, encoder, "pooled", options.dtype)
    frames = {utterance.id: encoder.frames(samples[utterance.id]) for utterance in corpus.utterances}
    path = layout.path(options.root)
    held = {id_ for part in parts_folder(path).glob("part-*.h5") for id_ in part_lengths(part)}

    def n_bytes(ids: Iterable[str]) -> int:
        rows = sum(frames[id_] if options.store == "frames" else 1 for id_ in ids)
        return int(rows * layout.bytes_per_frame * _OVERHEAD)

    root = options.root.absolute()
    disk = next(folder for folder in (root, *root.parents) if folder.exists())
    return Estimate(
        path=path,
        utterances=len(frames),
        seconds=sum(samples[id_] for id_ in frames) / SAMPLE_RATE,
        frames=sum(frames.values()),
        n_bytes=n_bytes(frames),
        n_bytes_left=n_bytes(frames.keys() - held),
        free=shutil.disk_usage(disk).free,
        pooled_bytes=int(len(frames) * pooled.bytes_per_frame * _OVERHEAD),
    )


def extract(corpus: Corpus, samples: dict[str, int], encoder: SpeechEncoder, options: ExtractOptions) -> Path:
    """Extract what is not yet in the cache and write the file that users open.

    Args:
        corpus: Utterances with audio.
        samples: Utterance id → length in samples at 16 kHz, from `scan_audio`.
        encoder: A frozen encoder.
        options: Store, number format, batches, place.

    Returns:
        The cache's virtual file.

    Raises:
        CacheError: It would not fit on the disk, a value does not fit the number format, or audio has changed since.
        AudioError: A file cannot be decoded any more.
    """
    expected = estimate(corpus, samples, encoder, options)
    if expected.n_bytes_left > expected.free:
        raise CacheError(
            f"{size(expected.n_bytes_left)} more do not fit on the disk of {options.root} ({size(expected.free)} free)",
            "every frame of every layer is kept" if options.store == "frames" else "",
            f"add `--store pooled` ({size(expected.pooled_bytes)}) or name a larger disk with `--out`",
        )
    layout = layout_of(corpus, encoder, options.store, options.dtype)
    path = layout.path(options.root)
    folder = parts_folder(path)
    lengths = {utterance.id: samples[utterance.id] for utterance in corpus.utterances}
    budget = options.batch_seconds or (1.0 if encoder.device.type == "cpu" else 240.0)
    plan = settle_plan(folder, lengths, budget, options.part_seconds)
    todo = [part for part in plan if not (folder / part.name).is_file()]
    for part in plan:
        if part not in todo:
            _refuse_changed(folder / part.name, part, samples)
    current = {part.name + PARTIAL for part in todo}
    for stale in folder.glob(f"part-*{PARTIAL}"):
        if stale.name not in current:  # a killed run's, under a plan that was given up
            stale.unlink()
    if todo:
        path.unlink(missing_ok=True)  # it is there only while it stands for every part
    audio = {utterance.id: utterance.path for utterance in corpus.utterances}
    with tqdm(total=_seconds(todo, samples), unit="s", unit_scale=True, desc="extract", disable=None) as bar:
        for part in todo:
            _write_part(folder / part.name, part, layout, audio, samples, encoder, options, bar)
    if todo or not path.is_file():
        write_virtual(path, layout, [part.name for part in plan])
    return path


def _seconds(parts: Sequence[Part], samples: dict[str, int]) -> float:
    return sum(samples[id_] for part in parts for id_ in part.ids) / SAMPLE_RATE


def _write_part(
    path: Path,
    part: Part,
    layout: Layout,
    audio: dict[str, Path | None],
    samples: dict[str, int],
    encoder: SpeechEncoder,
    options: ExtractOptions,
    bar: tqdm[Any],
) -> None:
    """Extract one part: decoding ahead, the encoder here, writing behind."""

    def decode(batch: tuple[str, ...]) -> list[NDArray[np.float32]]:
        return [load(audio[id_] or "") for id_ in batch]

    ids = part.ids
    with (
        ThreadPoolExecutor(options.decoders) as decoders,
        ThreadPoolExecutor(1) as pen,
        PartWriter(path, layout, ids, [samples[i] for i in ids], [encoder.frames(samples[i]) for i in ids]) as writer,
    ):
        written: Future[None] | None = None
        for batch, waveforms in zip(part.batches, _ahead(decoders, decode, part.batches), strict=True):
            for id_, waveform in zip(batch, waveforms, strict=True):
                if len(waveform) != samples[id_]:
                    raise CacheError(
                        f"{audio[id_]}", "its length changed while extracting", "run the same command again"
                    )
            states_BTLD, frames_B = _encode(encoder, waveforms)
            entries = [
                summarise(states_BTLD[row, :count], layout.store, layout.dtype, f"utterance {id_}")
                for row, (id_, count) in enumerate(zip(batch, frames_B, strict=True))
            ]
            if written:
                written.result()
            written = pen.submit(_write_batch, writer, batch, entries)
            bar.update(sum(samples[id_] for id_ in batch) / SAMPLE_RATE)
        if written:
            written.result()
        writer.finish()


def _encode(encoder: SpeechEncoder, waveforms: list[NDArray[np.float32]]) -> tuple[Tensor, list[int]]:
    try:
        return encoder.hidden_states(waveforms)
    except torch.OutOfMemoryError as error:
        seconds = len(waveforms) * max(map(len, waveforms)) / SAMPLE_RATE
        smaller = f"add `--batch-seconds {seconds / 2:.3g}`" if len(waveforms) > 1 else "add `--device cpu`"
        raise CacheError(
            f"a batch of {seconds:.3g} s of audio does not fit into the device's memory",
            f"it holds {len(waveforms)} utterances",
            f"{smaller}; finished parts stay as they are",
        ) from error


def _write_batch(writer: PartWriter, batch: Sequence[str], entries: Sequence[Entry]) -> None:
    for id_, entry in zip(batch, entries, strict=True):
        writer.write(id_, entry)


def _ahead(pool: ThreadPoolExecutor, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """The function's results in order, computed a few items ahead."""
    waiting: deque[Future[_Result]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def summarise(states_TLD: Tensor, store: str, dtype: str, whose: str) -> Entry:
    """What a cache keeps of one utterance's hidden states.

    Args:
        states_TLD: Hidden states [T, L, D], float32.
        store: `frames` keeps them; `pooled` keeps mean and max over T of the states and of the states after a layer
            norm without parameters (mean 0, variance 1 over D in every frame), [L, D] each.
        dtype: Number format, `float16` or `float32`.
        whose: The utterance, for messages.

    Raises:
        CacheError: A value is not finite or does not fit the number format.
    """
    rms_L = states_TLD.square().mean((0, 2)).sqrt()
    if store == "frames":
        arrays = {"states": states_TLD}
    else:
        normed_TLD = layer_norm(states_TLD, states_TLD.shape[-1:])
        arrays = {
            "mean": states_TLD.mean(0),
            "max": states_TLD.amax(0),
            "normed_mean": normed_TLD.mean(0),
            "normed_max": normed_TLD.amax(0),
        }
    kept = {name: numbers.to(getattr(torch, dtype)) for name, numbers in arrays.items()}
    for name, numbers in kept.items():
        if not bool(torch.isfinite(numbers).all()):
            _refuse_unfit(arrays[name], whose, dtype)
    return Entry({name: numbers.cpu().numpy() for name, numbers in kept.items()}, rms_L.cpu().numpy())


def _refuse_unfit(numbers: Tensor, whose: str, dtype: str) -> None:
    """Name the layer and the value that do not fit."""
    peak_L = numbers.abs().movedim(-2, 0).flatten(1).amax(1)
    unfit_L = ~(peak_L <= torch.finfo(getattr(torch, dtype)).max)
    layer = int(unfit_L.nonzero()[0])
    if not bool(torch.isfinite(peak_L[layer])):
        raise CacheError(f"{whose}: layer {layer} is not finite", "", "check the encoder's weights")
    raise CacheError(
        f"{whose}: layer {layer} reaches {float(peak_L[layer]):.0f}",
        f"which {dtype} cannot hold",
        "add `--dtype float32`; finished parts stay as they are",
    )


def _refuse_changed(path: Path, part: Part, samples: dict[str, int]) -> None:
    """A finished part must hold the plan's utterances, with the lengths that their audio has now."""
    lengths = part_lengths(path)
    if tuple(lengths) != part.ids:
        raise CacheError(
            f"{path}",
            f"it holds other utterances than {PLAN} beside it says",
            "move that part file away and run the same command again",
        )
    changed = [id_ for id_, count in lengths.items() if samples.get(id_, count) != count]
    if changed:
        raise CacheError(
            f"the audio of {len(changed)} utterances has changed since it was extracted ({first_names(changed)})",
            f"their lengths differ from those in {path}",
            "delete that part file and run the same command again",
        )


def size(n_bytes: float) -> str:
    """Bytes as a person reads them.

    >>> size(4.2e9), size(512)
    ('4.2 GB', '512 B')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"
