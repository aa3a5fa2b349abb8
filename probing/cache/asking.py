"""Have files without a seal examined by a child process with little time and memory.

HDF5 may run for ever, crash, or take all memory over damage. The child opens each file as we would and reads what we
would read; what it survives, we do too.

A child process also ends for reasons that have nothing to do with a file: it cannot start, or the system kills it. A
file is called damaged only where the child had begun and then ended as damage makes it end.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from probing.cache.contents import examine
from probing.cache.seal import REDO
from probing.errors import CacheError

SECONDS = 5.0  # of processor time for each file and 100 MB of it; a sound one takes milliseconds
_BYTES = 2**31  # of memory for the child, most of it address space that Python and NumPy never touch
_READY = "ready"  # the child's first line: it has loaded HDF5 and keeps within its limits
_BREAKDOWNS = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE)  # of a library that reads nonsense
_KEEP = "mend that and rerun the command; nothing shows that the file is damaged, so keep it"


def ask(paths: Sequence[Path]) -> Iterator[tuple[Path, CacheError | None]]:
    """Have files examined, in order.

    Yields:
        Each file, and what is wrong with it (code `cache-unexamined` where that is not known). The first that ends the
        child is the last; the others are not examined.
    """
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = os.environ | alone | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    heard, stderr = os.pipe()
    os.set_blocking(stderr, False)  # what does not fit is lost; a child that waited for us to read it would never end
    with os.fdopen(heard, "rb") as complaints:
        try:
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "probing.cache.asking"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
            )
        except OSError as error:
            yield paths[0], _unexamined(paths[0], f"the process that examines it cannot be started ({error})")
            return
        finally:
            os.close(stderr)
        try:
            yield from _answers(child, paths, complaints)
        finally:
            child.kill()
            child.wait()


def _answers(
    child: subprocess.Popen[bytes], paths: Sequence[Path], complaints: IO[bytes]
) -> Iterator[tuple[Path, CacheError | None]]:
    """What a child says of each file; of the one that ends it, why that was."""
    assert child.stdin is not None and child.stdout is not None
    with child.stdout as answers:
        with suppress(BrokenPipeError), child.stdin as names:  # it may have ended already
            names.write(json.dumps([SECONDS, *(str(path.absolute()) for path in paths)]).encode())
        ready = answers.readline().decode().strip() == _READY
        for path in paths:
            answer = answers.readline()
            if not answer:
                child.wait()
                yield path, _ended(path, child.returncode, ready, complaints.read())
                return
            said = json.loads(answer)
            yield path, CacheError(f"{path}", *said) if said else None


def _ended(path: Path, status: int, ready: bool, complaints: bytes) -> CacheError:
    """What the end of a child says of the file that it was examining.

    Args:
        path: The file.
        status: The child's, as `subprocess` has it: that of a signal is negative.
        ready: Whether it had begun.
        complaints: What it wrote to stderr.
    """
    if ready and status == -signal.SIGPROF:
        return CacheError(f"{path}", "HDF5 does not come to an end with it", REDO, code="cache-damaged")
    how = _how(status)
    if ready and -status in _BREAKDOWNS:
        return CacheError(f"{path}", f"HDF5 breaks down over it ({how})", REDO, code="cache-damaged")
    lines = complaints.decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return _unexamined(path, f"the process that examines it ended ({how}{f': {last[:200]}' * bool(last)})")


def _how(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
    return f"{name}, as where the system runs out of memory" if -status == signal.SIGKILL else name


def _unexamined(path: Path, why: str) -> CacheError:
    return CacheError(f"{path}", why, _KEEP, code="cache-unexamined")


def _main() -> None:
    """The child: a line that it is ready, and one of JSON a file: null or why, remedy and code of the error."""
    seconds, *paths = json.load(sys.stdin.buffer)
    import resource  # not on every system

    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(_READY, flush=True)
    for path in paths:
        patience = seconds * (1 + Path(path).stat().st_size / 1e8)
        signal.setitimer(signal.ITIMER_PROF, patience)  # nobody handles its signal, so it ends the process, also in C
        try:
            examine(Path(path))
            said = None
        except CacheError as error:
            said = [error.why, error.remedy, error.code]
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    _main()
