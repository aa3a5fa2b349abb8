"""Read a table written as Parquet, with Apache's own library.

How many rows and bytes a file promises is looked at before any of it is decoded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from probing.corpus.readers.tables.cells import MOST_CELLS, Cells, demand_file, plain_cells
from probing.corpus.readers.tables.columns import demand_columns
from probing.corpus.readers.tables.separated import MOST_BYTES, too_large
from probing.errors import CorpusError
from probing.files.quantities import size

ENDING = ".parquet"


def read(path: Path) -> Cells:
    """Read a table.

    Returns:
        Its cells; a column of lists, structures or bytes is unused.

    Raises:
        CorpusError: pyarrow is not installed (code `extra-missing`); the table is missing (`table-missing`), damaged
            (`table-parquet`), larger than memory allows (`table-large`), or has no utterances (`table-empty`).
    """
    demand_file(path)
    try:
        import pyarrow
        from pyarrow import parquet, types
    except ImportError as error:
        raise CorpusError(
            f"table {path}",
            f"Parquet is read with pyarrow, which is not installed ({error})",
            "type: pip install 'probing[parquet]' (in a clone: pip install -e '.[parquet]')",
            code="extra-missing",
        ) from error
    with path.open("rb") as raw:
        try:
            promised = parquet.ParquetFile(raw)
            schema = promised.schema_arrow
            demand_columns(schema.names, (), path)
            kept = [name for name in schema.names if _is_single(schema.field(name).type)]
            _demand_bounded(path, promised.metadata, len(kept))
            raw.seek(0)
            # A text of a megabyte that a million rows share stays one in memory.
            shared = [name for name in kept if types.is_string(schema.field(name).type)]
            table = parquet.ParquetFile(raw, read_dictionary=shared).read(columns=kept, use_threads=False)
            columns = {name: texts(table.column(name)) for name in kept}
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError, IndexError) as error:
            why = str(error).partition("\n")[0]
            remedy = "copy it again, or write it again, for example with pandas: to_parquet()"
            raise CorpusError(f"table {path} is damaged", why, remedy, code="table-parquet") from error
    unused = {name: "it has lists, structures or bytes, no cells" for name in schema.names if name not in columns}
    return plain_cells(path, columns, list(range(1, table.num_rows + 1)), unused)


def _is_single(kind: Any) -> bool:
    """Whether values of a type are one text, number, date or truth each."""
    from pyarrow import types

    inner = kind.value_type if types.is_dictionary(kind) else kind
    return not (
        types.is_nested(inner)
        or types.is_binary(inner)
        or types.is_large_binary(inner)
        or types.is_fixed_size_binary(inner)
        or types.is_binary_view(inner)
    )


def texts(column: Any) -> list[str]:
    """A column as text, its floats with as few digits as they need; a missing value, and NaN, is blank."""
    import pyarrow
    from pyarrow import compute, types

    if types.is_dictionary(column.type):
        return [text for chunk in column.chunks for text in _shared(chunk)]
    if types.is_floating(column.type):
        column = compute.if_else(compute.is_nan(column), pyarrow.scalar(None, column.type), column)
    texts = column.cast(pyarrow.large_string()) if not types.is_large_string(column.type) else column
    return [text or "" for text in texts.to_pylist()]


def _shared(chunk: Any) -> list[str]:
    """A part of a column that says which of a few values each cell has."""
    import pyarrow

    values = texts(pyarrow.chunked_array([chunk.dictionary]))
    return ["" if place is None else values[place] for place in chunk.indices.to_pylist()]


def _demand_bounded(path: Path, promised: Any, columns: int) -> None:
    """Refuse what is too large before it is decoded."""
    held = sum(promised.row_group(group).total_byte_size for group in range(promised.num_row_groups))
    if promised.num_rows * columns > MOST_CELLS or held > MOST_BYTES:
        raise too_large(path, f"it has {promised.num_rows:,} rows, {columns:,} columns and {size(held)}")
