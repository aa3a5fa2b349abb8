"""Which part of its recording each row of a table is: start and end in seconds, in the spellings that occur."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from probing.corpus.readers.tables.cells import Cells, cut
from probing.corpus.readers.tables.ratings import numbers_of
from probing.errors import CorpusError, number_of

ENDLESS = "inf"  # the end of a segment that is its recording's own

_PAIRS = (
    ("start", "end"),
    ("begin", "end"),
    ("start_time", "end_time"),
    ("starttime", "endtime"),
    ("begin_time", "end_time"),
    ("onset", "offset"),
    ("tmin", "tmax"),
)
_LENGTHS = (("start", "duration"), ("offset", "duration"), ("onset", "duration"))  # NeMo's, lhotse's and BIDS's tables
TIMES = frozenset(name for pair in _PAIRS for name in pair)  # never dimensions
_LATEST = 360_000.0  # s; a recording of a hundred hours, so that samples are not taken for seconds
_REMEDY = (
    "give start and end in seconds from the beginning of the recording (--column start=THEIRS --column end=THEIRS); "
    "or, where this column is no time of a segment, call it otherwise: --column other={}"
)


def time_columns(columns: Iterable[str]) -> tuple[str, str] | None:
    """The columns that say where segments begin and end, or how long they are; None where there are none.

    >>> time_columns(["id", "Start", "END"]), time_columns(["offset", "duration"]), time_columns(["start"])
    (('Start', 'END'), ('offset', 'duration'), None)
    """
    spelling = {name.lower(): name for name in columns}
    found = next((pair for pair in (*_PAIRS, *_LENGTHS) if set(pair) <= spelling.keys()), None)
    return None if found is None else (spelling[found[0]], spelling[found[1]])


def read_segments(cells: Cells) -> list[tuple[float, float] | None]:
    """Start and end of each row in seconds; None where both cells are blank, or there are no recordings.

    An end `inf` is the recording's own.

    Raises:
        CorpusError: A time is not a finite number (code `not-a-number`), or a segment lacks one of its times, is empty,
            begins before its recording, or lies where none has a place (`segment-bounds`).
    """
    named = time_columns(cells.columns)
    if named is None or "path" not in cells:
        return [None] * len(cells)
    try:
        starts, ends = numbers_of(cells, named[0]), _ends(cells, named[1])
    except CorpusError as error:
        raise CorpusError(error.what, error.why, _REMEDY.format(named[0]), code=error.code) from error
    if named[1].lower() == "duration":
        ends = starts + ends
    late = (starts > _LATEST) | ((ends > _LATEST) & np.isfinite(ends))
    rules = [
        (np.isnan(starts) != np.isnan(ends), "one of its times is blank"),
        (starts < 0, "it begins before its recording"),
        (ends <= starts, "it ends where it begins, or before"),
        (late, f"it ends after {_LATEST:,.0f} s: are these samples or milliseconds?"),
    ]
    for broken, why in rules:
        _demand_none(broken, why, cells, named)
    rows = zip(starts.tolist(), ends.tolist(), np.isnan(starts).tolist(), strict=True)
    return [None if whole else (start, end) for start, end, whole in rows]


def _ends(cells: Cells, column: str) -> NDArray[np.float64]:
    """The numbers of a column, of which some may be without end."""
    written = cells.columns[column]
    endless = np.fromiter((cell == ENDLESS for cell in written), bool, len(written))
    finite = ["" if cell == ENDLESS else cell for cell in written]
    ends = numbers_of(replace(cells, columns={**cells.columns, column: finite}), column)
    return np.where(endless, np.inf, ends)


def refuse_half(cells: Cells) -> None:
    """Raise a CorpusError (code `segment-bounds`) where rows share recordings and only one of two times is there.

    Each row would be taken for the whole recording.
    """
    paths = [path for path in cells.column("path") if path]
    half = [column for column in cells.columns if column.lower() in TIMES]
    if half and len(set(paths)) < len(paths) and time_columns(cells.columns) is None:
        raise CorpusError(
            f"table {cells.path} has a column {half[0]}, and several rows for one recording",
            "where a segment begins or ends is not said",
            _REMEDY.format(half[0]),
            code="segment-bounds",
        )


def _demand_none(broken: NDArray[np.bool_], why: str, cells: Cells, named: tuple[str, str]) -> None:
    rows = np.flatnonzero(broken)
    if not len(rows):
        return
    row = int(rows[0])
    times = " and ".join(f"{column} {cut(repr(cells.columns[column][row]))}" for column in named)
    more = f" ({number_of(len(rows), 'such row')} in all)" if len(rows) > 1 else ""
    what, remedy = f"table {cells.path}, {cells.where(row)}", _REMEDY.format(named[0])
    raise CorpusError(what, f"{times}: {why}{more}", remedy, code="segment-bounds")
