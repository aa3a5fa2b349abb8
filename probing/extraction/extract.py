"""Corpus × encoder → cache: run a frozen encoder over every utterance and keep all hidden states.

Decoding runs ahead of the device and writing behind it. A kill loses the part in flight; the same command goes on.
Any number of processes may run the same command at once: each takes the next part that no other is writing.

Shape legend: B utterances · S samples · T frames · L states · D hidden size.
"""

from __future__ import annotations

import glob
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from tqdm import tqdm

from probing.audio.decode import SAMPLE_RATE
from probing.cache.format import Entry, Layout, parts_folder
from probing.cache.writer import PartWriter, part_audio, virtual_parts, write_virtual
from probing.corpus.model import Corpus
from probing.corpus.scan import AudioScan
from probing.errors import CacheError, first_names
from probing.extraction.cost import ExtractOptions, estimate, layout_of, size
from probing.extraction.inputs import Encoder, encoding, feed
from probing.extraction.plan import PLAN, Part, kept_plan, plan_changes, settle_plan
from probing.extraction.pooling import summarise
from probing.files import LOCK, PARTIAL, claim

_AHEAD = 3  # batches decoded ahead of the device
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def extract(corpus: Corpus, scan: AudioScan, encoder: Encoder, options: ExtractOptions) -> Path | None:
    """Extract what is not yet in the cache and write the file that users open.

    Args:
        corpus: Utterances with audio or, for a text encoder, with transcripts.
        scan: Their lengths and checksums, from `scan_inputs`.
        encoder: A frozen encoder.
        options: Store, number format, batches, place.

    Returns:
        The cache's virtual file, or None where other processes are still writing parts: the last to end writes it.

    Raises:
        CacheError: It would not fit on the disk, a value does not fit the number format, the audio is not what was
            extracted before, or another process extracts it with other options.
        AudioError: A file cannot be decoded any more.
    """
    _refuse_too_large(corpus, scan, encoder, options)
    layout = layout_of(corpus, encoder, options.store, options.dtype)
    path = layout.path(options.root)
    folder = parts_folder(path)
    holding = claim if options.shard is None else _own
    with holding(folder / PLAN, wait=True):
        plan = _settle(folder, corpus, scan, encoder, options)
        _clear(path, plan, options)
        if _missing(folder, plan) or _stale(path, plan):
            path.unlink(missing_ok=True)  # it is there only while it stands for every part
    own = [part for part in _missing(folder, plan) if options.shard is None or part.number in options.shard]
    job = _Job(folder, layout, corpus, scan, encoder, options.decoders)
    with tqdm(total=job.amount(own), unit=f" {encoder.unit}", unit_scale=True, desc="extract", disable=None) as bar:
        for part in own:
            with holding(folder / part.name) as held:
                if held and not (folder / part.name).is_file():  # else another process has it, or has finished it
                    job.write(part, bar)
    with holding(folder / PLAN, wait=True):
        plan = kept_plan(folder)  # another process may have added to it meanwhile, for a corpus that has grown
        if _missing(folder, plan):
            return None
        if not path.is_file() or _stale(path, plan):
            write_virtual(path, layout, [part.name for part in plan])
            for lock in folder.glob(f"part-*{LOCK}"):
                lock.unlink(missing_ok=True)
    return path


class _Job:
    """One process's share of an extraction: decoding ahead, the encoder here, writing behind."""

    def __init__(
        self, folder: Path, layout: Layout, corpus: Corpus, scan: AudioScan, encoder: Encoder, decoders: int
    ) -> None:
        self._folder, self._layout, self._scan, self._encoder, self._decoders = folder, layout, scan, encoder, decoders
        self._feed = feed(corpus, encoder, scan)

    def amount(self, parts: Iterable[Part]) -> float:
        """What is fed of some parts, in the encoder's unit."""
        return sum(self._scan.samples[id_] for part in parts for id_ in part.ids) / self._encoder.unit_samples

    def write(self, part: Part, bar: tqdm[Any]) -> None:
        """Extract one part."""
        lengths = [self._scan.samples[id_] for id_ in part.ids]
        frames = [self._encoder.frames(length) for length in lengths]
        audio = [self._scan.checksums.get(id_, 0) for id_ in part.ids]
        with (
            ThreadPoolExecutor(self._decoders) as decoders,
            ThreadPoolExecutor(1) as pen,
            PartWriter(self._folder / part.name, self._layout, part.ids, lengths, frames, audio) as writer,
        ):
            written: Future[None] | None = None
            for batch, inputs in zip(part.batches, _ahead(decoders, self._decode, part.batches), strict=True):
                entries = self._encode(batch, inputs)
                if written:
                    written.result()
                written = pen.submit(_write_batch, writer, batch, entries)
                bar.update(sum(self._scan.samples[id_] for id_ in batch) / self._encoder.unit_samples)
            if written:
                written.result()
            writer.finish()

    def _decode(self, batch: Sequence[str]) -> list[Any]:
        return [self._feed(id_) for id_ in batch]

    def _encode(self, batch: Sequence[str], inputs: list[Any]) -> list[Entry]:
        lengths = [self._scan.samples[id_] for id_ in batch]
        try:
            states_BTLD, frames_B = encoding(self._encoder, self._layout.store)(inputs)
        except torch.OutOfMemoryError as error:
            samples = len(batch) * max(lengths)
            half = samples / SAMPLE_RATE / 2
            smaller = f"add `--batch-seconds {half:.3g}`" if len(batch) > 1 else "add `--device cpu`"
            raise CacheError(
                f"a batch of {samples / self._encoder.unit_samples:.6g} {self._encoder.unit} does not fit into the "
                "device's memory",
                f"it holds {len(batch)} utterances",
                f"{smaller}; finished parts stay as they are",
            ) from error
        return [
            summarise(states_TLD[:count], self._layout.store, self._layout.dtype, f"utterance {id_}")
            for id_, states_TLD, count in zip(batch, states_BTLD, frames_B, strict=True)
        ]


