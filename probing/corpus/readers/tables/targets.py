"""What the columns of a table can be learned as: ratings, names of classes, what single raters said, or nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from probing.corpus.model import EMOTION_NAMES, EMOTIONS
from probing.corpus.readers.tables.cells import Cells
from probing.corpus.readers.tables.columns import numbers_rows, splits
from probing.corpus.readers.tables.raters import mean_of, most_named, raters_columns
from probing.corpus.readers.tables.ratings import numbers_of, ratings
from probing.corpus.readers.tables.segments import TIMES
from probing.corpus.readers.tables.sexes import read_sexes, sex_column
from probing.errors import CorpusError, first_names, number_of

_MOST_CLASSES = 100
_LONGEST_CLASS = 100  # characters; longer ones are texts
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3},[0-9]{3}")


@dataclass
class Targets:
    """What B utterances can be learned as.

    Args:
        labels: Dimension → ratings [B], NaN where there is none.
        categories: Category → names of classes [B], blank where there is none.
        answers: Dimension or category → what each rater said [B], NaN or blank where nothing.
        sexes: The speakers' sex [B].
        unused: Column that is neither → why.
        off_scale: Unused columns of which some ratings, if they are ratings, are off the scale that was given.
        notes: What a user should know.
    """

    labels: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    categories: dict[str, list[str]] = field(default_factory=dict)
    answers: dict[str, list[tuple[float, ...] | tuple[str, ...]]] = field(default_factory=dict)
    sexes: list[str | None] = field(default_factory=list)
    unused: dict[str, str] = field(default_factory=dict)
    off_scale: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_targets(
    cells: Cells, own: Collection[str], scale: tuple[float, float] | None, categories: Sequence[str] = ()
) -> Targets:
    """Find out what each column of a table is.

    Args:
        cells: The table.
        own: Columns that are something else.
        scale: Lowest and highest possible rating; None: [0, 1].
        categories: Columns that are categories whatever they have.

    Raises:
        CorpusError: A column of an emotion has no ratings on the scale (as in `ratings`), or there is no column as one
            of the categories is called (code `column-missing`), or it has the name of at most one class
            (`category-classes`).
    """
    found = Targets(sexes=[None] * len(cells), unused=dict(cells.unused))
    named = [_demanded(cells, name) for name in categories]
    of_raters = {
        base: columns
        for base, columns in raters_columns(column for column in cells.columns if column not in named).items()
        if _read_raters(cells, base, columns, scale, found)
    }
    taken = {*own, *(column for columns in of_raters.values() for column in columns)}
    sex = sex_column([column for column in cells.columns if column not in named])
    for column, written in cells.columns.items():
        if column in named:
            found.categories[column] = _demanded_classes(cells, column)
        elif column in taken:
            continue
        elif column.lower() in TIMES:
            found.unused[column] = "it is the time of a segment, no rating"
        elif splits(column, written):
            found.unused[column] = f"it says which partition or fold an utterance is in (--split column:{column})"
        elif numbers_rows(column):
            found.unused[column] = "it has the numbers of the rows, as pandas writes them"
        elif column == sex and not _any_number(written):
            found.sexes, others = read_sexes(written, column)
            found.notes += others
            named_sexes = [name or "" for name in found.sexes]
            if not _why_no_category(named_sexes):  # else it is read all the same
                found.categories[column.lower()] = named_sexes
        elif column in cells.names:
            _read_classes(column, written, found)
        else:
            _read_column(cells, column, scale, found)
    for category, names in found.categories.items():
        found.notes += _alike(category, names)
    return found


def _alike(category: str, names: Sequence[str]) -> list[str]:
    """A note on classes that differ only in the case of their letters: most likely they are one.

    >>> _alike("emotion", ["joy", "Joy", "anger"])
    ['emotion has classes that differ only in the case of their letters: Joy and joy']
    """
    spellings: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        spellings.setdefault(name.casefold(), []).append(name)
    twice = [" and ".join(same) for same in spellings.values() if len(same) > 1]
    what = f"{category} has classes that differ only in the case of their letters"
    return [f"{what}: {first_names(twice)}"] if twice else []


def _read_column(cells: Cells, column: str, scale: tuple[float, float] | None, found: Targets) -> None:
    """A column of numbers on the scale is a dimension, one of names that repeat a category."""
    if codes := _codes(cells, column):
        found.unused[column] = codes
        return
    try:
        found.labels[column] = ratings(cells, column, scale)
        found.notes += _thousands(cells, column)
    except CorpusError as error:
        if column in EMOTIONS:
            raise
        if partly := _partly_off(cells, column, scale) if error.code == "off-scale" and scale else "":
            found.unused[column] = partly
            found.off_scale.append(column)
        elif error.code != "not-a-number" or _any_number(cells.columns[column]):
            found.unused[column] = error.why
        else:
            _read_classes(column, cells.columns[column], found)


def _partly_off(cells: Cells, column: str, scale: tuple[float, float]) -> str:
    """What to say of numbers of which some are off the scale that was given; nothing where all of them are.

    Numbers that have nothing to do with the scale, such as years, are no ratings; others may be, on another scale.
    """
    numbers = numbers_of(cells, column)
    numbers = numbers[np.isfinite(numbers)]
    off = int(((numbers < scale[0]) | (numbers > scale[1])).sum())
    if off == len(numbers):
        return ""
    least, most = numbers.min(), numbers.max()
    low, high = min(scale[0], math.floor(least)), max(scale[1], math.ceil(most))
    return (
        f"{off:,} of {number_of(len(numbers), 'value')} are off the scale {scale[0]:g} to {scale[1]:g}: they range "
        f"from {least:g} to {most:g}; if they are ratings, type --scale {low:g} {high:g}"
    )


def _codes(cells: Cells, column: str) -> str:
    """Why a column that is called like a category of emotions is no dimension: whole numbers are codes of emotions."""
    if column.lower() not in EMOTION_NAMES:
        return ""
    try:
        numbers = numbers_of(cells, column)
    except CorpusError:
        return ""
    codes = np.unique(numbers[np.isfinite(numbers)])
    if not 2 <= len(codes) <= _MOST_CLASSES or (codes % 1).any():
        return ""
    return (
        f"it has whole numbers from {codes[0]:g} to {codes[-1]:g}: if they are codes of classes, type --category "
        f"{column}; if they are ratings, say of what, for example --column arousal={column}"
    )


def _thousands(cells: Cells, column: str) -> list[str]:
    """A note on numbers with decimal commas that may have been meant as thousands."""
    if cells.decimal != "," or not any("," in cell for cell in cells.columns[column]):
        return []
    if not all(_THOUSANDS.fullmatch(cell) for cell in cells.columns[column] if cell):
        return []
    written = next(cell for cell in cells.columns[column] if cell)
    return [f"column {column}: its commas are decimal marks, as {written} = {written.replace(',', '.')}"]


def _read_classes(column: str, names: list[str], found: Targets) -> None:
    """A column of names is a category where they are few and repeat."""
    if why := _why_no_category(names):
        found.unused[column] = why
    else:
        found.categories[column] = names


def _why_no_category(names: Sequence[str]) -> str:
    """Why names are not those of classes; nothing where they are."""
    present = [name for name in names if name]
    classes = set(present)
    if len(classes) < 2:
        return f"it has one name throughout ({first_names(sorted(classes))})" if classes else "it is blank"
    if max(map(len, classes)) > _LONGEST_CLASS or not all(map(str.isprintable, classes)):
        return "it has texts, no names"
    if len(classes) > _MOST_CLASSES or 2 * len(classes) > len(present):
        many = f"it has {len(classes):,} different names in {number_of(len(present), 'row')}"
        return many if len(classes) > _MOST_CLASSES else f"{many}; --category makes classes of them all the same"
    return ""


def _demanded_classes(cells: Cells, column: str) -> list[str]:
    """The classes of a column that is a category because the user says so."""
    cells.demand_printable(column)
    classes = set(cells.columns[column]) - {""}
    if len(classes) < 2:
        why = f"it has {number_of(len(classes), 'class', 'classes')}: {first_names(sorted(classes)) or 'none'}"
        remedy = "name a column with two classes or more"
        raise CorpusError(f"--category {column}", why, remedy, code="category-classes")
    return cells.columns[column]


def _read_raters(
    cells: Cells, base: str, columns: Sequence[str], scale: tuple[float, float] | None, found: Targets
) -> bool:
    """What several raters said of one thing; it is their mean, or most common answer, where no column says it.

    Returns:
        Whether the columns are that: raters of an emotion's strength give numbers, and those of its name none.
    """
    spelling = next((column for column in cells.columns if column.lower() == base), None)
    said = first_names(list(columns), 3)
    if base in EMOTIONS:
        try:
            ratings_RB = np.stack([ratings(cells, column, scale) for column in columns])
        except CorpusError:
            if spelling is None:
                raise
            return False  # each column then says for itself why it is not used
        found.answers[base] = [tuple(row[~np.isnan(row)].tolist()) for row in np.ascontiguousarray(ratings_RB.T)]
        if spelling is None:
            found.labels[base] = mean_of(ratings_RB)
            found.notes.append(f"{base} is the mean of {number_of(len(columns), 'rater')} ({said})")
        return True
    if any(_any_number(cells.columns[column]) for column in columns):
        return False
    names = [tuple(name for name in row if name) for row in zip(*map(cells.column, columns), strict=True)]
    found.answers[spelling or base] = list(names)
    if spelling is None:
        most = [most_named(row) for row in names]
        _read_classes(base, most, found)
        undecided = sum(bool(row) and not name for row, name in zip(names, most, strict=True))
        what = f"{base} is what most of {number_of(len(columns), 'rater')} ({said}) say"
        found.notes.append(what + (f"; they are level on {number_of(undecided, 'utterance')}" if undecided else ""))
    return True


def _demanded(cells: Cells, name: str) -> str:
    """The column of a `--category NAME`, whatever the case of its letters where that is clear."""
    alike = [column for column in cells.columns if column.lower() == name.lower()]
    if name in cells.columns or len(alike) == 1:
        return name if name in cells.columns else alike[0]
    raise CorpusError(
        f"--category {name}: {cells.path} has no column {name}",
        f"it has {first_names(list(cells.columns), 20)}",
        "name one of those",
        code="column-missing",
    )


def _any_number(written: Sequence[str]) -> bool:
    """Whether some of a column's cells are numbers; nan and inf are names as far as that goes."""
    for cell in set(written):
        try:
            number = float(cell.replace(",", "."))
        except ValueError:
            continue
        if math.isfinite(number):
            return True
    return False
