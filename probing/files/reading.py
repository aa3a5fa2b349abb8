"""Bytes of a file that may be anything: bounded, and never those of a pipe or a device, which may never end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from probing.files.quantities import size


def demand_regular(path: Path) -> int:
    """The size of a file in bytes.

    Raises:
        OSError: It is not there, is a folder, or cannot be looked at.
        ValueError: It is a pipe, a socket or a device.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is a pipe or a device, and no file")
    return found.st_size


def bounded_bytes(path: Path, most: int) -> bytes:
    """All bytes of a file.

    Args:
        path: The file.
        most: How many it may have at most.

    Raises:
        OSError: As `demand_regular`, or it cannot be read.
        ValueError: As `demand_regular`, or it is larger.
    """
    demand_regular(path)
    with path.open("rb") as file:
        raw = file.read(most + 1)  # not all that its size promises: /proc says 0 of what has no end
    if len(raw) > most:
        raise ValueError(f"it has more than {size(most)}, which is more than such a file ever has")
    return raw
