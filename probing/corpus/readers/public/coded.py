"""What the codes in file names stand for, in public folders whose authors document them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from probing.corpus.readers.tables.cells import Cells
from probing.errors import CorpusError, first_names


def spelt_out(cells: Cells, codes: Mapping[str, tuple[str, Mapping[str, str]]], corpus: str) -> Cells:
    """The same recordings with columns id, path and speaker, and those that codes stand for.

    Args:
        cells: As a pattern reads them.
        codes: Column → the field that has its code, and code → what it stands for, blank where it says nothing.
        corpus: The corpus's name in messages.

    Raises:
        CorpusError: A file has a code that the corpus does not have (code `code-unknown`).
    """
    columns = {name: cells.columns[name] for name in ("id", "path", "speaker") if name in cells}
    for column, (field, meaning) in codes.items():
        said = cells.columns[field]
        wrong = next((row for row, code in enumerate(said) if code not in meaning), None)
        if wrong is not None:
            raise CorpusError(
                f"{cells.columns['path'][wrong]}: {field} {said[wrong]!r}",
                f"the {field} codes of {corpus} are {first_names(sorted(meaning), 20)}",
                f"check that these are files of {corpus}; read others with --pattern",
                code="code-unknown",
            )
        columns[column] = [meaning[code] for code in said]
    return replace(cells, columns=columns, names=frozenset(codes).difference(("text", "sex")))
