"""Read a database in audformat: a header `db.yaml`, and a CSV or Parquet file for each of its tables.

The rows of all tables are joined by file and segment; a file that has segments is those segments, and what is said of
the whole file holds for each of them. A table's split is the partition. A scheme's labels that stand for something (a
speaker's gender and age, the words of a sentence) are spelt out. Several raters' columns of one scheme become
`arousal_1`, `arousal_2`. Where two tables say different things of one row, the later column is called TABLE.COLUMN.

The library itself would run code that a header or a pickled table asks for: it loads the header with YAML's full loader
and prefers `.pkl` files. So the header is read here as plain data, and the library sees a folder without pickles.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from probing.corpus.readers.tables.cells import Cells, plain_cells
from probing.corpus.readers.tables.segments import ENDLESS
from probing.corpus.readers.tables.separated import MOST_BYTES, too_large
from probing.errors import CorpusError, first_names, number_of
from probing.files.quantities import size
from probing.files.reading import bounded_bytes, demand_regular

_HEADER = "db.yaml"
_MOST_HEADER = 1 << 26  # bytes
_MOST_VALUES = 4_000_000
_ENDINGS = (".parquet", ".csv")
_OURS = {"file": "path", "transcription": "text"}  # the names that audformat's documentation gives schemes of ours
_UNNAMED = ("speaker", "text", "gender", "sex")  # labels that are no classes
_Key = tuple[str, str, str]  # file, start and end (s); the whole file has neither


@dataclass
class _Joined:
    """What tables say of rows.

    Args:
        keys: All rows, in the order in which they occur.
        said: Column → row → what is said.
        names: Columns of labels.
        splits: Row → the splits of the tables that it is in.
    """

    keys: dict[_Key, None] = field(default_factory=dict)
    said: dict[str, dict[_Key, str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    splits: dict[_Key, set[str]] = field(default_factory=dict)

    def add(self, name: str, table: str, keys: Sequence[_Key], cells: Sequence[str]) -> str:
        """Add a column of a table, and return what it is called now."""
        new = {key: cell for key, cell in zip(keys, cells, strict=True) if cell}
        known = self.said.get(name, {})
        if any(known.get(key, cell) != cell for key, cell in new.items()):
            name = f"{table}.{name}"
            known = self.said.get(name, {})
        self.said[name] = {**known, **new}
        return name


def holds(folder: Path) -> bool:
    """Whether a folder is such a database."""
    return (folder / _HEADER).is_file()


def read(folder: Path) -> Cells:
    """Read a database.

    Raises:
        CorpusError: The library is not installed (code `extra-missing`); a table is there as a pickle only
            (`audformat-pickle`) or too large (`table-large`); a file is in two splits (`audformat-splits`); the
            database has no utterances (`table-empty`), or is damaged (`audformat-folder`).
    """
    try:
        import audformat
        import pyarrow
        import yaml  # type: ignore[import-untyped]
    except ImportError as error:
        raise CorpusError(
            f"folder {folder}",
            f"it is read with the library audformat, which is not installed ({error})",
            "type: pip install 'probing[audformat]' (in a clone: pip install -e '.[audformat]')",
            code="extra-missing",
        ) from error
    try:
        header = yaml.load(
            bounded_bytes(folder / _HEADER, _MOST_HEADER), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )
        _demand_bounded(header)
        database = audformat.Database.load_header_from_yaml(header)
        with tempfile.TemporaryDirectory() as links:
            _load_tables(database, folder, Path(links))
        return _cells(folder, _joined(database))
    except CorpusError:
        raise
    except (
        yaml.YAMLError,
        pyarrow.ArrowException,
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        # All that the libraries raise for a header or a table that is not what it should be.
        why = str(error).partition("\n")[0] or type(error).__name__
        remedy = "copy it again, or write it again with audformat's db.save(FOLDER)"
        raise CorpusError(f"database {folder} cannot be read", why, remedy, code="audformat-folder") from error


def _demand_bounded(header: object) -> None:
    """Raise a ValueError where parts that stand for others make a small header endless."""
    weights: dict[int, int] = {}

    def weight(part: Any) -> int:
        if id(part) not in weights:
            weights[id(part)] = _MOST_VALUES  # of one that holds itself
            inner = part.values() if isinstance(part, dict) else part
            weights[id(part)] = 1 + sum(map(weight, inner)) if isinstance(part, dict | list) else 1
        return weights[id(part)]

    if weight(header) >= _MOST_VALUES:
        raise ValueError(f"its header has more than {_MOST_VALUES:,} values")


def _load_tables(database: Any, folder: Path, links: Path) -> None:
    """Load all tables, those first that hold the labels of others, from links to what is no pickle."""
    for id_ in (*database.misc_tables, *database.tables):
        name = f"db.{id_}"
        found = next((path for ending in _ENDINGS if (path := folder / f"{name}{ending}").is_file()), None)
        if found is None:
            if not (folder / f"{name}.pkl").is_file():
                raise FileNotFoundError(f"it has no table {name}.csv or {name}.parquet")
            raise CorpusError(
                f"database {folder}",
                f"its table {id_} is there as a pickle only, which may run anything",
                "if you trust it, write it again with audformat: db.save(FOLDER, storage_format='csv')",
                code="audformat-pickle",
            )
        if (held := demand_regular(found)) > MOST_BYTES:
            raise too_large(found, f"it has {size(held)}")
        (links / found.name).symlink_to(found.absolute())
        database[id_].load(str(links / name))


def _joined(database: Any) -> _Joined:
    """What all tables say."""
    joined = _Joined()
    for id_ in database.tables:
        table = database[id_]
        keys = list(_keys(table))
        joined.keys |= dict.fromkeys(keys)
        if table.split_id is not None:
            split = database.splits[table.split_id]
            kind = split.type if split.type in ("train", "dev", "test") else table.split_id
            for key in keys:
                joined.splits.setdefault(key, set()).add(kind)
        for column, name in _named(table):
            _add_column(joined, database, id_, keys, column, name)
    return joined


def _keys(table: Any) -> Iterator[_Key]:
    """The file and segment of each row of a table."""
    import pandas as pd  # only here and below: most corpora are no databases of audformat

    index = table.df.index
    if table.is_filewise:
        yield from ((file, "", "") for file in index)
        return
    for file, start, end in index:
        seconds = 0.0 if pd.isna(start) else start.total_seconds()
        if pd.isna(end):
            yield (file, str(seconds), ENDLESS) if seconds else (file, "", "")
        else:
            yield file, str(seconds), str(end.total_seconds())


def _named(table: Any) -> Iterator[tuple[Any, str]]:
    """The columns of a table, and what they are called; several raters' of one scheme by the scheme and a number."""
    rated = [column.scheme_id for column in table.columns.values() if column.rater_id and column.scheme_id]
    counted: dict[str, int] = {}
    for id_, column in table.columns.items():
        scheme = column.scheme_id
        if column.rater_id and scheme and rated.count(scheme) > 1:
            counted[scheme] = counted.get(scheme, 0) + 1
            yield column, f"{scheme}_{counted[scheme]}"
        else:
            yield column, _OURS.get(id_, id_)


