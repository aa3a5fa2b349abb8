"""Records of runs: written last, read by one reader, checked, listed."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from probing.errors import ProbingError, RunError, first_names
from probing.files import digest, file_digest, read_json, sealed, write_json
from probing.files.recorded import RECORD as RECORD
from probing.files.recorded import SEAL as SEAL
from probing.files.recorded import demand_sealed, is_whole, version_of
from probing.options import RUNS as RUNS
from probing.runs.owned import REMEDY
from probing.runs.records import (
    VERSION,
    EvaluationRecord,
    File,
    FinetuneRecord,
    FitRecord,
    LayersRecord,
    Record,
)
from probing.runs.there import CONFIGURATION as CONFIGURATION
from probing.runs.there import no_record, none_of
from probing.runs.version1 import upgraded

EVALUATIONS = "evaluations"  # below a run's folder
KINDS: dict[str, type[Record]] = {
    "fit": FitRecord,
    "layers": LayersRecord,
    "finetune": FinetuneRecord,
    "evaluate": EvaluationRecord,
}
_AGAIN = "rerun the command"  # of a run whose record is lost
_LARGEST = 2**63  # NumPy and pandas take no larger whole number
_MOST_SAID = 300  # characters of what is wrong: a damaged name may be as long as the file
_LIBRARIES = ("probing", "torch", "transformers", "numpy", "h5py", "scipy", "soundfile")
_Kind = TypeVar("_Kind", bound=Record)


def provenance(configuration: Mapping[str, Any], began: float) -> dict[str, Any]:
    """What every record says about how the run was made.

    Args:
        configuration: Everything that determines the result, JSON-ready; its digest is the run's signature.
        began: time.time() at the start.

    Returns:
        configuration, signature, typed, date, seconds, versions, git, machine: arguments of `Record`.
    """
    return {
        "configuration": configuration,
        "signature": signature(configuration),
        "typed": shlex.join(["probe", *sys.argv[1:]]),
        "date": datetime.fromtimestamp(began).astimezone().isoformat(timespec="seconds"),
        "seconds": round(time.time() - began, 1),
        "versions": versions(),
        "git": git_state(),
        "machine": {"platform": platform.platform(), "processors": os.cpu_count()},
    }


def write_record(record: _Kind, folder: Path, files: Sequence[str]) -> _Kind:
    """Write record.json, with the digests of the run's files.

    Args:
        record: What it says.
        folder: The run's folder, where the files are.
        files: Names of all files that belong to the finished run.

    Returns:
        The record as it is read back.
    """
    known = {name: File((folder / name).stat().st_size, file_digest(folder / name)) for name in files}
    adapter = _adapter(type(record))
    content = adapter.dump_python(replace(record, files=known, version=VERSION), mode="json")
    del content["folder"]
    again = adapter.validate_python(content)  # what could not be read back must not be written
    write_json(folder / RECORD, sealed(content, SEAL))
    return replace(again, folder=folder)


def amend_record(record: _Kind, **changes: Any) -> _Kind:
    """Change fields of a finished run's record, of which nothing else changes.

    Args:
        record: The run's.
        **changes: Field → its value in JSON.

    Returns:
        The record as it is read back.
    """
    content = {**read_json(record.folder / RECORD, _AGAIN, _LARGEST), **changes}
    write_json(record.folder / RECORD, sealed(content, SEAL) if SEAL in content else content)
    return read_kind(record.folder, type(record))


def read_record(folder: Path) -> Record:
    """Read a run's record, of this version or of 0.1.0.

    Raises:
        RunError: The folder has none (code `no-run`), the run has not finished (`run-unfinished`), or the record
            cannot be read (`run-unreadable`), is damaged (`run-damaged`) or of a later version (`run-version`); or it
            is an evaluation of version 0.1.0 without its run (`run-incomplete`).
    """
    path = folder / RECORD
    try:
        content = read_json(path, _AGAIN, _LARGEST)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise no_record(folder) from error
    except OSError as error:
        remedy = "make the file readable, or name another run"
        raise RunError(f"{path}", str(error.strerror), remedy, code="run-unreadable") from error
    except ProbingError as error:
        raise RunError(f"{path}", error.why, _AGAIN, code="run-damaged") from error
    try:
        return replace(_checked(path, content), folder=folder)
    except RunError:
        raise
    except ValidationError as error:
        why = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
    except ProbingError as error:  # such as of a name that no encoder can have
        why = str(error)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
    raise RunError(f"{path}", f"it is damaged ({why[:_MOST_SAID]})", _AGAIN, code="run-damaged")


def _checked(path: Path, content: Mapping[str, Any]) -> Record:
    """A record's content with every field checked.

    Raises:
        RunError: It is of another version.
        ProbingError, LookupError, TypeError, ValueError, AttributeError: It is damaged.
    """
    version_ = version_of(content)
    if version_ > VERSION:
        remedy = "read it with the version of the toolkit that made it, or a later one"
        raise RunError(
            f"{path}", f"it is of version {version_}; this toolkit reads 1 to {VERSION}", remedy, code="run-version"
        )
    demand_sealed(content)
    typed = upgraded(content, path.parent) if version_ == 1 else content
    if typed["command"] not in KINDS:
        raise ValueError(f"there is no command {typed['command']!r}")
    record: Record = _adapter(KINDS[typed["command"]]).validate_python(typed)
    if record.version > 1 and record.files is None:
        raise ValueError("it names no files")
    return record


def read_kind(folder: Path, kind: type[_Kind]) -> _Kind:
    """Read a run's record, which must be of one kind.

    Raises:
        RunError: As `read_record`, or it is another command's (code `run-kind`).
    """
    record = read_record(folder)
    if not isinstance(record, kind):
        command = next(name for name, own in KINDS.items() if own is kind)
        why = f"it is a run of `probe {record.command}`"
        raise RunError(f"{folder}", why, f"name a run of `probe {command}` (see `probe runs`)", code="run-kind")
    return record


def missing_files(record: Record, digests: bool = False) -> list[str]:
    """Names of a finished run's files that are missing, not as they were written, or links that lead elsewhere.

    Args:
        record: The run. Of one of version 0.1.0, which has no digests, only missing files are found.
        digests: Whether every byte is read, rather than only sizes compared.
    """
    files = record.files or {}
    names = dict.fromkeys((*files, *record.required))
    known = {name for name in names if record.files is None or name in files}
    return [n for n in names if n not in known or not is_whole(record.folder, n, files.get(n), digests)]


def demand_whole(record: Record, digests: bool = False) -> None:
    """Make sure that a run's files are those that its record names.

    Args:
        record: The run.
        digests: Whether every byte is read, as `missing_files` does: where the run's weights are used.

    Raises:
        RunError: Files are missing or changed (code `run-incomplete`), or its weights are to be used and it has none,
            since it pools the runs of all folds (`run-pooled`).
    """
    if digests:
        record.demand_single()
    if lacking := missing_files(record, digests):
        why = f"missing or changed: {first_names(lacking, 3)}"
        raise RunError(f"{record.folder} is not complete", why, REMEDY, code="run-incomplete")


def is_complete(record: Record) -> bool:
    """Whether a run is complete by its files' sizes; of one that is not, stderr says that it is passed over.

    For runs that nobody named: the latest of a kind, a fit's controls. Without them the result is another.
    """
    if lacking := missing_files(record):
        print(f"skipped: {record.folder} is not complete: {first_names(lacking, 3)}", file=sys.stderr)
    return not lacking


def all_records(root: Path = RUNS) -> list[Record]:
    """Every finished run, oldest first; a run whose record cannot be read is named on stderr and skipped."""
    found = []
    for path in root.glob(f"*/{RECORD}"):
        if path.parent.name.endswith(".partial"):
            continue
        try:
            found.append(read_record(path.parent))
        except RunError as error:  # one damaged record must not hide the other runs
            print(f"skipped: {error.what}: {error.why}", file=sys.stderr)
    return sorted(found, key=lambda record: (record.date, record.folder.name))


def evaluations_of(record: Record) -> list[EvaluationRecord]:
    """The evaluations that are kept with a run, oldest first; one that cannot be read is named on stderr."""
    return [own for own in all_records(record.folder / EVALUATIONS) if isinstance(own, EvaluationRecord)]


def latest(kind: type[_Kind], root: Path = RUNS, pooled: bool = False) -> _Kind:
    """The newest run of a kind; `pooled`: of those that pool all folds.

    Raises:
        RunError: There is none (code `no-run`).
    """
    found = [record for record in all_records(root) if isinstance(record, kind) and (record.members or not pooled)]
    if not found:
        command = next(name for name, own in KINDS.items() if own is kind) + " --folds all" * pooled
        raise none_of(command, root)
    return found[-1]


def signature(configuration: Mapping[str, Any]) -> str:
    """Digest of a configuration: the same for runs that should give the same numbers."""
    return digest(json.loads(json.dumps(configuration, default=str)))[:16]


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that matter."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def git_state() -> dict[str, Any] | None:
    """Commit of the package's own checkout and whether it has changes; None where it is not a checkout."""
    here = Path(__file__).parents[1]
    try:
        tracked = ["ls-files", "--error-unmatch", "__init__.py"]  # fails inside somebody else's repository
        asked = [tracked, ["rev-parse", "HEAD"], ["status", "--porcelain", "--", str(here)]]
        _, commit, status = (
            subprocess.run(["git", "-C", str(here), *words], capture_output=True, text=True, check=True).stdout.strip()
            for words in asked
        )
    except (OSError, subprocess.CalledProcessError):  # no git, or no checkout
        return None
    return {"commit": commit, "changed": bool(status)}


_ADAPTERS: dict[type[Record], Any] = {}  # made once, since each takes some milliseconds


def _adapter(kind: type[_Kind]) -> TypeAdapter[_Kind]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    found: TypeAdapter[_Kind] = _ADAPTERS[kind]
    return found
