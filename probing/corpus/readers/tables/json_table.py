"""Read a table written as JSON: a list of objects, an object of columns, an object of objects, or an object a line.

    [{"path": "a.wav", "emotion": "joy"}, …]                     .json, as most programs write records
    {"path": ["a.wav", …], "emotion": ["joy", …]}                .json, a list for each column
    {"path": {"0": "a.wav", …}, "emotion": {"0": "joy", …}}      .json, as pandas writes a table
    {"a.wav": {"emotion": "joy"}, …}                             .json, an object for each utterance, by its name
    {"path": "a.wav", "emotion": "joy"} ⏎ …                      .jsonl or .ndjson

The first and the second may also be the only list of that kind in an object (`{"data": [{…}, …]}`), and any of the
first four the values of an object that is called by partitions (`{"train": [{…}, …], "test": [{…}, …]}`). The names
that pandas writes for rows, in the third, are the ids where there are no others. Numbers keep the digits that they are
written with; null, and a value that an object lacks, is a blank cell.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from probing.corpus.model import EMOTION_NAMES
from probing.corpus.readers.tables.cells import MOST_CELLS, Cells, cut, demand_file, plain_cells
from probing.corpus.readers.tables.columns import KNOWN, OTHERS, PARTITIONS
from probing.corpus.readers.tables.separated import LONGEST_LINE, MOST_BYTES, too_large
from probing.corpus.readers.tables.sexes import COLUMNS as SEXES
from probing.errors import CorpusError, first_names
from probing.files.quantities import size
from probing.files.reading import bounded_bytes

LINES = (".jsonl", ".ndjson")
ENDINGS = (".json", *LINES)
_COLUMNS = frozenset((*KNOWN, *SEXES, *EMOTION_NAMES, *(name for names in OTHERS.values() for name in names)))
_NESTED = "it has lists or objects, no cells"
_Row = Mapping[str, Any]


def read(path: Path, key: str = "id") -> Cells:
    """Read a table of JSON, or of a JSON object a line.

    Args:
        path: The file, in UTF-8.
        key: What the names of an object for each utterance become a column of.

    Returns:
        Its cells; a column with lists or objects is unused.

    Raises:
        CorpusError: The table is missing (code `table-missing`), has no utterances (`table-empty`), is no JSON in UTF-8
            or no table (`table-json`), or is larger than memory allows (`table-large`).
    """
    demand_file(path)
    if path.suffix.lower() in LINES:
        numbered = list(_of_lines(path))
        return _cells(path, [row for _, row in numbered], [line for line, _ in numbered], "line")
    rows = _rows(path, _parsed(_text(path), path, "", "it"), key)
    return _cells(path, rows, list(range(1, len(rows) + 1)), "row")


def _text(path: Path) -> str:
    try:
        text = bounded_bytes(path, MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _damaged(path, "", f"byte {error.start:,} of it is not UTF-8") from error
    except ValueError as error:
        raise too_large(path, str(error)) from error
    if (values := sum(map(text.count, ",[{"))) > MOST_CELLS:
        raise too_large(path, f"it has some {values:,} values")
    return text


def _of_lines(path: Path) -> Iterator[tuple[int, _Row]]:
    """The line of each object and the object; blank lines are passed over."""
    held = values = 0
    with path.open("rb") as file:
        for number, raw in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), start=1):
            held += len(raw)
            values += raw.count(b",") + 1
            if len(raw) == LONGEST_LINE or held > MOST_BYTES or values > MOST_CELLS:
                raise too_large(path, f"{number:,} lines of it take {size(held)}, and have some {values:,} values")
            where = f", line {number}"
            try:
                written = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError as error:
                raise _damaged(path, where, "it is not UTF-8") from error
            if not written:
                continue
            row = _parsed(written, path, where, "it")
            if not isinstance(row, dict):
                raise _damaged(path, where, "it is no object")
            yield number, row


def _parsed(text: str, path: Path, where: str, what: str) -> Any:
    """The value of a JSON text, with numbers as they are written."""
    try:
        return json.loads(
            text,
            parse_int=str,
            parse_float=str,
            parse_constant=lambda written: "" if written == "NaN" else written,
            object_pairs_hook=_once_each,
        )
    except (ValueError, RecursionError) as error:
        why = "it is nested without end" if isinstance(error, RecursionError) else f"{what} is no JSON: {error}"
        raise _damaged(path, where, why) from error


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"an object has two values named {cut(next(name for name in names if names.count(name) > 1))}")
    return found


def _rows(path: Path, content: Any, key: str) -> Sequence[_Row]:
    """The rows of a table in any of the forms, or of one for each partition."""
    if isinstance(content, dict) and content and all(map(_is_part, *zip(*content.items(), strict=True))):
        parts = {name: _rows_of_one(path, table, key) for name, table in content.items() if table}
        return [{"partition": name, **row} for name, rows in parts.items() for row in rows]
    return _rows_of_one(path, content, key)


def _is_part(name: str, content: Any) -> bool:
    """Whether something in an object is the table of a partition."""
    return name.lower() in PARTITIONS and isinstance(content, dict | list)


def _rows_of_one(path: Path, content: Any, key: str) -> Sequence[_Row]:
    """The rows of any of the forms."""
    if isinstance(content, dict) and not any(name.lower() in KNOWN for name in content):
        tables = [name for name, inner in content.items() if _is_records(inner)]
        if len(tables) > 1:
            why = f"it has {len(tables)} lists of objects, which are not called like partitions: {first_names(tables)}"
            raise _damaged(path, "", why)
        content = content[tables[0]] if tables else content
    if _is_records(content):
        return list(content)
    if isinstance(content, dict) and content:
        if all(isinstance(column, list) for column in content.values()):
            return _of_columns(path, content)
        if all(isinstance(inner, dict) for inner in content.values()):
            return _of_objects(path, content, key)
    raise _damaged(path, "", "it is neither a list of objects nor an object of columns or of objects")


def _of_objects(path: Path, content: Mapping[str, Mapping[str, Any]], key: str) -> Sequence[_Row]:
    """The rows of an object of columns, by the names of the rows, or of one of rows, by those of the columns."""
    first = next(iter(content.values()))
    if not (_are_numbers(first) or any(map(_is_column, content))) or any(map(_is_column, first)):
        return [{key: name, **row} for name, row in content.items()]
    aligned = _aligned(path, content)
    columns = {name: list(inner.values()) for name, inner in aligned.items()}
    rows = list(next(iter(aligned.values())))
    if key not in map(str.lower, columns) and rows != list(map(str, range(len(rows)))):
        columns = {key: rows, **columns}  # an index that pandas did not count itself
    return _of_columns(path, columns)


def _is_column(name: str) -> bool:
    """Whether a name is that of a column, and hardly one of a row."""
    return name.lower() in _COLUMNS


def _are_numbers(names: Iterable[str]) -> bool:
    """Whether rows have numbers for names, as pandas gives them."""
    return all(map(str.isdecimal, names))


def _is_records(content: Any) -> bool:
    return isinstance(content, list) and bool(content) and all(isinstance(row, dict) for row in content)


def _aligned(path: Path, columns: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    """Columns by row, all of whose rows have the same names in the same order."""
    names = [list(column) for column in columns.values()]
    if any(other != names[0] for other in names):
        raise _damaged(path, "", "its columns have different rows")
    return columns


def _of_columns(path: Path, columns: Mapping[str, list[Any]]) -> list[_Row]:
    """The rows of columns, which must be equally long."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        few, many = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        why = f"column {cut(few)} has {lengths[few]:,} values, column {cut(many)} {lengths[many]:,}"
        raise _damaged(path, "", why)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _cells(path: Path, rows: Sequence[_Row], lines: list[int], counted: str) -> Cells:
    """Cells of rows, in columns by the order in which their names first occur."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if len(names) * len(rows) > MOST_CELLS:
        raise too_large(path, f"it has {len(names):,} columns and {len(rows):,} rows")
    nested = {name for row in rows for name, value in row.items() if isinstance(value, dict | list)}
    columns = {name: [_cell(row.get(name)) for row in rows] for name in names if name not in nested}
    return plain_cells(path, columns, lines, dict.fromkeys(sorted(nested), _NESTED), counted)


def _cell(value: Any) -> str:
    """A value as a cell; a number is its digits already."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _damaged(path: Path, where: str, why: str) -> CorpusError:
    remedy = "write a list with an object for each utterance, for example with pandas: to_json(orient='records')"
    return CorpusError(f"table {path}{where}", why, remedy, code="table-json")
