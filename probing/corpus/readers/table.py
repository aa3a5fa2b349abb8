"""Read a corpus from a table `id,path,partition,speaker,arousal,valence,dominance[,text][,sex]`.

A blank cell means that the utterance has no such thing: no rating, no audio, no speaker, no transcript. Every other
column of which all values are numbers on the scale is a dimension too. The column `sex`, which may be called `gender`,
has F or M, female or male; one of numbers is a dimension like any other, since nobody knows which of them is which.
"""

from __future__ import annotations

import csv
import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.corpus.model import EMOTIONS, Corpus, Utterance, partition_name
from probing.corpus.readers.sexes import read_sexes, sex_column
from probing.errors import CorpusError, first_names, number_of

SEPARATORS = {".csv": ",", ".tsv": "\t"}
_OWN = ("id", "path", "partition", "speaker", "text")
_UNIT = (0.0, 1.0)


def read(path: Path, scale: tuple[float, float] | None = None, name: str | None = None) -> Corpus:
    """Read a table corpus.

    Args:
        path: CSV or TSV file in UTF-8; audio paths in it are relative to its folder.
        scale: Lowest and highest possible rating; None: [0, 1], and the error for labels outside names `--scale`.
        name: The corpus's name; the file's stem where it is None.

    Returns:
        The corpus in the order of the table.

    Raises:
        CorpusError: The table cannot be read (as `read_cells` says), repeats an id (code `ids-repeated`), leaves an id
            or a partition blank (`cell-blank`), holds a label that is not a finite number (`not-a-number`) or is off
            the scale (`off-scale`; `scale-needed` where none was given), or nothing to use (`nothing-to-read`).
    """
    cells = read_cells(path, known=(*_OWN, *EMOTIONS), needed=("id", "partition"))
    for column in ("id", "partition"):
        _demand_filled(cells, column, path)
    demand_unique(cells["id"].tolist(), path)
    labels, unused = _dimensions(cells, path, scale)
    of_sex = sex_column(list(unused))
    notes = [f"column {column} is not used as a dimension: {why}" for column, why in unused.items() if column != of_sex]
    if not labels and "path" not in cells and "text" not in cells:
        raise CorpusError(
            f"{path} has no labels, no audio and no text",
            f"its columns are {', '.join(cells)}",
            "add a column path, text, arousal, valence or dominance",
            code="nothing-to-read",
        )
    sexes, others = read_sexes(_column(cells, of_sex or ""), of_sex or "")
    notes += others
    utterances = tuple(
        Utterance(
            id_, path.parent / file if file else None, partition_name(partition), speaker or None, rated, text, sex
        )
        for id_, file, partition, speaker, rated, text, sex in zip(
            cells["id"],
            _column(cells, "path"),
            cells["partition"],
            _column(cells, "speaker"),
            rows_of(labels, len(cells)),
            (text or None for text in _column(cells, "text")),
            sexes,
            strict=True,
        )
    )
    if not any(utterance.speaker for utterance in utterances):
        notes.append("no speakers are given: intervals are by utterance")
    return Corpus(name or path.stem, scale or _UNIT, utterances, tuple(notes), unused=unused)


def with_transcripts(corpus: Corpus, path: Path) -> Corpus:
    """Replace the texts of a corpus with those of a table `id,text`; an empty text is a transcript too.

    Raises:
        CorpusError: The table cannot be read, repeats an id (code `ids-repeated`), lacks one of the corpus's ids
            (`transcripts-missing`) or has unknown ones (`transcripts-unknown`).
    """
    cells = read_cells(path, known=("id", "text"), needed=("id", "text"))
    ids = cells["id"].tolist()
    demand_unique(ids, path)
    texts = dict(zip(ids, cells["text"].tolist(), strict=True))
    missing = [utterance.id for utterance in corpus.utterances if utterance.id not in texts]
    if missing:
        raise CorpusError(
            f"transcripts {path} lack {len(missing):,} of {number_of(len(corpus), 'utterance')} of {corpus.name}",
            first_names(missing),
            "transcribe the whole corpus, or add these rows (an empty text is allowed)",
            code="transcripts-missing",
        )
    unknown = sorted(set(ids).difference(utterance.id for utterance in corpus.utterances))
    if unknown:
        raise CorpusError(
            f"transcripts {path} have {number_of(len(unknown), 'id')} that {corpus.name} does not have",
            first_names(unknown),
            "give the transcripts of this corpus, or remove these rows",
            code="transcripts-unknown",
        )
    utterances = tuple(replace(utterance, text=texts[utterance.id]) for utterance in corpus.utterances)
    empty = [utterance.id for utterance in utterances if not utterance.text]
    found = f"{number_of(len(empty), 'empty transcript')} in {path.name}: {first_names(empty)}"
    notes = (found,) if empty else ()
    return replace(corpus, utterances=utterances, notes=corpus.notes + notes)


