"""The numbers of a table's columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probing.corpus.readers.tables.cells import Cells, cut
from probing.errors import CorpusError, first_names, number_of

UNIT = (0.0, 1.0)  # the scale of ratings where none is given


def ratings(cells: Cells, column: str, scale: tuple[float, float] | None, id_column: str = "id") -> NDArray[np.float64]:
    """The numbers of a column.

    Args:
        cells: A table.
        column: Its column.
        scale: Lowest and highest possible rating; None: [0, 1], and the error for labels outside names `--scale`.
        id_column: The column that names utterances in messages; their lines do where it is not there.

    Returns:
        Ratings [B], NaN where the cell is blank.

    Raises:
        CorpusError: A cell is not a finite number (code `not-a-number`) or off the scale (`off-scale`; `scale-needed`
            where none was given).
    """
    values = numbers_of(cells, column)
    low, high = scale or UNIT
    off = np.flatnonzero((values < low) | (values > high))
    if len(off) and scale is None:
        raise CorpusError(
            f"{cells.path}, column {column}",
            f"its values range from {np.nanmin(values):g} to {np.nanmax(values):g}, outside [0, 1]",
            "give the lowest and highest rating that was possible, for all columns: --scale LOW HIGH",
            code="scale-needed",
        )
    if len(off):
        ids = cells.columns.get(id_column)
        names = [f"{ids[row] if ids else cells.where(row)} ({values[row]:g})" for row in off.tolist()]
        spans = f"its values range from {np.nanmin(values):g} to {np.nanmax(values):g}"
        why = f"{number_of(len(off), 'value')} off the scale {low:g} to {high:g} ({spans}): {first_names(names)}"
        remedy = "correct them, or the --scale if one was given"
        raise CorpusError(f"{cells.path}, column {column}", why, remedy, code="off-scale")
    return values


def numbers_of(cells: Cells, column: str) -> NDArray[np.float64]:
    """The numbers of a column [B], NaN where the cell is blank.

    Raises:
        CorpusError: A cell is not a finite number (code `not-a-number`).
    """
    import pandas as pd  # only here: a table that is not there is refused before it is loaded

    written = cells.columns[column]
    numbers = [cell.replace(",", ".") for cell in written] if cells.decimal == "," else written
    values: NDArray[np.float64] = pd.to_numeric(pd.Series(numbers, dtype=str), errors="coerce").to_numpy(np.float64)
    blank = np.fromiter((not cell for cell in written), bool, len(written))
    wrong = np.flatnonzero(~blank & ~np.isfinite(values))
    if len(wrong):
        row = int(wrong[0])
        raise CorpusError(
            f"{cells.path}, column {column}",
            f"{cells.where(row)} has {cut(repr(written[row]))}, not a finite number "
            f"({number_of(len(wrong), 'such cell')} in all)",
            "write a number, or leave the cell blank where there is none",
            code="not-a-number",
        )
    return values


def rows_of(labels: dict[str, NDArray[np.float64]], rows: int) -> list[dict[str, float]]:
    """Ratings by dimension → one mapping per utterance, without the dimensions that it is not rated on."""
    rated: list[dict[str, float]] = [{} for _ in range(rows)]
    for dimension, values in labels.items():
        for row in np.flatnonzero(~np.isnan(values)):
            rated[row][dimension] = float(values[row])
    return rated
