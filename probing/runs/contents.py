"""The table of a run of `probe layers`: a row for each number, checked when it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from probing.errors import RunError, first_names
from probing.files import size
from probing.files.checked_csv import read_table
from probing.runs.owned import REMEDY, own_file
from probing.runs.records import CONTENTS, LayersRecord
from probing.runs.store import read_kind

# `analysis` says which, `layer` whose; `target` is what is predicted, `part` from what or without what; `measure` is
# the number's kind, and `low` and `high` are its 95 % interval, NaN where it has none.
_WORDS, _NUMBERS = ("analysis", "target", "part", "measure", "partition"), ("layer", "value", "low", "high")
_DEEPEST = 999  # index of a layer: one beyond it is damage, and a figure of so many layers would fill the memory
_MOST_BYTES = 64_000_000  # some thousand times what an analysis writes


def read_contents(run: LayersRecord | Path) -> pd.DataFrame:
    """What the layers contain, as a run of `probe layers` wrote it.

    Args:
        run: The run's record, or its folder.

    Returns:
        analysis, layer, target, part, measure, partition, value, low, high (`probing.analysis.material`): a row for
        each number, which is finite, or NaN where there is none.

    Raises:
        RunError: It is no run of `probe layers` (code `run-kind`; others as `probing.runs.store.read_record`); the
            table is missing or is not what the run wrote (`run-incomplete`); or it is damaged (`run-damaged`).
    """
    record = run if isinstance(run, LayersRecord) else read_kind(run, LayersRecord)
    path = own_file(record.folder, CONTENTS, record.files or {})
    try:
        if (length := path.stat().st_size) > _MOST_BYTES:
            raise ValueError(f"it has {size(length)}, which is more than any analysis writes")
        return _sound(read_table(path, _WORDS, blank=_NUMBERS))
    except ValueError as error:  # pandas' own errors are ValueErrors
        raise RunError(f"{path}", f"it is damaged ({error})", REMEDY, code="run-damaged") from error


def _sound(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its types settled; a ValueError says what it must not hold."""
    columns = (*_WORDS, *_NUMBERS)
    if lacking := sorted(set(columns).difference(table.columns)):
        raise ValueError(f"there is no column {', '.join(lacking)}")
    if table.empty:
        raise ValueError("there is no row")
    table = table.astype(dict.fromkeys(_NUMBERS, float))
    if np.isinf(table[list(_NUMBERS)]).to_numpy().any():
        raise ValueError("a number is infinite")
    if not (table.layer.between(-1, _DEEPEST) & (table.layer % 1 == 0)).all():
        raise ValueError("a layer is none")
    blank = [name for name in ("analysis", "measure") if (table[name] == "").any()]
    if blank:
        raise ValueError(f"a cell of {blank[0]} is blank")
    if (table.low > table.high).any():
        raise ValueError("an interval ends below its beginning")
    keys = ["analysis", "layer", "target", "part", "measure", "partition"]
    if (twice := table.duplicated(keys)).any():
        names = [" ".join(map(str, key)) for key in table.loc[twice, keys].itertuples(index=False)]
        raise ValueError(f"there are two rows of one number: {first_names(names, 2)}")
    return table.astype({"layer": int})