def read_cells(path: Path, known: Sequence[str], needed: Sequence[str]) -> pd.DataFrame:
    """Read a table as it is written: cells are text without spaces around it, a blank cell is an empty string.

    Args:
        path: CSV or TSV file in UTF-8, with or without a byte order mark.
        known: Column names to be recognised whatever their case; other columns keep their spelling.
        needed: Those of them that must be there.

    Raises:
        CorpusError: The table is missing (code `table-missing`), empty (`table-empty`), not UTF-8 (`table-encoding`)
            or has rows of different lengths (`table-irregular`), lacks a needed column (`column-missing`) or has one
            twice (`column-repeated`).
    """
    if not path.is_file():
        why = "it is a folder" if path.is_dir() else "there is no such file"
        remedy = "give the path of a table, for example data/corpus.csv"
        raise CorpusError(f"table {path}", why, remedy, code="table-missing")
    separator = SEPARATORS.get(path.suffix.lower(), ",")
    try:  # with header=None the header is a row like the others, so that a row longer than it is an error
        grid = pd.read_csv(
            path, header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig", sep=separator, na_filter=False
        )
    except pd.errors.EmptyDataError as error:
        remedy = f"write a header {','.join(known)} and a row for each utterance"
        raise CorpusError(f"table {path} is empty", "", remedy, code="table-empty") from error
    except UnicodeDecodeError as error:
        remedy = "save it again with encoding UTF-8"
        raise CorpusError(f"table {path} is not UTF-8", str(error), remedy, code="table-encoding") from error
    except pd.errors.ParserError as error:
        why = f"{error}".replace("Error tokenizing data. C error:", "").strip()
        remedy = 'put texts that contain a comma in "quotes"'
        raise CorpusError(f"table {path} is irregular", why, remedy, code="table-irregular") from error
    spelling = {name.lower(): name for name in known}
    header = [spelling.get(cell.strip().lower(), cell.strip()) for cell in grid.iloc[0]]
    _demand_columns(header, needed, path)
    if len(grid) == 1:
        why, remedy = "there is nothing below its header", "add a row for each utterance"
        raise CorpusError(f"table {path} has no utterances", why, remedy, code="table-empty")
    cells = grid.iloc[1:].reset_index(drop=True).set_axis(header, axis=1)
    named = cells.loc[:, [bool(name) for name in header]]  # a column without a name is pandas's own row number
    return named.apply(lambda column: column.str.strip())


def _demand_columns(header: Sequence[str], needed: Sequence[str], path: Path) -> None:
    absent = [name for name in needed if name not in header]
    if absent:
        spelling = {name.lower(): name for name in header if name}
        near = difflib.get_close_matches(absent[0].lower(), spelling, n=1)
        remedy = f"rename column {spelling[near[0]]} to {absent[0]}" if near else f"add a column {absent[0]}"
        if len(header) == 1 and (mark := next((m for m in ";\t," if m in header[0]), "")):
            remedy = f"its cells are separated by {mark!r}: save it with commas as .csv, or with tabs as .tsv"
        what = f"table {path} has no column {', '.join(absent)}"
        raise CorpusError(what, f"it has {', '.join(header)}", remedy, code="column-missing")
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    if repeated:
        what = f"table {path} has more than one column {', '.join(repeated)}"
        raise CorpusError(what, "", "rename or remove one", code="column-repeated")


def demand_unique(ids: Sequence[str], path: Path) -> None:
    """Raise a CorpusError (code `ids-repeated`) that counts the ids that occur more than once."""
    repeated = [id_ for id_, count in Counter(ids).items() if count > 1]
    if repeated:
        what, remedy = f"{path} repeats {number_of(len(repeated), 'id')}", "give each utterance an id of its own"
        raise CorpusError(what, first_names(repeated), remedy, code="ids-repeated")


