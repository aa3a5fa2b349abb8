"""Corpus × encoder → cache: run a frozen encoder over every utterance and keep all hidden states.

A kill loses the part in flight; rerun the command to resume. Any number of processes may run the same command at
once: each takes the next part that no other is writing.
"""

from __future__ import annotations

import glob
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tqdm import tqdm

from probing.cache.format import Layout, parts_folder
from probing.cache.opening import contents_of
from probing.cache.reader import Cache
from probing.cache.writer import inputs_of, virtual_parts, write_virtual
from probing.corpus.checked import Checked, Needs, check_corpus
from probing.corpus.scan import AudioScan
from probing.corpus.spec import CorpusSpec
from probing.encoders.device import settle_device
from probing.encoders.opening import Encoder, open_encoder
from probing.encoders.spec import EncoderSpec
from probing.encoders.text import TextEncoder
from probing.errors import CacheError, first_names
from probing.extraction.cost import Forecast, forecast, layout_of
from probing.extraction.inputs import scan_text
from probing.extraction.locate import settle_path
from probing.extraction.options import ExtractOptions, ExtractPlace, parse_shard
from probing.extraction.parts import Job
from probing.extraction.plan import PLAN, Part, kept_plan, plan_changes, settle_plan
from probing.files import LOCK, PARTIAL, claim, size
from probing.options import with_settings

# The rate is never inverted: below one it would read "s/ s of audio".
_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_noinv_fmt}]"


def extract(corpus: CorpusSpec | str, encoder: EncoderSpec | str = "demo-hubert", **options: Any) -> Cache:
    """Extract hidden states in one call.

    Args:
        corpus: What a user types, or a `CorpusSpec`.
        encoder: Likewise, or an `EncoderSpec`.
        **options: Fields of `ExtractOptions` and `ExtractPlace`.

    Returns:
        The finished cache.

    Raises:
        OptionError: There is no such option (code `option-unknown`).
        CacheError: As `Extraction.run`; or other processes are still writing parts of it (code `cache-unfinished`).
    """
    how, place = with_settings((ExtractOptions(), ExtractPlace()), options)
    extraction = prepare(corpus, encoder, how, place)
    cache = extraction.run()
    if cache is None:
        why, remedy = "other processes are still writing parts", "run it again when they have ended"
        raise CacheError(f"{extraction.path} is not finished", why, remedy, code="cache-unfinished")
    return cache


def prepare(
    corpus: CorpusSpec | str,
    encoder: EncoderSpec | str,
    options: ExtractOptions = ExtractOptions(),  # noqa: B008 - frozen
    place: ExtractPlace = ExtractPlace(),  # noqa: B008
    dry: bool = False,
) -> Extraction:
    """Open corpus and encoder, check what is read, and forecast the cost; `run` of the result then extracts.

    Args:
        corpus: What a user types, or a `CorpusSpec`.
        encoder: Likewise, or an `EncoderSpec`.
        options: What to extract and how the work is divided.
        place: Where it is done and its result kept.
        dry: Whether nothing at all is written, not even what was found out about the audio files.

    Raises:
        ProbingError: Corpus or encoder cannot be opened, or lack what is read.
    """
    opened = open_encoder(encoder, settle_device(place.device))
    spec = CorpusSpec.resolve(corpus) if isinstance(corpus, str) else corpus
    needs = Needs(audio=not opened.reads, text=opened.reads, partitions=options.partitions, frames=opened.frames)
    root = Path(place.cache)
    # Shards are for file systems without locks, so they do not wait for one another here either.
    checked = check_corpus(spec, needs, place.allow_missing, root, remember=not dry, wait=options.shard is None)
    return prepared(checked, opened, options, root)


