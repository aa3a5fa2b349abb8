"""Files: names, digests, atomic writing, claims between processes, and JSON that may be damaged."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from probing.errors import CacheError, ProbingError

PARTIAL = ".partial"  # ends the name of an unfinished file
LOCK = ".lock"  # ends the name of the lock file of what a process claims
_BLOCK = 1 << 20  # bytes read at a time


def slug(name: str) -> str:
    """A name as part of a file name: never a path, never hidden, never empty.

    >>> slug("facebook/hubert-base-ls960"), slug("hubert-base@random"), slug("Mein Körper")
    ('facebook--hubert-base-ls960', 'hubert-base@random', 'Mein_Körper')
    >>> slug(".."), slug(""), slug(".hidden")
    ('_', 'unnamed', '_hidden')
    """
    safe = re.sub(r"[^\w@.+-]", "_", name.strip("/").replace("/", "--"))
    return re.sub(r"^\.+", "_", safe) or "unnamed"


def digest(content: Any) -> str:
    """SHA-256 of a JSON-ready value, hex; mappings are sorted by key.

    >>> digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, hex; read in blocks."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def absolute(path: str | Path) -> str:
    """An absolute path without `..`; links are kept, since a name may be that of a link."""
    # Path.resolve() would follow links, and Path.expanduser() refuses a file `~name` where there is no such user.
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111


def shown(path: str) -> str:
    """A path as a user would type it: relative where it lies below the present folder.

    What `absolute` makes of it is the path again, and it is never taken for an option or for a home folder.
    """
    here = Path.cwd()
    if not Path(path).is_relative_to(here):
        return path
    below = str(Path(path).relative_to(here))
    return f"./{below}" if below.startswith(("-", "~")) else below


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A temporary file that gets its final name only when the block ends without an error.

    Args:
        path: The file; its folder is created if necessary.

    Yields:
        The path of the temporary file beside it, used by this process only; its name ends in `.partial`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{socket.gethostname()}-{os.getpid()}{PARTIAL}")
    try:
        yield aside
        with aside.open("rb") as file:
            os.fsync(file.fileno())  # a power cut must not leave an empty file under the final name
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with written_aside(path) as aside:
        # A file name that is not UTF-8 has lone surrogates; as escapes they are JSON, and are read back unchanged.
        aside.write_text(text, "utf-8", errors="backslashreplace")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file for people and programs, whole or not at all; NaN and infinity are refused."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: The file.
        remedy: What to do where it is damaged.

    Raises:
        OSError: It is not there, or cannot be read.
        ProbingError: It is not a JSON object (code `damaged`); NaN and infinity are not JSON.
    """
    try:
        content = json.loads(path.read_text("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:  # not UTF-8, no JSON, or nested without end
        raise ProbingError(f"{path}", f"it is damaged ({error})", remedy, code="damaged") from error
    if not isinstance(content, dict):
        raise ProbingError(f"{path}", "it is damaged (no JSON object)", remedy, code="damaged")
    return content


def _refuse_constant(written: str) -> float:
    raise ValueError(f"{written} is no number")


def _finite(written: str) -> float:
    number = float(written)
    return number if math.isfinite(number) else _refuse_constant(written)  # 1e999 would be infinity


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
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
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


def size(n_bytes: float) -> str:
    """Bytes as a person reads them.

    >>> size(4.2e9), size(512)
    ('4.20 GB', '512 B')
    """
    from tqdm import tqdm

    text = tqdm.format_sizeof(n_bytes, "B")
    return re.sub(r"(?<=\d)(?=[A-Za-z])", " ", text, count=1)


def duration(seconds: float) -> str:
    """Seconds as a person reads them: minutes and seconds, or hours too.

    >>> duration(90), duration(7200), duration(12)
    ('01:30', '2:00:00', '00:12')
    """
    from tqdm import tqdm

    return str(tqdm.format_interval(seconds))
