"""Several tables of one folder, one for each partition, as one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from probing.corpus.readers.tables.cells import Cells


def stacked(folder: Path, parts: Sequence[tuple[str, Cells]]) -> Cells:
    """Put the rows of tables below each other.

    Args:
        folder: What the paths in them are relative to.
        parts: The partition of each table, and its cells; one partition is none.
    """
    tables = [cells for _, cells in parts]
    columns = {
        name: [cell for cells in tables for cell in cells.column(name)]
        for name in dict.fromkeys(name for cells in tables for name in cells.columns)
    }
    partitions = [partition for partition, cells in parts for _ in range(len(cells))]
    if len(set(partitions)) > 1:
        columns.setdefault("partition", partitions)
    return replace(
        tables[0],
        path=folder,
        columns=columns,
        lines=[line for cells in tables for line in cells.lines],
        names=frozenset[str]().union(*(cells.names for cells in tables)),
        notes=tuple(dict.fromkeys(note for cells in tables for note in cells.notes)),
        unused={name: why for cells in tables for name, why in cells.unused.items() if name not in columns},
    )
