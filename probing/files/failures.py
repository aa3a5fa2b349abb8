"""What the operating system refused, as errors with a code and a remedy, whichever library was told of it.

Python raises an OSError with its number. Libraries that write for themselves (safetensors, PyTorch, HDF5, NumPy) raise
errors of their own, and the number is in their text, or nowhere.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator

from probing.errors import FileSystemError

_NUMBERED = re.compile(
    r"\[Errno (\d+)\]|\(os error (\d+)\)|\berrno = (\d+)"
)  # a data loader's process; safetensors; HDF5
# What PyTorch and NumPy say of a file that they could not write; they do not say why they could not.
_UNWRITTEN = re.compile(
    r"PytorchStreamWriter failed writing|unexpected pos \d+ vs \d+|basic_ios::clear|iostream error"
    r"|\d+ requested and \d+ written"
)
_FULL = "free some space, or name a place on another disk"
_KINDS: dict[int, tuple[str, str, str]] = {  # number → code, why, what to do
    errno.ENOSPC: ("disk", "the disk is full", _FULL),
    errno.EDQUOT: ("disk", "your quota of disk space is used up", _FULL),
    errno.EFBIG: ("disk", "the file is larger than may be written here", _FULL),
    errno.EROFS: ("read-only", "the file system is read-only", "name a folder that you may write to"),
    errno.EACCES: ("permission", "permission denied", "name a folder that you may write to"),
    errno.EPERM: ("permission", "operation not permitted", "name a folder that you may write to"),
    errno.ENOENT: ("vanished", "there is no such file or folder", "check the path; it may have been there before"),
    errno.ENOTDIR: ("no-folder", "a part of the path is no folder", "check the path"),
    errno.EISDIR: ("no-file", "it is a folder", "name a file"),
    errno.EEXIST: ("exists", "it exists already, and is something else", "name another place, or move it away"),
    errno.ELOOP: ("links", "symbolic links lead round in a circle", "name the folder itself"),
    errno.ENAMETOOLONG: ("name-too-long", "the name is too long for the file system", "choose a shorter --name"),
    errno.ESTALE: ("vanished", "its disk is no longer there (a stale network mount)", "mount it again, then rerun"),
    errno.ENOTCONN: ("vanished", "its disk is no longer there", "mount it again, then rerun"),
    errno.EIO: ("io", "the disk cannot be read or written (input/output error)", "check the disk; then rerun"),
    errno.ENXIO: ("io", "the disk cannot be reached", "check the disk; then rerun"),
    errno.ETIMEDOUT: ("io", "the disk did not answer", "check the network mount; then rerun"),
    errno.EMFILE: ("open-files", "too many open files", "raise the limit (ulimit -n), or use fewer --workers"),
    errno.ENFILE: ("open-files", "too many open files", "close other programs"),
    errno.ENOMEM: ("memory", "there is not enough memory", "close other programs, or use a smaller --batch"),
    errno.EBUSY: ("busy", "another program uses it", "rerun when it has ended"),
    errno.ETXTBSY: ("busy", "another program uses it", "rerun when it has ended"),
}
WRITING = ("disk", "read-only", "permission")  # codes that another place can mend


def failure(error: BaseException) -> FileSystemError | None:
    """The error of the operating system in an error, or in one that it was raised from; None where there is none.

    A broken pipe is none: whoever read the output has stopped, and has nothing to be told.
    """
    for one in _caused(error):
        number = _number(one)
        if number == errno.EPIPE:
            return None
        if number is not None:
            what = _where(one)
            code, why, remedy = _KINDS.get(number, ("system", os.strerror(number), ""))
            return FileSystemError(what, why, remedy, code)
        if isinstance(one, OSError | RuntimeError) and _UNWRITTEN.search(str(one)):
            return FileSystemError("a file could not be written", "the disk is full or failed", _FULL, "disk")
    return None


def _caused(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it was raised from; not those that were merely being handled when it was raised."""
    while error is not None:
        yield error
        error = error.__cause__


def _number(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    found = _NUMBERED.search(str(error)) if isinstance(error, OSError | RuntimeError) or _foreign(error) else None
    return int(found[found.lastindex or 0]) if found else None


def _foreign(error: BaseException) -> bool:
    """Whether it is safetensors' own error, which is no OSError; that library need not be loaded for it."""
    return type(error).__name__ == "SafetensorError"


def _where(error: BaseException) -> str:
    """The file in question, where the error names it."""
    name = getattr(error, "filename", None)
    return os.fsdecode(name) if isinstance(name, str | bytes) else "a file could not be read or written"
