"""What an extraction will take, known before it starts: hours, frames, bytes, free disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from probing.audio.decode import SAMPLE_RATE
from probing.cache.format import DTYPES, STORES, Layout, parts_folder
from probing.cache.writer import part_audio
from probing.corpus.model import Corpus
from probing.encoders.text import TextEncoder
from probing.errors import CacheError
from probing.extraction.inputs import Encoder
from probing.extraction.sharing import Shard

_OVERHEAD = 1.02  # of HDF5 over the numbers themselves


@dataclass(frozen=True)
class ExtractOptions:
    """How to extract.

    Args:
        store: `frames` (every frame of every layer) or `pooled` (statistics over time, some 70 times smaller).
        dtype: Number format on disk, `float16` or `float32`; the encoder itself always computes in float32.
        batch_seconds: Seconds of audio, padding included, in a batch; None: 1 on a CPU, 240 on a GPU.
        part_seconds: Seconds of audio in a part file; None: 600, more for a corpus of over 83 hours.
        decoders: Threads that decode audio.
        shard: Which parts are this process's own; None: the next that no other process is writing.
        root: Folder of all caches.
    """

    store: str = "frames"
    dtype: str = "float16"
    batch_seconds: float | None = None
    part_seconds: float | None = None
    decoders: int = 2
    shard: Shard | None = None
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
        seconds: Seconds of audio; None of text.
        frames: Frames, or tokens, of all utterances.
        n_bytes: Bytes that the whole cache takes on disk.
        n_bytes_left: Bytes of it that are still to be written.
        free: Free bytes on the disk.
        pooled_bytes: Bytes that `--store pooled` would take.
        empty: Utterances whose transcript is empty, of text.
    """

    path: Path
    utterances: int
    seconds: float | None
    frames: int
    n_bytes: int
    n_bytes_left: int
    free: int
    pooled_bytes: int
    empty: int = 0

    def __str__(self) -> str:
        fed = f"{self.frames:,} tokens" + (f" ({self.empty:,} transcripts are empty)" if self.empty else "")
        if self.seconds is not None:
            fed = f"{self.seconds / 3600:.2f} h, {self.frames:,} frames"
        return f"{self.utterances:,} utterances, {fed} → {size(self.n_bytes)} in {self.path} ({size(self.free)} free)"


def layout_of(corpus: Corpus, encoder: Encoder, store: str, dtype: str = "float16") -> Layout:
    """What the cache of a corpus, an encoder and a store says of itself; its `path` is where the cache belongs."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("probing", "torch", "transformers", "h5py"))
    if store != "latents":
        n_states, width, identity, names = encoder.n_states, encoder.width, encoder.identity, encoder.state_names
    elif isinstance(encoder, TextEncoder):
        raise CacheError(f"--store {store}", f"{encoder.name} is a text encoder", "use frames or pooled")
    else:
        n_states, width, identity, names = 1, encoder.latent_width, encoder.front_end_identity, ["C"]
    return Layout(
        store=store,
        dtype=dtype,
        n_states=n_states,
        width=width,
        corpus=corpus.name,
        encoder=encoder.name,
        title=encoder.title,
        identity=identity,
        written_by=libraries,
        state_names=tuple(names),
    )


def estimate(corpus: Corpus, samples: Mapping[str, int], encoder: Encoder, options: ExtractOptions) -> Estimate:
    """Hours, frames, bytes and free disk of an extraction.

    Args:
        corpus: What is to be extracted.
        samples: Utterance id → length in samples at 16 kHz, as `scan_inputs` gives it.
        encoder: The encoder.
        options: Store and number format.
    """
    layout = layout_of(corpus, encoder, options.store, options.dtype)
    text = isinstance(encoder, TextEncoder)
    pooled = layout_of(corpus, encoder, "pooled", options.dtype)
    frames = {utterance.id: encoder.frames(samples[utterance.id]) for utterance in corpus.utterances}
    path = layout.path(options.root)
    held = {id_ for part in parts_folder(path).glob("part-*.h5") for id_ in part_audio(part)}

    def n_bytes(ids: Iterable[str]) -> int:
        rows = sum(1 if options.store == "pooled" else frames[id_] for id_ in ids)
        return int(rows * layout.bytes_per_frame * _OVERHEAD)

    root = options.root.absolute()
    disk = next(folder for folder in (root, *root.parents) if folder.exists())
    return Estimate(
        path=path,
        utterances=len(frames),
        seconds=None if text else sum(samples[id_] for id_ in frames) / SAMPLE_RATE,
        frames=sum(frames.values()),
        n_bytes=n_bytes(frames),
        n_bytes_left=n_bytes(frames.keys() - held),
        free=shutil.disk_usage(disk).free,
        pooled_bytes=int(len(frames) * pooled.bytes_per_frame * _OVERHEAD),
        empty=sum(text and not utterance.text for utterance in corpus.utterances),
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
