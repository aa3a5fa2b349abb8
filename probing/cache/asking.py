"""Have files without a seal examined by a child process with little time and memory.

HDF5 may run for ever, crash, or take all memory over damage. The child opens each file as we would and reads what we
would read; what it survives, we do too.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from probing.cache.contents import examine
from probing.cache.seal import REDO
from probing.errors import CacheError

SECONDS = 5.0  # of processor time for each file and 100 MB of it; a sound one takes milliseconds
_BYTES = 2**31  # of memory for the child, most of it address space that Python and NumPy never touch


def ask(paths: Sequence[Path]) -> Iterator[tuple[Path, CacheError | None]]:
    """Have files examined, in order.

    Yields:
        Each file, and what is wrong with it. The first that ends the child is the last; the others are not examined.
    """
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = os.environ | alone | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "probing.cache.asking"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    assert child.stdin is not None and child.stdout is not None
    try:
        with child.stdin as names:
            names.write(json.dumps([SECONDS, *(str(path.absolute()) for path in paths)]).encode())
        for path in paths:
            answer = child.stdout.readline()
            if not answer:
                yield path, _ended(path, child.wait())
                return
            said = json.loads(answer)
            yield path, CacheError(f"{path}", *said) if said else None
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def _ended(path: Path, status: int) -> CacheError:
    why = "HDF5 does not come to an end with it"
    if status != -signal.SIGPROF:
        why = f"HDF5 breaks down over it (status {status})"
    return CacheError(f"{path}", why, REDO, code="cache-damaged")


def _main() -> None:
    """The child: one line of JSON a file, which is null or why, remedy and code of the error."""
    seconds, *paths = json.load(sys.stdin.buffer)
    import resource  # not on every system

    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
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
