"""What a command has made, so that two results can be compared: numbers bit for bit, times and machines left out."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

# What says when, how long and by which process something was made. Its own digest changes with them.
# Digests of files are left out where the files themselves are compared.
_VOLATILE = frozenset("date seconds git machine typed changed files digest sha256 record_sha256 check".split())
_TIMES = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second")
_DATE = re.compile(rb"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?([+-]\d\d:\d\d|Z)?)?|-20\d{6}-\d{6}(-\d+)?|\d+(\.\d+)? s\b")
_IDENTITY = re.compile(r"-[0-9a-f]{8}(?=[./]|$)")  # which encoder or corpus it is of: its numbers say what matters
_WHOSE = frozenset("identity fingerprint encoder title written_by".split())  # attributes that say the same
_LEFT_OUT = (".lock", ".partial", ".log")

Results = dict[str, str]


def results(here: Path, patterns: Iterable[str]) -> Results:
    """Relative path → digest of what each file below some patterns holds."""
    found: Results = {}
    tops = {top for pattern in patterns for top in here.glob(pattern)}
    paths = {path for top in tops for path in (top.rglob("*") if top.is_dir() else [top])}
    for path in sorted(paths):
        if path.is_file() and not path.name.endswith(_LEFT_OUT):
            name = _DATE.sub(b"DATE", os.fsencode(path.relative_to(here))).decode("utf-8", "backslashreplace")
            name = _IDENTITY.sub("-IDENTITY", name)
            while name in found:  # two runs that differ only in their date
                name += "′"
            found[name] = hashlib.sha256(_content(path)).hexdigest()[:16]
    return found


def _content(path: Path) -> bytes:
    if path.suffix == ".h5":
        return _datasets(path)
    if path.suffix == ".json":
        with suppress(ValueError, RecursionError):  # damaged: then every byte counts
            return json.dumps(_settled(json.loads(path.read_bytes())), sort_keys=True).encode()
    if path.name == "history.csv":
        rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
        return repr([sorted((key, value) for key, value in row.items() if key not in _TIMES) for row in rows]).encode()
    if path.suffix in (".md", ".html", ".tex"):
        return _DATE.sub(b"DATE", path.read_bytes())
    return path.read_bytes()


def _settled(value: Any) -> Any:
    """JSON without what differs from one time to the next."""
    if isinstance(value, dict):
        return {key: _settled(one) for key, one in value.items() if key not in _VOLATILE}
    if isinstance(value, list):
        return [_settled(one) for one in value]
    return value


def _datasets(path: Path) -> bytes:
    """Every dataset of a cache: its name, shape, type and bytes; and the attributes."""
    import h5py

    found = hashlib.sha256()
    with h5py.File(path, "r") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        for name in sorted(names):
            numbers = file[name]
            text = numbers.dtype.kind == "O"
            found.update(f"{name} {numbers.shape} {numbers.dtype}".encode())
            found.update(repr(numbers.asstr()[()].tolist()).encode() if text else numbers[()].tobytes())
        kept = {key: repr(value) for key, value in file.attrs.items() if key not in _WHOSE}
        found.update(repr(sorted(kept.items())).encode())
    return found.digest()


def difference(before: Results, after: Results) -> str:
    """How two results differ, in a few words; empty where they do not."""
    missing, more = before.keys() - after.keys(), after.keys() - before.keys()
    changed = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    parts = [
        f"{word} {', '.join(sorted(names)[:3])}"
        for word, names in (("lacks", missing), ("has besides", more), ("other", changed))
        if names
    ]
    return "; ".join(parts)
