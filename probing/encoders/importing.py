"""Import PyTorch and transformers without looking for garbage. Loads without torch."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """Stop the collector of cycles for the time of an import.

    An import makes hundreds of thousands of objects that stay, and the collector goes through all of them again
    whenever there are a quarter more: a sixth of the processor time of importing PyTorch and transformers.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
