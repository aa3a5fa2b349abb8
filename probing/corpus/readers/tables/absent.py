"""Cells that programs write where a value is missing: R's NA, NumPy's nan, Python's None, a database's NULL.

They are blank, as pandas reads them, in every column but those of ids, partitions and texts: these may be called or say
so.
"""

from __future__ import annotations

from dataclasses import replace

from probing.corpus.readers.tables.cells import Cells
from probing.errors import first_names, number_of

_ABSENT = frozenset(
    "#N/A,#N/A N/A,#NA,-1.#IND,-1.#QNAN,-NaN,-nan,1.#IND,1.#QNAN,<NA>,N/A,NA,NULL,NaN,None,n/a,nan,null".split(",")
)
_KEPT = ("id", "partition", "text")


def without_absent(cells: Cells) -> tuple[Cells, dict[str, str]]:
    """The same cells, blank where a value is missing, and for each column that had such cells a note.

    Columns of which the source says that they have names stay as they are.
    """
    columns, notes = dict(cells.columns), {}
    for name, written in cells.columns.items():
        found = set() if name in _KEPT or name in cells.names else _ABSENT.intersection(written)
        if found:
            columns[name] = ["" if cell in found else cell for cell in written]
            what = number_of(sum(cell in found for cell in written), "cell is", "cells are")
            notes[name] = f"column {name}: {what} {first_names(sorted(found))}, which counts as blank"
    return (replace(cells, columns=columns), notes) if notes else (cells, notes)
