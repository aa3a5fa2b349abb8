"""What every file of a cache holds, and how a number is read and checked.

Shape legend: N utterances · T frames of one utterance · R all frames, one utterance after another · L states ·
D hidden size.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probing.cache.stores import DTYPES, STORES
from probing.errors import CacheError
from probing.files import digest, slug

FORMAT, VERSION = "probing-hidden-states", 1
PART_NAME = re.compile(r"part-\d{5,12}\.h5", re.ASCII)
USUAL_RATE = 50.0  # frames per second

# Attributes that are texts.
_TEXTS = ("store", "dtype", "corpus", "encoder", "title", "identity", "fingerprint", "written_by")


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


def part_files(folder: Path) -> list[Path]:
    """Parts that carry their final name, in the order of their names; there may be other files beside them."""
    return sorted(path for path in folder.glob("part-*.h5") if PART_NAME.fullmatch(path.name))


def checksum(numbers: NDArray[Any]) -> int:
    """CRC-32 of an array's numbers in C order, little-endian."""
    return zlib.crc32(np.ascontiguousarray(numbers, dtype=numbers.dtype.newbyteorder("<")).data)


def read_layout(attributes: Mapping[str, Any], path: Path) -> Layout:
    """What a file says of itself; a CacheError where it is no cache of this version."""
    if not (_is(attributes.get("format"), FORMAT) and _is(attributes.get("version"), VERSION)):
        raise CacheError(
            f"{path}",
            f"it is no {FORMAT} file of version {VERSION}",
            "extract again with this version of the toolkit",
            code="cache-format",
        )
    texts: dict[str, Any] = {name: attributes.get(name) for name in _TEXTS}
    numbers: dict[str, Any] = {name: attributes.get(name) for name in ("n_states", "width")}
    wrong = [name for name, found in texts.items() if not isinstance(found, str)]
    wrong += [name for name, found in numbers.items() if not isinstance(found, np.integer) or not 0 < found < 2**31]
    if wrong:
        raise _senseless(path, wrong)
    identity, fingerprint = json.loads(texts.pop("identity")), texts.pop("fingerprint")
    states = attributes["state_names"]
    rate = float(attributes.get("frame_rate", USUAL_RATE))
    sense = {
        "store": texts["store"] in STORES,
        "dtype": texts["dtype"] in DTYPES,
        "arrays": list(attributes["arrays"]) == list(STORES.get(texts["store"], ())),
        "state_names": len(states) == numbers["n_states"] and all(isinstance(name, str) for name in states),
        "identity": isinstance(identity, dict),
        "frame_rate": math.isfinite(rate) and rate > 0,
    }
    if not all(sense.values()):
        raise _senseless(path, [name for name, good in sense.items() if not good])
    counts: dict[str, Any] = {name: int(found) for name, found in numbers.items()}
    layout = Layout(**texts, **counts, identity=identity, state_names=tuple(states), frame_rate=rate)
    if layout.fingerprint != fingerprint:
        raise _senseless(path, ["fingerprint"])
    return layout


def _is(found: Any, expected: object) -> bool:
    """Whether an attribute is one value, and this one; arrays compare in ways of their own."""
    return np.ndim(found) == 0 and bool(found == expected)


def _senseless(path: Path, names: Sequence[str]) -> CacheError:
    why = f"its attributes {', '.join(names)} are missing, or no values that they can have beside the others"
    return CacheError(f"{path}", why, "delete it and extract again", code="cache-damaged")
