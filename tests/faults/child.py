"""One `probe` command in a child forked from a process that has imported everything: it starts at once.

The child has a folder, an environment, files for its output and limits of memory and time. A watchdog tells a hang (no
output and no processor progress for a minute, or too much of it in all) from work, and the whole group is ended with
the child.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEMORY = 2 << 30  # bytes: what a command may take, whatever a header promises
STILL = 60.0  # s without output and without processor progress
LONGEST = 60.0  # s of processor time that any command may take here: undisturbed, each takes five at most
_POLL = 0.004  # s
_NEW_ADDRESSES = (
    6 << 30
)  # bytes of address space beyond the parent's: numbers far beyond MEMORY must fail, not be paged
_SHOWN = 400_000  # bytes of output that are kept
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Args:
        status: Its exit status; −n where signal n ended it.
        out: What it wrote to stdout.
        err: What it wrote to stderr.
        peak: Most resident memory, bytes, with what it shares with its parent.
        seconds: Wall time.
        hung: Why the watchdog ended it; empty where it ended itself.
    """

    status: int
    out: str
    err: str
    peak: int
    seconds: float
    hung: str = ""


class Watched:
    """A running child.

    Args:
        pid: Its process, which leads a group.
        said: Folder of its output files.
        longest: Seconds of processor time that it may take; wall time depends on what else the machine does.
        still: Seconds without output and processor progress.
    """

    def __init__(self, pid: int, said: Path, longest: float, still: float) -> None:
        self.pid, self._said = pid, said
        self._longest, self._still = longest, still
        self._began = self._moved = time.monotonic()
        self._progress: tuple[int, int] = (-1, -1)
        self._hung = ""
        self._checked = self._began
        self.ended: Ended | None = None

    def poll(self) -> Ended | None:
        """How it ended, or None while it runs; one that hangs is killed."""
        if self.ended is None:
            found, status, usage = os.wait4(self.pid, os.WNOHANG)
            if found:
                self._end_group()
                self.ended = self._read(os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024)
            elif time.monotonic() - self._checked > 0.5:
                self._watch()
        return self.ended

    def wait(self) -> Ended:
        """Wait for its end."""
        while (ended := self.poll()) is None:
            time.sleep(_POLL)
        return ended

    def signal(self, number: int, group: bool = False) -> None:
        """Send it a signal, or its whole group as a terminal does."""
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, number)

    def _watch(self) -> None:
        now = self._checked = time.monotonic()
        progress = self._ticks(), sum(path.stat().st_size for path in self._said.iterdir())
        if progress != self._progress:
            self._progress, self._moved = progress, now
        if now - self._moved > self._still:
            self._hung = f"no output and no processor progress for {self._still:.0f} s"
        elif progress[0] > self._longest * os.sysconf("SC_CLK_TCK"):
            self._hung = f"not done after {self._longest:.0f} s of processor time"
        if self._hung:
            self._end_group()

    def _ticks(self) -> int:
        """Processor time of the child and of its ended and running children, in clock ticks."""
        total = 0
        for pid in [self.pid, *_children(self.pid)]:
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += sum(map(int, fields[11:15]))
        return total

    def _end_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _read(self, status: int, peak: int) -> Ended:
        out, err = (_text(self._said / name) for name in ("stdout", "stderr"))
        return Ended(status, out, err, peak, time.monotonic() - self._began, self._hung)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, tasks.read_text().split()):
                found += [child, *_children(child)]
    return found


def _text(path: Path) -> str:
    if not path.exists():
        return ""
    content = path.read_bytes()
    half = _SHOWN // 2
    return (content if len(content) <= _SHOWN else content[:half] + b"\n...\n" + content[-half:]).decode(
        "utf-8", "backslashreplace"
    )


def start(
    place: Path,
    said: Path,
    work: Callable[[], Any],
    environment: Mapping[str, str] | None = None,
    first: Callable[[], None] | None = None,
    longest: float = LONGEST,
    still: float = STILL,
) -> Watched:
    """Fork a child that does some work in a folder.

    Args:
        place: The folder.
        said: An empty folder for its output.
        work: What it does; its exit status is that of the `SystemExit` that it raises, as of a console script.
        environment: Variables that it has besides.
        first: What it does before anything else, such as to install a gate.
        longest: Seconds of processor time that it may take.
        still: Seconds without output and processor progress.
    """
    said.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _live(place, said, work, environment or {}, first)
    return Watched(pid, said, longest, still)


def end_with_parent() -> None:
    """Let this process be killed when its parent ends, however that ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _live(
    place: Path, said: Path, work: Callable[[], Any], environment: Mapping[str, str], first: Callable[[], None] | None
) -> None:
    """The child's whole life; never returns."""
    status = 1
    try:
        os.setpgid(0, 0)
        end_with_parent()
        os.chdir(place)
        for number, path in ((0, Path(os.devnull)), (1, said / "stdout"), (2, said / "stderr")):
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(file, number)
            os.close(file)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        os.environ.update(environment)
        _limit()
        if first:
            first()
        try:
            work()
            status = 0
        except SystemExit as end:
            status = _exit_status(end)
        except BaseException:  # what the interpreter does with an error that nobody catches
            sys.excepthook(*sys.exc_info())
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        _at_exit()
    finally:
        os._exit(status)


def _at_exit() -> None:
    """What the interpreter does at its end: wait for threads, and call what is registered."""
    import atexit
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()


def _exit_status(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


def _limit() -> None:
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + _NEW_ADDRESSES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def typed(words: Sequence[str]) -> Callable[[], Any]:
    """Typing `probe` with some words: the console script itself."""

    def work() -> None:
        from probing.cli.main import main

        sys.argv = ["probe", *words]
        main(prog_name="probe")

    return work


def answer(place: Path, said: Path, ask: Callable[[], Any], longest: float = LONGEST) -> Any:
    """What a function returns in a child of its own, for libraries that a damaged file may hang or crash.

    Raises:
        RuntimeError: The child did not end well.
    """
    reply = said / "reply"

    def work() -> None:
        reply.write_bytes(pickle.dumps(ask()))

    ended = start(place, said, work, longest=longest).wait()
    if ended.status:
        raise RuntimeError(f"{ended.hung or ended.err[-2000:]} (status {ended.status})")
    return pickle.loads(reply.read_bytes())
