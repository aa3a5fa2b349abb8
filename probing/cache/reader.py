"""Read a finished cache."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from probing.cache.format import NONSENSE, REDO, open_part, parts_folder, read_checked, read_layout, reading
from probing.errors import CacheError, first_names

_OPEN_PARTS = 8  # part files that a reader holds open; each costs a megabyte or two


class Cache:
    """A finished cache, open for reading.

    Opening checks that every part is there, of its size and with its ids: HDF5 itself would fill a missing part of a
    virtual dataset without an error. Reading checks each utterance against its checksum. Files are opened when they
    are first read, in the process that reads them, so that a Cache can be handed to worker processes.

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
        CacheError: Not a cache, of another version, or a part is missing, of another size or with other ids.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with h5py.File(path, "r") as file:
                self.layout = read_layout(file.attrs, path)
                self.ids: list[str] = list(file["id"].asstr()[:])
                self.n_samples, self.n_frames = file["n_samples"][:], file["n_frames"][:]
                self.rms: NDArray[np.float32] = file["rms"][:]
                self.audio: NDArray[np.uint32] = file["audio"][:]
                self.parts: list[str] = list(file["part/name"].asstr()[:])
                self._start = np.concatenate([[0], np.cumsum(file["part/n_utterances"][:])])
                sizes = file["part/n_bytes"][:]
        except NONSENSE as error:
            why = f"it cannot be read as a cache ({error})"
            raise CacheError(f"{path}", why, "rerun the `probe extract` command", code="cache-damaged") from error
        self._open: OrderedDict[str, h5py.File] = OrderedDict()
        self._owner = os.getpid()
        self._check_parts(sizes)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the open files, which belong to one process."""
        return {**self.__dict__, "_open": OrderedDict()}

    @cached_property
    def row(self) -> dict[str, int]:
        """Utterance id → row."""
        return {id_: row for row, id_ in enumerate(self.ids)}

    def read(self, row: int, array: str) -> NDArray[Any]:
        """One utterance's numbers, checked.

        Args:
            row: The utterance's row.
            array: A name in `layout.arrays`.

        Returns:
            `states` [T, L, D], or a pooled statistic [L, D], in the cache's number format.

        Raises:
            CacheError: The bytes on disk are not those that were written.
        """
        number = int(np.searchsorted(self._start, row, side="right")) - 1
        part = self.parts[number]
        whose = f"{parts_folder(self.path) / part}: utterance {self.ids[row]}"
        return read_checked(self._file(part), array, row - int(self._start[number]), whose)

    def __getitem__(self, id_: str) -> NDArray[Any] | dict[str, NDArray[Any]]:
        """One utterance by its id, checked.

        Returns:
            States [T, L, D] (latents [T, 1, C]); of a `pooled` cache, each of its arrays by name.

        Raises:
            KeyError: There is no such utterance.
            CacheError: It is damaged.
        """
        found = {name: self.read(self.row[id_], name) for name in self.layout.arrays}
        return next(iter(found.values())) if self.layout.by_frame else found

    def __len__(self) -> int:
        """Number of utterances."""
        return len(self.ids)

    def close(self) -> None:
        """Close the part files that are open."""
        while self._open:
            self._open.popitem()[1].close()

    def _file(self, part: str) -> h5py.File:
        if self._owner != os.getpid():  # a forked worker must not use its parent's handles
            self._open, self._owner = OrderedDict(), os.getpid()
        if part not in self._open:
            if len(self._open) >= _OPEN_PARTS:
                self._open.popitem(last=False)[1].close()
            self._open[part] = open_part(parts_folder(self.path) / part)
        self._open.move_to_end(part)
        return self._open[part]

    def _check_parts(self, sizes: Sequence[int]) -> None:
        folder = parts_folder(self.path)
        present = {entry.name: entry.stat().st_size for entry in os.scandir(folder)} if folder.is_dir() else {}
        missing = [part for part in self.parts if part not in present]
        if missing:
            raise CacheError(
                f"{self.path}: {len(missing)} of its {len(self.parts)} parts are missing from {folder}",
                first_names(missing),
                "move the folder back beside the file, or rerun the `probe extract` command",
                code="parts-missing",
            )
        for number, (part, size) in enumerate(zip(self.parts, sizes, strict=True)):
            if present[part] != size:
                why = f"it has {present[part]} bytes instead of {size}"
                raise CacheError(f"{folder / part}", why, REDO, code="part-size")
            with reading(f"{folder / part}"), open_part(folder / part) as file:
                if file.attrs.get("fingerprint") != self.layout.fingerprint:
                    why = "it was made under another fingerprint"
                    raise CacheError(f"{folder / part}", why, REDO, code="part-fingerprint")
                ids = list(file["id"].asstr()[:])
            if ids != self.ids[self._start[number] : self._start[number + 1]]:
                why = "it holds other utterances than it should"
                raise CacheError(f"{folder / part}", why, REDO, code="part-ids")


def open_cache(path: str | Path) -> Cache:
    """Open a finished cache by its virtual file, as `probe extract` prints it.

    Raises:
        CacheError: There is no such file (code `cache-missing`), or it is not whole.
    """
    if not Path(path).is_file():
        remedy = "name a .h5 file below cache/, as `probe extract` prints it"
        raise CacheError(f"{path}", "there is no such cache", remedy, code="cache-missing")
    return Cache(Path(path))
