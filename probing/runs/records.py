"""One folder a run, with one record.json: what was done, with what, by which version, and what came out."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from typing import Any

from probing.errors import ProbingError

RECORD = "record.json"
CONFIGURATION = "configuration.json"  # of a run that can go on: written first, where the record is written last
RUNS = Path("runs")
_LIBRARIES = ("probing", "torch", "transformers", "numpy", "h5py", "scipy", "soundfile")


@dataclass(frozen=True)
class Record:
    """A finished run: its folder and what its record says."""

    folder: Path
    content: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.content[key]


@dataclass(frozen=True)
class NewRun:
    """A run being written: the folder to write into, and the one that it becomes."""

    aside: Path
    final: Path


@contextmanager
def new_run(kind: str, name: str, root: Path = RUNS) -> Iterator[NewRun]:
    """A folder to write a run into, which gets its final name only when the run has ended well.

    Args:
        kind: The command, `fit` or another.
        name: Corpus and encoder, for the folder's name.
        root: Folder of all runs.

    Yields:
        The folder to write into and the one it becomes.
    """
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    final = _reserved(root, f"{kind}-{name}-{stamp}")
    aside = root / f".{final.name}.{os.getpid()}.partial"
    aside.mkdir(parents=True)
    try:
        yield NewRun(aside, final)
    except BaseException:
        shutil.rmtree(aside)
        final.rmdir()
        raise
    aside.rename(final)


def _reserved(root: Path, name: str) -> Path:
    """An empty folder that is this run's alone; without a record nobody takes it for a run."""
    root.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        folder = root / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError("count does not end")


def write_record(
    folder: Path, command: str, configuration: Mapping[str, Any], results: Mapping[str, Any], began: float
) -> None:
    """Write record.json.

    Args:
        folder: The run's folder.
        command: Name of the command, `fit` or another.
        configuration: Everything that settles the result, JSON-ready; its hash is the run's signature.
        results: Scores and what else came out, JSON-ready.
        began: time.time() at the start.
    """
    record = {
        "command": command,
        "typed": shlex.join(["probe", *sys.argv[1:]]),
        "configuration": configuration,
        "signature": signature(configuration),
        **results,
        "date": datetime.fromtimestamp(began).astimezone().isoformat(timespec="seconds"),
        "seconds": round(time.time() - began, 1),
        "versions": versions(),
        "git": git_state(),
        "machine": {"platform": platform.platform(), "processors": os.cpu_count()},
    }
    text = json.dumps(record, indent=2, ensure_ascii=False, default=str)
    (folder / RECORD).write_text(text + "\n", "utf-8")


def signature(configuration: Mapping[str, Any]) -> str:
    """Hash of a configuration: equal for runs that should give equal numbers."""
    text = json.dumps(configuration, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


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
    """Commit of the package's own checkout and whether it was changed; None where it is not a checkout."""
    here = Path(__file__).parents[1]
    try:
        tracked = ["ls-files", "--error-unmatch", "__init__.py"]  # fails inside somebody else's repository
        asked = [tracked, ["rev-parse", "HEAD"], ["status", "--porcelain", "--", str(here)]]
        _, commit, status = (
            subprocess.run(["git", "-C", str(here), *words], capture_output=True, text=True, check=True).stdout.strip()
            for words in asked
        )
    except (OSError, subprocess.CalledProcessError):  # no git, or no checkout: that is what None says
        return None
    return {"commit": commit, "changed": bool(status)}


def read_record(folder: Path) -> Record:
    """Read a run's record.

    Raises:
        ProbingError: The folder holds none, or it is damaged.
    """
    path = folder / RECORD
    try:
        record = Record(folder, json.loads(path.read_text("utf-8")))
        absent = [key for key in ("command", "date", "corpus", "encoder", "configuration") if key not in record.content]
        if absent:
            raise ProbingError(f"{path}", f"it lacks {', '.join(absent)}", "make the run again")
        return record
    except FileNotFoundError as error:
        begun = (folder / CONFIGURATION).is_file()
        why = f"it holds no {RECORD}" + ": the run has begun but not ended" * begun
        remedy = "type its command again: it goes on" if begun else "list the runs with `probe runs`"
        raise ProbingError(f"{folder}", why, remedy) from error
    except ValueError as error:
        raise ProbingError(f"{path}", f"it is damaged ({error})", "make the run again") from error


def all_records(root: Path = RUNS) -> list[Record]:
    """Every finished run, oldest first."""
    found = []
    for path in root.glob(f"*/{RECORD}"):
        if path.parent.name.endswith(".partial"):
            continue
        try:
            found.append(read_record(path.parent))
        except ProbingError as error:  # one damaged record must not hide the other runs
            print(f"passed over: {error.what}: {error.why}", file=sys.stderr)
    return sorted(found, key=lambda record: (record["date"], record.folder.name))


def latest(command: str, root: Path = RUNS) -> Record:
    """The newest run of a command.

    Raises:
        ProbingError: There is none.
    """
    found = [record for record in all_records(root) if record["command"] == command]
    if not found:
        raise ProbingError(f"no {command} run in {root}", "", f"type `probe {command}` first")
    return found[-1]


def line(record: Record) -> str:
    """One line about a run: date, command, corpus, encoder, scores on the test partitions, folder."""
    scores = " ".join(
        f"{row['dimension']} {row['partition']} {row['ccc']:.3f}"
        for row in record.content.get("scores", [])
        if row.get("probe", "weighted") == "weighted" and row["partition"].startswith("test")
    )
    when = record["date"][:16].replace("T", " ")
    what = (
        when,
        record["command"],
        record["corpus"].get("title", record["corpus"]["name"]),
        record["encoder"]["title"],
        scores,
        str(record.folder),
    )
    return "  ".join(what)
