"""The on-disk cache of hidden states: part files, and one virtual file over them; cache/README.md is its specification.

Shape legend: N utterances · T frames of one utterance · R all frames, one utterance after another · L states ·
D hidden size.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from probing.errors import CacheError, first_names

FORMAT, VERSION = "probing-hidden-states", 1
# Store → its arrays. `frames` keeps every frame; `pooled` keeps, per layer, statistics over an utterance's frames.
STORES = {"frames": ("states",), "pooled": ("mean", "max", "normed_mean", "normed_max")}
DTYPES = ("float16", "float32")
PARTIAL = ".partial"

_CHUNK_BYTES = 1 << 17  # one chunk is about this much of one layer: whole utterances and single layers both read well
_CHUNK_CACHE = 1 << 26  # bytes of chunk cache while writing, so that a chunk on an utterance's edge is written once
_OPEN_PARTS = 64  # part files that a reader holds open
# What h5py raises over bytes that make no sense to it.
_NONSENSE = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, MemoryError)
_REDO = "delete that part file and run the same `probe extract` command again: only this part is made anew"


@dataclass(frozen=True)
class Layout:
    """What every file of a cache says of itself.

    Args:
        store: `frames` or `pooled`.
        dtype: Number format of the states, `float16` or `float32`.
        n_states: L.
        width: D.
        corpus: The corpus's name.
        encoder: The encoder's name.
        title: Its name for a figure's title, which says so where its weights are random.
        identity: What settles the encoder's answers.
        written_by: Versions of the libraries, for the reader's information.
    """

    store: str
    dtype: str
    n_states: int
    width: int
    corpus: str
    encoder: str
    title: str
    identity: Mapping[str, Any]
    written_by: str = ""

    @property
    def fingerprint(self) -> str:
        """Hash of everything that settles the numbers: encoder, store and number format."""
        return fingerprint({"encoder": self.identity, "store": self.store, "dtype": self.dtype})

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of the datasets that hold states."""
        return STORES[self.store]

    @property
    def bytes_per_frame(self) -> int:
        """Bytes that a frame (store `frames`) or an utterance (store `pooled`) takes."""
        return len(self.arrays) * self.n_states * self.width * np.dtype(self.dtype).itemsize

    def path(self, root: Path) -> Path:
        """Where the virtual file of this cache stands below the folder `root`."""
        return root / slug(self.corpus) / f"{slug(self.encoder)}-{self.store}-{self.fingerprint[:8]}.h5"

    def attributes(self) -> dict[str, Any]:
        """HDF5 attributes of every file of the cache."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "store": self.store,
            "dtype": self.dtype,
            "arrays": list(self.arrays),
            "n_states": self.n_states,
            "width": self.width,
            "corpus": self.corpus,
            "encoder": self.encoder,
            "title": self.title,
            "identity": json.dumps(self.identity, sort_keys=True),
            "fingerprint": self.fingerprint,
            "written_by": self.written_by,
        }


@dataclass(frozen=True)
class Entry:
    """One utterance on its way into the cache.

    Args:
        arrays: Dataset → numbers: `states` [T, L, D], or each pooled statistic [L, D], in the cache's number format.
        rms: Root mean square of each state over frames and units, float32 [L].
    """

    arrays: Mapping[str, NDArray[Any]]
    rms: NDArray[np.float32]


def fingerprint(identity: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON-ready mapping, hex; its first eight digits stand in file names."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def slug(name: str) -> str:
    """A name as part of a file name.

    >>> slug("facebook/hubert-base-ls960"), slug("hubert-base@random"), slug("Mein Körper")
    ('facebook--hubert-base-ls960', 'hubert-base@random', 'Mein_Körper')
    """
    return re.sub(r"[^\w@.+-]", "_", name.strip("/").replace("/", "--")) or "unnamed"


def parts_folder(path: Path) -> Path:
    """Where the part files of a virtual file stand."""
    return path.with_suffix("")


class _Disk(io.FileIO):
    """A new file that HDF5 writes to; its first failure is kept until `check`.

    HDF5 cannot close a file that it cannot write to (disk full, quota): it fails again at every turn, and crashes when
    the process ends. So it is never told, and the writer asks here.
    """

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)  # what a killed writer left; nobody can open it
        super().__init__(path, "x+")
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

    def truncate(self, size: int | None = None) -> int:
        """Set the length, with which HDF5 also makes a file longer; after a failure, do nothing."""
        try:
            return size or 0 if self._failure else super().truncate(size)
        except OSError as error:
            self._failure = error
            return size or 0

    def check(self) -> None:
        """Raise the first failure, as a CacheError."""
        if self._failure:
            raise CacheError(
                f"{self._path} could not be written",
                f"{self._failure.strerror}",
                "free some space on that disk and run the same command again; finished parts stay as they are",
            ) from self._failure

    def finish(self) -> None:
        """See everything onto the disk, and close."""
        try:
            if not self._failure:
                os.fsync(self.fileno())
            self.close()
        except OSError as error:
            self._failure = error
        self.check()

    def __exit__(self, *_: object) -> None:
        """Close the file and, unless it has got its final name by now, take it away."""
        self.close()
        self._path.unlink(missing_ok=True)


class PartWriter:
    """Writes one part file aside (`.partial`); `finish` checks and renames it.

    Args:
        path: The part's final path.
        layout: What the cache says of itself.
        ids: The part's N utterances, in order.
        n_samples: Samples at 16 kHz of each.
        n_frames: Frames of each.
    """

    def __init__(
        self, path: Path, layout: Layout, ids: Sequence[str], n_samples: Sequence[int], n_frames: Sequence[int]
    ) -> None:
        self._path, self._layout = path, layout
        self._aside = path.with_name(path.name + PARTIAL)
        self._rows = {id_: row for row, id_ in enumerate(ids)}
        self._offset = np.concatenate([[0], np.cumsum(n_frames)]).astype(np.int64)
        self._disk = _Disk(self._aside)
        self._file = h5py.File(self._disk, "w", rdcc_nbytes=_CHUNK_CACHE)
        self._file.attrs.update(layout.attributes())
        self._file["id"] = np.array(ids, dtype=h5py.string_dtype())
        self._file["n_samples"] = np.asarray(n_samples, dtype=np.int64)
        self._file["n_frames"] = np.asarray(n_frames, dtype=np.int64)
        self._file["offset"] = self._offset
        self._file.create_dataset("checksum", (len(ids), len(layout.arrays)), np.uint32)
        self._file.create_dataset("rms", (len(ids), layout.n_states), np.float32, fillvalue=np.nan)
        first = int(self._offset[-1]) if layout.store == "frames" else len(ids)
        shape = (first, layout.n_states, layout.width)
        per_row = layout.width * np.dtype(layout.dtype).itemsize
        chunks = (max(1, min(first, _CHUNK_BYTES // per_row)), 1, layout.width)
        for name in layout.arrays:
            self._file.create_dataset(name, shape, layout.dtype, chunks=chunks, fillvalue=np.nan)

    def write(self, id_: str, entry: Entry) -> None:
        """Put one utterance in its place."""
        row = self._rows.pop(id_)
        for column, name in enumerate(self._layout.arrays):
            numbers = entry.arrays[name]
            if self._layout.store == "frames":
                self._file[name][self._offset[row] : self._offset[row + 1]] = numbers
            else:
                self._file[name][row] = numbers
            self._file["checksum"][row, column] = checksum(numbers)
        self._file["rms"][row] = entry.rms
        self._disk.check()

    def finish(self) -> None:
        """Flush the part to disk, read it back against its checksums, and give it its final name."""
        if self._rows:
            raise RuntimeError(f"{self._path} lacks {first_names(list(self._rows))}")
        self._file.close()
        self._disk.finish()
        with h5py.File(self._aside, "r") as file:
            for row, id_ in enumerate(file["id"].asstr()[:]):
                for name in self._layout.arrays:
                    _read_checked(file, name, row, f"{self._aside}: utterance {id_}")
        self._aside.replace(self._path)

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; a part that was not finished is taken away."""
        self._file.close()
        self._disk.__exit__()


