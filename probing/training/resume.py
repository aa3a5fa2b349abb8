"""What a run's folder holds already: its configuration, trained seeds, checkpoints, a finished record.

A seed's folder gets its name when all is in it, and its training.json names the files with their digests. Only what
is as it was written counts: a folder's presence says nothing.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from probing.errors import CacheError, ProbingError, RunError
from probing.files import PARTIAL, claim, file_digest, read_json, write_json
from probing.options import flag_of
from probing.runs.records import FinetuneRecord
from probing.runs.store import CONFIGURATION, RECORD, missing_files, read_kind
from probing.training.options import FinetuneOptions, as_typed

TRAINING = "training.json"  # written last into a seed's folder
CARD = "README.md"  # of users, who edit it: no part of the finished run
_SYSTEM = ("config.json", "model.safetensors")
_LATENTS = "latents"


@dataclass(frozen=True)
class There:
    """What a run's folder holds.

    Args:
        configuration: What it was begun with; None where nothing has begun.
        record: That of the finished run, if it has ended.
        damaged: Files of the finished run, and of trained seeds, that are missing or not as they were written.
        seeds: Training seeds whose folders are whole.
    """

    configuration: Mapping[str, Any] | None = None
    record: FinetuneRecord | None = None
    damaged: tuple[str, ...] = ()
    seeds: frozenset[int] = frozenset()

    @property
    def begun_with(self) -> Mapping[str, Any] | None:
        """The configuration, with the rate of a head alone, which version 0.1.0 left to a higher default."""
        encoders = set((self.configuration or {}).get("weights", {}))
        options = (self.configuration or {}).get("options", {})
        only_head = encoders and encoders <= set(options.get("freeze", ()))
        if self.configuration is None or not only_head or options.get("lr") is not None:
            return self.configuration
        rate = as_typed(self.record.used["lr"]) if self.record else "the default of an earlier version"
        return {**self.configuration, "options": {**options, "lr": rate}}

    @property
    def unrecorded(self) -> tuple[str, ...]:
        """Parts of the configuration that a finished run of version 0.1.0 does not say."""
        return ("arithmetic",) if self.record is not None and self.record.version == 1 else ()

    def finished(self, seeds: int) -> bool:
        """Whether nothing is left to do for so many training seeds; of seeds added since, nothing counts yet."""
        if self.record is None or seeds > len(self.record.seeds):
            return False
        own = {f"seed{seed}" for seed in self.record.seeds}
        parts = [name.partition("/") for name in self.damaged]
        return not any(folder in own or not slash for folder, slash, _ in parts)


def finished(folder: Path, configuration: Mapping[str, Any], seeds: int) -> FinetuneRecord | None:
    """The record of a run of this configuration that has ended; None where anything is left to do.

    Only a whole run answers, so another process may be writing meanwhile.

    Args:
        folder: The run's.
        configuration: The present one.
        seeds: Number of training seeds.

    Raises:
        RunError: As `look`, or the run that has ended is of another configuration (code `run-other-configuration`).
    """
    if not (folder / RECORD).is_file():
        return None
    there = look(folder)
    demand_same(folder, there.begun_with, configuration, there.unrecorded)
    return there.record if there.finished(seeds) else None


def look(folder: Path) -> There:
    """What a run's folder holds; nothing is written.

    Raises:
        RunError: It holds something else (code `run-foreign` or `run-kind`), a record of a later version
            (`run-version`), or its configuration is damaged (`run-damaged`).
    """
    record = _record_of(folder)
    configuration = record.configuration if record else _configuration_of(folder)
    if configuration is None:
        return There()
    damaged = missing_files(record, digests=True) if record else []
    found = {int(match[1]) for path in folder.glob("seed*") if (match := re.fullmatch(r"seed(\d+)", path.name))}
    known = {name.partition("/")[0] for name in (record.files or {})} if record else set()
    for seed in sorted(found):
        if f"seed{seed}" not in known:  # the record names the files of the others
            damaged += [name for name in _lacking(folder, seed) if name not in damaged]
    broken = {name.partition("/")[0] for name in damaged}
    whole = frozenset(seed for seed in found if f"seed{seed}" not in broken)
    return There(configuration, record, tuple(damaged), whole)


def _record_of(folder: Path) -> FinetuneRecord | None:
    """A finished run's record; None where there is none, or where it is damaged and must be made again."""
    try:
        return read_kind(folder, FinetuneRecord)
    except RunError as error:
        if error.code not in ("no-run", "run-unfinished", "run-damaged"):
            raise
        if error.code == "run-damaged":
            print(f"{error.what} is not readable and is written again: {error.why}", file=sys.stderr)
        return None


