"""Write part files, and the virtual file over them: aside first, checked, then renamed."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from probing.cache.contents import open_hdf5, reading
from probing.cache.format import Entry, Layout, checksum, parts_folder
from probing.cache.opening import contents_of, sound
from probing.cache.seal import BLOCK, Span, make_seal
from probing.cache.states import States, chunk_places
from probing.errors import CacheError, first_names
from probing.files import PARTIAL, written_aside

_TABLES = ("n_samples", "n_frames", "audio", "checksum", "rms")  # one row an utterance
_CHUNK_BYTES = 1 << 17  # one chunk is about this much of one layer: whole utterances and single layers both read well
_FORM = {"libver": "v110", "userblock_size": BLOCK}  # of which the first 1.10 was the first HDF5 to read
_CHUNK_CACHE = 1 << 26  # bytes of chunk cache while writing, so that a chunk on an utterance's edge is written once
_HELD = 1 << 26  # bytes of pooled statistics that are held, to be written at once


class _Disk(io.FileIO):
    """A new file that HDF5 writes to; its first failure is kept until `check`.

    HDF5 cannot close a file that it cannot write to (disk full, quota): it fails again at every turn, and crashes when
    the process ends. So failures are hidden from it, and the writer asks here.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")  # the same file, if there is one: `written_aside` holds its lock
        self._path = path
        self._failure: OSError | None = None

    def write(self, numbers: Any) -> int:
        """Write everything; after a failure, nothing."""
        rest = memoryview(numbers).cast("B")
        count = len(rest)
        try:
            while len(rest) and not self._failure:  # a disk that fills up takes a first piece without complaint
                rest = rest[super().write(rest) :]
        except OSError as error:
            self._failure = error
        return count

    def readinto(self, buffer: Any) -> int:
        """Read; zeros where nothing has been written yet, of which HDF5 would otherwise take whatever memory holds."""
        room = memoryview(buffer).cast("B")
        count = super().readinto(room)
        room[count:] = bytes(len(room) - count)
        return len(room)

    def truncate(self, size: int | None = None) -> int:
        """Set the length, with which HDF5 also makes a file longer; after a failure, do nothing."""
        try:
            return size or 0 if self._failure else super().truncate(size)
        except OSError as error:
            self._failure = error
            return size or 0

    def read_at(self, place: int, count: int) -> bytes:
        """Bytes of the file."""
        self.seek(place)
        return self.read(count) or b""

    def check(self) -> None:
        """Raise the first failure, as a CacheError."""
        if self._failure:
            raise CacheError(
                f"{self._path} could not be written",
                f"{self._failure.strerror}",
                "free some space on that disk and rerun the command; finished parts stay as they are",
                code="disk",
            ) from self._failure

    def finish(self, states: Sequence[Span] = ()) -> None:
        """Seal the file, see everything onto the disk, and close.

        Args:
            states: Where the states are, which the seal leaves out.
        """
        self.check()
        seal = make_seal(self, os.fstat(self.fileno()).st_size, states)
        self.seek(0)
        self.write(seal)
        try:
            if not self._failure:
                os.fsync(self.fileno())
            self.close()
        except OSError as error:
            self._failure = error
        self.check()