def _demand_filled(cells: pd.DataFrame, column: str, path: Path) -> None:
    blank = np.flatnonzero((cells[column] == "").to_numpy())
    if len(blank):
        where = f"{number_of(len(blank), 'blank cell')}, the first on line {_line(path, int(blank[0]))}"
        raise CorpusError(f"{path}, column {column}", where, "fill it in, or remove the row", code="cell-blank")


def _dimensions(
    cells: pd.DataFrame, path: Path, scale: tuple[float, float] | None
) -> tuple[dict[str, NDArray[np.float64]], dict[str, str]]:
    """Ratings [B] by dimension, and why every other column is none."""
    labels, unused = {}, {}
    for column in cells.columns.difference(_OWN, sort=False):
        try:
            labels[column] = ratings(cells, column, path, scale)
        except CorpusError as error:
            if column in EMOTIONS:
                raise
            unused[column] = error.why
    return labels, unused


def ratings(
    cells: pd.DataFrame, column: str, path: Path, scale: tuple[float, float] | None, id_column: str = "id"
) -> NDArray[np.float64]:
    """The numbers of a column.

    Args:
        cells: A table from read_cells.
        column: Its column.
        path: Its file, for messages.
        scale: Lowest and highest possible rating; None: [0, 1], and the error for labels outside names `--scale`.
        id_column: The column that names utterances in messages.

    Returns:
        Ratings [B], NaN where the cell is blank.

    Raises:
        CorpusError: A cell is not a finite number (code `not-a-number`) or off the scale (`off-scale`; `scale-needed`
            where none was given).
    """
    values: NDArray[np.float64] = pd.to_numeric(cells[column], errors="coerce").to_numpy(np.float64)
    wrong = np.flatnonzero((cells[column] != "").to_numpy() & ~np.isfinite(values))
    if len(wrong):
        row = int(wrong[0])
        raise CorpusError(
            f"{path}, column {column}",
            f"line {_line(path, row)} has {cells[column][row]!r}, not a finite number "
            f"({number_of(len(wrong), 'such cell')} in all)",
            "write a number, or leave the cell blank where there is no rating",
            code="not-a-number",
        )
    low, high = scale or _UNIT
    off = np.flatnonzero((values < low) | (values > high))
    if len(off) and scale is None:
        raise CorpusError(
            f"{path}, column {column}",
            f"its values range from {np.nanmin(values):g} to {np.nanmax(values):g}, outside [0, 1]",
            "give the lowest and highest rating that was possible, for all columns: --scale LOW HIGH",
            code="scale-needed",
        )
    if len(off):
        names = [f"{cells[id_column][row]} ({values[row]:g})" for row in off]
        spans = f"its values range from {np.nanmin(values):g} to {np.nanmax(values):g}"
        why = f"{number_of(len(off), 'value')} off the scale {low:g} to {high:g} ({spans}): {first_names(names)}"
        remedy = "correct them, or the --scale if one was given"
        raise CorpusError(f"{path}, column {column}", why, remedy, code="off-scale")
    return values


def rows_of(labels: dict[str, NDArray[np.float64]], rows: int) -> list[dict[str, float]]:
    """Ratings by dimension → one mapping per utterance, without the dimensions that it is not rated on."""
    rated: list[dict[str, float]] = [{} for _ in range(rows)]
    for dimension, values in labels.items():
        for row in np.flatnonzero(~np.isnan(values)):
            rated[row][dimension] = float(values[row])
    return rated


def _column(cells: pd.DataFrame, name: str) -> list[str]:
    """A column's cells, blank throughout where the table does not have it."""
    return cells[name].tolist() if name in cells else [""] * len(cells)


def _line(path: Path, row: int) -> int:
    """The line of the file on which data row `row` starts: texts may span lines, and blank lines do not count."""
    start, records = 1, row + 1
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=SEPARATORS.get(path.suffix.lower(), ","))
        for record in reader:
            if len(record) > 1 or "".join(record).strip():
                if records == 0:
                    break
                records -= 1
            start = reader.line_num + 1
    return start