def _configuration_of(folder: Path) -> dict[str, Any] | None:
    """What an unfinished run was begun with; None where none has begun."""
    remedy = f"delete {folder}, or choose another --name"
    try:
        found = read_json(folder / CONFIGURATION, remedy)
        for name in ("options", "weights"):
            if not isinstance(found.get(name, {}), dict):
                raise ProbingError(f"{folder / CONFIGURATION}", f"its {name} are no object", remedy)
        return found
    except ProbingError as error:
        raise RunError(error.what, error.why, error.remedy, code="run-damaged") from error
    except FileNotFoundError:
        # An unfinished file is what a killed process left of the configuration itself.
        others = [path for path in folder.glob("*") if not path.name.endswith(PARTIAL)]
        if others:
            why = f"it holds other files and no {CONFIGURATION}"
            raise RunError(f"{folder}", why, "choose another --name", code="run-foreign") from None
        return None


def _lacking(folder: Path, seed: int) -> list[str]:
    """Files of a trained seed, as the run names them, that are missing or not as they were written."""
    place = folder / f"seed{seed}"
    try:
        files = read_json(place / TRAINING, "").get("files")
    except (FileNotFoundError, ProbingError):
        return [f"{place.name}/{TRAINING}"]
    if files is None:  # of version 0.1.0, which names none
        return [f"{place.name}/{name}" for name in _SYSTEM if not _readable(place / name)]
    return [
        f"{place.name}/{name}"
        for name, sha256 in files.items()
        if not (place / name).is_file() or file_digest(place / name) != sha256
    ]


def _readable(path: Path) -> bool:
    """Whether a file of a saved system is whole, as far as it can be told without its digest."""
    try:
        if path.suffix == ".json":
            return bool(read_json(path, ""))
        with safe_open(path, "np"):  # its header says how long the file is
            return True
    except (OSError, ProbingError, SafetensorError):
        return False


def demand_same(
    folder: Path, before: Mapping[str, Any] | None, now: Mapping[str, Any], unrecorded: Sequence[str] = ()
) -> None:
    """Make sure that a run was begun with the present configuration.

    Args:
        folder: The run's.
        before: What it was begun with; None where nothing has begun.
        now: The present configuration. Where it does not say which latents are read, those are not compared: they
            change no result of a finished run.
        unrecorded: Parts of the present one that are not compared, since the earlier version did not record them.

    Raises:
        RunError: They differ; the message names what, options as they are typed (code `run-other-configuration`).
    """
    if before is None:
        return
    was, is_ = _flat(before), _flat({name: value for name, value in now.items() if name not in unrecorded})
    names = [name for name in was | is_ if name != _LATENTS or _LATENTS in now]
    differing = [name for name in names if was.get(name) != is_.get(name)]
    if differing:
        raise RunError(
            f"{folder} was started with a different configuration",
            "; ".join(f"{name} was {was.get(name)}, is now {is_.get(name)}" for name in differing),
            f"use the options that it was started with, give this run another --name, or delete {folder}",
            code="run-other-configuration",
        )


