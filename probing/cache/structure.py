"""Read the tables of an open HDF5 file, each only after it has been compared with what it must be.

Nothing is allocated because a file says so: shapes are compared with the layout, and bytes with the file's own length.
Links, external storage and filters (a few bytes of gzip make terabytes) have no place in our format.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np
from numpy.typing import NDArray

from probing.cache.seal import REDO, opened_plainly
from probing.errors import CacheError

_ENTRY = 16  # bytes of an entry of a table of texts: its length in four of them, then where the text is


class Structure:
    """The datasets of one file.

    Args:
        file: The file, open for reading.
        path: Where it is.
    """

    def __init__(self, file: h5py.File, path: Path) -> None:
        self._file, self._path = file, path
        self._n_bytes = path.stat().st_size
        self._demand_own(file)

    def refuse(self, why: str) -> NoReturn:
        """Say what is wrong with the file."""
        raise CacheError(f"{self._path}", why, REDO, code="cache-damaged")

    def rows(self, name: str) -> int:
        """Number of rows of a table; none is damage."""
        shape = getattr(self._file.get(name), "shape", None)
        if not shape or not shape[0]:
            self.refuse(f"its table {name!r} is missing or empty")
        return int(shape[0])

    def numbers(self, name: str, shape: tuple[int, ...], kind: str) -> NDArray[Any]:
        """A table of numbers of this shape and NumPy dtype."""
        data = self._dataset(name, shape)
        codes = self._filters(data)
        if any(code != h5py.h5z.FILTER_FLETCHER32 for code in codes):
            self.refuse(f"its table {name!r} is compressed, or changed by another filter")
        self._demand_stored(data, kind)
        return data[:]

    def texts(self, name: str, rows: int) -> list[str]:
        """A table of so many texts, which must together be no longer than the file."""
        data = self._dataset(name, (rows,))
        kind, at = h5py.check_string_dtype(data.dtype), data.id.get_offset()
        if kind is None or kind.length is not None or at is None or rows * _ENTRY > self._n_bytes:
            self.refuse(f"its table {name!r} holds no texts")
        with opened_plainly(self._path) as plain:  # HDF5 would give one long text as often as entries name it
            plain.seek(at)
            entries = plain.read(rows * _ENTRY)
        lengths = np.frombuffer(entries, "<u4")[:: _ENTRY // 4]
        if len(entries) < rows * _ENTRY or int(lengths.sum(dtype=np.uint64)) > self._n_bytes:
            self.refuse(f"its table {name!r} would hold more than the file")
        return list(data.asstr()[:])

    def demand_states(self, name: str, shape: tuple[int, ...], kind: str) -> None:
        """States of a part, all of which must be there."""
        data = self._dataset(name, shape)
        if self._filters(data):
            self.refuse(f"its {name!r} are compressed, or changed by another filter")
        self._demand_stored(data, kind)

    def demand_virtual(self, name: str, shape: tuple[int, ...], kind: str, sources: Sequence[tuple[str, int]]) -> None:
        """States of a virtual file, which must be those of its own parts.

        Args:
            name: The dataset, here and in the parts.
            shape: Its shape.
            kind: Its dtype.
            sources: Relative path and number of rows of each part, in order.
        """
        data = self._dataset(name, shape)
        if not data.is_virtual or data.dtype != np.dtype(kind):
            self.refuse(f"its {name!r} are not made of its parts")
        stops = np.cumsum([count for _, count in sources]).tolist()
        expected = [
            (source, name, (start, 0, 0), (stop - 1, shape[1] - 1, shape[2] - 1))
            for (source, _), start, stop in zip(sources, [0, *stops[:-1]], stops, strict=True)
        ]
        found = [(one.file_name, one.dset_name, *one.vspace.get_select_bounds()) for one in data.virtual_sources()]
        if found != expected:
            self.refuse(f"its {name!r} are not made of its own parts")

    def has(self, name: str) -> bool:
        """Whether there is a table or a group of that name; a group's links must be its own."""
        found = self._file.get(name)
        if isinstance(found, h5py.Group):
            self._demand_own(found)
        return found is not None

    def _demand_own(self, group: h5py.Group) -> None:
        """Whatever has a name in the file must be in the file."""
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                self.refuse(f"its {name!r} is a link, perhaps out of the file")

    def _dataset(self, name: str, shape: tuple[int, ...]) -> h5py.Dataset:
        data = self._file.get(name)
        if not isinstance(data, h5py.Dataset) or data.shape != shape:
            self.refuse(f"its {name!r} do not have the shape {shape}")
        if data.id.get_create_plist().get_external_count():
            self.refuse(f"its {name!r} are kept in another file")
        return data

    def _filters(self, data: h5py.Dataset) -> list[int]:
        settings = data.id.get_create_plist()
        return [settings.get_filter(number)[0] for number in range(settings.get_nfilters())]

    def _demand_stored(self, data: h5py.Dataset, kind: str) -> None:
        """All numbers must be in the file: HDF5 makes up what is not, however much it is."""
        if data.dtype != np.dtype(kind) or data.is_virtual:
            self.refuse(f"its {data.name!r} are not of the type {kind}")
        most = max(prod(data.shape), prod(data.chunks or ())) * data.dtype.itemsize
        if not most <= data.id.get_storage_size() <= self._n_bytes:
            self.refuse(f"its {data.name!r} are not all in the file")
