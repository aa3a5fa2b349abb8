"""Writing: a file is there whole or not at all."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PARTIAL = ".partial"  # ends the name of an unfinished file


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A temporary file that gets its final name only when the block ends without an error.

    Args:
        path: The file; its folder is created if necessary.

    Yields:
        The path of the temporary file beside it, used by this process only; its name ends in `.partial`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{socket.gethostname()}-{os.getpid()}{PARTIAL}")
    try:
        yield aside
        with aside.open("rb") as file:
            os.fsync(file.fileno())  # a power cut must not leave an empty file under the final name
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with written_aside(path) as aside:
        # A file name that is not UTF-8 has lone surrogates; as escapes they are JSON, and are read back unchanged.
        aside.write_text(text, "utf-8", errors="backslashreplace")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file for people and programs, whole or not at all; NaN and infinity are refused."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
