"""Digests: SHA-256 of values and of files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20  # bytes read at a time


def digest(content: Any) -> str:
    """SHA-256 of a JSON-ready value, hex; mappings are sorted by key.

    >>> digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def sealed(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A JSON object with a digest of all its other fields, in place of the one that it had.

    Args:
        content: JSON-ready.
        key: The field that holds the digest.
    """
    rest = {name: value for name, value in content.items() if name != key}
    return {**rest, key: digest(rest)}


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, hex; read in blocks."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