class PartWriter:
    """Writes one part file aside (`.partial`); `finish` checks and renames it.

    Args:
        path: The part's final path.
        layout: What the cache says of itself.
        ids: The part's N utterances, in order.
        n_samples: Samples at 16 kHz of each.
        n_frames: Frames of each.
        audio: CRC-32 of each one's audio file; 0 where it is not known.
    """

    def __init__(
        self,
        path: Path,
        layout: Layout,
        ids: Sequence[str],
        n_samples: Sequence[int],
        n_frames: Sequence[int],
        audio: Sequence[int] | None = None,
    ) -> None:
        self._path, self._layout = path, layout
        self._aside = path.with_name(path.name + PARTIAL)
        self._rows = {id_: row for row, id_ in enumerate(ids)}
        self._offset = np.concatenate([[0], np.cumsum(n_frames)]).astype(np.int64)
        self._aside.unlink(missing_ok=True)  # what a killed process left, perhaps another user's
        self._disk = _Disk(self._aside)
        self._file = h5py.File(self._disk, "w", rdcc_nbytes=_CHUNK_CACHE, **_FORM)
        self._file.attrs.update(layout.attributes())
        put_texts(self._file, "id", ids)
        self._file["n_samples"] = np.asarray(n_samples, dtype=np.int64)
        self._file["n_frames"] = np.asarray(n_frames, dtype=np.int64)
        self._file["audio"] = np.asarray(audio or [0] * len(ids), dtype=np.uint32)
        self._file["offset"] = self._offset
        self._checksum = np.zeros((len(ids), len(layout.arrays)), np.uint32)
        self._rms = np.full((len(ids), layout.n_states), np.nan, np.float32)
        self._held: dict[int, Entry] = {}  # rows of a pooled part that are still to be written
        first = int(self._offset[-1]) if layout.by_frame else len(ids)
        shape = (first, layout.n_states, layout.width)
        most = max(1, _CHUNK_BYTES // (layout.width * np.dtype(layout.dtype).itemsize))
        # All as long as the last: the file has room for whole chunks, of which a short last one would leave some empty.
        chunks = (max(1, -(-first // max(1, -(-first // most)))), 1, layout.width)
        # Room for all chunks at once, unfilled: HDF5 then keeps them side by side and needs no index of them.
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        settings.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        for name in layout.arrays:
            self._file.create_dataset(name, shape, layout.dtype, chunks=chunks, dcpl=settings.copy())

    def write(self, id_: str, entry: Entry) -> None:
        """Put one utterance in its place."""
        row = self._rows.pop(id_)
        self._rms[row] = entry.rms
        self._checksum[row] = [checksum(entry.arrays[name]) for name in self._layout.arrays]
        if self._layout.by_frame:
            for name in self._layout.arrays:
                self._file[name][self._offset[row] : self._offset[row + 1]] = entry.arrays[name]
        else:
            self._held[row] = entry
            if len(self._held) * self._layout.bytes_per_frame >= _HELD:
                self._put()
        self._disk.check()

    def _put(self) -> None:
        """Write the rows that are held, neighbours at once."""
        rows = np.array(sorted(self._held))
        for run in np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1):
            for name in self._layout.arrays:
                numbers = np.stack([self._held[row].arrays[name] for row in run.tolist()])
                self._file[name][run[0] : run[-1] + 1] = numbers
        self._held.clear()

    def finish(self) -> None:
        """Flush the part to disk, read it back against its checksums, and give it its final name."""
        if self._rows:
            raise RuntimeError(f"{self._path} lacks {first_names(list(self._rows))}")
        if self._held:
            self._put()
        self._file["checksum"], self._file["rms"] = self._checksum, self._rms
        self._file.flush()
        self._disk.check()
        states = sorted(self._span(self._file[name]) for name in self._layout.arrays)
        self._file.close()
        self._disk.finish(states)
        self._read_back()
        self._aside.replace(self._path)

    def _span(self, data: h5py.Dataset) -> Span:
        """Where a dataset of states is in the file."""
        size = math.prod(data.chunks) * data.dtype.itemsize
        places = chunk_places(data, self._disk.read_at).ravel()
        if (np.diff(places) != size).any():
            raise RuntimeError(f"HDF5 {h5py.version.hdf5_version} does not keep chunks side by side")
        return int(places[0]), int(places[-1]) + size

    def _read_back(self) -> None:
        """Compare what is on the disk with the checksums."""
        held = contents_of(self._aside)
        with reading(f"{self._aside}"), open_hdf5(self._aside) as file:
            states = States(file)
            for row, id_ in enumerate(held.ids):
                for column, name in enumerate(self._layout.arrays):
                    start, stop = held.first_row[row : row + 2].tolist()
                    if checksum(states.read(name, start, stop)) != held.checksum[row, column]:
                        why = "what is on the disk is not what was written"
                        remedy = "examine that disk; rerun the command to resume"
                        raise CacheError(f"{self._aside}: utterance {id_}", why, remedy, code="cache-damaged")

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; a part that was not finished is removed."""
        self._file.close()
        self._disk.close()
        self._aside.unlink(missing_ok=True)


def put_texts(file: h5py.File, name: str, texts: Sequence[str]) -> None:
    """Write a table of texts, which has its name before it has its texts.

    `file[name] = texts` names it afterwards: HDF5 2.0 then loses a table of some 80,000 texts or more, and its name
    leads to whatever is written next.
    """
    data = file.create_dataset(name, (len(texts),), h5py.string_dtype())
    data[:] = np.array(texts, dtype=h5py.string_dtype())


def inputs_of(path: Path) -> dict[str, tuple[int, int]]:
    """What was extracted into a finished part, or into all of them where `path` is the virtual file.

    Returns:
        Utterance id → length in samples at 16 kHz and CRC-32 of its audio file or transcript (0 where not known).
    """
    held = contents_of(path)
    return dict(zip(held.ids, zip(held.n_samples.tolist(), held.audio.tolist(), strict=True), strict=True))


def virtual_parts(path: Path) -> list[str]:
    """File names of the parts that a virtual file stands for; none where it is damaged."""
    try:
        return [part.name for part in contents_of(path).parts]
    except CacheError:
        return []


def write_virtual(path: Path, layout: Layout, parts: Sequence[str]) -> None:
    """Write the file that a user opens: virtual datasets over all parts, with relative paths.

    Args:
        path: The virtual file; its parts stand in `parts_folder(path)`.
        layout: What the cache says of itself.
        parts: File names of the parts, in order.
    """
    folder = parts_folder(path)
    found = [contents_of(folder / part) for part in parts]
    for part, held in zip(parts, found, strict=True):
        held.demand(layout, folder / part)
    tables = {name: np.concatenate([getattr(held, name) for held in found]) for name in _TABLES}
    rows = [int(held.first_row[-1]) for held in found]
    # Several shards may write it at once, each aside under a name of its own; the last one's stays.
    with written_aside(path) as aside, _Disk(aside) as disk:
        with h5py.File(disk, "w", **_FORM) as file:
            file.attrs.update(layout.attributes())
            put_texts(file, "part/name", parts)
            file["part/n_utterances"] = np.array([len(held.ids) for held in found], dtype=np.int64)
            file["part/n_bytes"] = np.array([(folder / part).stat().st_size for part in parts], dtype=np.int64)
            put_texts(file, "part/seal", [sound(folder / part) for part in parts])
            put_texts(file, "id", [id_ for held in found for id_ in held.ids])
            for name, numbers in tables.items():
                file.create_dataset(name, data=numbers, fletcher32=True)
            file["offset"] = np.concatenate([[0], np.cumsum(tables["n_frames"])]).astype(np.int64)
            for name in layout.arrays:
                whole = h5py.VirtualLayout((sum(rows), layout.n_states, layout.width), layout.dtype)
                start = 0
                for part, count in zip(parts, rows, strict=True):
                    source = h5py.VirtualSource(f"{folder.name}/{part}", name, (count, layout.n_states, layout.width))
                    whole[start : start + count] = source
                    start += count
                file.create_virtual_dataset(name, whole, fillvalue=np.nan)
        disk.finish()
