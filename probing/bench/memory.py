"""The most memory that this process, or a GPU for it, has held. Loads torch for a GPU alone."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def forget_peak(device: str) -> None:
    """Begin anew; where the system does not allow that, what was held before counts too."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
    else:
        with suppress(OSError):
            _RESET.write_text("5")  # Linux: the peak becomes what is held now


def peak(device: str) -> int | None:
    """Bytes; on a CPU of the whole process, Python and its libraries included. None where it is not known."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    # Not getrusage: on Linux its number is that of the parent too, until the process has outgrown it.
    if _STATUS.is_file() and (found := re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)):
        return 1024 * int(found[1])
    try:
        import resource
    except ImportError:  # Windows
        return None
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # macOS: bytes
