"""The seal of a cache file: a checksum of all but the states, so that damage is found before HDF5 reads a byte of it.

HDF5 trusts what it reads: a few bytes that were lost can send it round for ever. A file is therefore sealed in its user
block, the first bytes, which HDF5 leaves alone. States have a checksum an utterance, and are compared as they are read.
A seal finds damage. It does not prove who wrote the file: whoever changes one on purpose can seal it again, and HDF5
then reads it in this process, bounded only by what `probing.cache.structure` compares.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from probing.errors import CacheError

BLOCK = 512  # bytes of the user block, the fewest that HDF5 allows
REDO = "delete that file and rerun the `probe extract` command: only what was in it is made anew"
_MAGIC = b"probing-hidden-states seal 1\n"
_HDF5 = b"\x89HDF\r\n\x1a\n"  # begins a file without a user block, as version 0.1.0 wrote it
_PIECE = 1 << 20  # bytes read at a time
Span = tuple[int, int]  # first byte, and the one after the last


def make_seal(file: IO[bytes], n_bytes: int, states: Sequence[Span]) -> bytes:
    """The user block of a file.

    Args:
        file: The file, written but for its user block.
        n_bytes: Its length.
        states: Where its states are, in order; the seal leaves them out.

    Raises:
        ValueError: The states are not within the file, or not in order.
    """
    found = hashlib.sha256(json.dumps([n_bytes, states]).encode())
    at = BLOCK
    for start, stop in [*states, (n_bytes, n_bytes)]:
        if not at <= start <= stop <= n_bytes:
            raise ValueError("its states are not where it says")
        file.seek(at)
        while at < start:
            piece = file.read(min(_PIECE, start - at))
            if not piece:
                raise ValueError("it ends too early")
            found.update(piece)
            at += len(piece)
        at = stop
    said = {"n_bytes": n_bytes, "states": states, "sha256": found.hexdigest()}
    return (_MAGIC + json.dumps(said).encode()).ljust(BLOCK, b"\0")


def read_seal(path: Path) -> str:
    """Compare a file with its seal.

    Returns:
        The seal's SHA-256, hex; nothing where the file has no seal, as those of version 0.1.0.

    Raises:
        CacheError: The seal is broken, or it is no HDF5 file (code `cache-damaged`), or as `opened_plainly`.
    """
    with opened_plainly(path) as file:
        block = file.read(BLOCK)
        if block.startswith(_HDF5):
            return ""
        try:
            said = json.loads(block.removeprefix(_MAGIC).rstrip(b"\0"))
            states = [(int(start), int(stop)) for start, stop in said["states"]]
            whole = make_seal(file, os.fstat(file.fileno()).st_size, states) == block
        except (ValueError, LookupError, TypeError, RecursionError, OverflowError):
            whole = False
    if not whole:
        why = "its bytes do not give its seal; it is damaged, was changed, or is no file of a cache"
        raise CacheError(f"{path}", why, REDO, code="cache-damaged")
    return str(said["sha256"])


@contextmanager
def opened_plainly(path: Path) -> Iterator[IO[bytes]]:
    """A file for reading, its bytes as they are.

    Raises:
        CacheError: The system does not let us read it (code `part-unopened`).
    """
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise unopened(path, error) from error


def unopened(path: Path | str, error: OSError) -> CacheError:
    """The system refuses (permission, too many open files, a disk); the file itself may be sound."""
    why = f"it cannot be read ({error.strerror or error})"
    remedy = "mend that and rerun the command; the file may be sound"
    return CacheError(f"{path}", why, remedy, code="part-unopened")
