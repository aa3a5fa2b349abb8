"""Which utterances go into which batch and part of a cache: a pure function of their lengths and of the options.

The plan is kept beside the parts (plan.json). An extraction that was killed is resumed with the same batches, so its
content is bit-equal to that of one that never stopped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from probing.audio.decode import SAMPLE_RATE
from probing.cache.writer import inputs_of
from probing.files import write_text

PLAN = "plan.json"
_PART_SECONDS = 600  # audio in a part: what a kill can lose, some 600 MB of frames of HuBERT base
_MAX_PARTS = 500  # of a large corpus; HDF5 opens every part that a virtual dataset is read from


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
    samples: Mapping[str, int], batch_seconds: float, part_seconds: float | None = None, first: int = 0
) -> tuple[Part, ...]:
    """Bucket utterances by length, longest first, and fill batches and parts greedily.

    The longest batch comes first, so what does not fit into memory shows at once.

    Args:
        samples: Utterance id → length in samples at 16 kHz.
        batch_seconds: Budget of a batch in seconds of audio with its padding; one utterance may exceed it.
        part_seconds: Seconds of audio in a part; by default 600, or what makes 500 parts of a large corpus.
        first: Index of the first part.
    """
    total = sum(samples.values()) / SAMPLE_RATE
    budget = (part_seconds or max(_PART_SECONDS, total / _MAX_PARTS)) * SAMPLE_RATE
    parts: list[list[list[str]]] = []
    filled = budget
    longest = 0
    for id_, length in sorted(samples.items(), key=lambda item: (-item[1], item[0])):
        if filled >= budget:
            parts.append([[]])
            filled, longest = 0, length
        elif parts[-1][-1] and longest * (len(parts[-1][-1]) + 1) > batch_seconds * SAMPLE_RATE:
            parts[-1].append([])
            longest = length
        parts[-1][-1].append(id_)
        filled += length
    return tuple(
        Part(f"part-{number:05d}.h5", tuple(tuple(batch) for batch in batches))
        for number, batches in enumerate(parts, start=first)
    )


def settle_plan(
    folder: Path, samples: Mapping[str, int], batch_seconds: float, part_seconds: float | None = None
) -> tuple[Part, ...]:
    """The plan to follow: the one kept in `folder` where it still fits, else a new one around what is finished.

    Finished parts are always kept. Other options or a corpus that has grown give the utterances that no finished part
    holds a new plan, in parts numbered on. A plan that is lost or damaged is restored from the finished parts.
    """
    options = {"batch_seconds": batch_seconds, "part_seconds": part_seconds}
    kept, fits = _kept(folder, samples, options)
    if fits:
        return kept
    done = tuple(part for part in kept if (folder / part.name).is_file())
    first = 1 + max((part.number for part in kept), default=-1)
    plan = done + make_plan(_rest(done, samples), batch_seconds, part_seconds, first)
    _write(folder / PLAN, plan, options)
    return plan


def kept_plan(folder: Path) -> tuple[Part, ...]:
    """The plan kept in the folder."""
    return _read(folder)[0]


def plan_changes(
    folder: Path, samples: Mapping[str, int], batch_seconds: float, part_seconds: float | None = None
) -> bool:
    """Whether `settle_plan` would make another plan than the one kept."""
    return not _kept(folder, samples, {"batch_seconds": batch_seconds, "part_seconds": part_seconds})[1]


def _rest(done: tuple[Part, ...], samples: Mapping[str, int]) -> dict[str, int]:
    """Utterances that no finished part holds."""
    held = {id_ for part in done for id_ in part.ids}
    return {id_: length for id_, length in samples.items() if id_ not in held}


def _kept(
    folder: Path, samples: Mapping[str, int], options: Mapping[str, float | None]
) -> tuple[tuple[Part, ...], bool]:
    """The plan kept in the folder, and whether it fits utterances and options."""
    kept, kept_options = _read(folder)
    done = tuple(part for part in kept if (folder / part.name).is_file())
    rest = _rest(done, samples)
    unfinished = {id_ for part in kept if part not in done for id_ in part.ids}
    return kept, bool(kept) and unfinished == set(rest) and (kept_options == options or not rest)


def _read(folder: Path) -> tuple[tuple[Part, ...], dict[str, float | None]]:
    """The plan and its options; restored from the finished parts where it is not there or damaged."""
    try:
        kept = json.loads((folder / PLAN).read_text("utf-8"))
        parts = tuple(Part(name, tuple(tuple(batch) for batch in batches)) for name, batches in kept["parts"].items())
        return parts, dict(kept["options"])
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        finished = sorted(folder.glob("part-*.h5"))
        return tuple(Part(path.name, (tuple(inputs_of(path)),)) for path in finished), {}


def _write(path: Path, plan: tuple[Part, ...], options: Mapping[str, float | None]) -> None:
    parts = {part.name: part.batches for part in plan}
    write_text(path, json.dumps({"options": options, "parts": parts}, ensure_ascii=False))
