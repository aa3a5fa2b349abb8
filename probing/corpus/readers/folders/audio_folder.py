"""Read a folder of recordings with a table `metadata.csv`, `.jsonl` or `.parquet`, as the library `datasets` has them.

Its documentation calls them AudioFolder: a column `file_name` (or `audio_file_name`) has paths relative to the table.
There is one table for all, or one in the folder of each split (train, test …), and the splits are the partitions; of
one table for all, the folders that the recordings lie in, if those are names of splits.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from probing.corpus.readers.releases.release import folders
from probing.corpus.readers.tables import table_file
from probing.corpus.readers.tables.cells import Cells
from probing.corpus.readers.tables.columns import PARTITIONS, demand_columns
from probing.corpus.readers.tables.stacked import stacked

_TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_FILE_NAMES = ("file_name", "audio_file_name", "path")


def holds(folder: Path) -> bool:
    """Whether a folder is such a folder."""
    return bool(_tables(folder))


def read(folder: Path) -> Cells:
    """Read the recordings that the tables of a folder list.

    Raises:
        CorpusError: As the reader of each kind of table says, or it has no column of file names (code
            `column-missing`).
    """
    parts = [(_split_of(folder, table), _relative(folder, table)) for table in _tables(folder)]
    cells = stacked(folder, parts)
    first = [path.partition("/")[0].lower() for path in cells.column("path")]
    if "partition" not in cells and len(set(first)) > 1 and PARTITIONS.issuperset(first):
        return replace(cells, columns={**cells.columns, "partition": first})
    return cells


def _tables(folder: Path) -> list[Path]:
    """The tables of a folder, or else those of the folders in it; of several kinds the first."""
    for level in ([folder], folders(folder)):
        found = [next((path for name in _TABLES if (path := place / name).is_file()), None) for place in level]
        if tables := [path for path in found if path]:
            return tables
    return []


def _split_of(folder: Path, table: Path) -> str:
    """The folder that a table is in; blank for the one that holds all."""
    return "" if table.parent == folder else table.parent.name


def _relative(folder: Path, table: Path) -> Cells:
    """The cells of a table, with its file names as paths from a folder above it."""
    cells = table_file.read(table)
    spelling = {name.lower(): name for name in cells.columns}
    column = next((spelling[name] for name in _FILE_NAMES if name in spelling), _FILE_NAMES[0])
    demand_columns(list(cells.columns), [column], table)
    below = table.parent.relative_to(folder)
    paths = [(below / name).as_posix() if name else "" for name in cells.column(column)]
    others = {name: written for name, written in cells.columns.items() if name not in (column, "path")}
    return replace(cells, columns={**others, "path": paths})
