"""A gate before every system call that changes the disk: a supervisor decides what becomes of each.

A filter of the kernel (seccomp's user notification, Linux 5.5 and later) stops the child before each such call,
whichever library makes it: Python, HDF5, safetensors, torch. So the instants at which a command can be killed and the
writes that can fail are counted and not guessed, and the states of the disk between two calls are all that a kill can
leave. Nothing is needed but the kernel; no root.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import select
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from faults.child import Ended, Watched

# Number of each call on x86-64 and on AArch64 (which has no older forms); which argument is its file, a path or a
# descriptor; and which is the folder that a path starts from.
_CALLS: dict[str, tuple[int | None, int | None, int, int | str]] = {
    "write": (1, 64, 0, "file"),
    "pwrite64": (18, 68, 0, "file"),
    "writev": (20, 66, 0, "file"),
    "pwritev": (296, 70, 0, "file"),
    "sendfile": (40, 71, 0, "file"),
    "copy_file_range": (326, 285, 2, "file"),
    "ftruncate": (77, 46, 0, "file"),
    "fallocate": (285, 47, 0, "file"),
    "fsync": (74, 82, 0, "file"),
    "fdatasync": (75, 83, 0, "file"),
    "open": (2, None, 0, "cwd"),
    "openat": (257, 56, 1, 0),
    "rename": (82, None, 1, "cwd"),
    "renameat": (264, 38, 3, 2),
    "renameat2": (316, 276, 3, 2),
    "unlink": (87, None, 0, "cwd"),
    "unlinkat": (263, 35, 1, 0),
    "rmdir": (84, None, 0, "cwd"),
    "mkdir": (83, None, 0, "cwd"),
    "mkdirat": (258, 34, 1, 0),
    "link": (86, None, 1, "cwd"),
    "linkat": (265, 37, 3, 2),
    "symlink": (88, None, 1, "cwd"),
    "symlinkat": (266, 36, 2, 1),
}
_OPENS = {"open": 1, "openat": 2}  # which argument has the flags
WRITES = frozenset(("write", "pwrite64", "writev", "pwritev", "sendfile", "copy_file_range", "fallocate"))
NAMED = frozenset(_CALLS) - WRITES - {"ftruncate"}  # instants that a reader of the code can name
_ARCHITECTURES = {"x86_64": (0, 0xC000003E, 317), "aarch64": (1, 0xC00000B7, 277)}  # column, AUDIT_ARCH, seccomp()
_LOAD, _EQUAL, _ANY, _RETURN = 0x20, 0x15, 0x45, 0x06  # of the filter's machine: load a word, jumps, return
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_CONTINUE = 1
_PR_SET_NO_NEW_PRIVS = 38


@dataclass(frozen=True)
class Instant:
    """A moment before a call.

    Args:
        number: How many gated calls in the folder came before.
        call: Its name.
        path: The file, from the trial's folder on.
    """

    number: int
    call: str
    path: str

    def __str__(self) -> str:
        return f"{self.call} {self.path} (call {self.number})"


class Deny:
    """What a supervisor answers: the call fails with this error.

    Args:
        number: As in `errno`.
    """

    def __init__(self, number: int) -> None:
        self.number = number


Decide = Callable[[Instant, Watched], Deny | None]


def available() -> bool:
    """Whether this kernel has what the gate needs."""
    if platform.system() != "Linux" or platform.machine() not in _ARCHITECTURES:
        return False
    with suppress(OSError):
        return "user_notif" in Path("/proc/sys/kernel/seccomp/actions_avail").read_text().split()
    return False


def _program() -> bytes:
    """The filter: stop before the calls named above, opens only where they can create or empty a file."""
    column, architecture, _ = _ARCHITECTURES[platform.machine()]
    flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_RDWR
    lines: list[tuple[int, int, int, int]] = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _ALLOW)]
    lines += [(_LOAD, 0, 0, 0)]
    for name, numbers in _CALLS.items():
        number = numbers[column]
        if number is None:
            continue
        if name in _OPENS:
            flag_word = 16 + 8 * _OPENS[name]
            lines += [(_EQUAL, 0, 4, number), (_LOAD, 0, 0, flag_word), (_ANY, 0, 1, flags), (_RETURN, 0, 0, _NOTIFY)]
            lines += [(_RETURN, 0, 0, _ALLOW)]
        else:
            lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _NOTIFY)]
    lines += [(_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)


class Gate:
    """The gate before one child's calls.

    Args:
        here: The folder whose files matter; calls elsewhere pass.
        decide: Called before every call there; what it returns becomes of the call.
    """

    def __init__(self, here: Path, decide: Decide) -> None:
        self._here, self._decide = f"{here}/", decide
        self._ours, self._theirs = socket.socketpair()
        self._names = {
            numbers[_ARCHITECTURES[platform.machine()][0]]: name
            for name, numbers in _CALLS.items()
            if numbers[_ARCHITECTURES[platform.machine()][0]] is not None
        }
        self.passed: list[Instant] = []

    def install(self) -> None:
        """In the child: from now on every call goes through the gate."""
        libc = ctypes.CDLL(None, use_errno=True)
        program = _program()
        buffer = ctypes.create_string_buffer(program, len(program))
        header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer)), 16)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        seccomp = _ARCHITECTURES[platform.machine()][2]
        listener = libc.syscall(seccomp, 1, 8, header)  # SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER
        if listener < 0:
            raise OSError(ctypes.get_errno(), "no seccomp listener")
        socket.send_fds(self._theirs, [b"."], [listener])
        os.close(listener)
        self._theirs.close()
        self._ours.close()

    def supervise(self, child: Watched) -> Ended:
        """In the parent: decide about every call until the child has ended."""
        self._theirs.close()
        listener = self._listener(child)
        if listener is None:
            return child.wait()
        try:
            poll = select.poll()
            poll.register(listener, select.POLLIN)
            while (ended := child.poll()) is None:
                for _, event in poll.poll(20):
                    if event & select.POLLIN:
                        self._answer(listener, child)
                    elif event & select.POLLHUP:
                        poll.unregister(listener)
            return ended
        finally:
            os.close(listener)
            self._ours.close()

    def _listener(self, child: Watched) -> int | None:
        self._ours.settimeout(30)
        with suppress(OSError):
            _, files, _, _ = socket.recv_fds(self._ours, 1, 1)
            if files:
                return files[0]
        return None

    def _answer(self, listener: int, child: Watched) -> None:
        request = bytearray(80)
        try:
            fcntl.ioctl(listener, _RECEIVE, request)
        except OSError:  # its process is gone
            return
        key, pid, _, number, _, _, *words = struct.unpack("QIIiIQ6Q", request)
        name = self._names[number]
        path = _path(pid, words, *_CALLS[name][2:])
        verdict = None
        if path is not None and path.startswith(self._here):
            instant = Instant(len(self.passed), name, path.removeprefix(self._here))
            self.passed.append(instant)
            verdict = self._decide(instant, child)
        error, flags = (-verdict.number, 0) if verdict else (0, _CONTINUE)
        with suppress(OSError):  # a killed child waits for no answer
            fcntl.ioctl(listener, _SEND, struct.pack("Qqii", key, 0, error, flags))


def _path(pid: int, words: list[int], where: int, start: int | str) -> str | None:
    """The absolute path that a call means; None where it cannot be told."""
    try:
        if start == "file":
            return os.fspath(Path(f"/proc/{pid}/fd/{words[where]}").readlink()).removesuffix(" (deleted)")
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            memory.seek(words[where])
            text = os.fsdecode(memory.read(4096).partition(b"\0")[0])
        number = -1 if isinstance(start, str) else ctypes.c_int(words[start] & 0xFFFFFFFF).value
        folder = Path(f"/proc/{pid}/fd/{number}" if number >= 0 else f"/proc/{pid}/cwd").readlink()
        return os.path.normpath(f"{folder}/{text}" if not text.startswith("/") else text)
    except (OSError, OverflowError, ValueError):
        return None


class Full:
    """A disk that is full from the n-th write on: writes and new folders fail, and what frees space goes on.

    Args:
        number: The first write that fails, from 0.
    """

    def __init__(self, number: int) -> None:
        self._left = number
        self.denied: list[Instant] = []

    def __call__(self, instant: Instant, child: Watched) -> Deny | None:
        if instant.call not in WRITES | {"mkdir", "mkdirat"}:
            return None
        self._left -= 1
        if self._left >= 0:
            return None
        self.denied.append(instant)
        return Deny(errno.ENOSPC)
