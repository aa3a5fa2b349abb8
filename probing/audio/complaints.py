"""Catch the messages that C libraries print on C's standard error stream while they decode.

The MP3 decoder in libsndfile reports a frame that it cannot decode only there, beside remarks that do not matter. The
messages do not name the file, and would appear in the middle of a progress bar.
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
    """glibc's cookie_io_functions_t: the functions that implement a custom stream."""

    _fields_ = (
        ("read", ctypes.c_void_p),
        ("write", _Write),
        ("seek", ctypes.c_void_p),
        ("close", ctypes.c_void_p),
    )


class Complaints:
    """Collects what C code prints on `stderr` in this thread in a `with` block; other threads' output passes through.

    glibc allows `stderr` to be assigned. With another C library nothing is collected, and messages appear as usual.
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
        """Whether the decoder reported an error, after which it went on with the next frame."""
        return any(b" error: " in line for line in self._lines)


class _Thread(threading.local):
    lines: list[bytes] | None = None


class _Redirection:
    """Replaces C's `stderr` as long as any thread decodes."""

    def __init__(self) -> None:
        self._users = 0
        self._lock = threading.Lock()
        self._own: int | None = None
        self._before: int | None = None
        self._write = _Write(_written)  # it must live as long as the stream

    def begin(self) -> None:
        """Count one more thread that decodes; the first one replaces `stderr`."""
        with self._lock:
            self._users += 1
            if self._users == 1 and (variable := _stderr()) is not None:
                self._own = self._own or _opened(self._write)
                self._before, variable.value = variable.value, self._own

    def end(self) -> None:
        """Count one thread fewer; the last one restores `stderr`."""
        with self._lock:
            self._users -= 1
            if self._users == 0 and (variable := _stderr()) is not None:
                variable.value = self._before

    def forked(self) -> None:
        """Start afresh in a forked process, which has one thread; the lock may have been held by another."""
        self._lock = threading.Lock()
        if self._users:
            self._users = 1
            self.end()


@cache
def _stderr() -> ctypes.c_void_p | None:
    """The C variable `stderr`; None if the C library is not glibc."""
    try:
        os.confstr("CS_GNU_LIBC_VERSION")
        return ctypes.c_void_p.in_dll(ctypes.CDLL(None), "stderr")
    except (AttributeError, ValueError):
        return None


def _opened(write: object) -> int:
    """Open a C stream that passes what is printed to a function; returns the pointer to it."""
    library = ctypes.CDLL(None)
    library.fopencookie.restype = ctypes.c_void_p
    library.fopencookie.argtypes = (ctypes.c_void_p, ctypes.c_char_p, _Functions)
    library.setvbuf.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t)
    stream = library.fopencookie(None, b"w", _Functions(None, write, None, None))
    library.setvbuf(stream, None, _UNBUFFERED, 0)
    return int(stream)


def _written(_: object, text: int, size: int) -> int:
    """Keep the message of a thread that decodes; write any other to the standard error."""
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
