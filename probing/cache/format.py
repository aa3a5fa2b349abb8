"""What every file of a cache holds, and how a number is read and checked.

Shape legend: N utterances · T frames of one utterance · R all frames, one utterance after another · L states ·
D hidden size.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from probing.cache.stores import STORES
from probing.errors import CacheError
from probing.files import digest, slug

FORMAT, VERSION = "probing-hidden-states", 1
USUAL_RATE = 50.0  # frames per second
TABLES = ("n_samples", "n_frames", "audio", "checksum", "rms")  # one row an utterance, in every file

# What h5py raises over bytes that make no sense to it.
NONSENSE = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, MemoryError)
REDO = "delete that part file and rerun the `probe extract` command: only this part is made anew"


@dataclass(frozen=True)
class Layout:
    """What every file of a cache says of itself.

    Args:
        store: `frames`, `pooled` or `latents`.
        dtype: Number format of the states, `float16` or `float32`.
        n_states: L.
        width: D.
        corpus: The corpus's name.
        encoder: The encoder's name.
        title: The encoder's name in a figure's title.
        identity: What settles the encoder's answers.
        written_by: Versions of the libraries, for the reader's information.
        state_names: What each of the L states is: `C` (raw convolution output), `0` (transformer input), `1` …;
            by default `0` … `L − 1`.
        frame_rate: Frames per second; files name it where it is not 50, which it is of most encoders.
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
    state_names: tuple[str, ...] = ()
    frame_rate: float = USUAL_RATE

    def __post_init__(self) -> None:
        if not self.state_names:
            object.__setattr__(self, "state_names", tuple(map(str, range(self.n_states))))

    @property
    def fingerprint(self) -> str:
        """Hash of everything that settles the numbers: encoder, store and number format."""
        return digest({"encoder": self.identity, "store": self.store, "dtype": self.dtype})

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of the datasets that hold states."""
        return STORES[self.store]

    @property
    def first_layer(self) -> int:
        """Index of the first state as a layer: 0, the transformer's input; −1 where it is the convolutions' output."""
        return -1 if self.state_names[:1] == ("C",) else 0

    @property
    def by_frame(self) -> bool:
        """Whether every frame is kept, one utterance after another, rather than one row an utterance."""
        return self.store != "pooled"

    @property
    def bytes_per_frame(self) -> int:
        """Bytes that a frame takes, or an utterance of the store `pooled`."""
        return len(self.arrays) * self.n_states * self.width * np.dtype(self.dtype).itemsize

    def path(self, folder: Path) -> Path:
        """The virtual file of this cache in a corpus's folder."""
        return folder / f"{slug(self.encoder)}-{self.store}-{self.fingerprint[:8]}.h5"

    def attributes(self) -> dict[str, Any]:
        """HDF5 attributes of every file of the cache."""
        rate = {} if self.frame_rate == USUAL_RATE else {"frame_rate": self.frame_rate}
        return rate | {
            "format": FORMAT,
            "version": VERSION,
            "store": self.store,
            "dtype": self.dtype,
            "arrays": list(self.arrays),
            "n_states": self.n_states,
            "state_names": list(self.state_names),
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


def parts_folder(path: Path) -> Path:
    """Where the part files of a virtual file stand."""
    return path.with_suffix("")


def checksum(numbers: NDArray[Any]) -> int:
    """CRC-32 of an array's numbers in C order, little-endian."""
    return zlib.crc32(np.ascontiguousarray(numbers, dtype=numbers.dtype.newbyteorder("<")).data)


def read_layout(attributes: Mapping[str, Any], path: Path) -> Layout:
    """What a file says of itself; a CacheError where it is no cache of this version."""
    if attributes.get("format") != FORMAT or attributes.get("version") != VERSION:
        raise CacheError(
            f"{path}",
            f"it is no {FORMAT} file of version {VERSION}",
            "extract again with this version of the toolkit",
            code="cache-format",
        )
    names = ("store", "dtype", "corpus", "encoder", "title", "written_by")
    layout = Layout(
        **{name: str(attributes[name]) for name in names},
        n_states=int(attributes["n_states"]),
        width=int(attributes["width"]),
        identity=json.loads(attributes["identity"]),
        state_names=tuple(attributes["state_names"]),
        frame_rate=float(attributes.get("frame_rate", USUAL_RATE)),
    )
    if layout.fingerprint != attributes["fingerprint"]:
        why = "its attributes do not give its fingerprint"
        raise CacheError(f"{path}", why, "delete it and extract again", code="cache-damaged")
    return layout


@contextmanager
def reading(whose: str) -> Iterator[None]:
    """Say of bytes that h5py cannot make sense of whose they are."""
    try:
        yield
    except NONSENSE as error:
        raise CacheError(whose, f"it cannot be read ({error})", REDO, code="cache-damaged") from error


def open_part(path: Path) -> h5py.File:
    """Open a part for reading; a CacheError where that cannot be done."""
    try:
        return h5py.File(path, "r")
    except OSError as error:
        # With an errno it is the system that refuses (permission, open files, locks): the part itself may be sound.
        remedy = "mend that and rerun the command; the part may be sound" if error.errno else REDO
        code = "part-unopened" if error.errno else "cache-damaged"
        raise CacheError(f"{path}", f"it cannot be opened as HDF5 ({error})", remedy, code=code) from error


def read_checked(file: h5py.File, array: str, row: int, whose: str) -> NDArray[Any]:
    """One utterance of a part, compared with its checksum."""
    with reading(whose):
        if array in (*STORES["frames"], *STORES["latents"]):
            start, stop = file["offset"][row : row + 2]
            numbers = file[array][start:stop]
        else:
            numbers = file[array][row]
        stored = int(file["checksum"][row, STORES[str(file.attrs["store"])].index(array)])
    if checksum(numbers) != stored:
        raise CacheError(whose, "damaged: its bytes do not give its checksum", REDO, code="cache-damaged")
    return numbers
