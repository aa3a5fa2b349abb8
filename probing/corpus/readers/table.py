"""Read a corpus from a table `id,path,partition,speaker,arousal,valence,dominance[,text][,sex]`.

A blank cell means that the utterance has no such thing: no rating, no audio, no speaker, no transcript. Every other
column of which all values are numbers on the scale is a dimension too. The column `sex`, which may be called `gender`,
has F or M, female or male; one of numbers is a dimension like any other, since nobody knows which of them is which.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probing.corpus.model import EMOTIONS, Corpus, Utterance, partition_name
from probing.corpus.readers.cells import Cells, demand_unique, read_cells
from probing.corpus.readers.columns import TIMES, meant, names_of_emotions, refuse_segments
from probing.corpus.readers.ratings import UNIT, ratings, rows_of
from probing.corpus.readers.sexes import read_sexes, sex_column
from probing.errors import CorpusError, first_names, number_of
from probing.files import readable

_OWN = ("id", "path", "partition", "speaker", "text")


def read(path: Path, scale: tuple[float, float] | None = None, name: str | None = None) -> Corpus:
    """Read a table corpus.

    Args:
        path: CSV or TSV file in UTF-8; audio paths in it are relative to its folder.
        scale: Lowest and highest possible rating; None: [0, 1], and the error for labels outside names `--scale`.
        name: The corpus's name; the file's stem where it is None.

    Returns:
        The corpus in the order of the table.

    Raises:
        CorpusError: The table cannot be read (as `read_cells` says), its rows are parts of recordings (code
            `segments`), it repeats an id (`ids-repeated`), leaves an id or a partition blank (`cell-blank`), has
            a label that is not a finite number (`not-a-number`) or is off the scale (`off-scale`; `scale-needed`
            where none was given), or nothing to use (`nothing-to-read`).
    """
    cells = read_cells(path, known=(*_OWN, *EMOTIONS), needed=("id", "partition"))
    refuse_segments(cells.columns, path)
    for column in ("id", "partition"):
        cells.demand_filled(column)
    demand_unique(cells.column("id"), path)
    labels, unused = _dimensions(cells, scale)
    of_sex = sex_column(list(unused))
    notes = [f"column {column} is not used as a dimension: {why}" for column, why in unused.items() if column != of_sex]
    if not labels and "path" not in cells and "text" not in cells:
        raise CorpusError(
            f"{path} has no labels, no audio and no text",
            f"its columns are {first_names(list(cells.columns), 20)}",
            "; ".join([*meant(("path", "text"), unused), "add a column path, text, arousal, valence or dominance"]),
            code="nothing-to-read",
        )
    sexes, others = read_sexes(cells.column(of_sex or ""), of_sex or "")
    notes += others
    utterances = tuple(
        Utterance(
            id_, path.parent / file if file else None, partition_name(partition), speaker or None, rated, text, sex
        )
        for id_, file, partition, speaker, rated, text, sex in zip(
            cells.column("id"),
            cells.column("path"),
            cells.column("partition"),
            cells.column("speaker"),
            rows_of(labels, len(cells)),
            (text or None for text in cells.column("text")),
            sexes,
            strict=True,
        )
    )
    if not any(utterance.speaker for utterance in utterances):
        notes.append("no speakers are given: intervals are by utterance")
    return Corpus(name or readable(path.stem), scale or UNIT, utterances, tuple(notes), unused=unused)


def with_transcripts(corpus: Corpus, path: Path) -> Corpus:
    """Replace the texts of a corpus with those of a table `id,text`; an empty text is a transcript too.

    Raises:
        CorpusError: The table cannot be read, repeats an id (code `ids-repeated`), lacks one of the corpus's ids
            (`transcripts-missing`) or has unknown ones (`transcripts-unknown`).
    """
    cells = read_cells(path, known=("id", "text"), needed=("id", "text"))
    ids = cells.column("id")
    demand_unique(ids, path)
    texts = dict(zip(ids, cells.column("text"), strict=True))
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


def _dimensions(
    cells: Cells, scale: tuple[float, float] | None
) -> tuple[dict[str, NDArray[np.float64]], dict[str, str]]:
    """Ratings [B] by dimension, and why every other column is none."""
    labels, unused = {}, {}
    for column in cells.columns:
        if column in _OWN:
            continue
        if column.lower() in TIMES:
            unused[column] = "it is the time of a segment, no rating"
            continue
        try:
            labels[column] = ratings(cells, column, scale)
        except CorpusError as error:
            if column in EMOTIONS:
                raise
            names = names_of_emotions(cells.columns[column])
            unused[column] = f"it has names of emotions ({first_names(names, 3)}), no ratings" if names else error.why
    return labels, unused
