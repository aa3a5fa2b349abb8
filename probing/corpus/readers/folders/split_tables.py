"""Read a folder with a table for each partition: train.csv, dev.csv and test.csv, or the same in another format.

Each is a table of its own, with paths relative to the folder, and its name is the partition of its rows. (Parquet files
of that kind are read as the library `datasets` does, since they may have recordings in them.)
"""

from __future__ import annotations

from pathlib import Path

from probing.corpus.readers.releases.release import files_in
from probing.corpus.readers.tables import parquet, table_file
from probing.corpus.readers.tables.cells import Cells
from probing.corpus.readers.tables.columns import PARTITIONS
from probing.corpus.readers.tables.stacked import stacked


def holds(folder: Path) -> bool:
    """Whether a folder has two or more such tables."""
    return len({table.stem.lower() for table in _tables(folder)}) > 1


def read(folder: Path) -> Cells:
    """Read the tables of a folder.

    Raises:
        CorpusError: As the readers of tables say.
    """
    return stacked(folder, [(table.stem, table_file.read(table)) for table in _tables(folder)])


def _tables(folder: Path) -> list[Path]:
    """The tables that are called like a partition."""
    found = [path for path in files_in(folder, table_file.is_table) if path.suffix.lower() != parquet.ENDING]
    return [path for path in found if path.stem.lower() in PARTITIONS]