def _add_column(joined: _Joined, database: Any, table: str, keys: list[_Key], column: Any, name: str) -> None:
    """Add a column, and what its scheme says of its labels."""
    values = database[table].df[column._id]
    cells = [_cell(value) for value in values]
    scheme = database.schemes[column.scheme_id] if column.scheme_id else None
    labels = {} if scheme is None or scheme.labels is None else scheme.labels
    if isinstance(labels, str):
        labels = database[labels].df.to_dict("index")
    meaning = {_cell(label): said for label, said in labels.items()} if isinstance(labels, dict) else {}
    texts = {label: said for label, said in meaning.items() if isinstance(said, str)}
    called = joined.add(name, table, keys, [texts.get(cell, cell) for cell in cells])
    if labels and name not in _UNNAMED:
        joined.names.add(called)
    attributes = dict.fromkeys(key for said in meaning.values() if isinstance(said, dict) for key in said)
    for attribute in attributes:
        said = {label: _cell(of[attribute]) for label, of in meaning.items() if attribute in (of or {})}
        joined.add(str(attribute), table, keys, [said.get(cell, "") for cell in cells])


def _cell(value: Any) -> str:
    """A value as text, a float with as few digits as it needs; a missing one is blank."""
    import pandas as pd

    if isinstance(value, list | dict) or pd.isna(value):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _partitions(folder: Path, rows: Sequence[_Key], splits: Mapping[_Key, set[str]]) -> list[str]:
    """The split of each row, which is that of its file too.

    Raises:
        CorpusError: A row is in two (code `audformat-splits`).
    """
    found = [splits.get(key, set()) | splits.get((key[0], "", ""), set()) for key in rows]
    torn = {key[0]: sorted(of) for key, of in zip(rows, found, strict=True) if len(of) > 1}
    if torn:
        file, of = next(iter(torn.items()))
        raise CorpusError(
            f"database {folder}: {number_of(len(torn), 'file is', 'files are')} in two splits",
            f"{file} is in tables of {' and '.join(of)}"
            + (f", as others are: {first_names(list(torn)[1:])}" if len(torn) > 1 else ""),
            "leave each file in the tables of one split, or save the database without those of the other",
            code="audformat-splits",
        )
    return [next(iter(of), "other") for of in found]


def _cells(folder: Path, joined: _Joined) -> Cells:
    """The rows: the segments of files that have some, and the other files."""
    cut = {file for file, start, _ in joined.keys if start}
    rows = [key for key in joined.keys if key[1] or key[0] not in cut]
    columns = {"path": [file for file, _, _ in rows]}
    if cut:
        columns |= {"start": [start for _, start, _ in rows], "end": [end for _, _, end in rows]}
    if joined.splits:
        columns["partition"] = _partitions(folder, rows, joined.splits)
    for name, said in joined.said.items():
        columns.setdefault(name, [said.get(key) or said.get((key[0], "", ""), "") for key in rows])
    cells = plain_cells(folder, columns, list(range(1, len(rows) + 1)), {})
    return Cells(folder, cells.columns, cells.lines, names=frozenset(joined.names), counted="row")
