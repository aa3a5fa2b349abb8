"""Several processes, one cache: each takes the next part that no other is writing.

A claim is a lock that the operating system gives back when its holder dies, so a killed process blocks nobody.
"""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from probing.errors import CacheError

LOCK = ".lock"


@dataclass(frozen=True)
class Shard:
    """The I-th of N processes that divide the parts between them beforehand, without locks.

    Args:
        index: I, from 1.
        count: N.
    """

    index: int
    count: int

    def __contains__(self, number: int) -> bool:
        """Whether the part of this number is this process's own."""
        return number % self.count == self.index - 1


def parse_shard(text: str) -> Shard:
    """Read `I/N`.

    Raises:
        CacheError: It is not I/N with 1 ≤ I ≤ N.

    >>> parse_shard("2/8")
    Shard(index=2, count=8)
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise CacheError(f"--shard {text}", "it must be I/N with I from 1 to N", "for example --shard 1/8")
    return Shard(int(match[1]), int(match[2]))


@contextmanager
def claim(path: Path, wait: bool = False) -> Iterator[bool]:
    """Hold the right to write a file, while the block lasts.

    Args:
        path: What is to be written; the lock stands beside it, with `.lock` behind its name.
        wait: Whether to wait for another holder to end.

    Yields:
        Whether it is held; always true with `wait`.

    Raises:
        CacheError: The file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{path}{LOCK}", timeout=0, fallback_to_soft=False)
    if not _acquire(lock, path, wait):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _acquire(lock: FileLock, path: Path, wait: bool) -> bool:
    try:
        lock.acquire()
        return True
    except Timeout:
        if not wait:
            return False
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise CacheError(
            f"{path.parent} is on a file system without locks",
            f"{error}",
            "add `--shard 1/1`, or `--shard I/N` in each of N processes: shards divide the parts without locks",
        ) from error
    print(f"waiting for another process that is at work on {path}", file=sys.stderr)
    lock.acquire(timeout=-1)
    return True
