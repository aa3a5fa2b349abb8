"""Read a finished cache.

Shape legend: N utterances · T frames of one utterance · L states · D hidden size.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probing.cache.contents import reading
from probing.cache.format import Layout, checksum, parts_folder
from probing.cache.opening import contents_of, opened, size_of, sound
from probing.cache.seal import REDO
from probing.cache.states import States
from probing.errors import CacheError, first_names

_OPEN_PARTS = 8  # part files that a reader holds open; each costs a megabyte or two
_ROWS = 1024  # utterances of a pooled part that are read at a time; parts as they are usually made have fewer


class Cache:
    """A finished cache, open for reading.

    Opening checks that every part is there and is the one that the file was made of: HDF5 itself would fill a missing
    part of a virtual dataset without an error. Reading compares each utterance with its checksum the first time, and
    again after its file has changed. Files are opened when they are first read, in the process that reads them, so that
    a Cache can be handed to worker processes; several threads may read at once.

    Attributes:
        path: The virtual file.
        parts: File names of its parts, in order.
        layout: Store, number format, shapes, corpus, encoder, identity.
        ids: The N utterances.
        n_samples: int64 [N].
        n_frames: int64 [N].
        audio: CRC-32 of the audio files, uint32 [N]; 0 where not known.
        rms: Root mean square of each state, float32 [N, L].

    Raises:
        CacheError: It is not sound, or no cache of this version; or a part is missing, damaged, or another than it was.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        held = contents_of(path)
        if not held.parts:
            remedy = "name the file beside the folder of parts, as `probe extract` prints it"
            raise CacheError(f"{path}", "it is a part of a cache, or stands for no part", remedy, code="cache-format")
        self.layout, self.ids = held.layout, list(held.ids)
        self.n_samples, self.n_frames, self.audio, self.rms = held.n_samples, held.n_frames, held.audio, held.rms
        self.parts: list[str] = [part.name for part in held.parts]
        self._held = held
        self._open: OrderedDict[str, States] = OrderedDict()
        self._owner, self._lock = os.getpid(), threading.Lock()
        self._compared = _shared(held.checksum.shape, np.bool_)  # which arrays of which utterances have been
        self._versions = _shared((len(self.parts), 4), np.int64)  # of the parts' files when that was done
        self._check_parts()

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the open files, which belong to one process."""
        return {**self.__dict__, "_open": OrderedDict(), "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Everything, with a lock of its own."""
        self.__dict__.update(state, _lock=threading.Lock())

    @cached_property
    def row(self) -> dict[str, int]:
        """Utterance id → row."""
        return {id_: row for row, id_ in enumerate(self.ids)}

    def read(self, row: int, array: str, anew: bool = False) -> NDArray[Any]:
        """One utterance's numbers, checked.

        Args:
            row: The utterance's row.
            array: A name in `layout.arrays`.
            anew: Compare them with the checksum even where that has been done before.

        Returns:
            `states` [T, L, D], or a pooled statistic [L, D], in the cache's number format; in memory perhaps one state
            after another, as in the file.

        Raises:
            CacheError: The bytes on disk are not those that were written.
        """
        number = int(np.searchsorted(self._held.first_utterance, row, side="right")) - 1
        start, stop = (self._held.first_row[row : row + 2] - self._first_row(number)).tolist()
        with reading(self._whose(number, row)):
            numbers = self._part(number).read(array, start, stop)
        if not self.layout.by_frame:
            numbers = numbers[0]
        self._compare(numbers, number, row, array, anew)
        return numbers

    def pieces(self, rows: NDArray[np.int64], array: str) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
        """The numbers of many utterances of a `pooled` cache, checked, part by part and each part at once.

        Args:
            rows: The utterances' rows, in any order.
            array: A name in `layout.arrays`.

        Yields:
            Places in `rows`, and the numbers of the utterances there, [n, L, D].

        Raises:
            CacheError: The bytes on disk are not those that were written.
        """
        order = np.argsort(rows, kind="stable")
        number_N = np.searchsorted(self._held.first_utterance, rows[order], side="right") - 1
        own_N = rows[order] - self._held.first_utterance[number_N]
        apart_N = (np.diff(number_N) != 0) | (np.diff(own_N // _ROWS) != 0)
        for chosen in np.split(np.arange(len(rows)), np.flatnonzero(apart_N) + 1) if len(rows) else ():
            places, own, number = order[chosen], own_N[chosen], int(number_N[chosen[0]])
            with reading(self._whose(number, int(rows[places[0]]))):
                found = self._part(number).read(array, int(own[0]), int(own[-1]) + 1)[own - own[0]]
            for row, one in zip(rows[places].tolist(), found, strict=True):
                self._compare(one, number, row, array)
            yield places, found

    def __getitem__(self, id_: str) -> NDArray[Any] | dict[str, NDArray[Any]]:
        """One utterance by its id, checked.

        Returns:
            States [T, L, D] (latents [T, 1, C]); of a `pooled` cache, each of its arrays by name.

        Raises:
            KeyError: There is no such utterance.
            CacheError: It is damaged.
        """
        found = {name: np.ascontiguousarray(self.read(self.row[id_], name)) for name in self.layout.arrays}
        return next(iter(found.values())) if self.layout.by_frame else found

    def __len__(self) -> int:
        """Number of utterances."""
        return len(self.ids)

    def close(self) -> None:
        """Close the part files that are open."""
        while self._open:
            self._open.popitem()[1].close()

    def _first_row(self, number: int) -> int:
        """Where the rows of a part begin."""
        return int(self._held.first_row[self._held.first_utterance[number]])

    def _whose(self, number: int, row: int) -> str:
        return f"{parts_folder(self.path) / self.parts[number]}: utterance {self.ids[row]}"

    def _part(self, number: int) -> States:
        """An open part. One that has changed since it was last read must be compared with its checksums again."""
        part = self.parts[number]
        if self._owner != os.getpid():  # a forked worker must not use its parent's handles
            self._open, self._lock, self._owner = OrderedDict(), threading.Lock(), os.getpid()
        with self._lock:
            if part not in self._open:
                if len(self._open) >= _OPEN_PARTS:
                    self._open.popitem(last=False)  # it closes itself once no other thread reads it any more
                self._open[part] = States(opened(parts_folder(self.path) / part))
            self._open.move_to_end(part)
            found = self._open[part]
            if (self._versions[number] != found.version).any():
                self._compared[slice(*self._held.first_utterance[number : number + 2])] = False
                self._versions[number] = found.version
        return found

    def _compare(self, numbers: NDArray[Any], number: int, row: int, array: str, anew: bool = False) -> None:
        """Compare an utterance's numbers with its checksum, unless that has been done."""
        column = self.layout.arrays.index(array)
        if self._compared[row, column] and not anew:
            return
        if checksum(numbers) != self._held.checksum[row, column]:
            why = "damaged: its bytes do not give its checksum"
            raise CacheError(self._whose(number, row), why, REDO, code="cache-damaged")
        self._compared[row, column] = True

    def _check_parts(self) -> None:
        folder = parts_folder(self.path)
        present = {one.name for one in os.scandir(folder)} if folder.is_dir() else set()
        missing = [part for part in self.parts if part not in present]
        if missing:
            raise CacheError(
                f"{self.path}: {len(missing)} of its {len(self.parts)} parts are missing from {folder}",
                first_names(missing),
                "move the folder back beside the file, or rerun the `probe extract` command",
                code="parts-missing",
            )
        named = set()
        for number, part in enumerate(self._held.parts):
            n_bytes = size_of(folder / part.name)
            if n_bytes != part.n_bytes:
                why = f"it has {n_bytes} bytes instead of {part.n_bytes}"
                raise CacheError(f"{folder / part.name}", why, REDO, code="part-size")
            if sound(folder / part.name) != part.seal or not part.seal:
                named.add(_names(self._described(folder / part.name, number, part.seal)))
        if not sound(self.path) and _names(self.layout) not in named:
            why = "its attributes are those of none of its parts"
            raise CacheError(f"{self.path}", why, REDO, code="cache-damaged")

    def _described(self, path: Path, number: int, seal: str) -> Layout:
        """What a part says of itself that no seal proves to be the virtual file's own."""
        held = contents_of(path)
        held.demand(self.layout, path)
        own = slice(*self._held.first_utterance[number : number + 2])
        if held.ids != self._held.ids[own]:
            raise CacheError(f"{path}", "it holds other utterances than it should", REDO, code="part-ids")
        tables = ("n_samples", "n_frames", "audio", "checksum", "rms")
        if seal or any((getattr(held, one) != getattr(self._held, one)[own]).any() for one in tables):
            why = f"it is not the part that {self.path.name} was made of"
            raise CacheError(f"{path}", why, REDO, code="part-other")
        return held.layout


def _shared(shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
    """An array of zeros that this process and those that are forked from it share."""
    return np.frombuffer(mmap.mmap(-1, prod(shape) * np.dtype(kind).itemsize), kind).reshape(shape)


def _names(layout: Layout) -> tuple[object, ...]:
    """What a file says of itself beside its numbers."""
    return layout.corpus, layout.encoder, layout.title, layout.frame_rate


def open_cache(path: str | Path) -> Cache:
    """Open a finished cache by its virtual file, as `probe extract` prints it.

    Raises:
        CacheError: There is no such file (code `cache-missing`), or it is not whole.
    """
    if not Path(path).is_file():
        remedy = "name a .h5 file below cache/, as `probe extract` prints it"
        raise CacheError(f"{path}", "there is no such cache", remedy, code="cache-missing")
    return Cache(Path(path))
