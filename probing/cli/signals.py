"""SIGTERM is treated as Control-C: the command ends in good order, and says what resumes it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from probing.errors import Terminated

_AGAIN = 0.1  # seconds until a signal is sent again whose exception was lost


@contextmanager
def terminable() -> Iterator[None]:
    """Let the first SIGTERM raise `Terminated` while the block lasts; a second one kills, as it does by default.

    Neither it nor Control-C is lost: Python drops an exception that comes while a process is being forked, or while an
    object is being deleted. The signal is then sent again. Processes that are forked meanwhile die of SIGTERM as they
    would otherwise.
    """
    ours = threading.current_thread() is threading.main_thread()  # only there can signals be handled
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:  # a program around us has its own way
        yield
        return
    owner, dropped = os.getpid(), sys.unraisablehook

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if os.getpid() == owner:
            raise Terminated
        os.kill(os.getpid(), signal.SIGTERM)  # a process that was forked, which has nothing to say

    def again(lost: Any) -> None:
        if os.getpid() != owner or not issubclass(lost.exc_type, KeyboardInterrupt):
            dropped(lost)
            return
        terminated = issubclass(lost.exc_type, Terminated)
        if terminated:
            signal.signal(signal.SIGTERM, end)
        number = signal.SIGTERM if terminated else signal.SIGINT
        threading.Timer(_AGAIN, os.kill, (owner, number)).start()

    signal.signal(signal.SIGTERM, end)
    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = dropped
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
