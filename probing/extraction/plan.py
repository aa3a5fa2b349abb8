"""Which utterances go into which batch and part of a cache: a pure function of their lengths and of the options.

Segments of one recording go into one part, or into few, so that the recording is decoded once for each of them.

The plan is kept beside the parts (plan.json). An extraction that was killed is resumed with the same batches, so its
content is bit-equal to that of one that never stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from probing.audio.decode import SAMPLE_RATE
from probing.cache.format import PART_NAME, part_files
from probing.cache.writer import inputs_of
from probing.errors import ProbingError
from probing.files import digest, read_json, write_text

PLAN = "plan.json"
_PART_SECONDS = 600  # audio in a part: what a kill can lose, some 600 MB of frames of HuBERT base
_MAX_PARTS = 500  # of a large corpus; HDF5 opens every part that a virtual dataset is read from


Place = tuple[str, float]  # a segment's recording, and where it starts in it
NO_SEGMENTS: Mapping[str, Place] = MappingProxyType({})


@dataclass(frozen=True)
class Part:
    """One part file: its name and its batches of utterance ids."""

    name: str
    batches: tuple[tuple[str, ...], ...]

    @property
    def number(self) -> int:
        """The index in the part's name."""
        return int(Path(self.name).stem.rsplit("-", 1)[1])

    @property
    def ids(self) -> tuple[str, ...]:
        """All utterances of the part, in order."""
        return tuple(id_ for batch in self.batches for id_ in batch)


def make_plan(
    samples: Mapping[str, int],
    batch_seconds: float,
    part_seconds: float | None = None,
    segments: Mapping[str, Place] = NO_SEGMENTS,
    first: int = 0,
) -> tuple[Part, ...]:
    """Fill parts with recordings, those of the longest utterances first; then bucket the utterances of each by length.

    Batches and parts are filled greedily. The longest batch comes first, so what does not fit into memory shows at
    once.

    Args:
        samples: Utterance id → length in samples at 16 kHz.
        batch_seconds: Budget of a batch in seconds of audio with its padding; one utterance may exceed it.
        part_seconds: Seconds of audio in a part; by default 600, or what makes 500 parts of a large corpus.
        segments: Where segments are; every other utterance is a recording of its own.
        first: Index of the first part.
    """
    total = sum(samples.values()) / SAMPLE_RATE
    budget = (part_seconds or max(_PART_SECONDS, total / _MAX_PARTS)) * SAMPLE_RATE
    parts: list[list[str]] = []
    filled = budget
    for id_ in _by_recording(samples, segments):
        if filled >= budget:
            parts.append([])
            filled = 0
        parts[-1].append(id_)
        filled += samples[id_]
    return tuple(
        Part(f"part-{number:05d}.h5", tuple(_batches(_longest_first(ids, samples), samples, batch_seconds)))
        for number, ids in enumerate(parts, start=first)
    )


def _by_recording(samples: Mapping[str, int], segments: Mapping[str, Place]) -> Iterator[str]:
    """All utterances: recordings by their longest utterance, the longest first, and segments as they follow in each."""
    recordings: dict[str | tuple[str], list[str]] = {}
    for id_ in _longest_first(samples, samples):
        recordings.setdefault(segments[id_][0] if id_ in segments else (id_,), []).append(id_)
    for ids in recordings.values():
        yield from sorted(ids, key=lambda id_: (segments[id_][1], id_)) if len(ids) > 1 else ids


def _longest_first(ids: Iterable[str], samples: Mapping[str, int]) -> list[str]:
    return sorted(ids, key=lambda id_: (-samples[id_], id_))


def _batches(ids: Iterable[str], samples: Mapping[str, int], seconds: float) -> Iterator[tuple[str, ...]]:
    """Utterances, the longest first, in batches of so many seconds with their padding."""
    batch: list[str] = []
    for id_ in ids:
        if batch and samples[batch[0]] * (len(batch) + 1) > seconds * SAMPLE_RATE:
            yield tuple(batch)
            batch = []
        batch.append(id_)
    yield tuple(batch)


