"""What leaves the machine with a trained system: nothing in its folder says where, or by whom, it was made.

Transformers writes where a configuration was read from, and keeps whatever else it was given: `_name_or_path`, or the
path of a vocabulary on the machine of somebody who made the encoder.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from probing.files import read_json, write_json

_ORIGINS = ("_name_or_path", "name_or_path")
_PLACE = re.compile(r"/[^/]+/|~[^/]*/|[A-Za-z]:[\\/]|\\\\|file:")  # how an absolute path begins, here or on Windows
_TOKENS = ("token", "content")  # how the names of values end that a tokenizer needs, whatever they look like
_PROCESSOR = ("preprocessor_config.json", "tokenizer_config.json", "special_tokens_map.json")


def without_places(described: dict[str, Any]) -> dict[str, Any]:
    """A configuration without the entries that name a place, at any depth.

    >>> without_places({"_name_or_path": "m", "a": {"vocab_file": "/home/me/vocab.txt", "b": 1}, "pad_token": "/p/"})
    {'a': {'b': 1}, 'pad_token': '/p/'}
    """
    return {key: _inside(value) for key, value in described.items() if not _names_place(key, value)}


def strip_places(folder: Path) -> None:
    """Rewrite what feeds a system without the entries that name a place."""
    for path in (folder / name for name in _PROCESSOR):
        if path.exists():
            described = read_json(path, "save the system again")
            if (stripped := without_places(described)) != described:
                write_json(path, stripped)


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        return without_places(value)
    return [_inside(one) for one in value] if isinstance(value, list) else value


def _names_place(key: Any, value: Any) -> bool:
    if key in _ORIGINS:
        return True
    return isinstance(value, str) and bool(_PLACE.match(value)) and not str(key).endswith(_TOKENS)
