"""JSON that may be damaged."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from probing.errors import ProbingError


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: The file.
        remedy: What to do where it is damaged.

    Raises:
        OSError: It is not there, or cannot be read.
        ProbingError: It is not a JSON object (code `damaged`); NaN and infinity are not JSON.
    """
    try:
        content = json.loads(path.read_text("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:  # not UTF-8, no JSON, or nested without end
        raise ProbingError(f"{path}", f"it is damaged ({error})", remedy, code="damaged") from error
    if not isinstance(content, dict):
        raise ProbingError(f"{path}", "it is damaged (no JSON object)", remedy, code="damaged")
    return content


def _refuse_constant(written: str) -> float:
    raise ValueError(f"{written} is no number")


def _finite(written: str) -> float:
    number = float(written)
    return number if math.isfinite(number) else _refuse_constant(written)  # 1e999 would be infinity