def settle_plan(
    folder: Path,
    samples: Mapping[str, int],
    batch_seconds: float,
    part_seconds: float | None = None,
    segments: Mapping[str, Place] = NO_SEGMENTS,
) -> tuple[Part, ...]:
    """The plan to follow: the one kept in `folder` where it still fits, else a new one around what is finished.

    Finished parts are always kept. Other options or a corpus that has grown give the utterances that no finished part
    holds a new plan, in parts numbered on. A plan that is lost or damaged is made again where corpus and options are
    still those of the finished parts, and else restored from them.
    """
    options = {"batch_seconds": batch_seconds, "part_seconds": part_seconds}
    kept, kept_options = _read(folder)
    if _fits(folder, kept, kept_options, samples, options):
        return kept
    done = _done(folder, kept)
    first = 1 + max((part.number for part in kept), default=-1)
    plan = done + make_plan(_rest(done, samples), batch_seconds, part_seconds, segments, first)
    if not kept_options:
        again = make_plan(samples, batch_seconds, part_seconds, segments)
        if {(part.name, part.ids) for part in done} <= {(part.name, part.ids) for part in again}:
            plan = again
    _write(folder / PLAN, plan, options)
    return plan


def kept_plan(folder: Path) -> tuple[Part, ...]:
    """The plan kept in the folder; none where it is lost or damaged."""
    kept, options = _read(folder)
    return kept if options else ()


def plan_changes(
    folder: Path, samples: Mapping[str, int], batch_seconds: float, part_seconds: float | None = None
) -> bool:
    """Whether `settle_plan` would make another plan than the one kept."""
    options = {"batch_seconds": batch_seconds, "part_seconds": part_seconds}
    return not _fits(folder, *_read(folder), samples, options)


def _rest(done: tuple[Part, ...], samples: Mapping[str, int]) -> dict[str, int]:
    """Utterances that no finished part holds."""
    held = {id_ for part in done for id_ in part.ids}
    return {id_: length for id_, length in samples.items() if id_ not in held}


def _done(folder: Path, plan: tuple[Part, ...]) -> tuple[Part, ...]:
    """Parts that are finished."""
    return tuple(part for part in plan if (folder / part.name).is_file())


def _fits(
    folder: Path,
    kept: tuple[Part, ...],
    kept_options: Mapping[str, float | None],
    samples: Mapping[str, int],
    options: Mapping[str, float | None],
) -> bool:
    """Whether a plan is that of these utterances and options, as far as there is anything left to do."""
    done = _done(folder, kept)
    rest = _rest(done, samples)
    unfinished = {id_ for part in kept if part not in done for id_ in part.ids}
    return bool(kept) and unfinished == set(rest) and (kept_options == options or not rest)


def _read(folder: Path) -> tuple[tuple[Part, ...], dict[str, float | None]]:
    """The plan and its options; restored from the finished parts, without options, where it is lost or damaged."""
    try:
        return _understood(read_json(folder / PLAN, "rerun the command"))
    except (FileNotFoundError, ProbingError):
        return tuple(Part(path.name, (tuple(inputs_of(path)),)) for path in part_files(folder)), {}


def _understood(kept: Mapping[str, Any]) -> tuple[tuple[Part, ...], dict[str, float | None]]:
    """A plan out of its file; a ProbingError where the file does not hold one, or has changed."""
    options, parts = kept.get("options"), kept.get("parts")
    names = {*kept} - {"options", "parts", "check"}  # version 0.1.0 wrote no check
    if names or not isinstance(options, dict) or not isinstance(parts, dict):
        raise _damaged()
    if {*options} != {"batch_seconds", "part_seconds"} or not all(map(_is_number, options.values())):
        raise _damaged()
    if not all(PART_NAME.fullmatch(name) and _are_batches(batches) for name, batches in parts.items()):
        raise _damaged()  # a name with `../` would be written outside the cache
    plan = tuple(Part(name, tuple(tuple(batch) for batch in batches)) for name, batches in parts.items())
    ids = [id_ for part in plan for id_ in part.ids]
    if len(set(ids)) < len(ids) or kept.get("check", _check(plan, options)) != _check(plan, options):
        raise _damaged()
    return plan, options


def _is_number(value: object) -> bool:
    return value is None or type(value) in (int, float)


def _are_batches(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_are_ids, value))


def _are_ids(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(id_, str) for id_ in value)


def _damaged() -> ProbingError:
    return ProbingError(PLAN, "it is damaged", "rerun the command", code="damaged")


def _check(plan: tuple[Part, ...], options: Mapping[str, float | None]) -> str:
    """SHA-256 of a plan and its options."""
    return digest([dict(options), [[part.name, part.batches] for part in plan]])


def _write(path: Path, plan: tuple[Part, ...], options: Mapping[str, float | None]) -> None:
    parts = {part.name: part.batches for part in plan}
    kept = {"options": options, "parts": parts, "check": _check(plan, options)}
    write_text(path, json.dumps(kept, ensure_ascii=False))
