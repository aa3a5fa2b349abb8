"""Claims: one process at a time writes a file or a folder."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from probing.errors import CacheError

# What a file system without locks answers.
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)
LOCK = ".lock"  # ends the name of the lock file of what a process claims


@contextmanager
def claim(path: Path, wait: bool = False) -> Iterator[bool]:
    """Claim a file or a folder, so that no other process writes it while the block lasts.

    The operating system releases the claim when its process ends, so a killed process blocks nobody.

    Args:
        path: What is to be written; the lock file is beside it, with the same name and `.lock`.
        wait: Whether to wait for another process to release it.

    Yields:
        Whether this process has the claim; always true with `wait`.

    Raises:
        CacheError: The file system has no locks (code `no-locks`).
    """
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{path}{LOCK}", timeout=0, fallback_to_soft=False)
    if not _acquire(lock, path, wait):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _acquire(lock: Any, path: Path, wait: bool) -> bool:
    from filelock import Timeout

    try:
        lock.acquire()
        return True
    except Timeout:
        if not wait:
            return False
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:  # a full disk, a lack of permission
            raise
        raise CacheError(
            f"{path.parent} is on a file system without locks",
            f"{error}",
            "use another file system; `probe extract --shard I/N` in N processes (`--shard 1/1` in one) needs no locks",
            code="no-locks",
        ) from error
    print(f"waiting for another process that is working on {path}", file=sys.stderr)
    lock.acquire(timeout=-1)
    return True
