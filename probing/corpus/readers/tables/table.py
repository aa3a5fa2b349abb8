"""Make a corpus of a table's cells, whatever wrote them.

Our columns are id, path, partition, speaker, text, sex (or gender), the emotions, and start and end of a segment.
Without ids, the paths are those; without partitions, the corpus is `unsplit`. A blank cell means that the utterance has
no such thing: no rating, no audio, no speaker, no transcript. Every other column of which all values are numbers on the
scale is a dimension too, and one of names that repeat is a category. What programs write for a missing value, such as
NA or nan, is blank too, but for ids, partitions and texts.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from probing.audio.endings import AUDIO_ENDINGS
from probing.corpus.model import UNSPLIT, Corpus, Utterance, partition_name
from probing.corpus.readers.tables import table_file
from probing.corpus.readers.tables.absent import without_absent
from probing.corpus.readers.tables.cells import Cells, demand_unique, read_cells
from probing.corpus.readers.tables.columns import KNOWN, OWN, demand_columns, meant, near
from probing.corpus.readers.tables.ratings import UNIT, rows_of
from probing.corpus.readers.tables.renamed import refuse_other_partition, renamed
from probing.corpus.readers.tables.segments import read_segments, refuse_half, time_columns
from probing.corpus.readers.tables.targets import Targets, read_targets
from probing.corpus.reading import Reading
from probing.errors import CorpusError, first_names, number_of
from probing.files import readable

_AS_IT_IS = Reading()


def read(
    path: Path, scale: tuple[float, float] | None = None, name: str | None = None, reading: Reading = _AS_IT_IS
) -> Corpus:
    """Read a table of separated cells.

    Args:
        path: CSV or TSV file in UTF-8.
        scale: As in `corpus_of`, as are the others.
        name: Its name.
        reading: How it is read.

    Raises:
        CorpusError: The table cannot be read (as `read_cells` says), or it is no corpus (as `corpus_of` says).
    """
    return corpus_of(read_cells(path, KNOWN, ()), scale, name, reading)


def corpus_of(
    cells: Cells, scale: tuple[float, float] | None = None, name: str | None = None, reading: Reading = _AS_IT_IS
) -> Corpus:
    """Make a corpus of cells.

    Args:
        cells: A row for each utterance; audio paths are relative to their folder.
        scale: Lowest and highest possible rating; None: [0, 1], and the error for labels outside names `--scale`.
        name: The corpus's name; the stem of the cells' file or folder where it is None.
        reading: What columns are called, which are categories, where the audio is.

    Returns:
        The corpus in the order of the rows.

    Raises:
        CorpusError: A column that is needed or named is not there (code `column-missing`); an id repeats
            (`ids-repeated`); an id or a partition is blank (`cell-blank`); a name has control characters
            (`control-character`) or no end (`cell-long`); a label is not a finite number (`not-a-number`) or is off the
            scale (`off-scale`; `scale-needed` where none was given); a segment has no place in its recording
            (`segment-bounds`); the audio's folder is not there (`folder-missing`), or no path is relative to it
            (`audio-root`); or there is nothing to use (`nothing-to-read`).
    """
    cells, absent = without_absent(renamed(cells, reading.columns))
    for column in (*OWN, *filter(None, time_columns(cells.columns) or ())):
        if column in cells and column != "text":
            cells.demand_printable(column)
    ids = _ids(cells)
    partitions = _partitions(cells, reading.split is not None)
    refuse_half(cells)
    segments = read_segments(cells)
    found = read_targets(cells, (*OWN, *(time_columns(cells.columns) or ())), scale, reading.categories)
    _demand_something(cells, found)
    utterances = tuple(
        Utterance(
            id_,
            file,
            partition,
            speaker or None,
            rated,
            text or None,
            sex,
            named,
            segment if file else None,
            said,
        )
        for id_, file, partition, speaker, rated, text, sex, named, segment, said in zip(
            ids,
            _files(cells, reading.audio_root),
            partitions,
            cells.column("speaker"),
            rows_of(found.labels, len(cells)),
            cells.column("text"),
            found.sexes,
            _names_of(found, len(cells)),
            segments,
            _answers_of(found, len(cells)),
            strict=True,
        )
    )
    notes = [*cells.notes, *(note for column, note in absent.items() if column not in found.unused), *found.notes]
    if not any(utterance.speaker for utterance in utterances):
        notes.append("no speakers are given: intervals are by utterance")
    return Corpus(
        readable(name or _name(cells.path)),
        scale or UNIT,
        utterances,
        tuple(notes),
        unused=found.unused,
        off_scale=tuple(found.off_scale),
    )


def _name(path: Path) -> str:
    """The name of a corpus: that of its folder, or of its table without the ending."""
    return path.name if path.is_dir() else path.stem


def _ids(cells: Cells) -> list[str]:
    """The ids; where there are none, the names of the files or else their paths, with times where they repeat."""
    if "id" in cells:
        cells.demand_filled("id")
        demand_unique(cells.column("id"), cells.path)
        return cells.column("id")
    if "path" not in cells or near("id", cells.columns, alike=1):
        audio = _of_audio(cells)
        lacking = "path" if _only_path(cells, audio) else "id"
        demand_columns(list(cells.columns), [lacking], cells.path, own=OWN, paths=audio)
    cells.demand_filled("path")
    paths = cells.column("path")
    named = time_columns(cells.columns)
    times = ["-".join(both) for both in zip(*map(cells.column, named), strict=True)] if named else [""] * len(paths)
    for names in ([Path(path).stem for path in paths], paths):
        for ids in (names, [f"{name}:{time}" if time else name for name, time in zip(names, times, strict=True)]):
            if len(set(ids)) == len(ids):
                return ids
    demand_unique(ids, cells.path)
    return ids


def _of_audio(cells: Cells) -> str | None:
    """The first column that has names of audio files and nothing else, where none is called path."""
    if "path" in cells or not len(cells):
        return None
    endings = tuple(AUDIO_ENDINGS)
    full = (name for name, column in cells.columns.items() if all(cell.lower().endswith(endings) for cell in column))
    return next(full, None)


def _only_path(cells: Cells, paths: str | None) -> bool:
    """Whether a column has paths, or is called nearly like them, which are ids too, and none is called like ids."""
    others = [column for column in cells.columns if column != paths]
    return near("id", others, alike=0.8) is None and bool(paths or near("path", others, alike=0.8))


def _partitions(cells: Cells, split: bool) -> list[str]:
    """The partitions, by our names."""
    if "partition" in cells:
        cells.demand_filled("partition")
        names = {written: partition_name(written) for written in set(cells.column("partition"))}
        return [names[written] for written in cells.column("partition")]
    if not split:
        refuse_other_partition(cells)
    return [UNSPLIT] * len(cells)


def _files(cells: Cells, audio_root: str | None) -> list[Path | None]:
    """The audio files; folders in their paths may be separated as Windows does."""
    written = cells.column("path")
    if os.sep == "/" and any("\\" in path and "/" not in path for path in set(written)):
        written = [path if "/" in path else path.replace("\\", "/") for path in written]
    root = cells.path if cells.path.is_dir() else cells.path.parent
    if audio_root is not None:
        root = Path(audio_root)
        if not root.is_dir():
            why = "it is a file" if root.exists() else "there is no such folder"
            remedy = "name the folder that the audio paths of the corpus are relative to"
            raise CorpusError(f"--audio-root {root}", why, remedy, code="folder-missing")
        if all(map(os.path.isabs, filter(None, written))):
            why = f"no audio path of {cells.path} is relative to a folder"
            raise CorpusError(f"--audio-root {root}", why, "leave --audio-root out", code="audio-root")
    return [root / path if path else None for path in written]


def _demand_something(cells: Cells, found: Targets) -> None:
    if found.labels or found.categories or "path" in cells or "text" in cells:
        return
    raise CorpusError(
        f"{cells.path} has no labels, no audio and no text",
        f"its columns are {first_names(list(cells.columns), 20)}",
        "; ".join([*meant(("path", "text"), cells.columns), "add a column path, text, arousal, valence or dominance"]),
        code="nothing-to-read",
    )


def _names_of(found: Targets, rows: int) -> list[dict[str, str]]:
    """One mapping per utterance: category → its class."""
    named: list[dict[str, str]] = [{} for _ in range(rows)]
    for category, names in found.categories.items():
        for its, name in zip(named, names, strict=True):
            if name:
                its[category] = name
    return named


def _answers_of(found: Targets, rows: int) -> list[dict[str, tuple[float, ...] | tuple[str, ...]]]:
    """One mapping per utterance: dimension or category → what raters said of it."""
    said: list[dict[str, tuple[float, ...] | tuple[str, ...]]] = [{} for _ in range(rows)]
    for target, answers in found.answers.items():
        for its, one in zip(said, answers, strict=True):
            if one:
                its[target] = one
    return said


def with_transcripts(corpus: Corpus, path: Path) -> Corpus:
    """Replace the texts of a corpus with those of a table `id,text`; an empty text is a transcript too.

    Args:
        corpus: Any.
        path: A table in any format.

    Raises:
        CorpusError: The table cannot be read, repeats an id (code `ids-repeated`), lacks one of the corpus's ids
            (`transcripts-missing`) or has unknown ones (`transcripts-unknown`).
    """
    cells = table_file.read(path, known=("id", "text"), needed=("id", "text"))
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
