"""Read a folder of the Hugging Face library `datasets`: what `save_to_disk` writes, or a repository's Parquet files.

    dataset_dict.json, train/…, test/…                 a DatasetDict: its splits are the partitions
    dataset_info.json, state.json, data-*.arrow        a Dataset: no partitions
    data/train-00000-of-00002.parquet, …               a repository of the Hub
    default/train/0000.parquet                         the same as the Hub converts it

The first column of audio is the recording: read where it lies if the folder has its path only, else unpacked once below
the cache's folder. Columns of class labels are categories. Nothing of a folder is run, and nothing is fetched: neither
loading scripts nor addresses are followed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from probing.corpus.readers.folders.unpacked import unpacked
from probing.corpus.readers.releases.release import walk
from probing.corpus.readers.tables.cells import MOST_CELLS, Cells, plain_cells
from probing.corpus.readers.tables.parquet import texts
from probing.corpus.readers.tables.separated import MOST_BYTES, too_large
from probing.errors import CorpusError, first_names
from probing.files.quantities import size

_SAVED = ("dataset_dict.json", "dataset_info.json")
_SHARD = re.compile(r"(?P<split>[\w.]+(?:-[\w.]+)*?)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?\.parquet")
_ROWS, _ROWS_WITH_AUDIO = 10_000, 16  # at a time
_MOST_COMPRESSED = 100  # times; digital silence is more, but no corpus


@dataclass(frozen=True)
class _Split:
    """Rows of a folder that lie in one file, or in files of one kind.

    Args:
        name: The split's name; empty where there are none.
        features: Column → its type, as the library has it.
        rows: How many.
        batches: Arrow tables of some columns, of so many rows each.
    """

    name: str
    features: Mapping[str, Any]
    rows: int
    batches: Callable[[list[str], int], Iterator[Any]]


def holds(folder: Path) -> bool:
    """Whether a folder is one of the library's."""
    return any((folder / mark).is_file() for mark in _SAVED) or bool(_shards(folder))


def read(folder: Path) -> Cells:
    """Read a folder of the library `datasets`.

    Raises:
        CorpusError: The library is not installed (code `extra-missing`), the folder has several datasets
            (`datasets-several`), or it is damaged, or not what the library writes (`datasets-folder`).
    """
    try:
        import datasets
        import pyarrow
    except ImportError as error:
        raise CorpusError(
            f"folder {folder}",
            f"it is read with the library datasets, which is not installed ({error})",
            "type: pip install 'probing[datasets]' (in a clone: pip install -e '.[datasets]')",
            code="extra-missing",
        ) from error
    files = sorted(path for path in _files(folder) if path.suffix in (".arrow", ".parquet"))
    try:
        splits = _of_parquet(folder, datasets) if _shards(folder) else _saved(folder, datasets)
        return _cells(folder, files, splits, datasets)
    except CorpusError:
        raise
    except (
        *(pyarrow.ArrowException, OSError, ValueError),
        *(LookupError, TypeError, AttributeError, RecursionError),
    ) as error:
        # All that Arrow and the library raise for a file that is not what it should be.
        why = str(error).partition("\n")[0] or type(error).__name__
        remedy = "copy it again, or write it again with dataset.save_to_disk(FOLDER)"
        raise CorpusError(
            f"folder {folder} is no dataset that can be read", why, remedy, code="datasets-folder"
        ) from error


def _files(folder: Path) -> list[Path]:
    return [Path(path) for _, path in walk(folder)]


def _shards(folder: Path) -> dict[tuple[Path, str], list[Path]]:
    """Parquet files by the folder of their dataset and their split; none where the folder is one that was saved."""
    if any((folder / mark).is_file() for mark in _SAVED):
        return {}
    found: dict[tuple[Path, str], list[Path]] = {}
    for path in sorted(path for path in _files(folder) if path.suffix == ".parquet"):
        parent, split = path.parent, path.stem
        if match := _SHARD.fullmatch(path.name):
            split = match["split"]
        elif split.isdecimal() and parent != folder:
            parent, split = parent.parent, parent.name
        found.setdefault((parent, split), []).append(path)
    return found


def _saved(folder: Path, datasets: Any) -> list[_Split]:
    """The splits that `save_to_disk` wrote."""
    loaded = datasets.load_from_disk(str(folder))
    named = loaded if isinstance(loaded, datasets.DatasetDict) else {"": loaded}

    def batches(dataset: Any, columns: list[str], rows: int) -> Iterator[Any]:
        for table in dataset.with_format("arrow").select_columns(columns).iter(rows):
            table.validate(full=True)  # mapped from the file, where an offset may be any number
            yield table

    def split(name: str, dataset: Any) -> _Split:
        return _Split(name, dataset.features, len(dataset), partial(batches, dataset))

    return [split(name, dataset) for name, dataset in named.items()]


