"""What a pattern such as `{speaker}_{emotion}_{id}.wav` reads of a path.

A field in braces stands for one or more characters, none of them a separator of folders, and is as short as it can be
so that the rest of the name fits: it ends where the text behind it in the pattern first follows, and never contains
that text. `{emotion:2}` stands for exactly two characters; `*` for anything, or nothing, within a name, as much as it
can be. A pattern with folders (`{speaker}/{emotion}/*.wav`) is compared with as many of the last parts of a path; one
without an ending, with names without theirs, whichever audio format they have.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from probing.audio.endings import AUDIO_ENDINGS
from probing.corpus.readers.tables.cells import cut
from probing.errors import CorpusError
from probing.files import readable

EXAMPLE = "for example --pattern '{speaker}_{emotion}_{id}.wav'"
_TOKEN = re.compile(r"\{(?P<name>\w+)(?::(?P<width>[1-9]\d?))?\}|(?P<any>\*)|(?P<text>[^{}*]+)")
_MOST_FIELDS = 30
_MOST_TOKENS = 200

Naming = Callable[[str], "dict[str, str] | None"]  # a path below the folder → what it says; None where it does not fit


@dataclass(frozen=True)
class _Token:
    """A part of a pattern.

    Args:
        field: The name of a field; empty of a text and of `*`.
        text: The text that it is; empty of the others.
        width: How many characters a field has, or a text; 0: any number of them.
    """

    field: str = ""
    text: str = ""
    width: int = 0


def compiled(pattern: str) -> tuple[tuple[str, ...], Naming]:
    """The fields of a pattern, and what reads a path by it.

    Raises:
        CorpusError: It cannot be meant (code `pattern`).

    >>> fields, says = compiled("{speaker}/*_{emotion:3}{take}.wav")
    >>> fields, says("x/s1/a_b_ang02.wav"), says("s1/ang02.wav")
    (('speaker', 'emotion', 'take'), {'speaker': 's1', 'emotion': 'ang', 'take': '02'}, None)
    """
    parts = pattern.split("/")
    tokens = [list(_tokens(part, pattern)) for part in parts]
    fields = [token.field for part in tokens for token in part if token.field]
    if not fields or len(fields) > _MOST_FIELDS:
        raise _malformed(pattern, "it has no field in braces" if not fields else f"more than {_MOST_FIELDS} fields")
    if sum(map(len, tokens)) > _MOST_TOKENS:
        raise _malformed(pattern, f"it has more than {_MOST_TOKENS} parts")
    if repeated := sorted({name for name in fields if fields.count(name) > 1}):
        raise _malformed(pattern, f"it has the field {repeated[0]} twice")
    if "path" in fields:
        raise _malformed(pattern, "a field cannot be called path: that is where the recording is")
    for part in tokens:
        _demand_ends(part, pattern)
    whole_name = Path(parts[-1]).suffix.lower() in AUDIO_ENDINGS

    def says(path: str) -> dict[str, str] | None:
        names = path.split(os.sep)[-len(parts) :]  # noqa: PTH206  pathlib takes longer than all the rest
        if len(names) < len(parts):
            return None
        if not whole_name:
            names[-1] = os.path.splitext(names[-1])[0]  # noqa: PTH122
        said: dict[str, str] = {}
        for part, name in zip(tokens, names, strict=True):
            ends = _ends(part, name)
            if ends is None:
                return None
            begins = [0, *ends[:-1]]
            for token, begin, end in zip(part, begins, ends, strict=True):
                if token.field:
                    said[token.field] = readable(name[begin:end].strip())
        return said

    return tuple(fields), says


def _tokens(part: str, pattern: str) -> Iterator[_Token]:
    """The fields, stars and texts of one part of a pattern."""
    at = 0
    while at < len(part):
        match = _TOKEN.match(part, at)
        if match is None or (match["name"] or "a")[0].isdigit():
            why = f"{cut(part[at:])!r} is neither text nor a field such as {{speaker}} or {{emotion:2}}"
            raise _malformed(pattern, why)
        text = match["text"] or ""
        yield _Token(match["name"] or "", text, len(text) or int(match["width"] or 0))
        at = match.end()


def _demand_ends(tokens: Sequence[_Token], pattern: str) -> None:
    """Make sure that a text is between any two parts of a pattern that have any number of characters."""
    before = ""
    for token in tokens:
        if token.text:
            before = ""
        elif not token.width:
            named = f"{{{token.field}}}" if token.field else "*"
            if before:
                raise _malformed(pattern, f"nothing says where {before} ends and {named} begins")
            before = named


def _ends(tokens: Sequence[_Token], name: str) -> list[int] | None:
    """Where in a name each token ends; None where the name does not fit.

    A place from which the rest of a pattern is known not to fit is never tried again, so that the time is bounded
    whatever the name and the pattern: else each * would multiply it by the length of the name.
    """
    dead: set[tuple[int, int]] = set()  # how many tokens are passed, and the place from which the others do not fit
    beyond = [len(name) + 1] * len(tokens)  # of each *: from this place on, no end of it is worth trying
    found: list[int] = []
    tried = [_places(tokens, 0, name, 0, beyond)]
    while tried:
        passed = len(tried)
        at = next((at for at in tried[-1] if (passed, at) not in dead), None)
        if at is None:
            tried.pop()
            begin = found.pop() if found else 0
            dead.add((passed - 1, begin))
            beyond[passed - 1] = min(begin, beyond[passed - 1])
        elif passed < len(tokens):
            found.append(at)
            tried.append(_places(tokens, passed, name, at, beyond))
        elif at == len(name):
            return [*found, at]
        else:
            dead.add((passed, at))
    return None


def _places(tokens: Sequence[_Token], number: int, name: str, begin: int, beyond: Sequence[int]) -> Iterator[int]:
    """Where a token that begins at a place in a name may end, the likeliest first."""
    token = tokens[number]
    behind = tokens[number + 1].text if number + 1 < len(tokens) else ""
    if token.text:
        yield from [begin + token.width] if name.startswith(token.text, begin) else []
    elif token.width:
        yield from [begin + token.width] if begin + token.width <= len(name) else []
    elif number + 1 == len(tokens):
        yield from [len(name)] if len(name) > begin or not token.field else []
    elif not token.field:
        end = beyond[number] - 1
        while (end := name.rfind(behind, begin, end + len(behind)) if behind else end) >= begin:
            yield end
            end -= 1
    else:
        end = begin + 1
        while (end := name.find(behind, end)) > 0 and not (behind and behind in name[begin:end]):
            yield end
            end += 1


def _malformed(pattern: str, why: str) -> CorpusError:
    return CorpusError(f"--pattern {cut(pattern)!r}", why, EXAMPLE, code="pattern")
