"""What the C libraries that decode print past Python on the standard error stream of C.

The MP3 decoder in libsndfile reports a frame that it cannot decode in no other way, and remarks on sizes that do not
matter. Both would appear without the name of a file, in the middle of a progress bar.
"""

from __future__ import annotations

import ctypes
import os
import threading
from contextlib import suppress
from functools import cache

_MOST = 100  # lines kept
_STANDARD_ERROR = 2  # descriptor
_UNBUFFERED = 2  # _IONBF
_Write = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class _Functions(ctypes.Structure):
    """cookie_io_functions_t of glibc: what is called when a stream is used."""

    _fields_ = (
        ("read", ctypes.c_void_p),
        ("write", _Write),
        ("seek", ctypes.c_void_p),
        ("close", ctypes.c_void_p),
    )


class Complaints:
    """Keeps what this thread's C code prints while the block lasts; what others print goes on to the standard error.

    In glibc `stderr` is a variable that may be set. Of other C libraries, which do not promise that, nothing is kept.
    """

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def __enter__(self) -> None:
        _thread.lines = self._lines
        _redirection.begin()

    def __exit__(self, *_: object) -> None:
        _redirection.end()
        _thread.lines = None

    @property
    def undecoded(self) -> bool:
        """Whether the decoder failed at a part of the file, and went on."""
        return any(b" error: " in line for line in self._lines)


class _Thread(threading.local):
    lines: list[bytes] | None = None


class _Redirection:
    """Sets `stderr` of C as long as any thread decodes."""

    def __init__(self) -> None:
        self._users = 0
        self._lock = threading.Lock()
        self._own: int | None = None
        self._before: int | None = None
        self._write = _Write(_written)  # it must live as long as the stream

    def begin(self) -> None:
        """One more thread decodes."""
        with self._lock:
            self._users += 1
            if self._users == 1 and (variable := _stderr()) is not None:
                self._own = self._own or _opened(self._write)
                self._before, variable.value = variable.value, self._own

    def end(self) -> None:
        """One fewer."""
        with self._lock:
            self._users -= 1
            if self._users == 0 and (variable := _stderr()) is not None:
                variable.value = self._before

    def forked(self) -> None:
        """In a new process there are no other threads, and the lock may have been one of theirs."""
        self._lock = threading.Lock()
        if self._users:
            self._users = 1
            self.end()


@cache
def _stderr() -> ctypes.c_void_p | None:
    """The variable; None where the C library is not glibc."""
    try:
        os.confstr("CS_GNU_LIBC_VERSION")
        return ctypes.c_void_p.in_dll(ctypes.CDLL(None), "stderr")
    except (AttributeError, ValueError):
        return None


def _opened(write: object) -> int:
    """A stream of C that hands what is printed to a function."""
    library = ctypes.CDLL(None)
    library.fopencookie.restype = ctypes.c_void_p
    library.fopencookie.argtypes = (ctypes.c_void_p, ctypes.c_char_p, _Functions)
    library.setvbuf.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t)
    stream = library.fopencookie(None, b"w", _Functions(None, write, None, None))
    library.setvbuf(stream, None, _UNBUFFERED, 0)
    return int(stream)


def _written(_: object, text: int, size: int) -> int:
    """Keep a line of a thread that decodes, hand on any other."""
    line = ctypes.string_at(text, size)
    if _thread.lines is None:
        with suppress(OSError):
            os.write(_STANDARD_ERROR, line)
    elif len(_thread.lines) < _MOST:
        _thread.lines.append(line)
    return size


_thread = _Thread()
_redirection = _Redirection()
os.register_at_fork(after_in_child=_redirection.forked)
