"""JSON that may be damaged or hostile: bounded before it is parsed, and then plain in all its parts."""

from __future__ import annotations

import json
import math
import re
from functools import partial
from pathlib import Path
from typing import Any

from probing.errors import ProbingError
from probing.files.reading import bounded_bytes

_MOST_BYTES = 256_000_000
_MOST_VALUES = 4_000_000  # Python takes some 250 bytes for each
_DEEPEST = 50  # lists and objects inside one another; our own files have ten at most
_LARGEST = 10**40  # whole number: transformers writes 10³⁰ for a text of any length
# NUL ends a path, and a surrogate that stands for no byte of a file name (see `write_text`) can be written nowhere.
_UNWRITABLE = re.compile("[\0\ud800-\udc7f\udd00-\udfff]")


def read_json(path: Path, remedy: str, largest: int = _LARGEST) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: The file.
        remedy: What to do where it is damaged.
        largest: No whole number is as large.

    Raises:
        OSError: It is not there, or cannot be read.
        ProbingError: It is not a JSON object (code `damaged`), or one that `parsed` refuses.
    """
    try:
        content = parsed(bounded_bytes(path, _MOST_BYTES), largest)
    except ValueError as error:
        raise ProbingError(f"{path}", f"it is damaged ({error})", remedy, code="damaged") from error
    if not isinstance(content, dict):
        raise ProbingError(f"{path}", "it is damaged (no JSON object)", remedy, code="damaged")
    return content


def parsed(raw: bytes | str, largest: int = _LARGEST, any_text: bool = False) -> Any:
    """The value of a JSON text.

    NaN and infinity are no JSON, and neither are two values of one name. Too large numbers, texts that no file or
    terminal takes, and values in more than 50 others are refused too: nothing that we write, and no checkpoint that
    opens, has them.

    Args:
        raw: The text; bytes are UTF-8.
        largest: No whole number is as large.
        any_text: Whether texts may have characters that no file or terminal takes, as tokens of a vocabulary may.

    Raises:
        ValueError: What is wrong.
    """
    text = raw.decode("utf-8") if isinstance(raw, bytes) else raw
    if sum(map(text.count, ",[{")) > _MOST_VALUES:
        raise ValueError(f"it has more than {_MOST_VALUES:,} values")
    try:
        content = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=partial(_bounded, largest=largest),
            object_pairs_hook=_once_each,
        )
    except RecursionError as error:
        raise ValueError("it is nested without end") from error
    _demand_plain(content, any_text)
    return content


def _refuse_constant(written: str) -> float:
    raise ValueError(f"{written} is no number")


def _finite(written: str) -> float:
    number = float(written)
    return number if math.isfinite(number) else _refuse_constant(written)  # 1e999 would be infinity


def _bounded(written: str, largest: int) -> int:
    if abs(number := int(written)) >= largest:  # Python itself refuses thousands of digits, which would take it long
        raise ValueError(f"{written[:20]}… is too large")
    return number


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has two values of one name")
    return found


def _demand_plain(content: Any, any_text: bool) -> None:
    """Raise a ValueError where values are nested too deep, or a text could not be written to a file or terminal."""
    level = [content]
    for _ in range(_DEEPEST):
        inside = []
        for value in level:
            if isinstance(value, str) and not any_text and _UNWRITABLE.search(value):
                raise ValueError(f"{value[:40]!r} is no text")
            if isinstance(value, dict):
                inside += [*value, *value.values()]
            if isinstance(value, list):
                inside += value
        level = inside
        if not level:
            return
    raise ValueError(f"values are nested more than {_DEEPEST} deep")