def prepared(checked: Checked, encoder: Encoder, options: ExtractOptions, root: Path) -> Extraction:
    """An extraction of what is already open.

    Args:
        checked: The corpus, its audio scanned or, for a text encoder, with its transcripts.
        encoder: A frozen encoder.
        options: What to extract and how the work is divided; its partitions have been selected.
        root: Folder of all caches.

    Raises:
        CorpusError: Transcripts are too long for the encoder.
        CacheError: The corpus has no utterances (code `corpus-empty`), a text encoder has no such store
            (`store-of-speech`), or the place is taken (`cache-other-corpus`).
    """
    corpus = checked.corpus
    if not corpus.utterances:
        raise CacheError(
            f"corpus {corpus.name} has no utterances to extract", "", "see `probe check`", code="corpus-empty"
        )
    scan = scan_text(corpus, encoder) if isinstance(encoder, TextEncoder) else checked.scan
    layout = layout_of(corpus, encoder, options.store, options.dtype)
    path = settle_path(checked, layout, root, scan, options.partitions)
    return Extraction(checked, scan, encoder, options, forecast(corpus, scan.samples, encoder, options, path))


@dataclass(frozen=True)
class Extraction:
    """An extraction that is ready to run.

    Args:
        checked: The corpus.
        scan: Lengths and checksums of what the encoder is given.
        encoder: The encoder.
        options: What to extract and how the work is divided.
        forecast: What it will take.
    """

    checked: Checked
    scan: AudioScan
    encoder: Encoder
    options: ExtractOptions
    forecast: Forecast

    @property
    def path(self) -> Path:
        """The cache's virtual file."""
        return self.forecast.path

    @cached_property
    def layout(self) -> Layout:
        """What the cache says of itself."""
        return layout_of(self.checked.corpus, self.encoder, self.options.store, self.options.dtype)

    @property
    def lengths(self) -> dict[str, int]:
        """Utterance id → length in samples."""
        return {utterance.id: self.scan.samples[utterance.id] for utterance in self.checked.corpus.utterances}

    @property
    def budget(self) -> float:
        """Seconds of a batch."""
        return self.options.batch_seconds or self.encoder.usual_batch_seconds

    @property
    def segments(self) -> dict[str, tuple[str, float]]:
        """Utterance id → recording and start, of segments that are heard."""
        heard = () if self.encoder.reads else self.checked.corpus.utterances
        return {u.id: (f"{u.path}", u.segment[0]) for u in heard if u.segment}

    def run(self) -> Cache | None:
        """Extract what is not yet in the cache and write the file that users open.

        Returns:
            The cache, or None where other processes are still writing parts: the last of them to end completes it.

        Raises:
            CacheError: It would not fit on the disk (code `disk`), a value does not fit the number format
                (`dtype-range`), the audio or text is not what was extracted before (`cache-changed`), or another
                process extracts it with other options (`cache-busy`).
            AudioError: A file cannot be decoded any more.
        """
        self._refuse_too_large()
        folder = parts_folder(self.path)
        shard = parse_shard(self.options.shard) if self.options.shard else None
        holding = _own if shard else claim
        with holding(folder / PLAN, wait=True):
            plan = self._settle()
            self._clear(plan)
            if _missing(folder, plan) or _stale(self.path, plan):
                self.path.unlink(missing_ok=True)  # it is there only while it stands for every part
        own = [part for part in _missing(folder, plan) if shard is None or part.number in shard]
        job = Job(folder, self.layout, self.checked.corpus, self.scan, self.encoder)
        unit = f" {self.encoder.unit}"
        # A terminal that does not report its size would otherwise get a bar without width.
        width = shutil.get_terminal_size().columns
        with tqdm(
            total=job.amount(own),
            unit=unit,
            unit_scale=True,
            desc="extract",
            disable=None,
            bar_format=_BAR,
            ncols=width,
        ) as bar:
            for part in own:
                with holding(folder / part.name) as held:
                    if held and not (folder / part.name).is_file():  # else another process has it, or has finished it
                        job.write(part, bar)
        with holding(folder / PLAN, wait=True):
            plan = kept_plan(folder) or plan  # another process may have added to it meanwhile, for a grown corpus
            if _missing(folder, plan):
                return None
            if not self.path.is_file() or _stale(self.path, plan):
                write_virtual(self.path, self.layout, [part.name for part in plan])
                for lock in folder.glob(f"part-*{LOCK}"):
                    lock.unlink(missing_ok=True)
        return Cache(self.path)

    def _refuse_too_large(self) -> None:
        cost, store = self.forecast, self.options.store
        if cost.n_bytes_left <= cost.free:
            return
        smaller = "" if store == "pooled" else f"add `--store pooled` ({size(cost.pooled_bytes)}) or "
        raise CacheError(
            f"{size(cost.n_bytes_left)} more do not fit on the disk of {cost.path} ({size(cost.free)} free)",
            f"store {store} takes {size(cost.n_bytes)} in all",
            f"{smaller}name a larger disk with `--cache`",
            code="disk",
        )

    def _settle(self) -> tuple[Part, ...]:
        """The plan to follow; another one than a running process follows is refused."""
        folder, lengths, budget, seconds = parts_folder(self.path), self.lengths, self.budget, self.options.part_seconds
        if self.options.shard is None and plan_changes(folder, lengths, budget, seconds):
            _refuse_busy(folder)
        plan = settle_plan(folder, lengths, budget, seconds, self.segments)
        for part in plan:
            if (folder / part.name).is_file():
                self._refuse_changed(folder / part.name, part)
        return plan

    def _refuse_changed(self, path: Path, part: Part) -> None:
        """A finished part must hold the plan's utterances, extracted from the audio or text that is there now."""
        contents_of(path).demand(self.layout, path)
        held = inputs_of(path)
        if tuple(held) != part.ids:
            why = f"it holds other utterances than {PLAN} beside it says"
            raise CacheError(f"{path}", why, "move that part file away and rerun the command", code="part-ids")
        samples, checksums = self.scan.samples, self.scan.checksums
        changed = [
            id_
            for id_, (length, checksum) in held.items()
            if samples.get(id_, length) != length or (checksum and checksums.get(id_, checksum) != checksum)
        ]
        if changed:
            what = "text" if self.encoder.reads else "audio"
            raise CacheError(
                f"the {what} of {len(changed)} utterances is not what was extracted before ({first_names(changed)})",
                f"it has changed since {path} was made, or another corpus of that name made it",
                "move that part file away and rerun the command, or keep the two apart with `--cache`",
                code="cache-changed",
            )

    def _clear(self, plan: Sequence[Part]) -> None:
        """Remove what killed runs left: parts of a plan that was given up, half a plan, half a virtual file."""
        folder = parts_folder(self.path)
        current = {part.name + PARTIAL for part in _missing(folder, plan)}
        stale = [part for part in folder.glob(f"part-*{PARTIAL}") if part.name not in current]
        if self.options.shard is None:  # else another shard may be writing them: nobody holds a lock
            virtual = glob.escape(self.path.name)
            stale += [*folder.glob(f"{PLAN}.*{PARTIAL}"), *self.path.parent.glob(f"{virtual}*{PARTIAL}")]
        for file in stale:
            file.unlink(missing_ok=True)


def _own(path: Path, wait: bool = False) -> AbstractContextManager[bool]:
    """What `claim` is for a shard, whose parts are its own from the start."""
    return nullcontext(True)


def _stale(path: Path, plan: Sequence[Part]) -> bool:
    """Whether the virtual file stands for other parts than the plan's."""
    return path.is_file() and virtual_parts(path) != [part.name for part in plan]


def _missing(folder: Path, plan: Sequence[Part]) -> list[Part]:
    return [part for part in plan if not (folder / part.name).is_file()]


def _refuse_busy(folder: Path) -> None:
    """A plan is not changed while another process writes a part of it."""
    for lock in folder.glob(f"part-*.h5{LOCK}"):
        part = lock.name.removesuffix(LOCK)
        with claim(lock.with_name(part)) as free:
            if not free:
                raise CacheError(
                    f"another process is writing {part} in {folder}",
                    "it extracts other utterances, or with other --batch-seconds or --part-seconds",
                    "wait until it has ended, or run the command that it runs: then both share the work",
                    code="cache-busy",
                )