def checksum(numbers: NDArray[Any]) -> int:
    """CRC-32 of an array's numbers in C order, little-endian."""
    return zlib.crc32(np.ascontiguousarray(numbers, dtype=numbers.dtype.newbyteorder("<")).data)


def part_lengths(path: Path) -> dict[str, int]:
    """Utterance id → samples at 16 kHz, of a finished part."""
    with _reading(f"{path}"), _open_part(path) as file:
        return dict(zip(file["id"].asstr()[:], file["n_samples"][:].tolist(), strict=True))


def write_virtual(path: Path, layout: Layout, parts: Sequence[str]) -> None:
    """Write the file that a user opens: virtual datasets over all parts, with relative paths.

    Args:
        path: The virtual file; its parts stand in `parts_folder(path)`.
        layout: What the cache says of itself.
        parts: File names of the parts, in order.
    """
    folder = parts_folder(path)
    tables: dict[str, list[NDArray[Any]]] = {"id": [], "n_samples": [], "n_frames": [], "checksum": [], "rms": []}
    for part in parts:
        with _reading(f"{folder / part}"), _open_part(folder / part) as file:
            for name, found in tables.items():
                found.append(file[name].asstr()[:] if name == "id" else file[name][:])
    sizes = [len(ids) for ids in tables["id"]]
    frames = [int(counts.sum()) for counts in tables["n_frames"]]
    rows = frames if layout.store == "frames" else sizes
    aside = path.with_name(path.name + PARTIAL)
    with _Disk(aside) as disk:
        with h5py.File(disk, "w", libver="v110") as file:
            file.attrs.update(layout.attributes())
            file["part/name"] = np.array(parts, dtype=h5py.string_dtype())
            file["part/n_utterances"] = np.array(sizes, dtype=np.int64)
            file["part/n_bytes"] = np.array([(folder / part).stat().st_size for part in parts], dtype=np.int64)
            for name, found in tables.items():
                kind = h5py.string_dtype() if name == "id" else None
                file.create_dataset(name, data=np.concatenate(found), dtype=kind)
            file["offset"] = np.concatenate([[0], np.cumsum(np.concatenate(tables["n_frames"]))]).astype(np.int64)
            for name in layout.arrays:
                whole = h5py.VirtualLayout((sum(rows), layout.n_states, layout.width), layout.dtype)
                start = 0
                for part, count in zip(parts, rows, strict=True):
                    source = h5py.VirtualSource(f"{folder.name}/{part}", name, (count, layout.n_states, layout.width))
                    whole[start : start + count] = source
                    start += count
                file.create_virtual_dataset(name, whole, fillvalue=np.nan)
        disk.finish()
        aside.replace(path)


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
        rms: Root mean square of each state, float32 [N, L].

    Raises:
        CacheError: Not a cache, of another version, or a part is missing, of another size or with other ids.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with h5py.File(path, "r") as file:
                self.layout = _layout(file.attrs, path)
                self.ids: list[str] = list(file["id"].asstr()[:])
                self.n_samples, self.n_frames = file["n_samples"][:], file["n_frames"][:]
                self.rms: NDArray[np.float32] = file["rms"][:]
                self.parts: list[str] = list(file["part/name"].asstr()[:])
                self._start = np.concatenate([[0], np.cumsum(file["part/n_utterances"][:])])
                sizes = file["part/n_bytes"][:]
        except _NONSENSE as error:
            raise CacheError(
                f"{path}", f"it cannot be read as a cache ({error})", "run the same `probe extract` command again"
            ) from error
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
        return _read_checked(self._file(part), array, row - int(self._start[number]), whose)

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
            self._open[part] = _open_part(parts_folder(self.path) / part)
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
                "move the folder back beside the file, or run the same `probe extract` command again",
            )
        for number, (part, size) in enumerate(zip(self.parts, sizes, strict=True)):
            if present[part] != size:
                raise CacheError(f"{folder / part}", f"it has {present[part]} bytes instead of {size}", _REDO)
            with _reading(f"{folder / part}"), _open_part(folder / part) as file:
                if file.attrs.get("fingerprint") != self.layout.fingerprint:
                    raise CacheError(f"{folder / part}", "it was made under another fingerprint", _REDO)
                ids = list(file["id"].asstr()[:])
            if ids != self.ids[self._start[number] : self._start[number + 1]]:
                raise CacheError(f"{folder / part}", "it holds other utterances than it should", _REDO)


