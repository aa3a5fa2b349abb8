"""Work in progress, one finished piece a line: a line that a kill has cut off, or damage has changed, is told."""

from __future__ import annotations

import json
from typing import Any

from probing.files.checked_json import parsed
from probing.files.digests import digest

_DIGITS = 8  # hexadecimal digits of the digest behind each value


def line_of(value: Any) -> str:
    """A JSON-ready value as a line, with its digest; it ends in the line's end, and is ASCII."""
    return json.dumps([value, digest(value)[:_DIGITS]], allow_nan=False) + "\n"


def value_of(line: bytes) -> Any:
    """The value of a line that `line_of` made.

    Raises:
        ValueError: It is none, or is damaged.
    """
    found = parsed(line)
    if not isinstance(found, list) or len(found) != 2 or digest(found[0])[:_DIGITS] != found[1]:
        raise ValueError("it is not what was written")
    return found[0]
