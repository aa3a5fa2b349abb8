"""Tensors in a safetensors file that may be damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from probing.files.reading import demand_regular


def read_tensors(path: Path) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    """Read a file of float32 numbers.

    The library compares the header's length and all shapes with the file's length before it reads. Of a tensor without
    numbers, such as one of no rows, nothing bounds the other sizes but what is asked here.

    Returns:
        Name → tensor, and the file's metadata.

    Raises:
        OSError: It is not there, or cannot be read.
        ValueError: It is damaged: no such file, cut off, with other numbers than float32, NaN or infinity.
    """
    length = demand_regular(path)
    try:
        with safe_open(path, "np") as held:
            tensors = {}
            for name in held.keys():  # noqa: SIM118 - it is no mapping
                part = held.get_slice(name)
                if part.get_dtype() != "F32":
                    raise ValueError(f"{name} has no float32 numbers")
                if any(size > length for size in part.get_shape()):
                    raise ValueError(f"{name} is larger than the file")
                tensors[name] = held.get_tensor(name)
            metadata = held.metadata() or {}
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise ValueError(f"a number of {name} is NaN or infinite")
    return tensors, metadata
