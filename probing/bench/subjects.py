"""What is measured: an encoder, a system by its name, or the trained system of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from probing.encoders.spec import EncoderSpec, taken_apart
from probing.errors import OptionError, RunError
from probing.files.recorded import RECORD
from probing.runs.records import FinetuneRecord, FitRecord, Record
from probing.runs.store import demand_whole, read_record
from probing.runs.there import CONFIGURATION


@dataclass(frozen=True)
class Subject:
    """What is measured; one of `encoder`, `system` and `folder` says what it is.

    Args:
        encoder: A frozen encoder, whose states of all layers are computed.
        system: The name of a system, whose estimates are computed.
        folder: A trained system.
        window: Seconds that a Whisper in a system is given at a time; None: as it was trained.
        records: The runs that were named for it.
    """

    encoder: EncoderSpec | None = None
    system: str | None = None
    folder: Path | None = None
    window: float | None = None
    records: tuple[Record, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, without the runs: what a process that measures it must know."""
        return {
            "encoder": None if self.encoder is None else self.encoder.to_json(),
            "system": self.system,
            "folder": None if self.folder is None else str(self.folder.absolute()),
            "window": self.window,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Subject:
        """What `to_json` gave."""
        encoder, folder = content["encoder"], content["folder"]
        return cls(
            encoder=None if encoder is None else EncoderSpec(**encoder),
            system=content["system"],
            folder=None if folder is None else Path(folder),
            window=content["window"],
        )


def subjects_of(
    names: Sequence[str], layers: int | None = None, window: float | None = None, systems: bool = False
) -> list[Subject]:
    """What some names stand for, each once; several runs of one system are one subject.

    Args:
        names: Of encoders; of systems, `audio+text`; folders of runs of `probe fit`, whose encoder is meant, and of
            `probe finetune`.
        layers: Only the first so many transformer layers of the encoders that are named.
        window: Seconds that each Whisper that is named is given at a time.
        systems: Whether the name of one encoder stands for the system of it and a head.

    Raises:
        EncoderError: What follows `@random:` is no seed (code `random-seed`).
        OptionError: Layers or a window are given where only runs are named, or layers of a system (code `no-effect`).
        RunError: A run is damaged, incomplete, of another kind (code `run-kind`) or pools several folds (`run-pooled`),
            or its record does not say what opens its encoder (`encoder-not-recorded`).
    """
    found: dict[Any, Subject] = {}
    for name in names:
        one = _run(Path(name)) if _is_run(Path(name)) else _named(name, layers, window, systems)
        key = (one.encoder, one.system, _system_of(one))
        first = found.get(key, replace(one, records=()))
        found[key] = replace(first, records=(*first.records, *one.records))
    for flag, value in (("--encoder-layers", layers), ("--window", window)):
        meant = [own for own in found.values() if not own.records and (own.encoder or flag == "--window")]
        if value is not None and not meant:
            why = "no encoder is named that it could mean: a run has its own"
            raise OptionError(f"{flag} {value:g}", why, f"leave {flag} out", code="no-effect")
    return list(found.values())


def _named(name: str, layers: int | None, window: float | None, systems: bool) -> Subject:
    if systems or ("+" in name and not Path(taken_apart(name)[0]).is_dir()):
        return Subject(system=name, window=window)
    return Subject(encoder=EncoderSpec.resolve(name, layers, window=window))


def _is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, finished or not."""
    return any((folder / name).is_file() for name in (RECORD, CONFIGURATION))


def _run(folder: Path) -> Subject:
    record = read_record(folder)
    if not isinstance(record, FitRecord | FinetuneRecord):
        why = f"it is a run of `probe {record.command}`"
        remedy = "name a finetune or a fit run (see `probe runs`)"
        raise RunError(f"{folder}", why, remedy, code="run-kind")
    record.demand_single()
    demand_whole(record)
    if isinstance(record, FinetuneRecord):
        return Subject(folder=folder / f"seed{record.seeds[0]}", records=(record,))
    if record.encoder.spec is None:
        why = "it was fitted from a cache file, or before that was recorded"
        remedy = f"name the encoder itself: probe bench {record.encoder.name}"
        raise RunError(f"{folder} does not say what opens its encoder", why, remedy, code="encoder-not-recorded")
    return Subject(encoder=record.encoder.spec, records=(record,))


def _system_of(subject: Subject) -> Any:
    """What runs of one system have in common."""
    systems = (record.system for record in subject.records if isinstance(record, FinetuneRecord))
    return next(((system.name, system.parameters, system.spec) for system in systems), None)
