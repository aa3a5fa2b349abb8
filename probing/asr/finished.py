"""Transcripts that are finished while the table is being made: its `.partial` file, one line an utterance."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from probing.errors import ProbingError, number_of
from probing.files import written_aside
from probing.files.checked_json import parsed
from probing.files.checked_lines import line_of, value_of
from probing.files.reading import bounded_bytes

_MOST_BYTES = 256_000_000  # the words of some million utterances
_HEAD = "made by"


def finished(partial: Path, mark: str) -> dict[str, str]:
    """What an earlier process has finished.

    A line that was cut off, or is damaged, is taken out of the file, so that its utterance is transcribed again; of a
    damaged one stderr says so.

    Args:
        partial: The file.
        mark: What settles the transcripts.

    Returns:
        Utterance's id → its words.

    Raises:
        ProbingError: It was begun with another mark (code `transcripts-begun`), or nobody knows with which
            (`transcripts-damaged`).
    """
    if not partial.is_file():
        return {}
    try:
        first, *lines = bounded_bytes(partial, _MOST_BYTES).split(b"\n")
    except ValueError as error:
        raise _damaged(partial, str(error)) from error
    if not lines:  # killed before its first line was whole
        partial.unlink()
        return {}
    of_old = _demand_mark(partial, first, mark)
    cut, texts, wrong = lines.pop(), {}, 0
    for line in lines:
        try:
            id_, text = parsed(line) if of_old else value_of(line)
            if not isinstance(id_, str) or not isinstance(text, str):
                raise ValueError("it has no words of an utterance")
        except (ValueError, TypeError):
            wrong += 1
            continue
        texts[id_] = text
    if wrong:
        print(f"{partial}: {number_of(wrong, 'line')} damaged; transcribed again", file=sys.stderr)
    if wrong or cut or of_old:
        _write(partial, mark, texts)
    return texts


def head(mark: str) -> str:
    """The first line of the file."""
    return line_of({_HEAD: mark})


def line(id_: str, text: str) -> str:
    """The line of a finished utterance."""
    return line_of([id_, text])


def _demand_mark(partial: Path, first: bytes, mark: str) -> bool:
    """Make sure of what the file was begun with; whether an earlier version began it, whose lines have no digests."""
    of_old = False
    try:
        try:
            found: Any = value_of(first)
        except ValueError:
            found, of_old = parsed(first), True
        if not isinstance(found, dict) or list(found) != [_HEAD]:
            raise ValueError("its first line is not what was written")
    except ValueError as error:
        raise _damaged(partial, str(error)) from error
    if found[_HEAD] != mark:
        raise ProbingError(
            f"{partial} was started with a different configuration",
            "the recogniser, its language or the audio was another",
            f"rerun the command that it was started with, give another --out, or delete {partial}",
            code="transcripts-begun",
        )
    return of_old


def _damaged(partial: Path, why: str) -> ProbingError:
    return ProbingError(f"{partial}", f"it is damaged ({why})", f"delete {partial}", code="transcripts-damaged")


def _write(partial: Path, mark: str, texts: Mapping[str, str]) -> None:
    with written_aside(partial) as aside:
        aside.write_text(head(mark) + "".join(line(*one) for one in texts.items()), "ascii")
