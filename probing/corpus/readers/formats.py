"""Which reader reads a table or a folder: it is told from the table's ending, or from what the folder holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from probing.corpus.readers import pattern
from probing.corpus.readers.cells import SEPARATORS, Cells, read_cells
from probing.corpus.readers.columns import KNOWN
from probing.errors import CorpusError

# A file in a folder → the reader of such folders; the first that is there decides.
_FOLDERS: dict[str, Callable[[Path], Cells]] = {}
# The prefix of a public corpus → the reader of its folder as it is unpacked.
PUBLIC: dict[str, Callable[[Path], Cells]] = {}


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
        read = next((reader for mark, reader in _FOLDERS.items() if (path / mark).is_file()), None)
        return None if read is None else read(path)
    ending = path.suffix.lower()
    if ending in SEPARATORS:
        return read_cells(path, KNOWN, ())
    return None