def _flat(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """One level of names; options by their spelling on the command line."""
    flags = {one.name: flag_of(one.name, one.metadata) for one in fields(FinetuneOptions)}
    flat: dict[str, Any] = {}
    for key, value in configuration.items():
        if key == "options":
            flat |= {flags.get(name, f"--{name}"): chosen for name, chosen in value.items()}
        elif isinstance(value, Mapping):
            flat |= {f"{key} of {part}": chosen for part, chosen in value.items()}
        else:
            flat[key] = value
    if "--init" in flat:  # runs are moved: the encoders are known by their weights, not by their run's path
        flat["--init"] = [part for part, _ in flat["--init"]]
    return flat


def begin(folder: Path, configuration: Mapping[str, Any], there: There) -> None:
    """Write down what a run is begun with, and say what of it is damaged and made again."""
    if there.damaged:
        what = ", ".join(there.damaged[:3]) + ", …" * (len(there.damaged) > 3)
        again = sorted({name.partition("/")[0] for name in there.damaged if "/" in name})
        trained = f"; trained again: {', '.join(again)}" if again else ""
        print(f"{folder}: missing or changed: {what}{trained}", file=sys.stderr)
    for seed in there.seeds:  # the process was killed before it deleted their checkpoints
        shutil.rmtree(checkpoints_of(folder, seed), ignore_errors=True)
    whole = (folder / CONFIGURATION).is_file() and CONFIGURATION not in there.damaged
    # That of an unfinished run has no digest: a field of it may be missing.
    lacking = there.record is None and there.configuration != json.loads(json.dumps(configuration))
    if lacking or not whole:
        write_json(folder / CONFIGURATION, configuration)


def checkpoints_of(folder: Path, seed: int) -> Path:
    """Where a seed is trained, until it has its own folder."""
    return folder / f".seed{seed}"


def finish_seed(done: Path, place: Path, training: Mapping[str, Any]) -> None:
    """Write training.json beside a trained seed's files, and give them the seed's own folder.

    Args:
        done: Where they have been written.
        place: The seed's folder; a damaged one is replaced.
        training: What is to be known of the training.
    """
    files = {path.name: file_digest(path) for path in sorted(done.iterdir())}
    write_json(done / TRAINING, {**training, "files": files})
    if place.exists():
        shutil.rmtree(place)
    done.replace(place)


def trainings(folder: Path, seeds: Sequence[int]) -> tuple[dict[str, Any], ...]:
    """What is known of each seed's training: seed, steps, the best step and its development CCC."""
    found = [json.loads((folder / f"seed{seed}" / TRAINING).read_text("utf-8")) for seed in seeds]
    return tuple({name: value for name, value in one.items() if name != "files"} for one in found)


def files_of(folder: Path, seeds: Sequence[int]) -> list[str]:
    """Names of the files of trained seeds, for the record."""
    paths = [path for seed in seeds for path in sorted((folder / f"seed{seed}").iterdir())]
    return [f"{path.parent.name}/{path.name}" for path in paths if path.is_file() and path.name != CARD]


def sweep(folder: Path) -> None:
    """Delete unfinished files from a folder that only this process may write: those of processes that were killed."""
    for pattern in (f"*{PARTIAL}", f"seed*/*{PARTIAL}"):
        for path in folder.glob(pattern):
            path.unlink()


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the right to write a folder, while the block lasts; what a killed process left half-written is deleted.

    The lock stands beside the folder, hidden, so that no pattern like `runs/finetune-*` takes it for a run.

    Raises:
        RunError: Another process holds it (code `run-busy`), or the file system has no locks (`no-locks`).
    """
    try:
        claimed = claim(folder.with_name(f".{folder.name}"))
        with claimed as held:
            if not held:
                why, remedy = "another process is working on it", "wait until that has ended, or choose another --name"
                raise RunError(f"{folder} is in use", why, remedy, code="run-busy")
            sweep(folder)
            yield
    except CacheError as error:
        if error.code != "no-locks":
            raise
        raise RunError(error.what, error.why, "name a folder elsewhere with --runs", code="no-locks") from error
