"""What a part or a virtual file holds beside its states, read as a whole and compared with itself.

Shape legend: N utterances · L states.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from probing.cache.format import PART_NAME, Layout, parts_folder, read_layout
from probing.cache.seal import REDO, unopened
from probing.cache.structure import Structure
from probing.errors import CacheError

_MOST_FRAMES = 2**40  # of an utterance; sums of them stay within 64 bits
# What h5py raises over bytes that make no sense to it.
_NONSENSE = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError)


@dataclass(frozen=True)
class PartEntry:
    """What a virtual file says of a part.

    Args:
        name: Its file's name.
        n_utterances: How many it holds.
        n_bytes: Its file's length.
        seal: SHA-256 of its seal; nothing where it has none, as the parts of version 0.1.0.
    """

    name: str
    n_utterances: int
    n_bytes: int
    seal: str


@dataclass(frozen=True, eq=False)
class Contents:
    """What a part or a virtual file holds beside its states.

    Args:
        layout: What it says of itself.
        ids: The N utterances.
        n_samples: int64 [N].
        n_frames: int64 [N].
        audio: CRC-32 of the audio files, uint32 [N]; 0 where not known.
        checksum: CRC-32 of each utterance's numbers, uint32 [N, arrays].
        rms: Root mean square of each state, float32 [N, L].
        parts: The parts of a virtual file, in order; none of a part.
    """

    layout: Layout
    ids: tuple[str, ...]
    n_samples: NDArray[np.int64]
    n_frames: NDArray[np.int64]
    audio: NDArray[np.uint32]
    checksum: NDArray[np.uint32]
    rms: NDArray[np.float32]
    parts: tuple[PartEntry, ...] = ()

    @cached_property
    def first_row(self) -> NDArray[np.int64]:
        """Where each utterance's rows begin in the arrays, and behind the last, [N + 1]."""
        counts = self.n_frames if self.layout.by_frame else np.ones_like(self.n_frames)
        return np.concatenate([[0], np.cumsum(counts)])

    @cached_property
    def first_utterance(self) -> NDArray[np.int64]:
        """Where each part's utterances begin, and behind the last."""
        return np.concatenate([[0], np.cumsum([part.n_utterances for part in self.parts])]).astype(np.int64)

    def demand(self, layout: Layout, path: Path) -> None:
        """Refuse a part whose states are not those that a cache holds.

        Args:
            layout: What the cache says of itself. Names may be typed differently from one extraction to the next.
            path: Where the part is.

        Raises:
            CacheError: It is of another encoder, store or number format (code `part-fingerprint`).
        """
        ours, theirs = ((one.fingerprint, one.n_states, one.width, one.state_names) for one in (layout, self.layout))
        if ours != theirs or self.parts:
            raise CacheError(f"{path}", "it was made under another fingerprint", REDO, code="part-fingerprint")


def read_contents(file: h5py.File, path: Path) -> Contents:
    """Read a part or a virtual file, and compare everything in it with everything else.

    Args:
        file: The file, open for reading; h5py may raise whatever it likes over damage.
        path: Where it is.

    Raises:
        CacheError: It is no cache of this version (code `cache-format`), or not whole (`cache-damaged`).
    """
    layout = read_layout(file.attrs, path)
    structure = Structure(file, path)
    n = structure.rows("id")
    found = Contents(
        layout,
        tuple(structure.texts("id", n)),
        n_samples=structure.numbers("n_samples", (n,), "<i8"),
        n_frames=structure.numbers("n_frames", (n,), "<i8"),
        audio=structure.numbers("audio", (n,), "<u4"),
        checksum=structure.numbers("checksum", (n, len(layout.arrays)), "<u4"),
        rms=structure.numbers("rms", (n, layout.n_states), "<f4"),
        parts=_parts(structure) if structure.has("part") else (),
    )
    offset = structure.numbers("offset", (n + 1,), "<i8")
    if found.n_frames.min() < 0 or found.n_frames.max() > _MOST_FRAMES or found.n_samples.min() < 0:
        structure.refuse("its utterances have impossible lengths")
    if offset[0] or (np.diff(offset) != found.n_frames).any() or len(set(found.ids)) < n:
        structure.refuse("its tables contradict one another")
    _demand_states(structure, found, path)
    return found


def _parts(structure: Structure) -> tuple[PartEntry, ...]:
    n = structure.rows("part/name")
    names = structure.texts("part/name", n)
    counts = structure.numbers("part/n_utterances", (n,), "<i8").tolist()
    sizes = structure.numbers("part/n_bytes", (n,), "<i8").tolist()
    seals = structure.texts("part/seal", n) if structure.has("part/seal") else [""] * n
    if not all(map(PART_NAME.fullmatch, names)) or len(set(names)) < n or min(counts) < 1:
        structure.refuse("its parts have other names than parts have")  # one with `../` would lead out of the folder
    return tuple(map(PartEntry, names, counts, sizes, seals))


def _demand_states(structure: Structure, found: Contents, path: Path) -> None:
    layout = found.layout
    shape = (int(found.first_row[-1]), layout.n_states, layout.width)
    if found.parts and found.first_utterance[-1] != len(found.ids):
        structure.refuse("its parts hold more or fewer utterances than it has")
    places = np.diff(found.first_row[found.first_utterance]).tolist()
    sources = [(f"{parts_folder(path).name}/{part.name}", n) for part, n in zip(found.parts, places, strict=True)]
    for name in layout.arrays:
        if sources:
            structure.demand_virtual(name, shape, layout.dtype, sources)
        else:
            structure.demand_states(name, shape, layout.dtype)


def examine(path: Path) -> Contents:
    """Open a file and read what it holds; for those that may be given to HDF5 (`probing.cache.opening`).

    Raises:
        CacheError: As `read_contents`, also where h5py cannot make sense of it, or as `open_hdf5`.
    """
    with open_hdf5(path) as file, reading(f"{path}"):
        return read_contents(file, path)


@contextmanager
def reading(whose: str) -> Iterator[None]:
    """Say of bytes that h5py cannot make sense of whose they are.

    Raises:
        CacheError: They make no sense (code `cache-damaged`), the system does not let us read them (`part-unopened`),
            or memory does not suffice (`memory`).
    """
    try:
        yield
    except MemoryError as error:
        why, remedy = "there is not enough memory to read it", "close other programs; the file may be sound"
        raise CacheError(whose, why, remedy, code="memory") from error
    except _NONSENSE as error:
        if isinstance(error, OSError) and error.errno:
            raise unopened(whose, error) from error
        raise CacheError(whose, f"it cannot be read ({error})", REDO, code="cache-damaged") from error


def open_hdf5(path: Path) -> h5py.File:
    """Open a file for reading; a CacheError where that cannot be done."""
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if error.errno:
            raise unopened(path, error) from error
        raise CacheError(f"{path}", f"it cannot be opened as HDF5 ({error})", REDO, code="cache-damaged") from error
