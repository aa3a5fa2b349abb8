"""What a machine computes with."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import torch


def hardware(device: str) -> str:
    """The model of a processor or a GPU."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else processor()


def processor() -> str:
    """The model of this machine's processor, as it calls itself."""
    path = Path("/proc/cpuinfo")
    named = re.search(r"^model name\s*: (.*)$", path.read_text(), re.MULTILINE) if path.is_file() else None
    return named[1].strip() if named else platform.processor() or platform.machine()
