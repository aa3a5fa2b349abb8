"""Finished trials, one JSON line each: a calibration that was stopped goes on where it was.

A trial is known by its part and its identity (the settings of a cell, the number of a world). Lines of trials made with
other sources are kept apart by the sources' digest, which is part of the file's name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

Identity = Mapping[str, Any]
Result = dict[str, Any]  # the identity's items and what was found


class Trials:
    """The finished trials of one part.

    Args:
        path: The file; it is made with the first trial.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done: dict[str, Result] = {}
        if path.is_file():
            for line in path.read_text("utf-8", "replace").splitlines():
                # A line of a process that was killed may be cut off anywhere; a damaged one may be anything.
                with suppress(ValueError, LookupError, TypeError, RecursionError):
                    entry = json.loads(line)
                    key, result = str(entry["key"]), dict(entry["result"])
                    if _key({name: result[name] for name in json.loads(key)}) == key:
                        self._done[key] = result

    def run(self, identities: Iterable[Identity], trial: Callable[[Identity], Mapping[str, Any]]) -> list[Result]:
        """The results of some trials, in their order; those that are not finished are run and kept.

        Args:
            identities: What tells the trials apart; plain words and numbers.
            trial: From an identity to what was found; plain words, numbers and lists of them.
        """
        wanted = list(identities)
        for identity in tqdm(wanted, desc=self._path.stem, unit="trial", disable=None):
            key = _key(identity)
            if key not in self._done:
                self._done[key] = {**identity, **trial(identity)}
                self._keep(key)
        return [self._done[_key(identity)] for identity in wanted]

    def _keep(self, key: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        whole = not self._path.is_file() or self._path.read_bytes()[-1:] in (b"", b"\n")
        with self._path.open("a", encoding="utf-8") as file:
            file.write("" if whole else "\n")
            file.write(json.dumps({"key": key, "result": self._done[key]}, allow_nan=True) + "\n")


def _key(identity: Identity) -> str:
    return json.dumps(identity, sort_keys=True)