def _own(path: Path, wait: bool = False) -> AbstractContextManager[bool]:
    """What `claim` is for a shard, whose parts are its own from the start."""
    return nullcontext(True)


def _stale(path: Path, plan: Sequence[Part]) -> bool:
    """Whether the virtual file stands for other parts than the plan's."""
    return path.is_file() and virtual_parts(path) != [part.name for part in plan]


def _missing(folder: Path, plan: Sequence[Part]) -> list[Part]:
    return [part for part in plan if not (folder / part.name).is_file()]


def _settle(
    folder: Path, corpus: Corpus, scan: AudioScan, encoder: Encoder, options: ExtractOptions
) -> tuple[Part, ...]:
    """The plan to follow; another one than a running process follows is refused."""
    lengths = {utterance.id: scan.samples[utterance.id] for utterance in corpus.utterances}
    budget = options.batch_seconds or encoder.usual_batch_seconds
    settle = partial(settle_plan, folder, lengths, budget, options.part_seconds)
    if options.shard is None and plan_changes(folder, lengths, budget, options.part_seconds):
        for lock in folder.glob(f"part-*.h5{LOCK}"):
            with claim(lock.with_name(lock.name.removesuffix(LOCK))) as free:
                if not free:
                    raise CacheError(
                        f"another process is writing {lock.name.removesuffix(LOCK)} in {folder}",
                        "it extracts other utterances, or with other --batch-seconds or --part-seconds",
                        "wait until it has ended, or run the command that it runs: then both share the work",
                    )
    plan = settle()
    for part in plan:
        if (folder / part.name).is_file():
            _refuse_changed(folder / part.name, part, scan, encoder)
    return plan


def _clear(path: Path, plan: Sequence[Part], options: ExtractOptions) -> None:
    """Take away what killed runs left: parts of a plan that was given up, half a plan, half a virtual file."""
    folder = parts_folder(path)
    current = {part.name + PARTIAL for part in _missing(folder, plan)}
    stale = [part for part in folder.glob(f"part-*{PARTIAL}") if part.name not in current]
    if options.shard is None:  # else another shard may be writing them: nobody holds a lock
        stale += [*folder.glob(f"{PLAN}.*{PARTIAL}"), *path.parent.glob(f"{glob.escape(path.name)}*{PARTIAL}")]
    for file in stale:
        file.unlink(missing_ok=True)


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


def _refuse_too_large(corpus: Corpus, scan: AudioScan, encoder: Encoder, options: ExtractOptions) -> None:
    if not corpus.utterances:
        raise CacheError(f"corpus {corpus.name} has no utterances to extract", "", "see `probe check`")
    expected = estimate(corpus, scan.samples, encoder, options)
    if expected.n_bytes_left > expected.free:
        raise CacheError(
            f"{size(expected.n_bytes_left)} more do not fit on the disk of {options.root} ({size(expected.free)} free)",
            f"store {options.store} keeps {size(expected.n_bytes)} in all",
            ("" if options.store == "pooled" else f"add `--store pooled` ({size(expected.pooled_bytes)}) or ")
            + "name a larger disk with `--out`",
        )


def _refuse_changed(path: Path, part: Part, scan: AudioScan, encoder: Encoder) -> None:
    """A finished part must hold the plan's utterances, extracted from the audio or text that is there now."""
    held = part_audio(path)
    if tuple(held) != part.ids:
        raise CacheError(
            f"{path}",
            f"it holds other utterances than {PLAN} beside it says",
            "move that part file away and run the same command again",
        )
    changed = [
        id_
        for id_, (length, checksum) in held.items()
        if scan.samples.get(id_, length) != length or (checksum and scan.checksums.get(id_, checksum) != checksum)
    ]
    if changed:
        raise CacheError(
            f"the {'text' if encoder.reads else 'audio'} of {len(changed)} utterances is not what was extracted before "
            f"({first_names(changed)})",
            f"it has changed, or another corpus of the same name made {path}",
            "delete that part file and run the same command again, or keep the two apart with `--out`",
        )
