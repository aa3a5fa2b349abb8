"""Read a folder of recordings whose names say who speaks and how: `{speaker}_{emotion}_{id}.wav`.

A field in braces is a column. It stands for one or more characters, of which none is the text beside it in the pattern
and none separates folders; `{emotion:2}` stands for exactly two. `*` stands for anything, or nothing, within a name. A
pattern with folders (`{speaker}/{emotion}/*.wav`) is compared with as many of the last parts of a path; one without an
ending, with names without theirs, whichever audio format they have.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from probing.audio.endings import AUDIO_ENDINGS
from probing.corpus.model import EMOTIONS
from probing.corpus.readers.releases.release import walk
from probing.corpus.readers.tables.cells import Cells, cut
from probing.errors import CorpusError, first_names, number_of
from probing.files import readable

_TOKEN = re.compile(r"\{(?P<name>\w+)(?::(?P<width>[1-9]\d?))?\}|(?P<any>\*)|(?P<text>[^{}*]+)")
_OURS = ("id", "path", "partition", "speaker", "text", "sex", "gender", "start", "end", *EMOTIONS)
_MOST_FIELDS = 30
_EXAMPLE = "for example --pattern '{speaker}_{emotion}_{id}.wav'"

Naming = Callable[[str], "dict[str, str] | None"]  # a path below the folder → what it says; None where it does not fit


def read(folder: Path, pattern: str) -> Cells:
    """Read a folder of recordings.

    Args:
        folder: It is searched with all folders in it; hidden files are left out.
        pattern: As above.

    Returns:
        Columns id, path and a column for each field of the pattern, in the order of the paths. An id is the field `id`
        where the pattern has it and no two are the same; else the file's name without its ending, or, where names
        repeat, its path.

    Raises:
        CorpusError: The pattern cannot be meant (code `pattern`), the folder is missing (`folder-missing`), has no
            recordings (`no-audio`), or none that fits (`pattern-unmatched`).
    """
    fields, says = compiled(pattern)
    found = recordings_in(folder)
    rows = [(path, said) for path in found if (said := says(path)) is not None]
    if not rows:
        why = f"{number_of(len(found), 'recording')} in it, but none fits {pattern!r}: {first_names(found, 3)}"
        raise CorpusError(f"folder {folder}", why, _nearest(pattern, found), code="pattern-unmatched")
    paths = [path for path, _ in rows]
    columns = {name: [said[name] for _, said in rows] for name in fields}
    columns["id"] = _ids(paths, columns.get("id"))
    columns["path"] = paths
    fitting = set(paths)
    others = [path for path in found if path not in fitting]
    what = number_of(len(others), "recording does", "recordings do")
    notes = (f"{what} not fit the pattern and are left out: {first_names(others)}",) if others else ()
    named = frozenset(fields).difference(_OURS)
    return Cells(folder, columns, list(range(1, len(rows) + 1)), names=named, notes=notes, counted="recording")


def recordings_in(folder: Path) -> list[str]:
    """The recordings in and below a folder: their paths from there, sorted.

    Raises:
        CorpusError: There is no such folder (code `folder-missing`), or no recording in it (`no-audio`).
    """
    if not folder.is_dir():
        why = "it is a file" if folder.exists() else "there is no such folder"
        raise CorpusError(f"folder {folder}", why, "give the path of a folder of recordings", code="folder-missing")
    found = sorted(
        os.path.relpath(path, folder) for name, path in walk(folder) if Path(name).suffix.lower() in AUDIO_ENDINGS
    )
    if not found:
        why, remedy = "there is no audio file in it", "give the path of a folder of recordings"
        raise CorpusError(f"folder {folder}", why, remedy, code="no-audio")
    return found


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
    fields = [token["name"] for part in tokens for token in part if token["name"]]
    if not fields or len(fields) > _MOST_FIELDS:
        raise _malformed(pattern, "it has no field in braces" if not fields else f"more than {_MOST_FIELDS} fields")
    if repeated := sorted({name for name in fields if fields.count(name) > 1}):
        raise _malformed(pattern, f"it has the field {repeated[0]} twice")
    if "path" in fields:
        raise _malformed(pattern, "a field cannot be called path: that is where the recording is")
    expressions = [re.compile("".join(_expressions(part, pattern)), re.DOTALL) for part in tokens]
    whole_name = Path(parts[-1]).suffix.lower() in AUDIO_ENDINGS

    def says(path: str) -> dict[str, str] | None:
        names = list(Path(path).parts[-len(parts) :])
        if len(names) < len(parts):
            return None
        if not whole_name:
            names[-1] = Path(names[-1]).stem
        said: dict[str, str] = {}
        for expression, name in zip(expressions, names, strict=True):
            match = expression.fullmatch(name)
            if match is None:
                return None
            said |= {field: readable(value.strip()) for field, value in match.groupdict().items()}
        return said

    return tuple(fields), says


def _tokens(part: str, pattern: str) -> Iterator[dict[str, str | None]]:
    """The fields, stars and texts of one part of a pattern."""
    at = 0
    while at < len(part):
        match = _TOKEN.match(part, at)
        if match is None or (match["name"] or "a")[0].isdigit():
            why = f"{cut(part[at:])!r} is neither text nor a field such as {{speaker}} or {{emotion:2}}"
            raise _malformed(pattern, why)
        yield match.groupdict()
        at = match.end()


def _expressions(tokens: Sequence[dict[str, str | None]], pattern: str) -> Iterator[str]:
    """A regular expression for each token; fields exclude the texts beside them, so that a name has one reading."""
    for number, token in enumerate(tokens):
        beside = [tokens[at] for at in (number - 1, number + 1) if 0 <= at < len(tokens)]
        if token["text"]:
            yield re.escape(token["text"])
        elif token["any"]:
            if any(other["any"] or (other["name"] and not other["width"]) for other in beside):
                raise _malformed(pattern, "nothing says where a * ends and what is beside it begins")
            yield ".*"
        elif token["width"]:
            yield f"(?P<{token['name']}>.{{{token['width']}}})"
        else:
            if any(other["name"] and not other["width"] for other in beside):
                raise _malformed(pattern, f"nothing says where {{{token['name']}}} ends and the next field begins")
            excluded = "".join(f"(?!{re.escape(other['text'])})" for other in beside if other["text"])
            yield f"(?P<{token['name']}>(?:{excluded}.)+)"


def _nearest(pattern: str, found: Sequence[str]) -> str:
    """What may be meant by a pattern that none of the recordings found fits."""
    ending = Path(pattern).suffix
    shorter = pattern.removesuffix(ending)
    if ending.lower() in AUDIO_ENDINGS and any(map(compiled(shorter)[1], found)):
        return f"leave out the ending, which is another: --pattern {shorter!r}"
    return _EXAMPLE


def _ids(paths: Sequence[str], said: Sequence[str] | None) -> list[str]:
    """The first way to name each recording that names no two alike."""
    without = [readable(os.path.splitext(path)[0]) for path in paths]  # noqa: PTH122
    candidates = [[name.rpartition(os.sep)[2] for name in without], without, [readable(path) for path in paths]]
    if said is not None:
        candidates.insert(0, list(said))
    return next((ids for ids in candidates if len(set(ids)) == len(ids)), candidates[-1])


def _malformed(pattern: str, why: str) -> CorpusError:
    return CorpusError(f"--pattern {cut(pattern)!r}", why, _EXAMPLE, code="pattern")