def find_cache(path: Path, command: str) -> Cache:
    """Open the cache at the place that its fingerprint gives it.

    Args:
        path: Where it must be (`Layout.path`).
        command: The `probe extract` command that makes it.

    Raises:
        CacheError: It is not there: not begun, not finished, or made under another fingerprint.
    """
    if path.is_file():
        return Cache(path)
    prefix = path.stem.rsplit("-", 1)[0]
    others = sorted(other for other in path.parent.glob("*.h5") if other.stem.rsplit("-", 1)[0] == prefix)
    if parts_folder(path).is_dir():
        why = f"its extraction has begun in {parts_folder(path)} but not ended"
    elif others:
        why = (
            f"there is {others[-1].name}, made under another fingerprint (other weights, preprocessing, number format "
            "or version); it is not read in its place"
        )
    else:
        why = "nothing has been extracted there yet"
    raise CacheError(f"no cache {path}", why, f"type: {command}")


def _layout(attributes: Mapping[str, Any], path: Path) -> Layout:
    if attributes.get("format") != FORMAT or attributes.get("version") != VERSION:
        raise CacheError(
            f"{path}",
            f"it is no {FORMAT} file of version {VERSION}",
            "extract again with this version of the toolkit",
        )
    names = ("store", "dtype", "corpus", "encoder", "title", "written_by")
    layout = Layout(
        **{name: str(attributes[name]) for name in names},
        n_states=int(attributes["n_states"]),
        width=int(attributes["width"]),
        identity=json.loads(attributes["identity"]),
    )
    if layout.fingerprint != attributes["fingerprint"]:
        raise CacheError(f"{path}", "its attributes do not give its fingerprint", "delete it and extract again")
    return layout


@contextmanager
def _reading(whose: str) -> Iterator[None]:
    """Say of bytes that h5py cannot make sense of whose they are."""
    try:
        yield
    except _NONSENSE as error:
        raise CacheError(whose, f"it cannot be read ({error})", _REDO) from error


def _open_part(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise CacheError(f"{path}", f"it cannot be opened as HDF5 ({error})", _REDO) from error


def _read_checked(file: h5py.File, array: str, row: int, whose: str) -> NDArray[Any]:
    """One utterance of a part, compared with its checksum."""
    with _reading(whose):
        if array == "states":
            start, stop = file["offset"][row : row + 2]
            numbers = file[array][start:stop]
        else:
            numbers = file[array][row]
        stored = int(file["checksum"][row, STORES[str(file.attrs["store"])].index(array)])
    if checksum(numbers) != stored:
        raise CacheError(whose, "damaged: its bytes do not give its checksum", _REDO)
    return numbers
