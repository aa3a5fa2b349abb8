"""A fit's tables, read whole or refused."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from probing.errors import RunError
from probing.files import file_digest
from probing.runs.records import FitRecord

_WORDS = ("id", "partition", "speaker", "dimension", "kind", "labels")  # columns that are not numbers
_REMEDY = "copy the run again, or rerun the command in its record.json"


def has(record: FitRecord, name: str) -> bool:
    """Whether a run wrote a file, by its record or, in version 0.1.0, because it is there."""
    return name in record.files if record.files is not None else (record.folder / name).is_file()


def read(record: FitRecord, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """One of a run's tables.

    Args:
        record: The run.
        name: Name of the file.
        columns: Columns that it must have.

    Raises:
        RunError: The file is missing or is not what the run wrote (code `run-incomplete`), or it is damaged
            (`run-damaged`).
    """
    path = record.folder / name
    if not path.is_file():
        raise RunError(f"{path}", "there is no such file", _REMEDY, code="run-incomplete")
    written = (record.files or {}).get(name)
    if written is not None and file_digest(path) != written.sha256:
        raise RunError(f"{path}", "it is not what the run wrote", _REMEDY, code="run-incomplete")
    try:
        # Only a blank cell is missing: pandas would take a speaker "NA" or an id "null" for missing too.
        table = pd.read_csv(path, dtype=dict.fromkeys(_WORDS, str), keep_default_na=False, na_values=[""])
    except ValueError as error:  # pandas' own errors are ValueErrors
        raise RunError(f"{path}", f"it is damaged ({error})", _REMEDY, code="run-damaged") from error
    if lacking := set(columns).difference(table.columns):
        why = f"it is damaged (no column {', '.join(sorted(lacking))})"
        raise RunError(f"{path}", why, _REMEDY, code="run-damaged")
    return table
