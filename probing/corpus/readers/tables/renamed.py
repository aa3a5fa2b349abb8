"""A table with its columns called as we call them: by `--column OURS=THEIRS`, whatever the case of their letters."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import replace

from probing.corpus.model import EMOTIONS, partition_name
from probing.corpus.readers.tables.cells import Cells
from probing.corpus.readers.tables.columns import KNOWN, MOST_COMPARED, OWN, PARTITIONS, demand_columns, near
from probing.corpus.readers.tables.sexes import COLUMNS as SEXES
from probing.errors import CorpusError, first_names

_SERVING = frozenset((*KNOWN, *SEXES))  # columns that are something by their names
_NEAR = (*OWN, "start", "end", "sex", *EMOTIONS)


def renamed(cells: Cells, pairs: Sequence[tuple[str, str]]) -> Cells:
    """A table with its columns called as we call them.

    A column that is given two of our names is both, and one that is called as one of ours stays that too; one of ours
    that another replaces is left out.

    Args:
        cells: A table; a column that is called as one of ours is that one whatever its case.
        pairs: Ours and theirs.

    Raises:
        CorpusError: There is no such column of theirs (code `column-missing`), one of ours is misspelt
            (`column-unknown`), or two columns differ only in case and are one of ours (`column-repeated`).
    """
    header = [name.lower() if name.lower() in KNOWN else name for name in cells.columns]
    demand_columns(header, (), cells.path)
    found = dict(zip(header, cells.columns.values(), strict=True))
    if not pairs:
        return replace(cells, columns=found)
    theirs = {ours: _column(found, ours, name, cells) for ours, name in pairs}
    taken = set(theirs.values())
    gone = {*theirs, *(name for name in taken if name.lower() not in _SERVING)}
    columns = {name: column for name, column in found.items() if name not in gone}
    columns |= {ours: found[name] for ours, name in theirs.items()}
    unused = {
        name: f"--column {name}={theirs[name]} replaces it" for name in found if name in theirs and name not in taken
    }
    unused |= {name: why for name, why in cells.unused.items() if name not in theirs}
    names = frozenset(ours for ours, name in theirs.items() if name in cells.names) | (cells.names - gone)
    return replace(cells, columns=columns, unused=unused, names=names)


def _column(columns: Collection[str], ours: str, theirs: str, cells: Cells) -> str:
    """The column that `--column OURS=THEIRS` means, whatever the case of its letters where that is clear."""
    typed = f"--column {ours}={theirs}"
    numbered = any(map(str.isdigit, ours))  # arousal_1 is what a rater said
    close = difflib.get_close_matches(ours.lower(), _NEAR, 1, 0.8)
    if close and ours.lower() not in _SERVING and not numbered:
        remedy = f"did you mean --column {close[0]}={theirs}?"
        raise CorpusError(typed, f"{ours} is no column of ours", remedy, code="column-unknown")
    alike = [name for name in columns if name.lower() == theirs.lower()]
    if theirs in columns or len(alike) == 1:
        return theirs if theirs in columns else alike[0]
    if theirs in cells.unused:
        raise CorpusError(typed, cells.unused[theirs], "choose another column", code="column-missing")
    close = difflib.get_close_matches(theirs, list(columns)[:MOST_COMPARED], n=1)
    raise CorpusError(
        f"{cells.path} has no column {theirs} to be read as its {ours}",
        f"it has {first_names(list(columns), 20)}",
        f"did you mean {close[0]}?" if close else "name one of those",
        code="column-missing",
    )


def refuse_other_partition(cells: Cells) -> None:
    """Raise a CorpusError (code `column-missing`) where a table has its partitions in a column of another name."""
    found = near("partition", cells.columns, alike=0.8)
    if found and any(partition_name(value) in PARTITIONS for value in set(cells.columns[found])):
        demand_columns(list(cells.columns), ["partition"], cells.path, own=OWN)
