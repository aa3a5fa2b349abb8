"""The cost of an extraction, forecast before it starts: hours, frames, bytes, free disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from probing.audio.decode import SAMPLE_RATE
from probing.cache.format import Layout, part_files, parts_folder
from probing.cache.writer import inputs_of
from probing.corpus.model import Corpus
from probing.encoders.audio import no_latents
from probing.encoders.opening import Encoder
from probing.encoders.text import TextEncoder
from probing.errors import CacheError
from probing.extraction.options import ExtractOptions
from probing.files import size

_OVERHEAD = 1.02  # of HDF5 over the numbers themselves


@dataclass(frozen=True)
class Forecast:
    """The cost of an extraction, known before it starts.

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
        notes: What a user should know of how the encoder runs these utterances.
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
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        given = f"{self.frames:,} tokens" + (f" ({self.empty:,} transcripts are empty)" if self.empty else "")
        if self.seconds is not None:
            given = f"{self.seconds / 3600:.2f} h, {self.frames:,} frames"
        cost = f"{size(self.n_bytes)} in {self.path} ({size(self.free)} free)"
        return "\n".join((f"{self.utterances:,} utterances, {given} → {cost}", *self.notes))


def layout_of(corpus: Corpus, encoder: Encoder, store: str, dtype: str = "float16") -> Layout:
    """What the cache of a corpus, an encoder and a store says of itself.

    Raises:
        CacheError: A text encoder has no such store (code `store-of-speech`).
        EncoderError: The encoder's front end gives nothing worth keeping (code `no-latents`).
    """
    libraries = ", ".join(f"{name} {version(name)}" for name in ("probing", "torch", "transformers", "h5py"))
    if store != "latents":
        n_states, width, identity, names = encoder.n_states, encoder.width, encoder.identity, encoder.state_names
    elif isinstance(encoder, TextEncoder):
        why = f"{encoder.name} is a text encoder"
        raise CacheError(f"--store {store}", why, "use frames or pooled", code="store-of-speech")
    elif not encoder.has_latents:
        raise no_latents(encoder.name)
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
        frame_rate=encoder.frame_rate,
    )


def forecast(
    corpus: Corpus, samples: Mapping[str, int], encoder: Encoder, options: ExtractOptions, path: Path
) -> Forecast:
    """Hours, frames, bytes and free disk of an extraction.

    Args:
        corpus: What is to be extracted.
        samples: Utterance id → length in samples at 16 kHz, of text as `scan_text` gives it.
        encoder: The encoder.
        options: Store and number format.
        path: The cache's virtual file.
    """
    layout = layout_of(corpus, encoder, options.store, options.dtype)
    pooled = layout_of(corpus, encoder, "pooled", options.dtype)
    text = isinstance(encoder, TextEncoder)
    frames = {utterance.id: encoder.frames(samples[utterance.id]) for utterance in corpus.utterances}
    held = {id_ for part in part_files(parts_folder(path)) for id_ in inputs_of(part)}
    return Forecast(
        path=path,
        utterances=len(frames),
        seconds=None if text else sum(samples[id_] for id_ in frames) / SAMPLE_RATE,
        frames=sum(frames.values()),
        n_bytes=_bytes(layout, frames.values()),
        n_bytes_left=_bytes(layout, (count for id_, count in frames.items() if id_ not in held)),
        free=_free(path),
        pooled_bytes=_bytes(pooled, frames.values()),
        empty=sum(text and not utterance.text for utterance in corpus.utterances),
        notes=encoder.notes([samples[id_] for id_ in frames]),
    )


def _bytes(layout: Layout, frames: Iterable[int]) -> int:
    """Bytes on disk of some utterances, given the number of frames of each."""
    rows = sum(count if layout.by_frame else 1 for count in frames)
    return int(rows * layout.bytes_per_frame * _OVERHEAD)


def _free(path: Path) -> int:
    """Free bytes on the disk that a file would be written to; its folder need not be there yet."""
    disk = next(folder for folder in path.absolute().parents if folder.exists())
    return shutil.disk_usage(disk).free