def _of_parquet(folder: Path, datasets: Any) -> list[_Split]:
    """The splits of a repository, of each file one."""
    from pyarrow import parquet

    found = _shards(folder)
    parents = sorted({str(parent.relative_to(folder)) for parent, _ in found})
    if len(parents) > 1:
        raise CorpusError(
            f"folder {folder} has {len(parents)} datasets",
            first_names(parents),
            f"name the folder of one, for example {folder / parents[0]}",
            code="datasets-several",
        )

    def batches(path: Path, columns: list[str], rows: int) -> Iterator[Any]:
        with parquet.ParquetFile(path) as file:
            yield from file.iter_batches(rows, columns=columns, use_threads=False)

    def split(name: str, path: Path) -> _Split:
        with parquet.ParquetFile(path) as file:
            _demand_bounded(path, file.metadata)
            features = datasets.Features.from_arrow_schema(file.schema_arrow)
            return _Split(name, features, file.metadata.num_rows, partial(batches, path))

    return [split(name, path) for (_, name), paths in found.items() for path in paths]


def _demand_bounded(path: Path, promised: Any) -> None:
    """Refuse a file that promises far more than recordings and texts can be compressed to."""
    held = sum(promised.row_group(group).total_byte_size for group in range(promised.num_row_groups))
    if held > MOST_BYTES + _MOST_COMPRESSED * path.stat().st_size:
        raise too_large(path, f"it has {size(path.stat().st_size)}, and promises {size(held)}")


def _cells(folder: Path, files: Sequence[Path], splits: Sequence[_Split], datasets: Any) -> Cells:
    """The columns of all splits, one below the other."""
    features = {name: feature for split in reversed(splits) for name, feature in split.features.items()}
    rows = sum(split.rows for split in splits)
    kept = [name for name, feature in features.items() if _is_single(feature, datasets)]
    if rows * len(kept) > MOST_CELLS:
        raise too_large(folder, f"it has {rows:,} rows and {len(kept):,} columns")
    columns = {name: [cell for split in splits for cell in _texts(split, name, features[name])] for name in kept}
    unused = {name: "it has lists, structures or bytes, no cells" for name in features if name not in columns}
    names: list[str] = []
    if audio := [name for name, feature in features.items() if _is_audio(feature, datasets)]:
        recording, *others = audio
        unused |= dict.fromkeys(others, f"the recording is column {recording}")
        unused.pop(recording)
        if columns.pop("path", None):
            unused["path"] = f"the recording is column {recording}"
        found = unpacked(folder, files, rows, partial(_recordings, splits, recording))
        names = [name for _, name in found]
        columns["path"] = [path or name for path, name in found]
    partitions = [split.name for split in splits for _ in range(split.rows)]
    if len(set(partitions)) > 1:
        columns.setdefault("partition", partitions)
    columns.setdefault("id", _ids(splits, names))
    numbers = [number for split in splits for number in range(1, split.rows + 1)]
    labels = [name for name in kept if isinstance(features[name], datasets.ClassLabel)]
    read = plain_cells(folder, columns, numbers, unused)
    return replace(read, names=frozenset(labels))


def _is_audio(feature: Any, datasets: Any) -> bool:
    """Whether a column has recordings: encoded bytes, or the path of a file."""
    return isinstance(feature, datasets.Audio) or (isinstance(feature, dict) and {"bytes", "path"} <= feature.keys())


def _is_single(feature: Any, datasets: Any) -> bool:
    """Whether the values of a column are one text, number, date or truth each, or the number of a class."""
    return isinstance(feature, datasets.ClassLabel) or (
        isinstance(feature, datasets.Value) and "binary" not in feature.dtype
    )


def _texts(split: _Split, name: str, feature: Any) -> list[str]:
    """A column of a split as text; class labels by their names, blank where there is none."""
    if name not in split.features:
        return [""] * split.rows
    cells = [cell for table in split.batches([name], _ROWS) for cell in texts(table.column(name))]
    classes = getattr(feature, "names", None)
    if classes is None:
        return cells
    named = {str(number): each for number, each in enumerate(classes)} | {"-1": "", "": ""}
    return [named[cell] for cell in cells]


def _recordings(splits: Sequence[_Split], column: str) -> Iterator[tuple[bytes | None, str]]:
    """The bytes of each recording, None where it is not embedded, and the path or name that the folder has of it."""
    for split in splits:
        if column not in split.features:
            yield from [(None, "")] * split.rows
            continue
        for table in split.batches([column], _ROWS_WITH_AUDIO):
            for value in table.column(column).to_pylist():
                said = value or {}
                yield said.get("bytes"), said.get("path") or ""


def _ids(splits: Sequence[_Split], names: Sequence[str]) -> list[str]:
    """The names of the recordings without their endings, where no two are alike; else the split and the row."""
    stems = [Path(name).stem for name in names]
    if all(stems) and len(set(stems)) == len(stems) > 0:
        return stems
    counted: Counter[str] = Counter()
    ids = []
    for split in splits:
        first = counted[split.name] + 1
        counted[split.name] += split.rows
        ids += [f"{split.name or 'row'}-{number}" for number in range(first, first + split.rows)]
    return ids
