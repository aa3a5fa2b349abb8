"""SIGTERM is treated as Control-C: the command ends in good order, and says what resumes it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from probing.errors import Terminated


@contextmanager
def terminable() -> Iterator[None]:
    """Let the first SIGTERM raise `Terminated` while the block lasts; a second one kills, as it does by default.

    Processes that are forked meanwhile die of it as they would otherwise.
    """
    ours = threading.current_thread() is threading.main_thread()  # only there can signals be handled
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:  # a program around us has its own way
        yield
        return
    owner = os.getpid()

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if os.getpid() == owner:
            raise Terminated
        os.kill(os.getpid(), signal.SIGTERM)  # a process that was forked, which has nothing to say

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
