"""Which reader reads a table or a folder: it is told from the table's ending, or from what the folder holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from probing.corpus.readers.folders import audformat_folder, audio_folder, datasets_folder, kaldi, pattern, split_tables
from probing.corpus.readers.public import crema_d, emodb, meld, ravdess, savee, shemo
from probing.corpus.readers.tables import table_file
from probing.corpus.readers.tables.cells import Cells
from probing.errors import CorpusError

# Readers of folders that are tables; the first whose marks are there decides.
_FOLDERS = (kaldi, audformat_folder, audio_folder, split_tables, datasets_folder)
# The prefix of a public corpus → the reader of its folder as it is unpacked.
PUBLIC: dict[str, Callable[[Path], Cells]] = {
    "crema-d": crema_d.read,
    "emodb": emodb.read,
    "meld": meld.read,
    "ravdess": ravdess.read,
    "savee": savee.read,
    "shemo": shemo.read,
}


def cells_of(path: Path, names: str | None = None) -> Cells | None:
    """The cells of a table, or of a folder that is one.

    Args:
        path: The table or folder.
        names: Pattern of the names of a folder's recordings.

    Returns:
        The cells; None where the path is neither.

    Raises:
        CorpusError: There is a pattern, but no folder (code `pattern`), or it cannot be read.
    """
    if names is not None:
        if not path.is_dir() and path.exists():
            remedy = "name the folder that the recordings are in, or leave --pattern out"
            raise CorpusError(f"--pattern does not fit {path}", "it is no folder", remedy, code="pattern")
        return pattern.read(path, names)
    if path.is_dir():
        reader = next((reader for reader in _FOLDERS if reader.holds(path)), None)
        return None if reader is None else reader.read(path)
    return table_file.read(path) if table_file.is_table(path.name.lower()) else None


def known_as(folder: Path) -> str | None:
    """The prefix of the public corpus whose files are those of a folder, by all of their names; None of any other."""
    for prefix, read in PUBLIC.items():
        try:
            if not read(folder).notes:
                return prefix
        except CorpusError:
            continue
    return None
