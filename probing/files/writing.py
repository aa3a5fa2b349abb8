"""Writing: a file is there whole or not at all."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
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

    Raises:
        OSError: It cannot be written; the error names the file by its final name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear(path)
    aside = path.with_name(f"{_begins(path)}{os.getpid()}{PARTIAL}")
    try:
        yield aside
        with aside.open("rb") as file:
            os.fsync(file.fileno())  # a power cut must not leave an empty file under the final name
        aside.replace(path)
    except OSError as error:
        if error.filename in (None, str(aside)):
            error.filename = str(path)  # a write that fails does not say of which file, and this is the one meant
        raise
    finally:
        aside.unlink(missing_ok=True)


def _begins(path: Path) -> str:
    """How the names of a file's unfinished versions begin that this machine writes; the process follows."""
    return f"{path.name}.{socket.gethostname()}-"


def _clear(path: Path) -> None:
    """Delete unfinished versions of a file whose processes have died; of other machines nothing is known."""
    begins = _begins(path)
    for other in path.parent.glob(f"{escape(begins)}*{PARTIAL}"):
        process = other.name.removeprefix(begins).removesuffix(PARTIAL)
        if process.isdecimal() and not _lives(int(process)):
            with suppress(PermissionError):  # another user's
                other.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with written_aside(path) as aside:
        # A file name that is not UTF-8 has lone surrogates; as escapes they are JSON, and are read back unchanged.
        aside.write_text(text, "utf-8", errors="backslashreplace")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file for people and programs, whole or not at all; NaN and infinity are refused."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
