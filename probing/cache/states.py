"""Read states of an open part: HDF5 says where each chunk is, and the bytes come straight from the file.

HDF5 reads whole chunks for a few rows of them and copies every number twice; this reads what is wanted, where it is
wanted. What another program wrote with chunks of another shape is left to HDF5.

Shape legend: R rows of an array, one utterance after another · L states · D hidden size.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

ReadAt = Callable[[int, int], bytes]  # bytes of a file, by position and number


def chunk_places(data: h5py.Dataset, read_at: ReadAt) -> NDArray[np.int64]:
    """Where the chunks of a dataset [R, L, D] are in its file, one state each: [chunks of rows, L].

    Args:
        data: Its chunks have one state and all of D.
        read_at: Reads the file itself.

    Raises:
        ValueError: Some chunks are nowhere.
    """
    rows = data.chunks[0]
    places = np.full((-(-data.shape[0] // rows), data.shape[1]), -1, np.int64)

    def found(chunk: Any) -> None:
        places[chunk.chunk_offset[0] // rows, chunk.chunk_offset[1]] = chunk.byte_offset

    if not places.size:
        return places
    data.id.chunk_iter(found)
    if places.min() < 0:
        raise ValueError("chunks of its states are missing")
    _, first = data.id.read_direct_chunk((0, 0, 0))
    if read_at(int(places[0, 0]), len(first)) != first:
        places += data.file.userblock_size  # HDF5 before 1.14.4 does not count the user block
    return places


class States:
    """The states of an open part.

    Args:
        file: The part, open for reading; closed with this.
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._number: int = file.id.get_vfd_handle()
        self._arrays: dict[str, _Array] = {}

    @property
    def version(self) -> tuple[int, ...]:
        """What changes when somebody writes to the file, or puts another in its place."""
        found = os.fstat(self._number)
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    def read(self, array: str, start: int, stop: int) -> NDArray[Any]:
        """Some rows of an array.

        Returns:
            [stop − start, L, D]; in memory perhaps one state after another, as in the file.

        Raises:
            OSError, ValueError: As h5py over damage.
        """
        if array not in self._arrays:
            self._arrays[array] = _Array(self._file[array], self._number)
        return self._arrays[array].read(start, stop)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Array:
    """One dataset of states; the file's descriptor is `number`."""

    def __init__(self, data: h5py.Dataset, number: int) -> None:
        self._data, self._number = data, number
        direct = hasattr(os, "preadv") and data.chunks and data.chunks[1:] == (1, data.shape[2])
        self._places = chunk_places(data, lambda at, count: os.pread(number, count, at)) if direct else None

    def read(self, start: int, stop: int) -> NDArray[Any]:
        if self._places is None:
            return self._data[start:stop]
        _, n_states, width = self._data.shape
        rows, row_bytes = self._data.chunks[0], width * self._data.dtype.itemsize
        numbers = np.empty((n_states, stop - start, width), self._data.dtype)
        at = start
        while at < stop:
            chunk, skipped = divmod(at, rows)
            until = min(stop, at - skipped + rows)
            for state, place in enumerate(self._places[chunk].tolist()):
                self._fill(numbers[state, at - start : until - start], place + skipped * row_bytes)
            at = until
        return numbers.swapaxes(0, 1)

    def _fill(self, numbers: NDArray[Any], place: int) -> None:
        """Read consecutive bytes of the file; the system may give fewer at a time than it was asked for."""
        count = os.preadv(self._number, [numbers.data], place)
        while count < numbers.nbytes:
            rest = numbers.data.cast("B")[count:]
            more = os.preadv(self._number, [rest], place + count)
            if not more:
                raise ValueError("it ends too early")
            count += more
